"""Alert rules: what Grafana asks the records every minute, and from which value on it alerts.

A rule asks for one number per monitor about its newest window and compares it with a limit. Wherever the monitor file has a limit of
its own, the stored verdict decides (the query answers 0 unless it is an alarm), so that Grafana never disagrees with `decide`.
Annotations name neither environment variables nor ``$labels``: Grafana fills in ``{{ .Labels.monitor }}`` in every version alike.
"""
# ruff: noqa: S608 - text of files; nothing is executed here

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml
from grafana_foundation_sdk.builders import alerting, expr
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models.alerting import RelativeTimeRange
from grafana_foundation_sdk.models.dashboard import DataSourceRef

from driftgate_dashboards import links
from driftgate_dashboards.layout import plain
from driftgate_dashboards.links import Addresses
from driftgate_dashboards.query import DATASOURCE_UID, Query
from driftgate_dashboards.sql import SILENT_WINDOWS, clean, indented

FOLDER = "Driftgate alerts"
"""Not the folder of the dashboards: both are made at start, in an order that is not ours."""
CRITICAL, WARNING = "critical", "warning"
_EXPRESSIONS = "__expr__"
_HEADER = """\
# Made by `make dashboards` from include/driftgate_dashboards/rules.py: change it there. Grafana reads the file when it starts.
# docs/grafana.md says what each rule means and how to switch rules off.
"""

_NEWEST = clean("""
    SELECT DISTINCT ON (b.monitor) b.monitor, b.window_start, b.window_end, b.measured_model_version AS model_version
    FROM driftgate.batch b
    WHERE b.measured_model_version IS NOT NULL AND b.status NOT IN ('quarantined', 'no_data')
    ORDER BY b.monitor, b.window_start DESC
""")
_MONITORS = "SELECT DISTINCT b.monitor FROM driftgate.batch b"
KEYS = (
    "uid", "title", "condition", "data", "dashboardUid", "panelId",
    "noDataState", "execErrState", "for", "annotations", "labels", "isPaused",
)  # fmt: skip
"""Keys of a rule in a provisioning file, in the order in which they are written."""


@dataclass(frozen=True)
class Alert:
    """One rule: a query with the columns of its labels and one number, and the limit above which it alerts."""

    uid: str
    title: str
    sql: str
    above: float
    severity: str
    summary: str
    description: str
    dashboard: str
    panel: str
    """Title of the panel that shows what the rule watches."""
    lasting: str = "0s"
    paused: bool = False


def _newest_metric(value: str, family: str, metric: str) -> str:
    """Ask for a number of the newest measured window of every monitor."""
    return clean(f"""
        SELECT n.monitor, {value} AS value
        FROM (
            {indented(_NEWEST, 12)}
        ) AS n
        JOIN driftgate.metric m USING (monitor, window_start, window_end, model_version)
        WHERE m.family = '{family}' AND m.metric = '{metric}' AND m."column" = '' AND m.segment = '' AND m.value IS NOT NULL
    """)


def _newest_batch(status: str) -> str:
    return clean(f"""
        SELECT DISTINCT ON (b.monitor) b.monitor, (b.status = '{status}')::int AS value
        FROM driftgate.batch b
        ORDER BY b.monitor, b.window_start DESC
    """)


def _judged(family: str, label: str) -> str:
    """Ask for the newest verdict of every judged metric of a family: the use of its limit (1 is the limit) when it is an alarm, else 0."""
    use = "CASE m.direction WHEN 'below' THEN m.threshold / greatest(m.value, 1e-9) ELSE m.value / nullif(m.threshold, 0) END"
    return clean(f"""
        SELECT n.monitor, m.metric AS {label}, CASE WHEN m.verdict = 'alarm' THEN greatest({use}, 1) ELSE 0 END AS value
        FROM ({_MONITORS}) AS n
        CROSS JOIN LATERAL (
            SELECT DISTINCT ON (m.metric) m.metric, m.value, m.threshold, m.direction, m.verdict
            FROM driftgate.metric m
            WHERE m.monitor = n.monitor AND m.family = '{family}' AND m."column" = '' AND m.segment = '' AND m.threshold IS NOT NULL
            ORDER BY m.metric, m.window_start DESC, m.updated_at DESC
        ) AS m
    """)


def _per_monitor(value: str, table: str, alias: str, condition: str) -> str:
    """Ask for a number over the rows of another table, 0 for monitors without any."""
    return clean(f"""
        SELECT n.monitor, coalesce((
            SELECT {value} FROM driftgate.{table} {alias} WHERE {alias}.monitor = n.monitor AND {condition}
        ), 0) AS value
        FROM ({_MONITORS}) AS n
    """)


_MISSING_COLUMNS = clean(f"""
    SELECT n.monitor, count(*) FILTER (WHERE m.verdict = 'alarm') AS value
    FROM (
        {indented(_NEWEST, 8)}
    ) AS n
    JOIN driftgate.metric m USING (monitor, window_start, window_end, model_version)
    WHERE m.family = 'data_quality' AND m.metric = 'missing_share' AND m."column" <> ''
    GROUP BY n.monitor
""")
_ESTIMATED = clean(f"""
    SELECT n.monitor, m.metric,
        (m.verdict = 'alarm' AND NOT EXISTS (
            SELECT FROM driftgate.metric p
            WHERE p.monitor = n.monitor AND p.window_start = n.window_start AND p.window_end = n.window_end
                AND p.model_version = n.model_version AND p.family = 'performance' AND p.value IS NOT NULL
        ))::int AS value
    FROM (
        {indented(_NEWEST, 8)}
    ) AS n
    JOIN driftgate.metric m USING (monitor, window_start, window_end, model_version)
    WHERE m.family = 'performance_estimated' AND m."column" = '' AND m.segment = '' AND m.metric LIKE 'estimated\\_%'
""")
_SILENCE = f"SELECT b.monitor,\n    {indented(SILENT_WINDOWS)} AS value\nFROM driftgate.batch b\nGROUP BY b.monitor"
_LAST_RETRAINING = clean("""
    SELECT DISTINCT ON (r.monitor) r.monitor, (r.verdict IN ('rejected', 'champion_stays', 'rolled_back'))::int AS value
    FROM driftgate.retraining r
    ORDER BY r.monitor, r.updated_at DESC
""")
_NOT_RETRAINED = _per_monitor(
    "extract(epoch FROM now() - max(d.created_at)) / 3600",
    "decision",
    "d",
    "d.action = 'trigger_retrain' AND NOT EXISTS (SELECT FROM driftgate.retraining r WHERE r.monitor = d.monitor "
    "AND r.trigger_window_start >= d.window_start)",
)
_WAITING = _per_monitor("extract(epoch FROM now() - min(r.updated_at)) / 3600", "retraining", "r", "r.verdict = 'challenger_wins'")

_MONITOR = "{{ .Labels.monitor }}"
_VALUE = '{{ printf "%.3g" .Values.A.Value }}'

ALERTS: Sequence[Alert] = (
    Alert(
        "driftgate-high-data-drift",
        "High Data Drift",
        _newest_metric("CASE WHEN m.verdict = 'alarm' THEN m.value ELSE 0 END", "data_drift", "dataset_drift"),
        0,
        WARNING,
        f"{_MONITOR}: the dataset has drifted",
        "With learned limits at least one test is beyond its own; with fixed ones the share of drifted columns is beyond the monitor's.",
        links.DRIFT,
        "Drift overview",
    ),
    Alert(
        "driftgate-drift-over-one-tenth",
        "High Data Drift (fixed limit 0.1)",
        _newest_metric("m.value", "data_drift", "drift_share"),
        0.1,
        WARNING,
        f"{_MONITOR}: more than a tenth of the columns drift",
        f"The share of drifted columns is {_VALUE}. Paused as shipped: with ordinary data some column drifts on most days.",
        links.DRIFT,
        "Drift overview",
        paused=True,
    ),
    Alert(
        "driftgate-performance",
        "Model Performance Worse Than Its Limit",
        _judged("performance", "metric"),
        0,
        CRITICAL,
        f"{_MONITOR}: {{{{ .Labels.metric }}}} is beyond its limit",
        f"{{{{ .Labels.metric }}}} uses {_VALUE} times its limit, in the newest window with labels.",
        links.PERFORMANCE,
        "Performance: ${performance}",
    ),
    Alert(
        "driftgate-estimated-performance",
        "Estimated Performance Worse Than Its Limit",
        _ESTIMATED,
        0,
        WARNING,
        f"{_MONITOR}: {{{{ .Labels.metric }}}} is beyond its limit",
        "Labels have not come yet; from the features alone the model is expected to be worse than in ordinary windows.",
        links.PERFORMANCE,
        "Performance: ${performance}",
    ),
    Alert(
        "driftgate-quarantined",
        "Batch Quarantined",
        _newest_batch("quarantined"),
        0,
        CRITICAL,
        f"{_MONITOR}: the newest batch is quarantined",
        "The gate stopped the newest window. Data Docs shows what failed.",
        links.QUALITY,
        "Gate verdict per window",
    ),
    Alert(
        "driftgate-failed",
        "Window Failed",
        _newest_batch("failed"),
        0,
        CRITICAL,
        f"{_MONITOR}: the newest window could not be read",
        "The task that reads the window ended with an error; its log in Airflow says why.",
        links.OPERATIONS,
        "Windows per day, by status",
    ),
    Alert(
        "driftgate-freshness",
        "No Window For Too Long",
        _SILENCE,
        3,
        CRITICAL,
        f"{_MONITOR}: nothing was recorded for {_VALUE} windows",
        "Nothing was recorded for the time of more than three windows. Is the DAG paused, the scheduler down, the source empty?",
        links.OPERATIONS,
        "Data freshness",
        lasting="10m",
    ),
    Alert(
        "driftgate-missing-values",
        "High Missing Values",
        _newest_metric("m.value", "data_quality", "missing_share"),
        0.05,
        WARNING,
        f"{_MONITOR}: many values are missing",
        f"A share of {_VALUE} of all values is missing, more than 0.05.",
        links.QUALITY,
        "Missing values rate",
    ),
    Alert(
        "driftgate-missing-columns",
        "Column With Too Many Missing Values",
        _MISSING_COLUMNS,
        0,
        WARNING,
        f"{_MONITOR}: {_VALUE} columns lack too many values",
        "Columns beyond their limit of missing values in the newest window.",
        links.QUALITY,
        "Missing values by column",
    ),
    Alert(
        "driftgate-incident",
        "Critical Incident Not Acknowledged",
        _per_monitor("count(*)", "incident", "i", "i.severity = 'critical' AND i.resolved IS NULL AND i.acknowledged IS NULL"),
        0,
        CRITICAL,
        f"{_MONITOR}: {_VALUE} critical incidents wait",
        "Open, critical and not acknowledged for a quarter of an hour.",
        links.OPERATIONS,
        "Incidents",
        lasting="15m",
    ),
    Alert(
        "driftgate-retraining-lost",
        "Retraining Did Not Win",
        _LAST_RETRAINING,
        0,
        WARNING,
        f"{_MONITOR}: the last retraining changed nothing",
        "The challenger did not win, was rejected or was rolled back: the model that alarmed is still in use.",
        links.PERFORMANCE,
        "Retrainings",
    ),
    Alert(
        "driftgate-retraining-missing",
        "Retraining Did Not Finish",
        _NOT_RETRAINED,
        3,
        CRITICAL,
        f"{_MONITOR}: a retraining is overdue",
        f"A retraining was asked for {_VALUE} hours ago and has left no result. Look at the DAG retrain__{_MONITOR} in Airflow.",
        links.OPERATIONS,
        "Retrainings and approvals",
    ),
    Alert(
        "driftgate-approval",
        "Approval Waits",
        _WAITING,
        24,
        WARNING,
        f"{_MONITOR}: a challenger waits for approval",
        f"A person has to approve or reject the challenger; it waits for {_VALUE} hours. See Required Actions in Airflow.",
        links.OPERATIONS,
        "Retrainings and approvals",
    ),
    Alert(
        "driftgate-kpi",
        "KPI Beyond Its Limit",
        _judged("kpi", "kpi"),
        0,
        CRITICAL,
        f"{_MONITOR}: {{{{ .Labels.kpi }}}} is beyond its limit",
        f"The KPI {{{{ .Labels.kpi }}}} uses {_VALUE} times its limit, in its newest window.",
        links.KPIS,
        "KPIs against their limits",
    ),
    Alert(
        "driftgate-messages",
        "Messages Not Delivered",
        _per_monitor("count(*)", "message", "m", "m.state = 'failed' AND m.updated_at > now() - interval '7 days'"),
        0,
        WARNING,
        f"{_MONITOR}: {_VALUE} messages were not delivered",
        "Driftgate gave up on notifications of the last seven days.",
        links.OPERATIONS,
        "Messages waiting or given up",
    ),
    Alert(
        "driftgate-exports",
        "Exports Missing",
        _per_monitor("count(*)", "export", "e", "e.state = 'failed'"),
        0,
        WARNING,
        f"{_MONITOR}: {_VALUE} windows are missing in a sink",
        "Prometheus, InfluxDB or the Evidently workspace have not got these windows.",
        links.OPERATIONS,
        "Exports that failed",
        lasting="1h",
    ),
)


def as_yaml(addresses: Addresses, boards: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the provisioning file with every rule; ``boards`` are the dashboards by uid, for the numbers of their panels."""
    forms = {alert: _file_form(alert, addresses, _panel_id(boards[alert.dashboard], alert.panel)) for alert in ALERTS}
    shipped = [form for alert, form in forms.items() if not alert.paused]
    paused = [form for alert, form in forms.items() if alert.paused]
    groups = [_group("Driftgate", "1m", shipped), _group("Driftgate, paused as shipped", "10s", paused)]
    return _HEADER + yaml.dump({"apiVersion": 1, "groups": groups}, Dumper=_Readable, sort_keys=False, width=140, allow_unicode=True)


def _group(name: str, interval: str, rules: list[dict[str, Any]]) -> dict[str, Any]:
    return {"orgId": 1, "name": name, "folder": FOLDER, "interval": interval, "rules": rules}


def _panel_id(board: Mapping[str, Any], title: str) -> int:
    return next(int(panel["id"]) for panel in board["panels"] if panel["title"] == title and panel["type"] != "row")


def _file_form(alert: Alert, addresses: Addresses, panel_id: int) -> dict[str, Any]:
    """Turn the SDK's rule into the form of a provisioning file, which names some keys otherwise and links to a panel."""
    rule = plain(_rule(alert, addresses).build()) | {"dashboardUid": alert.dashboard, "panelId": panel_id}
    return {key: rule[key] for key in KEYS}


def _rule(alert: Alert, addresses: Addresses) -> alerting.Rule:
    page = addresses.monitor_page(_MONITOR)
    annotations = {
        "summary": alert.summary,
        "description": alert.description,
        "runbook_url": page,
        "dashboard": f"/d/{alert.dashboard}?var-monitor={_MONITOR}",
    }
    rule = alerting.Rule(alert.title).uid(alert.uid).condition("B").for_val(alert.lasting).is_paused(alert.paused)
    rule = rule.no_data_state("OK").exec_err_state("Error").annotations(annotations)
    rule = rule.labels({"application": "driftgate", "severity": alert.severity})
    return rule.queries([_data("A", DATASOURCE_UID, Query(alert.sql)), _data("B", _EXPRESSIONS, _threshold(alert.above))])


def _data(ref_id: str, uid: str, model: Builder[Any]) -> alerting.Query:
    span = RelativeTimeRange(from_val=600, to=0)
    return alerting.Query(ref_id).datasource_uid(uid).relative_time_range(span).query_type("").model(model)


def _threshold(above: float) -> expr.TypeThreshold:
    evaluator = expr.ExprTypeThresholdConditionsEvaluator().type("gt").params([above])
    condition = expr.ExprTypeThresholdConditions().evaluator(evaluator)
    source = DataSourceRef(type_val=_EXPRESSIONS, uid=_EXPRESSIONS)
    return expr.TypeThreshold().ref_id("B").expression("A").datasource(source).conditions([condition])


class _Readable(yaml.SafeDumper):
    """YAML with queries as blocks of lines, and without anchors."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)


_Readable.add_representer(str, _text)
