"""Tables that more than one dashboard shows: incidents, decisions, gate results, retrainings."""
# ruff: noqa: S608 - text of files; nothing is executed here

from __future__ import annotations

from grafana_foundation_sdk.builders import table
from grafana_foundation_sdk.models import units

from driftgate_dashboards import links
from driftgate_dashboards.panels import GREEN, ORANGE, RED, TIME, coloured, limited, rows, unit, width
from driftgate_dashboards.sql import chosen, clean

_ROW_MONITOR = "${__data.fields.monitor:percentencode}"


def _of(table_name: str, several: bool) -> str:
    return chosen(f"{table_name}.monitor", "monitor") if several else f"{table_name}.monitor = ${{monitor:sqlstring}}"


def incidents(*, several: bool = False) -> table.Panel:
    """Return open incidents, and those of the time range: who acknowledged them, when and why they ended, likely causes."""
    sql = clean(f"""
        SELECT
            i.monitor,
            i.severity,
            i.cause,
            CASE WHEN i.resolved IS NOT NULL THEN 'resolved' WHEN i.acknowledged IS NOT NULL THEN 'acknowledged' ELSE 'open' END AS state,
            i.opened_start AS "since window",
            i.last_seen_start AS "last seen",
            i.count AS windows,
            i.detail,
            (
                SELECT string_agg(coalesce(nullif(cause ->> 'detail', ''), cause ->> 'column'), '; ' ORDER BY place)
                FROM jsonb_array_elements(i.likely_causes) WITH ORDINALITY AS found (cause, place)
                WHERE place <= 3
            ) AS "likely causes",
            i.acknowledged,
            i.acknowledged_by AS "by",
            i.resolved
        FROM driftgate.incident i
        WHERE {_of("i", several)} AND (i.resolved IS NULL OR $__timeFilter(i.last_seen_start))
        ORDER BY (i.resolved IS NULL) DESC, i.severity, i.last_seen_start DESC
        LIMIT 200
    """)
    states = {"open": RED, "acknowledged": ORANGE, "resolved": GREEN}
    mapping = [
        {"type": "value", "options": {name: {"text": name, "color": color, "index": at} for at, (name, color) in enumerate(states.items())}}
    ]
    shown = coloured()
    shown[0].value = mapping
    columns = {
        "monitor": [links.on_field(links.to_dashboard(links.MODEL, monitor=_ROW_MONITOR), links.to_airflow(_ROW_MONITOR))],
        "severity": coloured(),
        "state": shown,
        "since window": TIME,
        "last seen": TIME,
        "acknowledged": TIME,
        "resolved": TIME,
        "detail": width(420),
    }
    text = "Every open incident, and those last seen in the time range. Acknowledge them in Airflow: the link Incidents above."
    return rows("Incidents", text, sql, columns=columns, no_value="No incident")


def decisions() -> table.Panel:
    sql = clean("""
        SELECT
            d.window_start AS "window",
            d.action,
            d.breached AS "rule broken",
            (SELECT string_agg(reason, '; ') FROM jsonb_array_elements_text(d.reasons) AS reason) AS "reasons for",
            (SELECT string_agg(reason, '; ') FROM jsonb_array_elements_text(d.reasons_against) AS reason) AS "reasons against",
            d.model_version AS "model version"
        FROM driftgate.decision d
        WHERE d.monitor = ${monitor:sqlstring} AND $__timeFilter(d.window_start)
        ORDER BY d.window_start DESC
        LIMIT 500
    """)
    return rows(
        "Decisions",
        "What was decided per window, with the reasons for and against.",
        sql,
        columns={"window": TIME, "action": coloured(), "reasons for": width(420)},
    )


def gate_results() -> table.Panel:
    sql = clean("""
        SELECT
            g.window_start AS "window",
            g.verdict,
            b.status,
            b.rows,
            g.evaluated,
            jsonb_array_length(g.failed) AS failed,
            (
                SELECT string_agg(
                    format('%s(%s): %s', item ->> 'expectation', coalesce(item ->> 'column', 'table'), item ->> 'detail'), '; '
                    ORDER BY place
                )
                FROM jsonb_array_elements(g.failed) WITH ORDINALITY AS failed_items (item, place)
                WHERE place <= 10
            ) AS "what failed",
            g.suite,
            g.data_docs AS "data docs"
        FROM driftgate.gate_result g
        JOIN driftgate.batch b USING (monitor, window_start, window_end)
        WHERE g.monitor = ${monitor:sqlstring} AND $__timeFilter(g.window_start)
        ORDER BY g.window_start DESC
        LIMIT 500
    """)
    columns = {
        "window": TIME,
        "verdict": coloured(),
        "status": coloured(),
        "failed": limited((None, GREEN), (1, ORANGE)),
        "what failed": width(480),
        "data docs": [links.on_field(links.to_data_docs()), *width(120)],
    }
    return rows(
        "Gate results", "The gate's verdict per window and at most ten failed expectations; Data Docs has the rest.", sql, columns=columns
    )


def retrainings() -> table.Panel:
    sql = clean("""
        SELECT
            r.trigger_window_start AS "window",
            r.verdict,
            r.champion_version AS champion,
            r.challenger_version AS challenger,
            r.metric,
            (r.champion_scores ->> r.metric)::double precision AS "score of champion",
            (r.challenger_scores ->> r.metric)::double precision AS "score of challenger",
            r.gain,
            r.gain_low AS "gain at least",
            r.gain_high AS "gain at most",
            r.rows,
            r.approver,
            coalesce(nullif(r.reason, ''), r.comparison_reason) AS reason,
            r.mlflow_run AS "mlflow run"
        FROM driftgate.retraining r
        WHERE r.monitor = ${monitor:sqlstring} AND $__timeFilter(r.trigger_window_start)
        ORDER BY r.trigger_window_start DESC
        LIMIT 200
    """)
    number_columns = ("score of champion", "score of challenger", "gain", "gain at least", "gain at most")
    columns = {name: unit(units.Short, 2) for name in number_columns}
    columns |= {"window": TIME, "verdict": coloured(), "reason": width(420), "mlflow run": [links.on_field(links.to_mlflow_run())]}
    text = "Champion and challenger on the same held-out rows. A positive gain is better, whatever the metric's direction."
    return rows("Retrainings", text, sql, columns=columns, no_value="No retraining in this time range")
