"""Business KPIs: their values and limits, and beside them what the model and its data did in the same windows."""
# ruff: noqa: S608 - text of files; nothing is executed here

from __future__ import annotations

from grafana_foundation_sdk.models import units

from driftgate_dashboards import links, variables
from driftgate_dashboards.factory import linked
from driftgate_dashboards.layout import Page, Section
from driftgate_dashboards.panels import GREEN, RED, TIME, Drawn, cells, coloured, lines, number, numbers, rows, steps, unit
from driftgate_dashboards.sql import chosen, clean, measured, series

_KPIS = measured("kpi", extra=f"AND {chosen('m.metric', 'kpi')}")
NO_KPIS = "No KPI: name them in the monitor file, section kpis"


def page() -> Page:
    return Page(
        links.KPIS,
        "What the model is for, and the way down: KPI, model, data, ingestion.",
        [
            Section("Newest window", [(5, [(_watched(), 8), (_broken(), 8), (_last(), 8)])]),
            Section("KPIs", [(9, [(_values(), 14), (_against_limit(), 10)]), (7, [(_verdicts(), 24)]), (9, [(_table(), 24)])]),
            Section("From KPI to cause", [(9, [(_model(), 8), (_drift(), 8), (_ingestion(), 8)])]),
        ],
        [variables.monitor(), variables.model_version(), variables.kpi(), variables.performance()],
        [variables.retrainings(), variables.quarantines()],
        tags=["kpi"],
    )


def _newest_count(condition: str, name: str) -> str:
    return clean(f"""
        SELECT count(*) AS {name}
        FROM (
            SELECT DISTINCT ON (m.metric) m.metric, m.verdict
            {_KPIS}
            ORDER BY m.metric, m.window_start DESC
        ) AS newest
        WHERE {condition}
    """)


def _watched() -> Drawn:
    return number("KPIs measured", "KPIs with a value in the time range.", _newest_count("true", "kpis"), no_value=NO_KPIS)


def _broken() -> Drawn:
    return number(
        "Beyond their limit",
        "KPIs whose newest value is an alarm.",
        _newest_count("verdict = 'alarm'", "alarms"),
        thresholds=steps((None, GREEN), (1, RED)),
        no_value=NO_KPIS,
    )


def _last() -> Drawn:
    sql = f'SELECT (extract(epoch FROM max(m.window_end)) * 1000)::bigint AS "end of window"\n{_KPIS}'
    return number("Newest window with a KPI", "End of the newest window of the time range.", sql, unit=units.DatetimeISO, no_value=NO_KPIS)


def _values() -> Drawn:
    sql = series("m.metric AS metric, m.value AS value", _KPIS, "m.window_start, m.metric")
    return lines("KPIs", "Value per window.", sql, low=None)


def _against_limit() -> Drawn:
    value = "CASE m.direction WHEN 'below' THEN m.threshold / nullif(m.value, 0) ELSE m.value / nullif(m.threshold, 0) END"
    sql = series(f"m.metric AS metric, {value} AS value", f"{_KPIS}\n    AND m.threshold IS NOT NULL", "m.window_start, m.metric")
    text = "How much of its limit a KPI uses, whichever side is bad: above 100 % is an alarm."
    return lines("KPIs against their limits", text, sql, unit=units.PercentUnit)


def _verdicts() -> Drawn:
    value = "CASE m.verdict WHEN 'alarm' THEN 1 WHEN 'ok' THEN 0 END"
    sql = series(f"m.metric AS metric, {value} AS value", _KPIS, "m.window_start, m.metric")
    return cells(
        "KPI verdict per window",
        "One row per KPI, one cell per window. Empty: no limit, or too few rows.",
        sql,
        thresholds=steps((None, GREEN), (1, RED)),
        mappings=numbers((0, "ok", GREEN), (1, "alarm", RED)),
    )


def _table() -> Drawn:
    sql = clean(f"""
        SELECT m.window_start AS "window", m.metric AS kpi, m.value, m.threshold AS "limit", m.direction AS "alarm if", m.verdict,
            m.reference_value AS reference, m.model_version AS "model version"
        {_KPIS}
        ORDER BY m.window_start DESC, m.metric
        LIMIT 1000
    """)
    columns = {"window": TIME, "verdict": coloured()} | {name: unit(units.Short, 3) for name in ("value", "limit", "reference")}
    return rows("KPIs per window", "Newest first.", sql, columns=columns, no_value=NO_KPIS)


def _model() -> Drawn:
    sql = series('m.value AS measured, m.threshold AS "limit"', measured("performance", "${performance:sqlstring}"))
    panel = lines("Then the model: ${performance}", "Did the model get worse in the windows where the KPI moved?", sql)
    return linked(panel, links.PERFORMANCE)


def _drift() -> Drawn:
    sql = series('m.value AS "drift share", m.threshold AS "limit"', measured("data_drift", "drift_share"))
    return linked(lines("Then the drift of its data", "Did its inputs change?", sql, unit=units.PercentUnit, high=1), links.DRIFT)


def _ingestion() -> Drawn:
    sql = clean("""
        SELECT b.window_start AS time, b.rows,
            CASE WHEN b.status IN ('quarantined', 'failed', 'no_data') THEN b.rows END AS "stopped or failed"
        FROM driftgate.batch b
        WHERE b.monitor = ${monitor:sqlstring} AND $__timeFilter(b.window_start)
        ORDER BY b.window_start
    """)
    return linked(
        lines("Then the rows ingested", "Did rows go missing, or did the gate stop them?", sql, bars=True, decimals=0), links.QUALITY
    )
