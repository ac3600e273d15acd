"""What the dashboards ask of the records: pieces of SQL that many queries share.

``ALL`` is what a variable with "All" sends: one quoted word instead of every value, so that a monitor with 500 columns does not
make a query of 20 kB, and a monitor without any value does not make ``IN ()``.
"""
# ruff: noqa: S608 - text of files; nothing is executed here

from __future__ import annotations

from textwrap import dedent, indent

ALL = "'__all'"
"""Text that Grafana puts in place of a variable set to "All"; see :func:`chosen`."""

SHOWN = "m.model_version = b.measured_model_version AND b.status NOT IN ('quarantined', 'no_data')"
"""Of a window measured twice, the latest measurement; of a window that was stopped, none."""

WINDOW_URL_TIME = "to_char(%s AT TIME ZONE 'UTC', 'YYYYMMDD\"T\"HH24MISS\"Z\"')"

EXCESS = dedent("""\
    CASE m.direction
        WHEN 'below' THEN m.threshold / greatest(m.value, 1e-9)
        ELSE m.value / nullif(m.threshold, 0)
    END""")
"""How far a value is beyond its limit: above 1 is an alarm, for distances (alarm above) and for p-values (alarm below) alike."""

JUDGED = "m.verdict IN ('ok', 'alarm')"
"""A number that had enough rows, and a limit."""

SILENT_WINDOWS = dedent("""\
    extract(epoch FROM now() - max(b.updated_at))
        / extract(epoch FROM percentile_disc(0.5) WITHIN GROUP (ORDER BY b.window_end - b.window_start))""")
"""Time since anything was recorded for a monitor, counted in windows of its own usual length."""

LINES = 20
"""Columns that a chart with a line per column shows at most: the worst ones."""


def clean(text: str) -> str:
    """Strip the indentation that a query has in Python."""
    return dedent(text).strip()


def chosen(expression: str, variable: str) -> str:
    """Return the condition that keeps the values chosen in a variable with several values and "All"."""
    value = f"${{{variable}:sqlstring}}"
    return f"({ALL} IN ({value}) OR {expression} IN ({value}))"


def measured(family: str, metric: str = "", *, column: str | None = "", segment: str | None = "", extra: str = "") -> str:
    """Return FROM and WHERE of one metric of the chosen monitor, model versions and time range.

    Parameters
    ----------
    family, metric
        Address of the metric: a name, an SQL list written as ``('a', 'b')``, a variable with one value or an SQL expression that starts
        with a quoted text; no metric means all.
    column, segment
        Which column or segment; None keeps all of them (restrict them in ``extra``).
    extra
        More conditions, starting with AND.
    """
    conditions = [
        "m.monitor = ${monitor:sqlstring} AND $__timeFilter(m.window_start)",
        f"AND m.family {_equals(family)}",
        f"AND m.metric {_equals(metric)}" if metric else "",
        "" if column is None else f"AND m.\"column\" = '{column}'",
        "" if segment is None else f"AND m.segment = '{segment}'",
        f"AND {SHOWN}",
        f"AND {chosen('m.model_version', 'model_version')}",
        extra,
    ]
    where = "\n    ".join(part for part in conditions if part)
    return f"FROM driftgate.metric m\nJOIN driftgate.batch b USING (monitor, window_start, window_end)\nWHERE {where}"


def _equals(value: str) -> str:
    if value.startswith("("):
        return f"IN {value}"
    return f"= {value}" if value.startswith(("$", "'")) else f"= '{value}'"


def series(columns: str, source: str, order: str = "m.window_start") -> str:
    """Return a time series: the start of the window as ``time``, then the columns."""
    return f"SELECT m.window_start AS time, {columns}\n{source}\nORDER BY {order}"


def newest(columns: str, source: str) -> str:
    """Return one row: the columns at the newest window of the time range."""
    return f"SELECT {columns}\n{source}\nORDER BY m.window_start DESC\nLIMIT 1"


def worst_columns(family: str, metric: str, value: str) -> str:
    """Return the condition that keeps the columns with the largest values in the time range: a chart of 500 lines shows nothing.

    Parameters
    ----------
    value
        What is compared, in terms of the metric ``m``.
    """
    return clean(f"""
        AND m."column" IN (
            SELECT w."column"
            FROM driftgate.metric w
            WHERE w.monitor = ${{monitor:sqlstring}} AND $__timeFilter(w.window_start)
                AND w.family {_equals(family)} AND w.metric {_equals(metric)} AND w.segment = ''
                AND {chosen('w."column"', "column")}
            GROUP BY w."column"
            ORDER BY max({indented(value.replace("m.", "w."), 12)}) DESC NULLS LAST, w."column"
            LIMIT {LINES}
        )
    """)


def indented(text: str, spaces: int = 4) -> str:
    return indent(text, " " * spaces).lstrip()
