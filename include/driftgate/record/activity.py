"""What happened in a stretch of real time, over all monitors: for the daily digest."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Column, ColumnElement, Engine, and_, func, or_, select

from driftgate.record import rows, tables
from driftgate.record.connection import transaction
from driftgate.records import BatchStatus, Incident, MessageState, Retraining


@dataclass(frozen=True)
class Activity:
    """Counts and records between two moments of the server's clock."""

    open: tuple[Incident, ...]
    opened: tuple[Incident, ...]
    resolved: tuple[Incident, ...]
    retrainings: tuple[Retraining, ...]
    windows: dict[BatchStatus, int]
    rows: int
    """Rows of the measured windows."""
    undelivered: int
    """Messages that were given up."""


def activity(engine: Engine, since: datetime, until: datetime) -> Activity:
    """Return what happened in [since, until)."""
    incident, batch, retraining, message = tables.incident, tables.batch, tables.retraining, tables.message

    def within(column: Column[Any]) -> ColumnElement[bool]:
        return and_(column >= since, column < until)

    open_or_new = or_(incident.c.resolved.is_(None), incident.c.created_at >= since, incident.c.resolved >= since)
    with transaction(engine) as connection:
        found = connection.execute(select(incident).where(open_or_new).order_by(incident.c.severity, incident.c.id)).mappings().all()
        counted = select(batch.c.status, func.count(), func.coalesce(func.sum(batch.c.rows), 0)).where(within(batch.c.updated_at))
        windows = connection.execute(counted.group_by(batch.c.status)).all()
        retrained = select(retraining).where(within(retraining.c.updated_at)).order_by(retraining.c.updated_at)
        retrainings = connection.execute(retrained).mappings().all()
        lost = select(func.count()).where(message.c.state == MessageState.FAILED.value, within(message.c.updated_at))
        undelivered = connection.execute(lost).scalar_one()
    return Activity(
        open=tuple(rows.to_incident(row) for row in found if row["resolved"] is None),
        opened=tuple(rows.to_incident(row) for row in found if since <= row["created_at"] < until),
        resolved=tuple(rows.to_incident(row) for row in found if row["resolved"] and since <= row["resolved"] < until),
        retrainings=tuple(rows.to_retraining(row) for row in retrainings),
        windows={BatchStatus(status): count for status, count, _ in windows},
        rows=sum(int(total) for status, _, total in windows if status == BatchStatus.MEASURED.value),
        undelivered=int(undelivered),
    )
