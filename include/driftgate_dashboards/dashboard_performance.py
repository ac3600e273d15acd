"""Model performance: realised scores against reference and limit, segments, champion against challenger."""
# ruff: noqa: S608 - text of files; nothing is executed here

from __future__ import annotations

from grafana_foundation_sdk.models import units

from driftgate_dashboards import factory, links, shared, variables
from driftgate_dashboards.layout import Page, Section
from driftgate_dashboards.panels import BLUE, GREEN, ORANGE, RED, TIME, Drawn, coloured, dial, lines, number, ranking, rows, steps, unit
from driftgate_dashboards.sql import LINES, chosen, clean, indented, measured, newest, series

_SCORE = measured("performance", "${performance:sqlstring}")
_BY_SEGMENT = measured(
    "performance", "${performance:sqlstring}", segment=None, extra=f"AND m.segment <> '' AND {chosen('m.segment', 'segment')}"
)
WHERE = "\nWHERE "
_REALISED = """
LEFT JOIN driftgate.metric p ON p.monitor = m.monitor AND p.window_start = m.window_start AND p.window_end = m.window_end
    AND p.model_version = m.model_version AND p.family = 'performance' AND p.metric = substr(m.metric, 11)
    AND p."column" = '' AND p.segment = ''"""
NO_SEGMENTS = "No segments: name them in the monitor file, columns.segments"


def page() -> Page:
    return Page(
        links.PERFORMANCE,
        "How good the model is, overall and per segment, and how retrained models compare.",
        [
            Section("Newest window with labels", [(6, [(panel, 6) for panel in _newest()])]),
            Section(
                "Over time", [(9, [(factory.performance_panel(), 12), (_against_reference(), 12)]), (9, [(_errors(), 12), (_mape(), 12)])]
            ),
            Section("Model performance", [(10, [(_table(), 24)])]),
            Section(
                "Segments", [(10, [(_segment_lines(), 14), (_segments(), 10)]), (10, [(_segment_table(), 12), (_segment_scores(), 12)])]
            ),
            Section("Without labels", [(9, [(_covered(), 4), (_errors_of_estimates(), 10), (_estimates(), 10)])]),
            Section("Fairness", [(10, [(_gap_lines(), 12), (_gaps(), 12)])]),
            Section("Retraining", [(9, [(_champion_challenger(), 24)]), (9, [(shared.retrainings(), 24)])]),
        ],
        [variables.monitor(), variables.model_version(), variables.performance(), variables.segment()],
        [variables.retrainings(), variables.quarantines()],
        tags=["performance"],
    )


def _newest() -> list[Drawn]:
    mape = newest("m.value AS mape", measured("performance", "mape"))
    ratio = newest("m.value / nullif(m.reference_value, 0) AS ratio", _SCORE)
    labelled = clean("""
        SELECT (extract(epoch FROM max(m.window_end)) * 1000)::bigint AS labelled
        FROM driftgate.metric m
        WHERE m.monitor = ${monitor:sqlstring} AND m.family = 'performance' AND m.value IS NOT NULL
    """)
    return [
        dial(
            "MAPE",
            "Mean absolute percentage error in the newest window with labels. Very large where targets are close to zero.",
            mape,
            unit=units.Percent,
            high=200,
            thresholds=steps((None, GREEN), (50, ORANGE), (100, RED)),
            decimals=1,
            no_value="No MAPE: not a regression, or no labels yet",
        ),
        number(
            "Score: ${performance}", "Newest window with labels.", newest("m.value AS score", _SCORE), decimals=3, no_value="No labels yet"
        ),
        number(
            "Score against reference",
            "1 is as good as on data the model was not trained on; above is worse for errors, better for scores such as accuracy.",
            ratio,
            decimals=2,
            no_value="No labels yet",
        ),
        number(
            "Labels known until",
            "End of the newest window with a realised score, whatever the time range.",
            labelled,
            unit=units.DatetimeISO,
            no_value="No labels yet",
        ),
    ]


def _against_reference() -> Drawn:
    source = measured("performance", "('mae', 'rmse', 'mape', 'accuracy', 'f1', 'roc_auc', 'log_loss')")
    sql = series("m.metric AS metric, m.value / nullif(m.reference_value, 0) AS value", source, "m.window_start, m.metric")
    return lines(
        "Scores against their reference",
        "Every score as a share of its reference value: 100 % is as expected.",
        sql,
        unit=units.PercentUnit,
    )


def _errors() -> Drawn:
    source = measured("performance", "('me', 'mae', 'rmse', 'r2', 'accuracy', 'precision', 'recall', 'f1', 'roc_auc', 'log_loss')")
    sql = series("m.metric AS metric, m.value AS value", source, "m.window_start, m.metric")
    return lines("All scores", "Realised scores per window: errors for regressions, shares for classifiers.", sql, low=None, decimals=3)


def _mape() -> Drawn:
    source = measured("performance", "('mape', 'r2')")
    sql = clean(f"""
        SELECT m.window_start AS time, m.value AS mape, m.reference_value AS "reference"
        {source}
            AND m.metric = 'mape'
        ORDER BY m.window_start
    """)
    return lines(
        "MAPE over time",
        "Mean absolute percentage error per window, with its value on data the model was not trained on.",
        sql,
        unit=units.Percent,
    )


def _table() -> Drawn:
    sql = clean(f"""
        SELECT p."timestamp" AS "window", p.model_version AS "model version", p.me, p.mae, p.rmse, p.mape, p.r2,
            p.accuracy, p.precision, p.recall, p.f1, p.roc_auc, p.log_loss
        FROM driftgate.model_performance p
        WHERE p.model_name = ${{monitor:sqlstring}} AND $__timeFilter(p."timestamp") AND {chosen("p.model_version", "model_version")}
        ORDER BY p."timestamp" DESC
        LIMIT 1000
    """)
    scores = ("me", "mae", "rmse", "mape", "r2", "accuracy", "precision", "recall", "f1", "roc_auc", "log_loss")
    columns = {name: unit(units.Short, 3) for name in scores}
    text = "Scores per window and model version: the view model_performance, as other tools read it."
    return rows("Scores per window", text, sql, columns={"window": TIME, **columns})


NO_ESTIMATE = "No estimate was compared with labels yet"


def _covered() -> Drawn:
    source = measured("performance_estimated", "'estimate_covered_' || ${performance:sqlstring}")
    sql = f"SELECT avg(m.value) AS covered\n{source}\nHAVING count(*) > 0"
    text = "Share of windows whose realised score lay in the estimated 95 % range, over the time range: 95 % is right, less is too sure."
    limits = steps((None, RED), (0.8, ORANGE), (0.9, GREEN))
    return number("Estimates that were right", text, sql, unit=units.PercentUnit, decimals=0, thresholds=limits, no_value=NO_ESTIMATE)


def _errors_of_estimates() -> Drawn:
    source = measured("performance_estimated", "'estimate_error_' || ${performance:sqlstring}")
    text = (
        "Realised less estimated score, in windows with labels. Far from zero for long: the world changed in a way that no feature shows."
    )
    return lines("Realised less estimated: ${performance}", text, series("m.value AS difference", source), low=None, decimals=3)


def _estimates() -> Drawn:
    guessed = measured("performance_estimated", extra="AND m.metric LIKE 'estimated\\_%'")
    sql = clean(f"""
        SELECT m.window_start AS "window", substr(m.metric, 11) AS score, m.value AS estimated, m.low AS "at least", m.high AS "at most",
            p.value AS realised, m.threshold AS "limit", m.verdict
        {indented(guessed.replace(WHERE, _REALISED + WHERE), 8)}
        ORDER BY m.window_start DESC, m.metric
        LIMIT 500
    """)
    columns = {name: unit(units.Short, 3) for name in ("estimated", "at least", "at most", "realised", "limit")}
    columns |= {"window": TIME, "verdict": coloured()}
    text = "What was expected of the model before labels came, with 95 % ranges, and what they showed."
    return rows("Estimated scores per window", text, sql, columns=columns, no_value="No estimate: no labels to learn from, or not possible")


_GAPS = measured("fairness", column=None)


def _gap_lines() -> Drawn:
    sql = series("m.metric || ' of ' || m.\"column\" AS metric, m.value AS value", _GAPS, "m.window_start, metric")
    return lines("Fairness gaps", "Largest difference between two groups of a column, per window: 0 is the same for all.", sql, decimals=3)


def _gaps() -> Drawn:
    groups = measured("fairness", column=None, segment=None, extra="AND m.segment <> ''")
    sql = clean(f"""
        (SELECT DISTINCT ON (m."column", m.metric) m."column", NULL AS "group", m.metric AS measure, m.value,
            m.reference_value AS reference, m.threshold AS "limit", m.verdict, m.window_start AS "window"
        {indented(_GAPS, 8)}
        ORDER BY m."column", m.metric, m.window_start DESC)
        UNION ALL
        (SELECT DISTINCT ON (m."column", m.metric, m.segment) m."column", m.segment, m.metric, m.value, m.reference_value, m.threshold,
            m.verdict, m.window_start
        {indented(groups, 8)}
        ORDER BY m."column", m.metric, m.segment, m.window_start DESC)
        ORDER BY 1, 2 NULLS FIRST, 3
        LIMIT 500
    """)
    columns = {name: unit(units.Short, 3) for name in ("value", "reference", "limit")} | {"window": TIME, "verdict": coloured()}
    text = "The newest gaps of every column, then the values of its groups."
    none = "No groups are compared: name columns in the monitor file, fairness.columns"
    return rows("Fairness now", text, sql, columns=columns, no_value=none)


def _segments() -> Drawn:
    sql = clean(f"""
        SELECT m.segment, avg(m.value) AS score
        {indented(_BY_SEGMENT, 8)}
        GROUP BY m.segment
        ORDER BY score DESC NULLS LAST
        LIMIT 30
    """)
    text = "Mean score of every segment over the time range, largest first."
    return ranking("Score by segment: ${performance}", text, sql, unit=units.Short, thresholds=steps((None, BLUE)), no_value=NO_SEGMENTS)


def _segment_lines() -> Drawn:
    worst = clean(f"""
        AND m.segment IN (
            SELECT w.segment
            FROM driftgate.metric w
            WHERE w.monitor = ${{monitor:sqlstring}} AND $__timeFilter(w.window_start) AND w.family = 'performance'
                AND w.metric = ${{performance:sqlstring}} AND w.segment <> '' AND {chosen("w.segment", "segment")}
            GROUP BY w.segment
            ORDER BY max(abs(w.value / nullif(w.reference_value, 0) - 1)) DESC NULLS LAST, w.segment
            LIMIT {LINES}
        )
    """)
    source = f"{_BY_SEGMENT}\n    {indented(worst)}"
    sql = series("m.segment AS metric, m.value AS value", source, "m.window_start, m.segment")
    text = f"Score per window. At most {LINES} segments: those that went furthest from their reference, to either side."
    return lines("Score by segment over time: ${performance}", text, sql, low=None, decimals=3)


def _segment_table() -> Drawn:
    sql = clean(f"""
        SELECT
            m.segment,
            (array_agg(m.value ORDER BY m.window_start DESC))[1] AS newest,
            avg(m.value) AS mean,
            (array_agg(m.reference_value ORDER BY m.window_start DESC))[1] AS reference,
            (array_agg(m.value / nullif(m.reference_value, 0) ORDER BY m.window_start DESC))[1] AS "newest against reference",
            count(*) AS windows,
            max(m.window_start) AS "newest window"
        {indented(_BY_SEGMENT, 8)}
        GROUP BY m.segment
        ORDER BY "newest against reference" DESC NULLS LAST, m.segment
        LIMIT 500
    """)
    columns = {name: unit(units.Short, 3) for name in ("newest", "mean", "reference")}
    columns |= {"newest against reference": unit(units.PercentUnit, 0), "newest window": TIME}
    text = "Every segment against its own reference, over the time range: is the model worse for some groups than for others?"
    return rows("Segments against their reference: ${performance}", text, sql, columns=columns, no_value=NO_SEGMENTS)


def _segment_scores() -> Drawn:
    sql = clean(f"""
        SELECT
            r.trigger_window_start AS "window",
            s.key AS segment,
            (r.champion_segments -> s.key ->> ${{performance:sqlstring}})::double precision AS champion,
            (s.value ->> ${{performance:sqlstring}})::double precision AS challenger,
            r.champion_version AS "champion version",
            r.challenger_version AS "challenger version"
        FROM driftgate.retraining r
        CROSS JOIN LATERAL jsonb_each(r.challenger_segments) AS s
        WHERE r.monitor = ${{monitor:sqlstring}} AND $__timeFilter(r.trigger_window_start) AND {chosen("s.key", "segment")}
        ORDER BY r.trigger_window_start DESC, s.key
        LIMIT 500
    """)
    columns = {"window": TIME, "champion": unit(units.Short, 3), "challenger": unit(units.Short, 3)}
    return rows(
        "Champion against challenger by segment: ${performance}",
        "Both models on the same held-out rows of a segment.",
        sql,
        columns=columns,
        no_value="No retraining with segments in this time range",
    )


def _champion_challenger() -> Drawn:
    sql = clean("""
        SELECT
            r.trigger_window_start AS "window",
            r.verdict,
            name AS metric,
            (r.champion_scores ->> name)::double precision AS champion,
            (r.challenger_scores ->> name)::double precision AS challenger,
            (r.challenger_scores ->> name)::double precision - (r.champion_scores ->> name)::double precision AS difference,
            name = r.metric AS decides,
            r.rows AS "held-out rows"
        FROM driftgate.retraining r
        CROSS JOIN LATERAL jsonb_object_keys(r.challenger_scores) AS name
        WHERE r.monitor = ${monitor:sqlstring} AND $__timeFilter(r.trigger_window_start)
        ORDER BY r.trigger_window_start DESC, decides DESC, name
        LIMIT 500
    """)
    columns = {"window": TIME, "verdict": coloured()} | {name: unit(units.Short, 3) for name in ("champion", "challenger", "difference")}
    return rows(
        "Champion against challenger",
        "Every score of both models on the same held-out rows; one metric decides.",
        sql,
        columns=columns,
        no_value="No retraining in this time range",
    )
