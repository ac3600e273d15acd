"""Data quality: missing values, values out of range, new categories, and what the gate found."""

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
    Drawn,
    cells,
    coloured,
    heat,
    limited,
    lines,
    number,
    numbers,
    ranking,
    rows,
    steps,
    unit,
    width,
)
from driftgate_dashboards.sql import LINES, chosen, clean, indented, measured, newest, series, worst_columns

COLUMN = 'm."column"'
_COLUMN = f"AND m.\"column\" <> '' AND {chosen(COLUMN, 'column')}"
_MISSING = measured("data_quality", "missing_share", column=None, extra=_COLUMN)
SHARE_LIMITS = ((None, GREEN), (0.05, ORANGE), (0.1, RED))


def page() -> Page:
    return Page(
        links.QUALITY,
        "Quality of the incoming rows, and every verdict of the gate.",
        [
            Section("Newest window", [(5, [(panel, 4) for panel in _newest()])]),
            Section(
                "Missing values",
                [(9, [(dashboard_model.missing(), 12), (_missing_lines(), 12)]), (10, [(_missing_heat(), 14), (_missing_now(), 10)])],
            ),
            Section("Values", [(9, [(_out_of_range(), 12), (_new_categories(), 12)]), (8, [(_rows(), 12), (_duplicates(), 12)])]),
            Section(
                "Gate", [(7, [(_verdicts(), 24)]), (10, [(_failures(), 12), (_most_failing(), 12)]), (10, [(shared.gate_results(), 24)])]
            ),
        ],
        [variables.monitor(), variables.model_version(), variables.quality_column()],
        [variables.retrainings(), variables.quarantines()],
        tags=["quality"],
    )


def _newest() -> list[Drawn]:
    gate = "FROM driftgate.gate_result g WHERE g.monitor = ${monitor:sqlstring} AND $__timeFilter(g.window_start)"
    passed = f"SELECT avg((g.verdict <> 'fail')::int) AS passed {gate}"
    failed = f"SELECT jsonb_array_length(g.failed) AS failed {gate} ORDER BY g.window_start DESC LIMIT 1"
    worst = newest('m."column"', _MISSING).replace("ORDER BY m.window_start DESC", "ORDER BY m.window_start DESC, m.value DESC NULLS LAST")
    duplicates = newest("m.value AS duplicates", measured("data_quality", "duplicate_share"))
    return [
        factory.quality_overview_panel(),
        number("Most missing values in", "Column with the largest share of missing values, newest window.", worst, text=True),
        number(
            "Duplicates",
            "Share of rows whose id came before, newest window.",
            duplicates,
            unit=units.PercentUnit,
            decimals=2,
            thresholds=steps(*SHARE_LIMITS),
        ),
        number("Rows", "Rows of the newest window.", newest("m.value AS rows", measured("data_quality", "rows")), decimals=0),
        number(
            "Expectations failed",
            "In the newest window of the time range.",
            failed,
            thresholds=steps((None, GREEN), (1, ORANGE)),
            decimals=0,
        ),
        number(
            "Windows let through",
            "Share of the time range's windows that the gate did not stop.",
            passed,
            unit=units.PercentUnit,
            decimals=1,
            thresholds=steps((None, RED), (0.9, ORANGE), (0.99, GREEN)),
        ),
    ]


def _missing_lines() -> Drawn:
    return _by_column("Missing values by column", "Share of missing values per column.", "missing_share")


def _missing_heat() -> Drawn:
    sql = series('m."column" AS metric, m.value AS value', _MISSING, 'm.window_start, m."column"')
    return heat(
        "Patterns of missing values",
        "Rows are columns, cells are windows; red from 20 % missing.",
        sql,
        high=0.2,
        unit_name=units.PercentUnit,
    )


def _missing_now() -> Drawn:
    sql = clean(f"""
        SELECT
            m."column",
            (array_agg(m.value ORDER BY m.window_start DESC))[1] AS newest,
            avg(m.value) AS mean,
            max(m.value) AS most,
            max(m.reference_value) AS reference,
            max(m.threshold) AS "limit",
            count(*) FILTER (WHERE m.verdict = 'alarm') AS alarms
        {_MISSING}
        GROUP BY m."column"
        ORDER BY newest DESC NULLS LAST, m."column"
    """)
    shown = limited(*SHARE_LIMITS, unit=units.PercentUnit, decimals=2)
    columns = {name: shown for name in ("newest", "mean", "most")}
    columns |= {name: unit(units.PercentUnit, 2) for name in ("reference", "limit")}
    return rows(
        "Missing values against the reference",
        "Per column over the time range.",
        sql,
        columns={**columns, "alarms": limited((None, GREEN), (1, RED))},
    )


def _by_column(title: str, description: str, metric: str) -> Drawn:
    worst = worst_columns("data_quality", metric, "m.value")
    source = measured("data_quality", metric, column=None, extra=f"{_COLUMN}\n    {indented(worst)}")
    sql = series('m."column" AS metric, m.value AS value', source, 'm.window_start, m."column"')
    return lines(title, f"{description} At most {LINES} columns: those with the highest peak.", sql, unit=units.PercentUnit)


def _out_of_range() -> Drawn:
    return _by_column(
        "Values out of range", "Share of values outside the range of the reference, per numerical column.", "out_of_range_share"
    )


def _new_categories() -> Drawn:
    return _by_column("New categories", "Share of rows with a category that the reference does not have, per column.", "new_category_share")


def _rows() -> Drawn:
    source = measured("data_quality", "rows")
    return lines("Rows measured", "Rows per window that passed the gate.", series("m.value AS rows", source), bars=True, decimals=0)


def _duplicates() -> Drawn:
    source = measured("data_quality", "duplicate_share")
    return lines(
        "Duplicate rows",
        "Share of rows whose id came before in the window.",
        series('m.value AS "duplicates"', source),
        unit=units.PercentUnit,
    )


def _verdicts() -> Drawn:
    sql = clean("""
        SELECT g.window_start AS time, g.suite AS metric,
            max(CASE g.verdict WHEN 'pass' THEN 0 WHEN 'warn' THEN 1 ELSE 2 END) AS value
        FROM driftgate.gate_result g
        WHERE g.monitor = ${monitor:sqlstring} AND $__timeFilter(g.window_start)
        GROUP BY g.window_start, g.suite
        ORDER BY g.window_start, g.suite
    """)
    return cells(
        "Gate verdict per window",
        "One row per suite, one cell per window.",
        sql,
        thresholds=steps((None, BLUE)),
        mappings=numbers((0, "pass", GREEN), (1, "warn", ORANGE), (2, "fail", RED)),
    )


_FAILED = """
    FROM driftgate.gate_result g
    CROSS JOIN LATERAL jsonb_array_elements(g.failed) AS item
    WHERE g.monitor = ${monitor:sqlstring} AND $__timeFilter(g.window_start)
"""


def _failures() -> Drawn:
    sql = clean(f"""
        SELECT
            item ->> 'expectation' AS expectation,
            coalesce(item ->> 'column', '(table)') AS "column",
            item ->> 'severity' AS severity,
            count(*) AS windows,
            max(g.window_start) AS "last window",
            (array_agg(item ->> 'detail' ORDER BY g.window_start DESC))[1] AS "last seen"
        {_FAILED.strip()}
        GROUP BY 1, 2, 3
        ORDER BY windows DESC, expectation, "column"
        LIMIT 200
    """)
    columns = {"severity": coloured(), "last window": TIME, "last seen": width(420)}
    text = "Expectations that did not hold in the time range: which, on which column, in how many windows."
    return rows("Failures by expectation and column", text, sql, columns=columns, no_value="Every expectation held")


def _most_failing() -> Drawn:
    sql = clean(f"""
        SELECT coalesce(item ->> 'column', '(table)') AS "column", count(DISTINCT g.window_start) AS windows
        {_FAILED.strip()}
        GROUP BY 1
        ORDER BY windows DESC, 1
        LIMIT 30
    """)
    return ranking(
        "Columns that fail most",
        "Windows of the time range with a failed expectation on the column.",
        sql,
        unit=units.Short,
        thresholds=steps((None, ORANGE), (3, RED)),
        no_value="Every expectation held",
    )
