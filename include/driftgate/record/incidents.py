"""Incidents: one per monitor and cause, opened, seen again, acknowledged and resolved."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, and_, case, func, literal, select, update
from sqlalchemy.dialects.postgresql import insert

from driftgate.record import rows, tables
from driftgate.record.connection import bound_waits, transaction
from driftgate.records import Cause, Incident, LikelyCause, Severity, Window, to_dict

TABLE = tables.incident
Also = Callable[[Incident, Connection], object]
"""Something to do about an incident in the transaction that writes it."""


class IncidentStore:
    """Reads and writes incidents; raises as ``RecordStore`` does."""

    def __init__(self, engine: Engine) -> None:
        self.engine = bound_waits(engine)

    def open(
        self,
        monitor: str,
        cause: Cause,
        window: Window,
        detail: str,
        *,
        severity: Severity = Severity.WARNING,
        model_version: str | None = None,
        likely_causes: Sequence[LikelyCause] = (),
        also: Also | None = None,
    ) -> Incident:
        """Count a window towards the open incident of this cause, opening one if there is none.

        A window counts once, in whatever order windows come; one that belonged to an incident which was resolved by another window
        since does not open another. The severity only rises; detail, model version and likely causes are those of the latest window.
        ``also`` is done in the same transaction, so that there is never one without the other.
        """
        with transaction(self.engine) as connection:
            settled = connection.execute(_settled(monitor, cause, window)).mappings().first()
            if settled:
                return rows.to_incident(settled)
            new = {
                "monitor": monitor,
                "cause": cause.value,
                **rows.window_columns(window, "opened"),
                **rows.window_columns(window, "last_seen"),
                "windows": [window.key],
                "detail": detail,
                "severity": severity.value,
                "model_version": model_version,
                "likely_causes": rows.finite_json(to_dict(tuple(likely_causes))),
            }
            incident = rows.to_incident(connection.execute(_open(new, window)).mappings().one())
            if also is not None:
                also(incident, connection)
        return incident

    def resolve(self, monitor: str, causes: Collection[Cause], window: Window, also: Also | None = None) -> list[Incident]:
        """Close the open incidents of these causes, because this window no longer shows them; return those that were closed.

        Only a window that is as late as the last one that showed the cause can say so: a backfill of older windows closes nothing.
        """
        statement = (
            update(TABLE)
            .where(TABLE.c.monitor == monitor, TABLE.c.cause.in_([cause.value for cause in causes]), TABLE.c.resolved.is_(None))
            .where(TABLE.c.last_seen_start <= window.start)
            .values(resolved=func.now(), updated_at=func.now(), **rows.window_columns(window, "resolved_window"))
            .returning(TABLE)
        )
        with transaction(self.engine) as connection:
            closed = [rows.to_incident(row) for row in connection.execute(statement).mappings().all()]
            if also is not None:
                for incident in closed:
                    also(incident, connection)
        return closed

    def acknowledge(self, incident_id: int, by: str) -> Incident | None:
        """Note that a person knows of an open incident; the first to say so stays noted. None if there is no such open incident."""
        statement = (
            update(TABLE)
            .where(TABLE.c.id == incident_id, TABLE.c.resolved.is_(None))
            .values(
                acknowledged=func.coalesce(TABLE.c.acknowledged, func.now()),
                acknowledged_by=func.coalesce(TABLE.c.acknowledged_by, by),
                updated_at=func.now(),
            )
            .returning(TABLE)
        )
        with transaction(self.engine) as connection:
            row = connection.execute(statement).mappings().first()
        return rows.to_incident(row) if row else None

    def find(self, incident_id: int) -> Incident | None:
        with transaction(self.engine) as connection:
            row = connection.execute(select(TABLE).where(TABLE.c.id == incident_id)).mappings().first()
        return rows.to_incident(row) if row else None

    def list(self, monitor: str | None = None, *, open_only: bool = True, limit: int | None = None) -> list[Incident]:
        """Return incidents, those seen latest first."""
        query = select(TABLE).order_by(TABLE.c.last_seen_start.desc(), TABLE.c.id.desc()).limit(limit)
        if monitor is not None:
            query = query.where(TABLE.c.monitor == monitor)
        if open_only:
            query = query.where(TABLE.c.resolved.is_(None))
        with transaction(self.engine) as connection:
            return [rows.to_incident(row) for row in connection.execute(query).mappings().all()]


def _settled(monitor: str, cause: Cause, window: Window) -> Any:
    """Find an incident of the past that already counts this window and was closed by a later one."""
    return (
        select(TABLE)
        .where(TABLE.c.monitor == monitor, TABLE.c.cause == cause.value, TABLE.c.resolved.is_not(None))
        .where(literal(window.key) == func.any(TABLE.c.windows))
        .where(func.coalesce(TABLE.c.resolved_window_start > window.start, True))
        .limit(1)
    )


def _open(new: dict[str, Any], window: Window) -> Any:
    stored, statement = TABLE.c, insert(TABLE)
    excluded = statement.excluded
    return (
        statement.values(**new)
        .on_conflict_do_update(
            index_elements=[stored.monitor, stored.cause],
            index_where=stored.resolved.is_(None),
            set_={**_span(excluded), **_latest(excluded), **_count(excluded, window), "updated_at": func.now()},
        )
        .returning(TABLE)
    )


def _span(new: Any) -> dict[str, ColumnElement[Any]]:
    earlier, later = new.opened_start < TABLE.c.opened_start, new.last_seen_start >= TABLE.c.last_seen_start
    return {
        **{name: case((earlier, new[name]), else_=TABLE.c[name]) for name in ("opened_start", "opened_end")},
        **{name: case((later, new[name]), else_=TABLE.c[name]) for name in ("last_seen_start", "last_seen_end")},
    }


def _latest(new: Any) -> dict[str, ColumnElement[Any]]:
    later = new.last_seen_start >= TABLE.c.last_seen_start
    worse = and_(new.severity == Severity.CRITICAL.value, TABLE.c.severity != Severity.CRITICAL.value)
    return {
        **{name: case((later, new[name]), else_=TABLE.c[name]) for name in ("detail", "model_version", "likely_causes")},
        "severity": case((worse, new.severity), else_=TABLE.c.severity),
    }


def _count(new: Any, window: Window) -> dict[str, ColumnElement[Any]]:
    known = literal(window.key) == func.any(TABLE.c.windows)
    return {
        "count": case((known, TABLE.c["count"]), else_=TABLE.c["count"] + 1),
        "windows": case((known, TABLE.c.windows), else_=func.array_cat(TABLE.c.windows, new.windows)),
    }
