"""What wants a person's attention: open incidents, messages that did not arrive, windows that a sink did not take."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine, func, select

from driftgate.record import exports, tables
from driftgate.record.connection import bound_waits, transaction
from driftgate.record.incidents import IncidentStore
from driftgate.records import Incident, MessageState


@dataclass(frozen=True)
class ChannelState:
    """How messages to one channel fare."""

    channel: str
    waiting: int
    failed: int
    """Refused for good or given up."""
    last_sent: datetime | None
    last_error: str | None
    """The latest error of a message that is not sent."""


@dataclass(frozen=True)
class SinkState:
    """How one optional sink takes windows."""

    sink: str
    sent: int
    failed: int
    """Windows that it does not have."""
    last_sent: datetime | None
    last_error: str | None


@dataclass(frozen=True)
class Attention:
    """All of it; empty tuples when everything is well."""

    incidents: tuple[Incident, ...]
    channels: tuple[ChannelState, ...]
    sinks: tuple[SinkState, ...]


def attention(engine: Engine) -> Attention:
    """Read it all; raises as ``RecordStore`` does."""
    bound_waits(engine)
    return Attention(tuple(IncidentStore(engine).list()), tuple(_channels(engine)), tuple(map(_sink, exports.ExportStore(engine).state())))


def _channels(engine: Engine) -> list[ChannelState]:
    table = tables.message
    waiting, failed = (table.c.state == state.value for state in (MessageState.PENDING, MessageState.FAILED))
    unsent = table.c.state.in_([MessageState.PENDING.value, MessageState.FAILED.value]) & table.c.last_error.is_not(None)
    query = (
        select(
            table.c.channel,
            func.count().filter(waiting).label("waiting"),
            func.count().filter(failed).label("failed"),
            func.max(table.c.sent_at).label("last_sent"),
            func.max(table.c.id).filter(unsent).label("last_unsent"),
        )
        .group_by(table.c.channel)
        .order_by(table.c.channel)
        .subquery()
    )
    with transaction(engine) as connection:
        rows = connection.execute(select(query, table.c.last_error).outerjoin(table, table.c.id == query.c.last_unsent)).all()
    return [ChannelState(row.channel, row.waiting, row.failed, row.last_sent, row.last_error) for row in rows]


def _sink(known: exports.SinkState) -> SinkState:
    return SinkState(known.sink.value, known.sent, known.waiting, known.last_success, known.last_error)
