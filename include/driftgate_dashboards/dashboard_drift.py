"""Drift analysis: which columns drift, since when, by which test, and against what came before."""
# ruff: noqa: S608 - text of files; nothing is executed here

from __future__ import annotations

from grafana_foundation_sdk.models import units

from driftgate_dashboards import dashboard_model, factory, links, shared, variables
from driftgate_dashboards.layout import Page, Section
from driftgate_dashboards.panels import (
    BLUE,
    GREEN,
    ORANGE,
    RED,
    TIME,
    VERDICTS,
    Drawn,
    cells,
    coloured,
    heat,
    limit_line,
    limited,
    lines,
    number,
    ranking,
    rows,
    steps,
    unit,
)
from driftgate_dashboards.sql import EXCESS, LINES, SHOWN, chosen, clean, indented, measured, newest, series, worst_columns

FAMILIES = dashboard_model.FAMILIES
CONCEPT = "concept_drift"
CAP = 3
"""Where charts of the excess end: a p-value of zero would be millions of times beyond its limit."""

_COLUMN = chosen('m."column"', "column")
_SCORES = measured(FAMILIES, "drift_score", column=None, extra=f"AND {_COLUMN}")
_CAPPED = f"least({indented(EXCESS)}, {CAP})"
_EXCESS_TEXT = (
    "Score as a multiple of its limit, for distances; limit as a multiple of the score, for p-values: above 1 is drift, whatever the test. "
    f"Cut at {CAP}."
)
EXCESS_LIMITS = ((None, GREEN), (0.8, ORANGE), (1.0, RED))


def page() -> Page:
    return Page(
        links.DRIFT,
        "Drift of features, prediction and target: current state, trend, heat map, test results, comparison, alerts.",
        [
            Section("Current drift statistics", [(5, [(panel, 4) for panel in _current()])]),
            Section("Trend", [(9, [(factory.drift_overview_panel(), 12), (_excess_lines(), 12)])]),
            Section("Features", [(12, [(_heat_map(), 24)]), (12, [(_results(), 12), (_result_cells(), 12)])]),
            Section("Over several windows", [(10, [(_slow_lines(), 14), (_slow_table(), 10)])]),
            Section("Concept drift", [(9, [(_concept_lines(), 12), (_concept_errors(), 12)])]),
            Section("Comparison", [(11, [(_ranking(), 12), (_comparison(), 12)])]),
            Section("Drift alert history", [(10, [(_alarms(), 12), (shared.incidents(), 12)])]),
        ],
        [variables.monitor(), variables.model_version(), variables.column()],
        [variables.retrainings(), variables.quarantines()],
        tags=["drift"],
    )


def _score_now(title: str, description: str, family: str) -> Drawn:
    return number(
        title, description, newest("m.value AS score", measured(family, "drift_score", column=None)), decimals=3, no_value="Not measured"
    )


def _current() -> list[Drawn]:
    share = measured("data_drift", "drift_share")
    verdict = newest("m.verdict", measured("data_drift", "dataset_drift"))
    drifted = newest("m.value AS drifted", measured("data_drift", "drifted_columns"))
    return [
        number("Dataset", "Verdict on the newest window.", verdict, text=True, mappings=VERDICTS),
        dashboard_model.drift_gauge(),
        number(
            "Drifted columns",
            "Number of columns with drift in the newest window.",
            drifted,
            thresholds=steps((None, GREEN), (1, ORANGE)),
            decimals=0,
        ),
        number(
            "Drift share",
            "Drifted columns as a share of those judged, newest window.",
            newest("m.value AS share", share),
            unit=units.PercentUnit,
            decimals=0,
        ),
        _score_now("Prediction drift", "Drift score of the prediction, newest window.", "prediction_drift"),
        _score_now("Target drift", "Drift score of the target, newest window with labels.", "target_drift"),
    ]


def _excess_lines() -> Drawn:
    source = f"{_SCORES}\n    {indented(worst_columns(FAMILIES, 'drift_score', EXCESS))}"
    sql = series(f'm."column" AS metric,\n    {_CAPPED} AS value', source, 'm.window_start, m."column"')
    text = f"{_EXCESS_TEXT} At most {LINES} columns: those with the highest peak."
    return limit_line(lines("Drift score against limit by column", text, sql, decimals=2), 1)


def _slow_lines() -> Drawn:
    families = f"{FAMILIES[:-1]}, '{CONCEPT}')"
    everything = measured(families, "slow_drift", column=None, extra=f"AND (m.family = '{CONCEPT}' OR {_COLUMN})")
    source = f"{everything}\n    {indented(_worst_slow(families))}"
    name = """coalesce(nullif(m."column", ''), 'all columns together')"""
    sql = series(f"{name} AS metric,\n    {_CAPPED} AS value", source, "m.window_start, metric")
    text = (
        "What up to 14 windows together say, as a multiple of its learned limit: above 1 a column has changed, by less than one window "
        f"alone could show. At most {LINES} columns: those with the highest peak. The residual is the model's error."
    )
    return limit_line(lines("Slow drift against limit by column", text, sql, decimals=2), 1)


def _worst_slow(families: str) -> str:
    return clean(f"""
        AND m."column" IN (
            SELECT w."column"
            FROM driftgate.metric w
            WHERE w.monitor = ${{monitor:sqlstring}} AND $__timeFilter(w.window_start) AND w.family IN {families}
                AND w.metric = 'slow_drift' AND w.segment = ''
            GROUP BY w."column"
            ORDER BY max(w.value / nullif(w.threshold, 0)) DESC NULLS LAST, w."column"
            LIMIT {LINES}
        )
    """)


def _slow_table() -> Drawn:
    families = f"{FAMILIES[:-1]}, '{CONCEPT}')"
    source = measured(families, "slow_drift", column=None)
    sql = clean(f"""
        SELECT DISTINCT ON (m.family, m."column")
            coalesce(nullif(m."column", ''), 'all columns together') AS "column", m.family, m.method AS "what is followed",
            m.value AS "change", m.threshold AS "limit", m.verdict, m.window_start AS "window"
        {indented(source, 8)}
        ORDER BY m.family, m."column", m.window_start DESC
    """)
    columns = {"window": TIME, "verdict": coloured(), "change": unit(units.Short, 2), "limit": unit(units.Short, 2)}
    text = "The newest verdict on every column over several windows. Position: where a column's values lie among the reference's."
    return rows("Slow drift now", text, sql, columns=columns, no_value="Nothing: limits are fixed, or were not learned yet")


def _concept_lines() -> Drawn:
    source = measured(CONCEPT, "('drift_score', 'slow_drift')", column=None)
    sql = series(
        f"CASE m.metric WHEN 'drift_score' THEN 'one window' ELSE 'several windows' END AS metric,\n    {_CAPPED} AS value",
        source,
        "m.window_start, metric",
    )
    text = (
        "The model's errors against those of the reference, as a multiple of their limit: above 1 what the features mean for the target "
        f"has changed. Needs labels. Cut at {CAP}."
    )
    return limit_line(lines("Concept drift against limit", text, sql, decimals=2), 1)


def _concept_errors() -> Drawn:
    source = measured(CONCEPT, "residual_mean", column=None)
    sql = series('m.value AS "mean error", m.reference_value AS "reference"', source)
    text = (
        "Mean of prediction less truth: above zero the model predicts too high. Where errors are only right or wrong: share of wrong ones."
    )
    return lines("Mean error", text, sql, low=None, decimals=3)


def _heat_map() -> Drawn:
    sql = series(f'm."column" AS metric,\n    {_CAPPED} AS value', _SCORES, 'm.window_start, m."column"')
    return heat("Feature drift heat map", f"Rows are columns, cells are windows. {_EXCESS_TEXT}", sql, high=2, unit_name=units.Short)


def _results() -> Drawn:
    sql = clean(f"""
        SELECT m."column", m.family, m.method AS test, m.value AS score, m.threshold AS "limit", m.direction AS "drift if", m.verdict,
            {indented(EXCESS, 12)} AS excess,
            m.window_start AS "window"
        {indented(_SCORES, 8)}
            AND m.window_start = (
                SELECT max(n.window_start) FROM driftgate.batch n
                WHERE n.monitor = ${{monitor:sqlstring}} AND n.status NOT IN ('quarantined', 'no_data')
                    AND n.measured_model_version IS NOT NULL AND $__timeFilter(n.window_start)
            )
        ORDER BY excess DESC NULLS LAST, m."column"
    """)
    columns = {
        "verdict": coloured(),
        "score": unit(units.Short, 4),
        "limit": unit(units.Short, 4),
        "excess": limited(*EXCESS_LIMITS, decimals=2),
        "window": TIME,
    }
    text = "Newest window of the time range: which test judged which column, and how. 'below' is a p-value, 'above' a distance."
    return rows("Test results", text, sql, columns=columns)


def _result_cells() -> Drawn:
    value = "CASE m.verdict WHEN 'alarm' THEN 1 WHEN 'ok' THEN 0 END"
    sql = series(f'm."column" AS metric, {value} AS value', _SCORES, 'm.window_start, m."column"')
    return cells(
        "Test results per window",
        "One row per column, one cell per window. Empty: too few rows to judge.",
        sql,
        thresholds=steps((None, GREEN), (1, RED)),
        mappings=dashboard_model.YES_NO,
    )


def _ranking() -> Drawn:
    sql = clean(f"""
        SELECT m."column", avg(least(
            {indented(EXCESS, 12)}, {CAP})) AS excess
        {indented(_SCORES, 8)}
        GROUP BY m."column"
        ORDER BY excess DESC NULLS LAST
        LIMIT 30
    """)
    return ranking(
        "Columns that drift most",
        f"Mean over the time range. {_EXCESS_TEXT}",
        sql,
        unit=units.Short,
        high=CAP,
        thresholds=steps(*EXCESS_LIMITS),
    )


def _comparison() -> Drawn:
    sql = clean(f"""
        SELECT
            "column",
            avg(excess) FILTER (WHERE now_shown) AS now,
            avg(excess) FILTER (WHERE NOT now_shown) AS before,
            count(*) FILTER (WHERE now_shown AND verdict = 'alarm') AS "alarms now",
            count(*) FILTER (WHERE NOT now_shown AND verdict = 'alarm') AS "alarms before"
        FROM (
            SELECT m."column", m.verdict, m.window_start >= $__timeFrom() AS now_shown,
                least({indented(EXCESS, 16)}, {CAP}) AS excess
            FROM driftgate.metric m
            JOIN driftgate.batch b USING (monitor, window_start, window_end)
            WHERE m.monitor = ${{monitor:sqlstring}}
                AND m.window_start >= $__timeFrom()::timestamptz - ($__timeTo()::timestamptz - $__timeFrom()::timestamptz)
                AND m.window_start <= $__timeTo()
                AND m.family IN {FAMILIES} AND m.metric = 'drift_score' AND m.segment = '' AND {SHOWN}
                AND {_COLUMN} AND {chosen("m.model_version", "model_version")}
        ) AS both_ranges
        GROUP BY "column"
        ORDER BY now DESC NULLS LAST, "column"
    """)
    columns = {"now": limited(*EXCESS_LIMITS, decimals=2), "before": limited(*EXCESS_LIMITS, decimals=2)}
    text = f"The time range against the equally long one before it. {_EXCESS_TEXT}"
    return rows("This time range against the one before", text, sql, columns=columns)


def _alarms() -> Drawn:
    sql = clean(f"""
        SELECT m.window_start AS "window", m."column", m.method AS test, m.value AS score, m.threshold AS "limit",
            {indented(EXCESS, 12)} AS excess,
            m.model_version AS "model version"
        {indented(_SCORES, 8)}
            AND m.verdict = 'alarm'
        ORDER BY m.window_start DESC, excess DESC
        LIMIT 500
    """)
    columns = {
        "window": TIME,
        "score": unit(units.Short, 4),
        "limit": unit(units.Short, 4),
        "excess": limited((None, BLUE), (1, RED), decimals=2),
    }
    return rows(
        "Drift alarms", "Every column and window with drift, newest first.", sql, columns=columns, no_value="No drift in this time range"
    )
