"""Read-only queries behind the lists of the pages: windows, gate results, decisions, retrainings, incidents, sinks and messages.

Lists of windows are paged by the window itself: a page goes on before the last window of the former one, so that new windows do not
shift what is shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

from driftgate.record.overview import FIRST, LAST
from driftgate.record.rows import Row, window_of
from driftgate.records import Window

RECENT_MESSAGES = 20


@dataclass(frozen=True)
class Page:
    """One page of a list of windows."""

    limit: int = 50
    before: Window | None = None
    """Only windows that come before this one."""
    start: datetime | None = None
    end: datetime | None = None
    """Only windows that start in [start, end)."""
    only: str | None = None
    """Only this status, verdict or action."""


@dataclass(frozen=True)
class Listing:
    """Rows of one page, newest first."""

    rows: Sequence[Row]
    more: bool
    """Whether older ones follow."""
    total: int
    """All that fit the conditions, on whatever page."""


_TABLES = {
    "windows": ("driftgate.batch", "window", "status"),
    "gates": ("driftgate.gate_result", "window", "verdict"),
    "decisions": ("driftgate.decision", "window", "action"),
    "retrainings": ("driftgate.retraining", "trigger_window", "verdict"),
}

_DETAILS = """
SELECT b.*, g.verdict AS gate, g.evaluated, jsonb_array_length(g.failed) AS failed, g.data_docs,
       c.action, c.breached, c.reasons,
       d.share AS drift_share, d.threshold AS drift_threshold, d.verdict AS drift_verdict, d.drifted_columns,
       p.value AS performance, p.reference_value AS performance_reference, p.threshold AS performance_threshold,
       p.verdict AS performance_verdict, r.reports
FROM ({page}) AS b
LEFT JOIN LATERAL (SELECT * FROM driftgate.gate_result AS g WHERE {same_g} LIMIT 1) AS g ON true
LEFT JOIN LATERAL (SELECT * FROM driftgate.decision AS c WHERE {same_c} LIMIT 1) AS c ON true
LEFT JOIN LATERAL (
    SELECT max(d.value) FILTER (WHERE d.metric = 'drift_share') AS share,
           max(d.threshold) FILTER (WHERE d.metric = 'drift_share') AS threshold,
           coalesce(max(d.verdict) FILTER (WHERE d.metric = 'dataset_drift'), max(d.verdict)) AS verdict,
           max(d.value) FILTER (WHERE d.metric = 'drifted_columns') AS drifted_columns
    FROM driftgate.metric AS d WHERE {same_d} AND d.model_version = b.measured_model_version
       AND d.family = 'data_drift' AND d.metric IN ('drift_share', 'dataset_drift', 'drifted_columns')
       AND d."column" = '' AND d.segment = ''
) AS d ON true
LEFT JOIN LATERAL (
    SELECT * FROM driftgate.metric AS p WHERE {same_p} AND p.model_version = b.measured_model_version
       AND p.family = 'performance' AND p.metric = :metric AND p."column" = '' AND p.segment = '' LIMIT 1
) AS p ON true
LEFT JOIN LATERAL (SELECT jsonb_object_agg(kind, address) AS reports FROM driftgate.report AS r WHERE {same_r}) AS r ON true
ORDER BY b.window_start DESC, b.window_end DESC
"""


def listing(connection: Connection, kind: str, monitor: str, page: Page, main_metric: str = "") -> Listing:
    """Return one page of ``windows``, ``gates``, ``decisions`` or ``retrainings``.

    Windows come with the gate's verdict, the decision, drift share, ``main_metric`` and the addresses of reports.
    """
    table, prefix, filtered = _TABLES[kind]
    values: dict[str, Any] = {"monitor": monitor, "start": page.start or FIRST, "end": page.end or LAST}
    conditions = f"monitor = :monitor AND {prefix}_start >= :start AND {prefix}_start < :end"
    if page.only is not None:
        conditions += f" AND {filtered} = :only"
        values["only"] = page.only
    total = connection.execute(text(f"SELECT count(*) FROM {table} WHERE {conditions}"), values).scalar_one()  # noqa: S608 - constants
    if page.before is not None:
        conditions += f" AND ({prefix}_start, {prefix}_end) < (:before_start, :before_end)"
        values |= {"before_start": page.before.start, "before_end": page.before.end}
    query = f"SELECT * FROM {table} WHERE {conditions} ORDER BY {prefix}_start DESC, {prefix}_end DESC LIMIT :limit"  # noqa: S608 - constants
    values["limit"] = page.limit + 1
    if kind == "windows":
        query = _with_details(query)
        values["metric"] = main_metric
    found = list(connection.execute(text(query), values).mappings())
    return Listing(found[: page.limit], len(found) > page.limit, total)


def _with_details(page: str) -> str:
    same = {
        f"same_{alias}": " AND ".join(f"{alias}.{name} = b.{name}" for name in ("monitor", "window_start", "window_end"))
        for alias in ("g", "c", "d", "p", "r")
    }
    return _DETAILS.format(page=page, **same)


# --- incidents --------------------------------------------------------------------------------------------------------


def incidents(connection: Connection, monitors: Sequence[str], *, open_only: bool, limit: int, before: int | None = None) -> list[Row]:
    """Return incidents of monitors, newest first; open ones only: the worst first. One more than ``limit`` means that there are more."""
    order = "(severity = 'critical') DESC, id DESC" if open_only else "id DESC"
    conditions = " AND resolved IS NULL" if open_only else ""
    values: dict[str, Any] = {"monitors": list(monitors), "limit": limit + 1}
    if before is not None:
        conditions += " AND id < :before"
        values["before"] = before
    statement = text(f"""
        SELECT * FROM driftgate.incident WHERE monitor = ANY(CAST(:monitors AS text[])){conditions} ORDER BY {order} LIMIT :limit
    """)  # noqa: S608 - constants
    return list(connection.execute(statement, values).mappings())


def incident(connection: Connection, monitor: str, incident_id: int) -> Row | None:
    """Return one incident of a monitor; None if it has none of this number."""
    statement = text("SELECT * FROM driftgate.incident WHERE id = :id AND monitor = :monitor")
    return connection.execute(statement, {"id": incident_id, "monitor": monitor}).mappings().first()


def incident_counts(connection: Connection, monitors: Sequence[str]) -> Row:
    """Return how many incidents monitors have had, and how many are open."""
    statement = text("""
        SELECT count(*) AS total, count(*) FILTER (WHERE resolved IS NULL) AS open
        FROM driftgate.incident WHERE monitor = ANY(CAST(:monitors AS text[]))
    """)
    return connection.execute(statement, {"monitors": list(monitors)}).mappings().one()


def messages(connection: Connection, incident_ids: Sequence[int]) -> dict[int, list[Row]]:
    """Return the messages about incidents, oldest first."""
    statement = text("SELECT * FROM driftgate.message WHERE incident_id = ANY(CAST(:ids AS bigint[])) ORDER BY id")
    found: dict[int, list[Row]] = {}
    for row in connection.execute(statement, {"ids": list(incident_ids)}).mappings():
        found.setdefault(row["incident_id"], []).append(row)
    return found


def gate_pages(connection: Connection, keys: Sequence[tuple[str, Window]]) -> dict[tuple[str, Window], str]:
    """Return the Data Docs page of each of these windows that has one."""
    statement = text("""
        SELECT g.monitor, g.window_start, g.window_end, g.data_docs
        FROM unnest(CAST(:monitors AS text[]), CAST(:starts AS timestamptz[]), CAST(:ends AS timestamptz[])) AS k (monitor, first, last)
        CROSS JOIN LATERAL (
            SELECT * FROM driftgate.gate_result AS g
            WHERE g.monitor = k.monitor AND g.window_start = k.first AND g.window_end = k.last LIMIT 1
        ) AS g WHERE g.data_docs IS NOT NULL
    """)
    values = {
        "monitors": [monitor for monitor, _ in keys],
        "starts": [window.start for _, window in keys],
        "ends": [window.end for _, window in keys],
    }
    found = connection.execute(statement, values).mappings()
    return {(row["monitor"], window_of(row)): row["data_docs"] for row in found}


# --- sinks and messages -----------------------------------------------------------------------------------------------


def failed_exports(connection: Connection, monitors: Sequence[str]) -> list[Row]:
    """Return per optional sink how many windows it lacks, and the last that failed."""
    statement = text("""
        SELECT DISTINCT ON (sink) sink, count(*) OVER (PARTITION BY sink) AS failed, error, monitor, window_start, window_end, updated_at
        FROM driftgate.export WHERE state = 'failed' AND monitor = ANY(CAST(:monitors AS text[])) ORDER BY sink, updated_at DESC
    """)
    return list(connection.execute(statement, {"monitors": list(monitors)}).mappings())


def message_counts(connection: Connection, monitors: Sequence[str]) -> dict[str, int]:
    """Return the number of messages per state."""
    statement = text("""
        SELECT state, count(*) AS messages FROM driftgate.message
        WHERE monitor = '' OR monitor = ANY(CAST(:monitors AS text[])) GROUP BY state
    """)
    return {row["state"]: row["messages"] for row in connection.execute(statement, {"monitors": list(monitors)}).mappings()}


def recent_messages(connection: Connection, monitors: Sequence[str], limit: int = RECENT_MESSAGES) -> list[Row]:
    """Return the newest messages."""
    statement = text("""
        SELECT * FROM driftgate.message WHERE monitor = '' OR monitor = ANY(CAST(:monitors AS text[])) ORDER BY id DESC LIMIT :limit
    """)
    return list(connection.execute(statement, {"monitors": list(monitors), "limit": limit}).mappings())
