"""The outbox: messages that are to be sent, were sent, or could not be.

A message is written once (its key is unique) and sent by whoever claims it. Claiming lends a message for a few minutes and counts the
attempt: two deliverers at once never get the same one, and what a deliverer that died had claimed is due again when the loan ends. Between
sending and noting that it was sent a process can die; only then a message is sent twice.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from driftgate.record import tables
from driftgate.record.connection import bound_waits, transaction
from driftgate.record.rows import Row
from driftgate.records import Event, Message, MessageState

TABLE = tables.message
LOAN = timedelta(minutes=10)
"""How long a claimed message is left alone; much longer than one attempt can take."""
_LONGEST_ERROR = 1000
_PENDING = MessageState.PENDING.value


class MessageStore:
    """Reads and writes messages; raises as ``RecordStore`` does."""

    def __init__(self, engine: Engine) -> None:
        self.engine = bound_waits(engine)

    def enqueue(self, messages: Sequence[Message], connection: Connection | None = None) -> int:
        """Write messages that are not there yet; returns how many are new.

        Parameters
        ----------
        connection
            A transaction of the caller, so that messages are written together with what they are about, or not at all.
        """
        if not messages:
            return 0
        statement = insert(TABLE).values([_row(item) for item in messages]).on_conflict_do_nothing(index_elements=[TABLE.c.key])
        if connection is not None:
            return len(connection.execute(statement.returning(TABLE.c.id)).all())
        with transaction(self.engine) as own:
            return len(own.execute(statement.returning(TABLE.c.id)).all())

    def claim(self, now: datetime, *, monitor: str | None = None, without: Collection[str] = ()) -> Message | None:
        """Take the message that is due first, and count the attempt; None when nothing is due.

        Parameters
        ----------
        monitor
            Only messages of this monitor.
        without
            Channels that are left alone.
        """
        due = select(TABLE.c.id).where(_is_due(now), TABLE.c.channel.not_in(without))
        if monitor is not None:
            due = due.where(TABLE.c.monitor == monitor)
        first = due.order_by(TABLE.c.not_before.asc().nulls_first(), TABLE.c.id).limit(1).with_for_update(skip_locked=True)
        statement = (
            update(TABLE)
            .where(TABLE.c.id == first.scalar_subquery())
            .values(attempts=TABLE.c.attempts + 1, not_before=now + LOAN, updated_at=func.now())
            .returning(TABLE)
        )
        with transaction(self.engine) as connection:
            row = connection.execute(statement).mappings().first()
        return to_message(row) if row else None

    def mark_sent(self, message: Message, remark: str | None = None) -> bool:
        """Note a delivery, by the server's clock as incidents are, whoever has claimed the message since; False when it was settled."""
        sent = {"state": MessageState.SENT.value, "sent_at": func.now(), "not_before": None, "last_error": _error(remark)}
        return self._change(sent, TABLE.c.id == message.id, TABLE.c.state == _PENDING)

    def mark_failed(self, message: Message, error: str, not_before: datetime | None) -> bool:
        """Note a failed attempt: another one follows at ``not_before``; with None the message is given up."""
        state = _PENDING if not_before else MessageState.FAILED.value
        return self._settle(message, state=state, not_before=not_before, last_error=_error(error))

    def drop(self, message: Message, reason: str) -> bool:
        """Note that a message is no longer needed."""
        return self._settle(message, state=MessageState.DROPPED.value, not_before=None, last_error=_error(reason))

    def release(self, message: Message, not_before: datetime) -> bool:
        """Give a claimed message back, as if it had not been tried."""
        return self._settle(message, attempts=max(message.attempts - 1, 0), not_before=not_before)

    def _settle(self, message: Message, **values: Any) -> bool:
        """Change a message that is still ours: pending, and claimed by nobody else since."""
        return self._change(values, TABLE.c.id == message.id, TABLE.c.state == _PENDING, TABLE.c.attempts == message.attempts)

    def _change(self, values: Mapping[str, Any], *conditions: ColumnElement[bool]) -> bool:
        statement = update(TABLE).where(*conditions).values(**values, updated_at=func.now())
        with transaction(self.engine) as connection:
            return connection.execute(statement).rowcount == 1

    def postpone(self, channel: str, now: datetime, not_before: datetime, reason: str) -> int:
        """Let the due messages of a channel wait without counting an attempt; returns how many do."""
        statement = (
            update(TABLE)
            .where(_is_due(now), TABLE.c.channel == channel)
            .values(not_before=not_before, last_error=_error(reason), updated_at=func.now())
        )
        with transaction(self.engine) as connection:
            return int(connection.execute(statement).rowcount)

    def revive(self, now: datetime, channel: str | None = None) -> int:
        """Try again what was given up, as if it were new; returns how many messages."""
        statement = update(TABLE).where(TABLE.c.state == MessageState.FAILED.value)
        if channel is not None:
            statement = statement.where(TABLE.c.channel == channel)
        with transaction(self.engine) as connection:
            return int(connection.execute(statement.values(state=_PENDING, attempts=0, not_before=now, updated_at=func.now())).rowcount)

    def recent(self, limit: int = 50, *, monitor: str | None = None) -> list[Message]:
        """Return messages, the newest first."""
        query = select(TABLE).order_by(TABLE.c.id.desc()).limit(limit)
        return self._messages(query if monitor is None else query.where(TABLE.c.monitor == monitor))

    def of_incident(self, incident_id: int) -> list[Message]:
        return self._messages(select(TABLE).where(TABLE.c.incident_id == incident_id).order_by(TABLE.c.id))

    def troubled(self, limit: int = 20) -> list[Message]:
        """Return what was given up in the last week, and what waits after an attempt that failed."""
        given_up = (TABLE.c.state == MessageState.FAILED.value) & (TABLE.c.updated_at > func.now() - timedelta(days=7))
        waiting = (TABLE.c.state == _PENDING) & TABLE.c.last_error.is_not(None)
        return self._messages(select(TABLE).where(or_(given_up, waiting)).order_by(TABLE.c.updated_at.desc()).limit(limit))

    def counts(self) -> dict[MessageState, int]:
        """Return how many messages are in each state."""
        with transaction(self.engine) as connection:
            found = {state: int(count) for state, count in connection.execute(select(TABLE.c.state, func.count()).group_by(TABLE.c.state))}
        return {state: found.get(state.value, 0) for state in MessageState}

    def _messages(self, query: Any) -> list[Message]:
        with transaction(self.engine) as connection:
            return [to_message(row) for row in connection.execute(query).mappings().all()]


def to_message(row: Row) -> Message:
    names = ("key", "channel", "monitor", "incident_id", "attempts", "not_before", "last_error", "created_at", "sent_at", "id")
    return Message(event=Event(row["event"]), state=MessageState(row["state"]), **{name: row[name] for name in names})


def _row(message: Message) -> dict[str, Any]:
    names = ("key", "incident_id", "monitor", "channel", "not_before")
    return {"event": message.event.value, **{name: getattr(message, name) for name in names}}


def _is_due(now: datetime) -> ColumnElement[bool]:
    return (TABLE.c.state == _PENDING) & or_(TABLE.c.not_before.is_(None), TABLE.c.not_before <= now)


def _error(text: str | None) -> str | None:
    return text.replace("\x00", "")[:_LONGEST_ERROR] if text else None
