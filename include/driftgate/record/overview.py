"""Read-only queries behind the pages: the state of all monitors at a glance.

Each function is one statement, whatever the number of monitors. Per monitor it goes through an index to the newest windows
(``LATERAL ... LIMIT``), so that the time does not grow with the length of the history. Values are always bound, never part of the text.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Engine, text

from driftgate.record.connection import transaction
from driftgate.record.rows import Row

TREND_WINDOWS = 30
"""Windows in the short trend of a monitor."""
STATEMENT_TIMEOUT_MS = 20_000
"""A page's query that takes longer is given up."""
FIRST, LAST = datetime(1, 1, 2, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)
"""Bounds of a range that is open on a side."""

_READING = text(f"SET TRANSACTION READ ONLY; SET LOCAL statement_timeout = {STATEMENT_TIMEOUT_MS}; SET LOCAL jit = off")

_NEWEST = text("""
SELECT m.monitor, b.window_start, b.window_end, b.status, b.rows, b.note, b.measured_model_version,
       g.verdict AS gate, g.evaluated, jsonb_array_length(g.failed) AS failed, g.data_docs,
       d.value AS drift_share, d.verdict AS drift_verdict, p.value AS performance, p.verdict AS performance_verdict
FROM unnest(CAST(:monitors AS text[]), CAST(:metrics AS text[])) AS m (monitor, metric)
CROSS JOIN LATERAL (
    SELECT * FROM driftgate.batch WHERE batch.monitor = m.monitor ORDER BY window_start DESC, window_end DESC LIMIT :windows
) AS b
LEFT JOIN LATERAL (
    SELECT * FROM driftgate.gate_result AS g
    WHERE g.monitor = b.monitor AND g.window_start = b.window_start AND g.window_end = b.window_end LIMIT 1
) AS g ON true
LEFT JOIN LATERAL (
    SELECT max(d.value) FILTER (WHERE d.metric = 'drift_share') AS value,
           coalesce(max(d.verdict) FILTER (WHERE d.metric = 'dataset_drift'), max(d.verdict)) AS verdict
    FROM driftgate.metric AS d
    WHERE d.monitor = b.monitor AND d.model_version = b.measured_model_version
      AND d.window_start = b.window_start AND d.window_end = b.window_end
      AND d.family = 'data_drift' AND d.metric IN ('drift_share', 'dataset_drift') AND d."column" = '' AND d.segment = ''
) AS d ON true
LEFT JOIN LATERAL (
    SELECT value, verdict FROM driftgate.metric AS p
    WHERE p.monitor = b.monitor AND p.model_version = b.measured_model_version
      AND p.window_start = b.window_start AND p.window_end = b.window_end
      AND p.family = 'performance' AND p.metric = m.metric AND p."column" = '' AND p.segment = '' LIMIT 1
) AS p ON true
ORDER BY m.monitor, b.window_start, b.window_end
""")

_MEASURED = text("""
SELECT m.monitor, b.window_start, b.window_end, b.measured_model_version,
       d.share, d.threshold, d.verdict, d.drifted_columns, d.judged_columns,
       p.window_start AS performance_start, p.window_end AS performance_end, p.value AS performance,
       p.reference_value AS performance_reference, p.threshold AS performance_threshold, p.verdict AS performance_verdict
FROM unnest(CAST(:monitors AS text[]), CAST(:metrics AS text[])) AS m (monitor, metric)
CROSS JOIN LATERAL (
    SELECT * FROM driftgate.batch WHERE batch.monitor = m.monitor AND status = 'measured'
    ORDER BY window_start DESC, window_end DESC LIMIT 1
) AS b
LEFT JOIN LATERAL (
    SELECT max(value) FILTER (WHERE metric = 'drift_share') AS share,
           max(threshold) FILTER (WHERE metric = 'drift_share') AS threshold,
           coalesce(max(d.verdict) FILTER (WHERE metric = 'dataset_drift'), max(d.verdict)) AS verdict,
           max(value) FILTER (WHERE metric = 'drifted_columns') AS drifted_columns,
           max(value) FILTER (WHERE metric = 'judged_columns') AS judged_columns
    FROM driftgate.metric AS d
    WHERE d.monitor = b.monitor AND d.model_version = b.measured_model_version
      AND d.window_start = b.window_start AND d.window_end = b.window_end
      AND d.family = 'data_drift' AND d.metric IN ('drift_share', 'dataset_drift', 'drifted_columns', 'judged_columns')
      AND d."column" = '' AND d.segment = ''
) AS d ON true
LEFT JOIN LATERAL (
    SELECT p.* FROM driftgate.metric AS p
    JOIN driftgate.batch AS o ON o.monitor = p.monitor AND o.window_start = p.window_start AND o.window_end = p.window_end
     AND o.measured_model_version = p.model_version
    WHERE p.monitor = m.monitor AND p.family = 'performance' AND p.metric = m.metric AND p."column" = '' AND p.segment = ''
    ORDER BY p.window_start DESC, p.window_end DESC LIMIT 1
) AS p ON true
""")

_DECISIONS = text("""
SELECT d.* FROM unnest(CAST(:monitors AS text[])) AS m (monitor)
CROSS JOIN LATERAL (
    SELECT * FROM driftgate.decision WHERE decision.monitor = m.monitor ORDER BY window_start DESC, window_end DESC LIMIT 1
) AS d
""")

_RETRAININGS = text("""
SELECT r.* FROM unnest(CAST(:monitors AS text[])) AS m (monitor)
CROSS JOIN LATERAL (
    SELECT * FROM driftgate.retraining WHERE retraining.monitor = m.monitor
    ORDER BY trigger_window_start DESC, trigger_window_end DESC LIMIT 1
) AS r
""")

_CHAMPIONS = text("""
SELECT c.* FROM unnest(CAST(:monitors AS text[])) AS m (monitor)
CROSS JOIN LATERAL (
    SELECT monitor, challenger_version AS version, updated_at AS since FROM driftgate.retraining
    WHERE retraining.monitor = m.monitor AND verdict = 'promoted' ORDER BY updated_at DESC, trigger_window_start DESC LIMIT 1
) AS c
""")

_INCIDENTS = text("""
SELECT monitor, count(*) AS open, count(acknowledged) AS acknowledged,
       CASE WHEN bool_or(severity = 'critical') THEN 'critical' ELSE 'warning' END AS worst
FROM driftgate.incident WHERE monitor = ANY(CAST(:monitors AS text[])) AND resolved IS NULL GROUP BY monitor
""")


@dataclass(frozen=True)
class Span:
    """A range of windows: by the starts of its windows, or the newest ``last`` (None: all)."""

    start: datetime | None = None
    end: datetime | None = None
    last: int | None = None


@dataclass(frozen=True)
class Fleet:
    """What is known of each monitor, by its id; a monitor without any is missing."""

    windows: Mapping[str, Sequence[Row]]
    """Newest windows, oldest first, with the gate's verdict, drift share and performance."""
    measured: Mapping[str, Row]
    """Newest measured window; its performance is that of the newest window whose targets are known, which may be an older one."""
    decisions: Mapping[str, Row]
    retrainings: Mapping[str, Row]
    champions: Mapping[str, Row]
    """The model version that was promoted last."""
    incidents: Mapping[str, Row]
    """Counts of open incidents."""


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """Give a connection for one consistent look: read-only, bounded in time.

    Raises
    ------
    ServiceError
        If PostgreSQL does not answer (in time).
    SettingsError
        If the tables are missing.
    """
    with transaction(engine.execution_options(isolation_level="REPEATABLE READ")) as connection:
        connection.execute(_READING)
        yield connection


def fleet(connection: Connection, metrics: Mapping[str, str], windows: int = TREND_WINDOWS) -> Fleet:
    """Read the state of monitors; ``metrics`` names each monitor's main performance metric."""
    monitors = sorted(metrics)
    pairs = {"monitors": monitors, "metrics": [metrics[monitor] for monitor in monitors]}
    newest: dict[str, list[Row]] = {}
    for row in connection.execute(_NEWEST, {**pairs, "windows": windows}).mappings():
        newest.setdefault(row["monitor"], []).append(row)

    def one_each(statement: Any, values: Mapping[str, Any]) -> dict[str, Row]:
        return {row["monitor"]: row for row in connection.execute(statement, values).mappings()}

    names = {"monitors": monitors}
    return Fleet(
        windows=newest,
        measured=one_each(_MEASURED, pairs),
        decisions=one_each(_DECISIONS, names),
        retrainings=one_each(_RETRAININGS, names),
        champions=one_each(_CHAMPIONS, names),
        incidents=one_each(_INCIDENTS, names),
    )


def bounds(connection: Connection, monitor: str, span: Span) -> tuple[datetime, datetime]:
    """Turn a span into [start, end) of window starts."""
    if span.start is not None or span.end is not None or span.last is None:
        return span.start or FIRST, span.end or LAST
    statement = text("""
        SELECT min(window_start) FROM (
            SELECT window_start FROM driftgate.batch WHERE monitor = :monitor ORDER BY window_start DESC, window_end DESC LIMIT :last
        ) AS newest
    """)
    return connection.execute(statement, {"monitor": monitor, "last": span.last}).scalar() or FIRST, LAST


def windows(connection: Connection, monitor: str, start: datetime, end: datetime) -> list[Row]:
    """Return the windows of a range, oldest first, with the model version that each was measured with."""
    statement = text("""
        SELECT window_start, window_end, status, rows, measured_model_version FROM driftgate.batch
        WHERE monitor = :monitor AND window_start >= :start AND window_start < :end ORDER BY window_start, window_end
    """)
    return list(connection.execute(statement, {"monitor": monitor, "start": start, "end": end}).mappings())


def contents(connection: Connection, monitor: str) -> tuple[list[Row], list[Row], list[Row]]:
    """Return what a monitor's page can offer: model versions (newest first), metrics and segments of the newest measured window."""
    versions = text("""
        SELECT measured_model_version AS version, min(window_start) AS first, max(window_start) AS last, count(*) AS windows
        FROM driftgate.batch WHERE monitor = :monitor GROUP BY measured_model_version ORDER BY max(window_start) DESC
    """)
    newest = """
        FROM (SELECT * FROM driftgate.batch WHERE batch.monitor = :monitor AND status = 'measured'
              ORDER BY window_start DESC, window_end DESC LIMIT 1) AS b
        CROSS JOIN LATERAL (
            SELECT * FROM driftgate.metric AS m WHERE m.monitor = b.monitor AND m.model_version = b.measured_model_version
              AND m.window_start = b.window_start AND m.window_end = b.window_end
        ) AS m
    """
    metrics = text(f"""
        SELECT family, metric, count(DISTINCT nullif("column", '')) AS columns, count(DISTINCT nullif(segment, '')) AS segments
        {newest} GROUP BY family, metric ORDER BY family, metric
    """)
    segments = text(f"SELECT DISTINCT segment {newest} WHERE segment <> '' ORDER BY segment LIMIT 500")
    values = {"monitor": monitor}

    def rows(statement: Any) -> list[Row]:
        return list(connection.execute(statement, values).mappings())

    return rows(versions), rows(metrics), rows(segments)
