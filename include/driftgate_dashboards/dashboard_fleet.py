"""Fleet overview: every monitor at a glance, and where to look first."""
# ruff: noqa: S608 - text of files; nothing is executed here

from __future__ import annotations

from grafana_foundation_sdk.models import units

from driftgate_dashboards import links, shared, variables
from driftgate_dashboards.layout import Page, Section
from driftgate_dashboards.panels import (
    BLUE,
    GREEN,
    HIDDEN,
    ORANGE,
    RED,
    TIME,
    Drawn,
    cells,
    coloured,
    limited,
    lines,
    number,
    numbers,
    rows,
    steps,
    unit,
    width,
)
from driftgate_dashboards.sql import SHOWN, chosen, clean

_CHOSEN = chosen("b.monitor", "monitor")
_ROW_MONITOR = "${__value.raw:percentencode}"

MONITORS = clean(f"""
    SELECT
        b.monitor,
        g.verdict AS gate,
        newest.status,
        drift.value AS "drift share",
        drift.value / nullif(drift.threshold, 0) AS "of its limit",
        score.metric AS score,
        score.value AS "value",
        score.value / nullif(score.reference_value, 0) AS "against reference",
        score.verdict,
        (SELECT count(*) FROM driftgate.incident i WHERE i.monitor = b.monitor AND i.resolved IS NULL) AS "open incidents",
        champion.version AS champion,
        b.windows,
        b.quarantined,
        newest.window_end AS "end of last window",
        b.from_ms,
        b.to_ms
    FROM (
        SELECT
            monitor,
            count(*) AS windows,
            count(*) FILTER (WHERE status = 'quarantined') AS quarantined,
            (extract(epoch FROM min(window_start)) * 1000)::bigint AS from_ms,
            (extract(epoch FROM max(window_end)) * 1000)::bigint AS to_ms
        FROM driftgate.batch
        GROUP BY monitor
    ) AS b
    CROSS JOIN LATERAL (
        SELECT * FROM driftgate.batch n WHERE n.monitor = b.monitor ORDER BY n.window_start DESC LIMIT 1
    ) AS newest
    LEFT JOIN driftgate.gate_result g
        ON g.monitor = b.monitor AND g.window_start = newest.window_start AND g.window_end = newest.window_end
    LEFT JOIN LATERAL (
        SELECT m.value, m.threshold FROM driftgate.metric m
        WHERE m.monitor = b.monitor AND m.family = 'data_drift' AND m.metric = 'drift_share' AND m."column" = ''
            AND m.window_start = newest.window_start AND m.model_version = newest.measured_model_version
        LIMIT 1
    ) AS drift ON true
    LEFT JOIN LATERAL (
        SELECT m.metric, m.value, m.reference_value, m.verdict FROM driftgate.metric m
        WHERE m.monitor = b.monitor AND m.family = 'performance' AND m."column" = '' AND m.segment = ''
            AND m.window_start = newest.window_start AND m.model_version = newest.measured_model_version
        ORDER BY (m.threshold IS NULL), m.metric LIMIT 1
    ) AS score ON true
    LEFT JOIN LATERAL (
        SELECT CASE r.verdict WHEN 'promoted' THEN r.challenger_version ELSE r.champion_version END AS version
        FROM driftgate.retraining r
        WHERE r.monitor = b.monitor AND r.verdict IN ('promoted', 'rolled_back')
        ORDER BY r.updated_at DESC LIMIT 1
    ) AS champion ON true
    WHERE {_CHOSEN}
    ORDER BY "open incidents" DESC, b.monitor
""")

OUTCOMES = clean(f"""
    SELECT
        b.window_start AS time,
        b.monitor AS metric,
        max(CASE
            WHEN b.status = 'quarantined' THEN 4
            WHEN b.status = 'failed' THEN 5
            WHEN b.status = 'no_data' THEN 6
            WHEN d.action = 'trigger_retrain' THEN 3
            WHEN d.action = 'alert' THEN 2
            WHEN b.status = 'measured' THEN 1
            ELSE 0
        END) AS value
    FROM driftgate.batch b
    LEFT JOIN driftgate.decision d USING (monitor, window_start, window_end)
    WHERE {_CHOSEN} AND $__timeFilter(b.window_start)
    GROUP BY b.window_start, b.monitor
    ORDER BY b.window_start, b.monitor
""")
OUTCOME_NAMES = numbers(
    (0, "ingested", BLUE),
    (1, "fine", GREEN),
    (2, "alert", ORANGE),
    (3, "retrain", "purple"),
    (4, "quarantined", RED),
    (5, "failed", "dark-red"),
    (6, "no data", "text"),
)


def page() -> Page:
    return Page(
        links.OVERVIEW,
        "All monitors: what was measured, decided and stopped last, and what is still open.",
        [
            Section("At a glance", [(4, [(panel, 4) for panel in _numbers()])]),
            Section("Monitors", [(9, [(_monitors(), 24)]), (9, [(_outcomes(), 24)])]),
            Section("Trends", [(9, [(_drift(), 8), (_score(), 8), (_missing(), 8)])]),
            Section("Alert summary", [(10, [(shared.incidents(several=True), 14), (_alerts(), 10)])]),
        ],
        [variables.monitors()],
        [variables.retrainings(), variables.quarantines()],
        tags=["fleet"],
    )


def _count(title: str, description: str, sql: str, *, bad: bool) -> Drawn:
    thresholds = steps((None, GREEN), (1, RED)) if bad else steps((None, BLUE))
    return number(title, description, clean(sql), thresholds=thresholds, no_value="0")


def _numbers() -> list[Drawn]:
    return [
        _count(
            "Monitored models",
            "Monitors with at least one window, whatever the time range.",
            f"SELECT count(DISTINCT b.monitor) AS monitors FROM driftgate.batch b WHERE {_CHOSEN}",
            bad=False,
        ),
        _count(
            "Open incidents",
            "Not resolved, acknowledged or not, whatever the time range.",
            f"SELECT count(*) AS open FROM driftgate.incident i WHERE i.resolved IS NULL AND {chosen('i.monitor', 'monitor')}",
            bad=True,
        ),
        _count(
            "Windows",
            "Windows of the time range.",
            f"SELECT count(*) AS windows FROM driftgate.batch b WHERE {_CHOSEN} AND $__timeFilter(b.window_start)",
            bad=False,
        ),
        _count(
            "Quarantined",
            "Windows of the time range that the gate stopped.",
            f"""SELECT count(*) AS quarantined FROM driftgate.batch b
            WHERE {_CHOSEN} AND b.status = 'quarantined' AND $__timeFilter(b.window_start)""",
            bad=True,
        ),
        _count(
            "Alerts",
            "Windows of the time range for which `decide` answered alert or retrain.",
            f"""SELECT count(*) AS alerts FROM driftgate.decision d
            WHERE {chosen("d.monitor", "monitor")} AND d.action IN ('alert', 'trigger_retrain') AND $__timeFilter(d.window_start)""",
            bad=True,
        ),
        _count(
            "Promotions",
            "New champions from windows of the time range.",
            f"""SELECT count(*) AS promotions FROM driftgate.retraining r
            WHERE {chosen("r.monitor", "monitor")} AND r.verdict = 'promoted' AND $__timeFilter(r.trigger_window_start)""",
            bad=False,
        ),
    ]


def _monitors() -> Drawn:
    to_model = links.to_windows(_ROW_MONITOR, "${__data.fields.from_ms}", "${__data.fields.to_ms}")
    return rows(
        "Monitors",
        "Newest window of every monitor, whatever the time range. A click on a name shows all of its windows, or its page in Airflow.",
        MONITORS,
        columns={
            "monitor": [links.on_field(to_model, links.to_airflow(_ROW_MONITOR)), *width(180)],
            "gate": coloured(),
            "status": coloured(),
            "verdict": coloured(),
            "drift share": unit(units.PercentUnit, 0),
            "of its limit": limited((None, GREEN), (1, RED), decimals=2),
            "value": unit(units.Short, 2),
            "against reference": unit(units.PercentUnit, 0),
            "open incidents": limited((None, GREEN), (1, RED)),
            "end of last window": TIME,
            "from_ms": HIDDEN,
            "to_ms": HIDDEN,
        },
        no_value="No monitor has recorded a window yet",
    )


def _outcomes() -> Drawn:
    return cells(
        "Outcome of every window",
        "One row per monitor, one cell per window.",
        OUTCOMES,
        thresholds=steps((None, BLUE)),
        mappings=OUTCOME_NAMES,
    )


def _per_monitor(value: str, family: str, metric: str = "", extra: str = "") -> str:
    """Ask monitor by monitor: so the index of the metrics is used, however many monitors there are."""
    metric_condition = f"AND m.metric = '{metric}'" if metric else ""
    return clean(f"""
        SELECT m.window_start AS time, n.monitor AS metric, max(m.value) AS value
        FROM (SELECT DISTINCT b.monitor FROM driftgate.batch b WHERE {_CHOSEN}) AS n
        CROSS JOIN LATERAL (
            SELECT m.window_start, {value} AS value
            FROM driftgate.metric m
            JOIN driftgate.batch b USING (monitor, window_start, window_end)
            WHERE m.monitor = n.monitor AND m.family = '{family}' {metric_condition} AND m."column" = '' AND m.segment = ''
                AND $__timeFilter(m.window_start) AND {SHOWN}{extra}
        ) AS m
        GROUP BY m.window_start, n.monitor
        ORDER BY m.window_start, n.monitor
    """)


def _drift() -> Drawn:
    return lines(
        "Drift share",
        "Share of drifted columns per monitor.",
        _per_monitor("m.value", "data_drift", "drift_share"),
        unit=units.PercentUnit,
        high=1,
    )


def _score() -> Drawn:
    value = "CASE m.direction WHEN 'below' THEN m.threshold / nullif(m.value, 0) ELSE m.value / nullif(m.threshold, 0) END"
    sql = _per_monitor(value, "performance", extra=" AND m.threshold IS NOT NULL")
    return lines(
        "Score against its limit",
        "Scores that a rule watches, as a share of the limit: above 100 % breaks the rule.",
        sql,
        unit=units.PercentUnit,
    )


def _missing() -> Drawn:
    return lines(
        "Missing values",
        "Share of missing values over all columns.",
        _per_monitor("m.value", "data_quality", "missing_share"),
        unit=units.PercentUnit,
    )


def _alerts() -> Drawn:
    sql = clean(f"""
        SELECT d.monitor, d.window_start AS "window", d.action,
            (SELECT string_agg(reason, '; ') FROM jsonb_array_elements_text(d.reasons) AS reason) AS reasons
        FROM driftgate.decision d
        WHERE {chosen("d.monitor", "monitor")} AND d.action IN ('alert', 'trigger_retrain') AND $__timeFilter(d.window_start)
        ORDER BY d.window_start DESC
        LIMIT 100
    """)
    columns = {"window": TIME, "action": coloured(), "monitor": [links.on_field(links.to_dashboard(links.MODEL, monitor=_ROW_MONITOR))]}
    return rows(
        "Newest alerts",
        "Windows that alerted or led to a retraining, with the reasons.",
        sql,
        columns=columns,
        no_value="No alert in this time range",
    )
