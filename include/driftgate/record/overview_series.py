"""Read-only queries behind the charts of one monitor: time series, the heat map, marks.

Both find their rows through the monitor's windows and the metrics' primary key, so that a range costs what it shows. What is too much
to draw is thinned in the database, to real windows and never to averages, and an alarm is never thinned away.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

from driftgate.record.rows import Row
from driftgate.records import DRIFT_FAMILIES, Family

ROWS_FAMILY = "batch"
"""Not a family of metrics: the rows of every window, whatever became of it."""
RATIO_LIMIT = 10.0
"""A larger ratio to the threshold is shown as this."""
_DRIFT = tuple(family.value for family in (*DRIFT_FAMILIES, Family.CONCEPT_DRIFT))
HEATMAPS = {
    "drift_score": (_DRIFT, ("drift_score", "multivariate_drift"), True),
    "slow_drift": (_DRIFT, ("slow_drift",), True),
    "missing_share": ((Family.DATA_QUALITY.value,), ("missing_share",), False),
}
"""By what is asked for: families, metrics, and whether numbers of no single column (all columns together) are a row of their own."""
MARK_LIMIT = 500

_METRIC_POINTS = """
    SELECT m."column", m.window_start, m.window_end, m.value, m.threshold, m.verdict, m.model_version, m.reference_value,
           m.direction, m.method, m.low, m.high
    FROM driftgate.batch AS b
    JOIN driftgate.metric AS m ON m.monitor = b.monitor AND m.window_start = b.window_start AND m.window_end = b.window_end
     AND m.model_version = coalesce(CAST(:model_version AS text), b.measured_model_version)
    WHERE b.monitor = :monitor AND b.window_start >= :start AND b.window_start < :end
      AND m.monitor = :monitor AND m.window_start >= :start AND m.window_start < :end
      AND m.family = :family AND m.metric = :metric AND m."column" = ANY(CAST(:columns AS text[])) AND m.segment = :segment
"""

_ROW_POINTS = """
    SELECT '' AS "column", window_start, window_end, CAST(rows AS double precision) AS value, CAST(NULL AS double precision) AS threshold,
           CAST(NULL AS text) AS verdict, measured_model_version AS model_version, CAST(NULL AS double precision) AS reference_value,
           CAST(NULL AS text) AS direction, CAST(NULL AS text) AS method,
           CAST(NULL AS double precision) AS low, CAST(NULL AS double precision) AS high
    FROM driftgate.batch WHERE monitor = :monitor AND window_start >= :start AND window_start < :end
"""

_THINNED = """
WITH points AS ({points}),
numbered AS (
    SELECT *, count(*) OVER (PARTITION BY "column") AS total,
           row_number() OVER (PARTITION BY "column" ORDER BY window_start, window_end) AS number
    FROM points
),
bucketed AS (
    SELECT *, CASE WHEN total <= :points THEN number ELSE (number - 1) / ((total * 3 + :points - 1) / :points) END AS bucket FROM numbered
),
ranked AS (
    SELECT *, row_number() OVER (PARTITION BY "column", bucket ORDER BY value, number) AS from_low,
           row_number() OVER (PARTITION BY "column", bucket ORDER BY value DESC NULLS LAST, number) AS from_high,
           row_number() OVER (PARTITION BY "column", bucket ORDER BY (verdict = 'alarm') DESC NULLS LAST, number) AS from_alarm
    FROM bucketed
)
SELECT * FROM ranked WHERE total <= :points OR from_low = 1 OR from_high = 1 OR (from_alarm = 1 AND verdict = 'alarm')
ORDER BY "column", number
"""

_CELLS = """
    SELECT m.family, m.metric, m."column", b.cell, m.window_start, m.value, m.threshold, m.verdict, m.direction, m.method,
           CASE WHEN m.value IS NULL OR m.threshold IS NULL THEN NULL
                WHEN m.direction = 'below'
                THEN greatest(0, least(:limit_ratio, 1 + log(greatest(m.threshold, 1e-300) / greatest(m.value, 1e-300))))
                WHEN m.threshold > 0 THEN least(:limit_ratio, m.value / m.threshold)
                WHEN m.value > m.threshold THEN :limit_ratio
                ELSE 0 END AS ratio
    FROM (
        SELECT monitor, window_start, window_end, coalesce(CAST(:model_version AS text), measured_model_version) AS version,
               (row_number() OVER (ORDER BY window_start, window_end) - 1) / :per_cell AS cell
        FROM driftgate.batch WHERE monitor = :monitor AND window_start >= :start AND window_start < :end
    ) AS b
    CROSS JOIN LATERAL (
        SELECT * FROM driftgate.metric AS m
        WHERE m.monitor = b.monitor AND m.model_version = b.version AND m.window_start = b.window_start AND m.window_end = b.window_end
          AND m.family = ANY(CAST(:families AS text[])) AND m.metric = ANY(CAST(:metrics AS text[]))
          AND (m."column" <> '' OR :with_whole) AND m.segment = '' {only} OFFSET 0
    ) AS m
"""

_RANKED = """
SELECT family, metric, "column", count(*) AS windows, count(*) FILTER (WHERE verdict = 'alarm') AS alarms,
       count(*) FILTER (WHERE verdict = 'too_few_rows') AS too_few,
       max(ratio) FILTER (WHERE verdict IS DISTINCT FROM 'too_few_rows') AS worst, max(direction) AS direction, max(method) AS method,
       count(*) OVER () AS total
FROM ({cells}) AS cells GROUP BY family, metric, "column"
ORDER BY alarms DESC, worst DESC NULLS LAST, "column", family LIMIT :columns
"""

_WORST_CELLS = """
SELECT DISTINCT ON (family, "column", cell) family, "column", cell, window_start, value, threshold, verdict, ratio
FROM ({cells}) AS cells
ORDER BY family, "column", cell, (verdict = 'alarm') DESC NULLS LAST, (verdict = 'too_few_rows'), ratio DESC NULLS LAST, window_start
"""

_MARKS = text("""
SELECT * FROM (
    SELECT status AS kind, window_start, window_end, rows, note AS detail, CAST(NULL AS text) AS version FROM driftgate.batch
    WHERE monitor = :monitor AND window_start >= :start AND window_start < :end AND status IN ('quarantined', 'failed', 'no_data')
    UNION ALL
    SELECT CASE verdict WHEN 'promoted' THEN 'promoted' ELSE 'retraining' END, trigger_window_start, trigger_window_end, rows,
           verdict, challenger_version FROM driftgate.retraining
    WHERE monitor = :monitor AND trigger_window_start >= :start AND trigger_window_start < :end
) AS marks ORDER BY window_start DESC, window_end DESC, kind LIMIT :limit
""")


@dataclass(frozen=True)
class SeriesQuery:
    """Which numbers a chart shows."""

    family: str
    metric: str
    columns: Sequence[str]
    segment: str = ""
    model_version: str | None = None
    """None: per window the version that it was measured with last."""
    points: int = 1500
    """Most points per column."""


@dataclass(frozen=True)
class HeatmapQuery:
    """Which columns and windows a heat map shows."""

    metric: str
    """One of :data:`HEATMAPS`."""
    search: str = ""
    """Part of a column's name."""
    columns: int = 60
    per_cell: int = 1
    """Windows that share one cell."""
    model_version: str | None = None


def series(connection: Connection, monitor: str, start: datetime, end: datetime, query: SeriesQuery) -> list[Row]:
    """Return the points per column, oldest first.

    Of a column with more than ``points`` windows, buckets of equally many windows keep the smallest value, the largest value and the
    first alarm. ``total`` is the number of windows before that.
    """
    source = _ROW_POINTS if query.family == ROWS_FAMILY else _METRIC_POINTS
    values: dict[str, Any] = {"monitor": monitor, "start": start, "end": end, "points": query.points}
    if query.family != ROWS_FAMILY:
        values |= {"family": query.family, "metric": query.metric, "segment": query.segment}
        values |= {"columns": list(query.columns), "model_version": query.model_version}
    return list(connection.execute(text(_THINNED.format(points=source)), values).mappings())


def heatmap(connection: Connection, monitor: str, start: datetime, end: datetime, query: HeatmapQuery) -> tuple[list[Row], list[Row]]:
    """Return the columns that alarm most, and their cells: of each cell the worst window.

    Columns are ranked by the number of alarms, then by the largest ratio to the threshold among the windows that could be judged.
    ``total`` is how many columns there are.
    """
    families, metrics, with_whole = HEATMAPS[query.metric]
    values = {
        "monitor": monitor,
        "start": start,
        "end": end,
        "model_version": query.model_version,
        "per_cell": query.per_cell,
        "families": list(families),
        "metrics": list(metrics),
        "with_whole": with_whole,
        "limit_ratio": RATIO_LIMIT,
    }
    search = 'AND strpos(lower(m."column"), lower(:search)) > 0' if query.search else ""
    ranking = text(_RANKED.format(cells=_CELLS.format(only=search)))
    wanted = {"search": query.search} if query.search else {}
    columns: list[Row] = list(connection.execute(ranking, {**values, **wanted, "columns": query.columns}).mappings())
    if not columns:
        return [], []
    chosen = 'AND m."column" = ANY(CAST(:chosen AS text[]))'
    cells = text(_WORST_CELLS.format(cells=_CELLS.format(only=chosen)))
    found = connection.execute(cells, {**values, "chosen": [row["column"] for row in columns]}).mappings()
    return columns, list(found)


def marks(connection: Connection, monitor: str, start: datetime, end: datetime, limit: int = MARK_LIMIT) -> list[Row]:
    """Return what happened to windows of a range, newest first: quarantined, failed, without data, retrained, promoted."""
    return list(connection.execute(_MARKS, {"monitor": monitor, "start": start, "end": end, "limit": limit}).mappings())
