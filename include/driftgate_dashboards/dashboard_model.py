"""One model: everything about one monitor on one page, each part with a way to its details."""
# ruff: noqa: S608 - text of files; nothing is executed here

from __future__ import annotations

from grafana_foundation_sdk.models import units

from driftgate_dashboards import factory, links, shared, variables
from driftgate_dashboards.layout import Page, Section
from driftgate_dashboards.panels import BLUE, GREEN, RED, VERDICTS, Drawn, cells, dial, limit_line, lines, number, numbers, steps
from driftgate_dashboards.sql import EXCESS, JUDGED, chosen, clean, indented, measured, newest, series

_VERSIONS = chosen("b.measured_model_version", "model_version")
_COLUMN_CHOSEN = chosen('m."column"', "column")
FAMILIES = "('data_drift', 'prediction_drift', 'target_drift')"
YES_NO = numbers((0, "no", GREEN), (1, "drifted", RED))


def page() -> Page:
    return Page(
        links.MODEL,
        "One monitor: state, drift, quality, performance, decisions, retrainings.",
        [
            Section("State", [(5, [(panel, 4) for panel in _state()])]),
            Section(
                "Drift",
                [(8, [(factory.drift_overview_panel(), 12), (dataset_drift(), 12)]), (8, [(drifted_columns(), 12), (_columns(), 12)])],
            ),
            Section(
                "Quality and performance", [(8, [(missing(), 12), (factory.performance_panel(), 12)]), (8, [(_rows(), 12), (_times(), 12)])]
            ),
            Section(
                "Decisions",
                [
                    (10, [(shared.decisions(), 14), (shared.incidents(), 10)]),
                    (9, [(shared.gate_results(), 12), (shared.retrainings(), 12)]),
                ],
            ),
        ],
        [variables.monitor(), variables.model_version(), variables.performance(), variables.column()],
        [variables.retrainings(), variables.quarantines()],
        tags=["model"],
    )


def _state() -> list[Drawn]:
    champion = clean("""
        SELECT CASE r.verdict WHEN 'promoted' THEN r.challenger_version ELSE r.champion_version END AS champion
        FROM driftgate.retraining r
        WHERE r.monitor = ${monitor:sqlstring} AND r.verdict IN ('promoted', 'rolled_back')
        ORDER BY r.updated_at DESC
        LIMIT 1
    """)
    gate = clean("""
        SELECT g.verdict FROM driftgate.gate_result g
        WHERE g.monitor = ${monitor:sqlstring} AND $__timeFilter(g.window_start)
        ORDER BY g.window_start DESC LIMIT 1
    """)
    open_incidents = "SELECT count(*) AS open FROM driftgate.incident i WHERE i.monitor = ${monitor:sqlstring} AND i.resolved IS NULL"
    score = newest("m.value AS score", measured("performance", "${performance:sqlstring}"))
    return [
        number(
            "Champion",
            "Version of the model that is in use, by the newest promotion or rollback.",
            champion,
            text=True,
            no_value="No champion yet",
        ),
        number("Gate", "Verdict on the newest window of the time range.", gate, text=True, mappings=VERDICTS),
        drift_gauge(),
        factory.quality_overview_panel(),
        number(
            "Newest score: ${performance}",
            "The model's realised score in the newest window with labels.",
            score,
            decimals=2,
            no_value="No labels yet",
        ),
        number("Open incidents", "Whatever the time range.", open_incidents, thresholds=steps((None, GREEN), (1, RED)), no_value="0"),
    ]


def drift_gauge() -> Drawn:
    """Return the gauge of dataset drift: how near the newest window is to the verdict drifted."""
    tests = "('drift_score', 'multivariate_drift', 'slow_drift')"
    fixed = "max(m.value / nullif(m.threshold, 0)) FILTER (WHERE m.metric = 'drift_share')"
    learned = f"least(max({indented(EXCESS)}) FILTER (WHERE m.metric IN {tests} AND {JUDGED}), 2)"
    source = measured(FAMILIES, "('drift_share', 'drift_score', 'multivariate_drift', 'slow_drift')", column=None)
    sql = newest(f'coalesce({fixed}, {learned}) AS "of the limit"', f"{source}\nGROUP BY m.window_start")
    text = (
        "How near the newest window is to counting as drifted: at 100 % it does. With learned limits the test that is nearest to (or "
        "furthest beyond) its limit; with fixed ones the share of drifted columns as a share of the monitor's own limit."
    )
    return dial("Dataset drift", text, sql, unit=units.PercentUnit, high=2, thresholds=steps((None, GREEN), (0.8, "orange"), (1, RED)))


def dataset_drift() -> Drawn:
    """Return the prediction's drift and whether the whole dataset drifted, over time."""
    sql = clean(f"""
        SELECT
            b.window_start AS time,
            v.prediction_drift AS "prediction drift",
            v.dataset_drift::int AS "dataset drift"
        FROM driftgate.ml_metrics v
        JOIN driftgate.batch b ON b.id = v.id
        WHERE v.model_name = ${{monitor:sqlstring}} AND $__timeFilter(b.window_start) AND {_VERSIONS}
        ORDER BY b.window_start
    """)
    text = "Drift score of the prediction, and the dataset's verdict: 1 is drifted, 0 is not."
    return lines("Data drift over time", text, sql, decimals=2)


def drifted_columns() -> Drawn:
    """Return how many columns drifted, and how many could be judged."""
    columns = ", ".join(
        f"max(m.value) FILTER (WHERE m.metric = '{metric}') AS \"{metric.replace('_', ' ')}\""
        for metric in ("drifted_columns", "judged_columns")
    )
    source = measured("data_drift", "('drifted_columns', 'judged_columns')")
    text = "Columns with drift, of those that had enough rows to be judged."
    return lines("Drifted columns", text, series(columns, f"{source}\nGROUP BY m.window_start"), decimals=0)


def missing() -> Drawn:
    """Return the rate of missing values over time."""
    source = measured("data_quality", "missing_share")
    panel = lines(
        "Missing values rate",
        "Share of missing values over all columns. Shaded: above 5 %.",
        series('m.value AS "missing"', source),
        unit=units.PercentUnit,
    )
    return limit_line(panel, factory.QUALITY_WARNING, color="orange")


def _columns() -> Drawn:
    source = measured("('data_drift', 'prediction_drift', 'target_drift')", "drift_score", column=None, extra=f"AND {_COLUMN_CHOSEN}")
    value = "CASE m.verdict WHEN 'alarm' THEN 1 WHEN 'ok' THEN 0 END"
    sql = series(f'm."column" AS metric, {value} AS value', source, 'm.window_start, m."column"')
    return cells(
        "Columns: drifted or not",
        "One row per column, one cell per window. Empty: too few rows to judge.",
        sql,
        thresholds=steps((None, GREEN), (1, RED)),
        mappings=YES_NO,
    )


def _rows() -> Drawn:
    sql = clean("""
        SELECT window_start AS time,
            CASE WHEN status <> 'quarantined' THEN rows END AS rows,
            CASE WHEN status = 'quarantined' THEN rows END AS quarantined
        FROM driftgate.batch
        WHERE monitor = ${monitor:sqlstring} AND $__timeFilter(window_start)
        ORDER BY window_start
    """)
    return lines("Rows", "Rows per window; those of quarantined windows apart.", sql, bars=True, stacked=True, decimals=0)


def _times() -> Drawn:
    sql = clean(f"""
        SELECT b.window_start AS time, b.measured_model_version AS metric, count(*) AS value
        FROM driftgate.batch b
        WHERE b.monitor = ${{monitor:sqlstring}} AND $__timeFilter(b.window_start) AND b.measured_model_version IS NOT NULL AND {_VERSIONS}
        GROUP BY b.window_start, b.measured_model_version
        ORDER BY b.window_start
    """)
    return cells(
        "Model version per window",
        "Which version of the model made the predictions that were measured.",
        sql,
        thresholds=steps((None, BLUE)),
    )
