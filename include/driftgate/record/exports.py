"""Exports to optional sinks: which windows were sent, which wait, and what the record knows that only a sink shows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Engine, and_, case, func, literal, or_, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert

from driftgate.record import rows, tables
from driftgate.record.connection import bound_waits, transaction
from driftgate.records import BatchStatus, Export, Sink, Window

SENT, FAILED = "sent", "failed"
TABLE, BATCH = tables.export, tables.batch
_KEY = ("monitor", "window_start", "window_end")
_PAGE = 500
_ERROR_LENGTH = 1_000


@dataclass(frozen=True)
class MeasuredWindow:
    """A window with metrics in the record."""

    window: Window
    model_version: str


@dataclass(frozen=True)
class SinkState:
    """How exporting to one sink goes, over all monitors."""

    sink: Sink
    sent: int
    """Windows that the sink has."""
    waiting: int
    """Windows whose last try failed."""
    last_success: datetime | None = None
    last_error: str | None = None
    """Of the latest window that still waits, with its monitor; None when nothing waits."""
    last_error_at: datetime | None = None
    last_error_monitor: str | None = None


class ExportStore:
    """Reads and writes exports; raises as ``RecordStore`` does."""

    def __init__(self, engine: Engine) -> None:
        self.engine = bound_waits(engine)

    def save(self, *exports: Export) -> None:
        """Write how exporting ended.

        ``attempts`` in the table counts the failed tries of a window and, once it was sent, one more. Failures therefore add up
        whatever follows, and sending a window again adds nothing.
        """
        if not exports:
            return
        statement = insert(TABLE)
        new, failures = statement.excluded, TABLE.c.attempts - case((TABLE.c.state == SENT, 1), else_=0)
        changed = {"state": new.state, "error": new.error, "attempts": failures + new.attempts, "updated_at": func.now()}
        upsert = statement.on_conflict_do_update(index_elements=[column.name for column in TABLE.primary_key], set_=changed)
        with transaction(self.engine) as connection:
            connection.execute(
                upsert, [_row(export) for export in sorted(exports, key=lambda item: (item.monitor, item.window, item.sink))]
            )

    def find(self, monitor: str, window: Window, sink: Sink) -> Export | None:
        query = select(TABLE).where(*_at(monitor, window), TABLE.c.sink == sink.value)
        with transaction(self.engine) as connection:
            row = connection.execute(query).mappings().first()
        return _to_export(row) if row else None

    def supersede(self, monitor: str, sink: Sink, by: Window) -> int:
        """Settle waiting windows that start no later than ``by``, for a sink that shows the latest window only; return how many."""
        older = and_(TABLE.c.monitor == monitor, TABLE.c.sink == sink.value, TABLE.c.window_start <= by.start, TABLE.c.state == FAILED)
        new = {"state": SENT, "attempts": TABLE.c.attempts + 1, "updated_at": func.now()}
        with transaction(self.engine) as connection:
            return int(connection.execute(update(TABLE).where(older).values(error=f"superseded by window {by}", **new)).rowcount)

    # --- what is to be sent ------------------------------------------------------------------------------------------

    def unsent(self, monitor: str, sink: Sink, since: datetime | None = None, *, again: bool = False) -> Iterator[MeasuredWindow]:
        """Yield measured windows that the sink does not have as they are now, oldest first, a page at a time.

        That is: never sent, failed, or measured anew since. Windows that are sent while this runs do not disturb it.

        Parameters
        ----------
        since
            Only windows that start here or later.
        again
            Every measured window, whether it was sent or not.
        """
        after: tuple[datetime, datetime] | None = None
        while page := self._page(_unsent(monitor, sink, since, again=again), after):
            yield from page
            after = (page[-1].window.start, page[-1].window.end)

    def count_unsent(self, monitor: str, sink: Sink, since: datetime | None = None, *, again: bool = False) -> int:
        """Return how many windows :meth:`unsent` would yield now."""
        with transaction(self.engine) as connection:
            windows = _unsent(monitor, sink, since, again=again).subquery()
            return int(connection.execute(select(func.count()).select_from(windows)).scalar_one())

    def latest(self, monitor: str) -> MeasuredWindow | None:
        """Return the latest measured window of a monitor."""
        query = _measured(monitor).order_by(BATCH.c.window_start.desc(), BATCH.c.window_end.desc()).limit(1)
        with transaction(self.engine) as connection:
            row = connection.execute(query).mappings().first()
        return _to_measured(row) if row else None

    def _page(self, query: Any, after: tuple[datetime, datetime] | None) -> list[MeasuredWindow]:
        key = (BATCH.c.window_start, BATCH.c.window_end)
        if after is not None:
            query = query.where(tuple_(*key) > tuple_(*map(literal, after)))
        with transaction(self.engine) as connection:
            return [_to_measured(row) for row in connection.execute(query.order_by(*key).limit(_PAGE)).mappings()]

    # --- what sinks show ---------------------------------------------------------------------------------------------

    def windows_by_status(self, monitor: str) -> Mapping[BatchStatus, int]:
        """Count the windows of a monitor; every status is there."""
        query = select(BATCH.c.status, func.count()).where(BATCH.c.monitor == monitor).group_by(BATCH.c.status)
        with transaction(self.engine) as connection:
            found = {status: count for status, count in connection.execute(query)}
        return {status: int(found.get(status.value, 0)) for status in BatchStatus}

    def last_window(self, monitor: str) -> tuple[Window, BatchStatus] | None:
        """Return the latest window of a monitor whatever became of it."""
        query = select(BATCH).where(BATCH.c.monitor == monitor).order_by(BATCH.c.window_start.desc(), BATCH.c.window_end.desc()).limit(1)
        with transaction(self.engine) as connection:
            row = connection.execute(query).mappings().first()
        return (rows.window_of(row), BatchStatus(row["status"])) if row else None

    def failures(self, monitor: str, model_version: str) -> Mapping[Sink, int]:
        """Count failed tries to export windows that this model version measured, for every sink; it never goes down."""
        failed = func.sum(TABLE.c.attempts - case((TABLE.c.state == SENT, 1), else_=0))
        query = select(TABLE.c.sink, failed).join(BATCH, _same_window(TABLE)).group_by(TABLE.c.sink)
        query = query.where(TABLE.c.monitor == monitor, BATCH.c.measured_model_version == model_version)
        with transaction(self.engine) as connection:
            found = {sink: count for sink, count in connection.execute(query)}
        return {sink: int(found.get(sink.value, 0)) for sink in Sink}

    def report_durations(self, monitor: str, model_version: str, bounds: Sequence[float]) -> tuple[tuple[int, ...], int, float]:
        """Sum up how long drawing the reports of a model version's windows took.

        Returns
        -------
        tuple
            How many took at most each of ``bounds`` (seconds), how many there are, their sum in seconds.
        """
        seconds = tables.report.c.seconds
        counts = [func.count().filter(seconds <= bound) for bound in bounds]
        query = select(*counts, func.count(seconds), func.coalesce(func.sum(seconds), 0.0)).join(BATCH, _same_window(tables.report))
        query = query.where(tables.report.c.monitor == monitor, BATCH.c.measured_model_version == model_version)
        with transaction(self.engine) as connection:
            *at_most, count, total = connection.execute(query).one()
        return tuple(map(int, at_most)), int(count), float(total)

    def report_seconds(self, monitor: str, window: Window) -> float | None:
        """Return how long drawing the reports of one window took; None where it is not known."""
        with transaction(self.engine) as connection:
            found = connection.execute(select(func.sum(tables.report.c.seconds)).where(*_at(monitor, window, tables.report))).scalar_one()
        return None if found is None else float(found)

    def state(self) -> list[SinkState]:
        """Return how exporting goes for every sink to which anything was ever exported."""
        waiting, sent = TABLE.c.state == FAILED, TABLE.c.state == SENT
        totals = select(
            TABLE.c.sink,
            func.count().filter(sent).label("sent"),
            func.count().filter(waiting).label("waiting"),
            func.max(TABLE.c.updated_at).filter(sent).label("last_success"),
        ).group_by(TABLE.c.sink)
        newest = func.row_number().over(partition_by=TABLE.c.sink, order_by=TABLE.c.updated_at.desc()).label("newest")
        ranked = select(TABLE, newest).where(waiting).subquery()
        latest = select(ranked).where(ranked.c.newest == 1)
        with transaction(self.engine) as connection:
            errors = {row["sink"]: row for row in connection.execute(latest).mappings()}
            return [_to_state(row, errors.get(row["sink"])) for row in connection.execute(totals.order_by(TABLE.c.sink)).mappings()]


def _unsent(monitor: str, sink: Sink, since: datetime | None, *, again: bool) -> Any:
    query = _measured(monitor)
    if not again:
        missing = or_(TABLE.c.state.is_(None), TABLE.c.state == FAILED, TABLE.c.updated_at < BATCH.c.updated_at)
        query = query.outerjoin(TABLE, and_(_same_window(TABLE), TABLE.c.sink == sink.value)).where(missing)
    return query if since is None else query.where(BATCH.c.window_start >= since)


def _measured(monitor: str) -> Any:
    query = select(BATCH.c.window_start, BATCH.c.window_end, BATCH.c.measured_model_version.label("model_version"))
    is_measured = (BATCH.c.status == BatchStatus.MEASURED.value, BATCH.c.measured_model_version.is_not(None))
    return query.where(BATCH.c.monitor == monitor, *is_measured)


def _same_window(table: Any) -> ColumnElement[bool]:
    return and_(*(table.c[name] == BATCH.c[name] for name in _KEY))


def _at(monitor: str, window: Window, table: Any = TABLE) -> Sequence[ColumnElement[bool]]:
    return (table.c.monitor == monitor, table.c.window_start == window.start, table.c.window_end == window.end)


def _row(export: Export) -> dict[str, Any]:
    return {
        "monitor": export.monitor,
        **rows.window_columns(export.window),
        "sink": export.sink.value,
        "state": SENT if export.sent else FAILED,
        "attempts": export.attempts,
        "error": export.error[:_ERROR_LENGTH] if export.error else None,
    }


def _to_export(row: rows.Row) -> Export:
    return Export(row["monitor"], rows.window_of(row), Sink(row["sink"]), row["state"] == SENT, row["attempts"], row["error"])


def _to_measured(row: rows.Row) -> MeasuredWindow:
    return MeasuredWindow(rows.window_of(row), row["model_version"])


def _to_state(row: rows.Row, error: rows.Row | None) -> SinkState:
    known = (
        {}
        if error is None
        else {"last_error": error["error"], "last_error_at": error["updated_at"], "last_error_monitor": error["monitor"]}
    )
    return SinkState(Sink(row["sink"]), row["sent"], row["waiting"], row["last_success"], **known)
