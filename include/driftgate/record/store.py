"""The system of record: every write is an upsert on a natural key and one transaction.

The same window written twice, in whatever order and by whichever runner, leaves the same rows; the later values win. A write
that is cut off leaves nothing behind.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from typing import Any, Self

from sqlalchemy import ColumnElement, Connection, Engine, Table, and_, func, select
from sqlalchemy.engine import URL

from driftgate.record import locks, rows, tables
from driftgate.record.calibrations import Address, CalibrationStore
from driftgate.record.connection import bound_waits, make_engine, transaction
from driftgate.record.writes import Writes, upsert
from driftgate.records import Batch, BatchStatus, Decision, GateResult, GateVerdict, Measures, Retraining, Window


class RecordStore:
    """Reads and writes the records of all monitors; build with an engine, or with :meth:`open` from an address.

    Every method raises ``ServiceError`` if PostgreSQL does not answer (trying again may help) and ``SettingsError`` if the tables
    are missing.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = bound_waits(engine)

    @classmethod
    def open(cls, uri: str | URL) -> Self:
        return cls(make_engine(uri))

    def write(self, writes: Writes) -> None:
        """Write what was collected about any number of windows, in one transaction.

        The rules are those of the methods that write about one window, which is what they use themselves.
        """
        with self._transaction() as connection:
            writes.execute(connection)

    # --- batches and the gate ----------------------------------------------------------------------------------------

    def save_batch(self, batch: Batch) -> None:
        """Write one window's batch.

        A status never goes backwards for the same data: when the stored batch holds the same content, scored by the same model
        version, and was already measured or quarantined, writing it as ``ingested`` again keeps that status. So a re-run that
        dies between ingest and the next step changes no verdict and no metric; the gate and the measurement of the re-run write
        their own status when they get there. Other content, or any other status, replaces the stored one at once, while earlier
        metrics stay until the new ones are written. The gate's answer about the former content goes with it, so that new content
        never counts as passed before the gate saw it.
        """
        writes = Writes()
        writes.batch(batch)
        self.write(writes)

    def find_batch(self, monitor: str, window: Window) -> Batch | None:
        row = self._first(select(tables.batch).where(_at(tables.batch, monitor, window)))
        return rows.to_batch(row) if row else None

    def batches(self, monitor: str, start: datetime, end: datetime, statuses: Collection[BatchStatus] | None = None) -> list[Batch]:
        """Return the batches whose windows lie completely in [start, end), oldest first."""
        table = tables.batch
        query = select(table).where(table.c.monitor == monitor, table.c.window_start >= start, table.c.window_end <= end)
        if statuses is not None:
            query = query.where(table.c.status.in_([BatchStatus(status).value for status in statuses]))
        return [rows.to_batch(row) for row in self._all(query.order_by(table.c.window_start, table.c.window_end))]

    def passed_batches(self, monitor: str, start: datetime, end: datetime) -> list[Batch]:
        """Return the batches in [start, end) that the gate let through (pass or warn), oldest first."""
        table, gate = tables.batch, tables.gate_result
        passed = and_(*(table.c[name] == gate.c[name] for name in ("monitor", "window_start", "window_end")))
        query = select(table).join(gate, and_(passed, gate.c.verdict != GateVerdict.FAIL.value))
        query = query.where(table.c.monitor == monitor, table.c.window_start >= start, table.c.window_end <= end)
        query = query.where(table.c.status.in_([BatchStatus.INGESTED.value, BatchStatus.MEASURED.value]))
        return [rows.to_batch(row) for row in self._all(query.order_by(table.c.window_start, table.c.window_end))]

    def save_gate(self, batch: Batch, result: GateResult) -> None:
        """Write the gate's answer and the batch with its status in one transaction.

        A batch that is passed on (status ``ingested``) stays ``measured`` if the same content had been measured before; a
        quarantine is lifted.
        """
        writes = Writes()
        writes.gate(batch, result)
        self.write(writes)

    def find_gate(self, monitor: str, window: Window) -> GateResult | None:
        row = self._first(select(tables.gate_result).where(_at(tables.gate_result, monitor, window)))
        return rows.to_gate(row) if row else None

    def gates(self, monitor: str, start: datetime, end: datetime) -> list[GateResult]:
        """Return the gate's answers about windows that lie completely in [start, end), oldest first."""
        table = tables.gate_result
        query = select(table).where(table.c.monitor == monitor, table.c.window_start >= start, table.c.window_end <= end)
        return [rows.to_gate(row) for row in self._all(query.order_by(table.c.window_start, table.c.window_end))]

    def passed_after(self, monitor: str, window: Window) -> bool:
        """Whether the gate let a later window through."""
        table = tables.gate_result
        later = select(table.c.verdict).where(table.c.monitor == monitor, table.c.window_start > window.start)
        return self._first(later.where(table.c.verdict != GateVerdict.FAIL.value).limit(1)) is not None

    # --- measures ----------------------------------------------------------------------------------------------------

    def save_measures(self, batch: Batch, measures: Measures) -> None:
        """Write every metric of one window and mark its batch as measured, in one transaction.

        Rows of the same monitor, model version and window that are no longer produced are deleted. Values that are not finite
        become NULL. The number of statements does not depend on the number of metrics.

        Raises
        ------
        MeasureError
            If two metrics have the same address; nothing is written.
        """
        writes = Writes()
        writes.measures(dataclasses.replace(batch, status=BatchStatus.MEASURED), measures)
        self.write(writes)

    def load_measures(self, monitor: str, window: Window, model_version: str) -> Measures | None:
        """Return the metrics of one window, ordered by address; None if there are none. ``rows`` is the batch's count."""
        metric, batch = tables.metric, tables.batch
        found = self._all(
            select(metric, batch.c.rows.label("batch_rows"))
            .join(batch, and_(*(metric.c[name] == batch.c[name] for name in ("monitor", "window_start", "window_end"))))
            .where(_at(metric, monitor, window), metric.c.model_version == model_version)
        )
        if not found:
            return None
        metrics = tuple(rows.to_metric(row) for row in sorted(found, key=_address))
        return Measures(monitor, window, model_version, found[0]["batch_rows"], metrics)

    def metric_history(
        self, monitor: str, model_version: str, before: datetime, addresses: Collection[Address], limit: int
    ) -> dict[Address, list[tuple[float, int]]]:
        """Return recent values of some metrics: see :meth:`driftgate.record.calibrations.CalibrationStore.history`."""
        return CalibrationStore(self.engine).history(monitor, model_version, before, addresses, limit)

    # --- decisions ---------------------------------------------------------------------------------------------------

    def save_decision(self, decision: Decision) -> None:
        writes = Writes()
        writes.decision(decision)
        self.write(writes)

    def find_decision(self, monitor: str, window: Window) -> Decision | None:
        row = self._first(select(tables.decision).where(_at(tables.decision, monitor, window)))
        return rows.to_decision(row) if row else None

    def past_decisions(
        self,
        monitor: str,
        model_version: str,
        before: datetime,
        limit: int | None,
        *,
        since: datetime | None = None,
        minimum_rows: int = 0,
    ) -> list[Decision]:
        """Return decisions about windows that start before a moment (and not before ``since``), newest first, for one model version.

        Windows with fewer than ``minimum_rows`` rows are left out: they can say neither yes nor no.
        """
        table, batch = tables.decision, tables.batch
        of_batch = and_(*(table.c[name] == batch.c[name] for name in ("monitor", "window_start", "window_end")))
        query = select(table).outerjoin(batch, of_batch).where(func.coalesce(batch.c.rows, minimum_rows) >= minimum_rows)
        query = query.where(table.c.monitor == monitor, table.c.model_version == model_version, table.c.window_start < before)
        if since is not None:
            query = query.where(table.c.window_start >= since)
        query = query.order_by(table.c.window_start.desc(), table.c.window_end.desc()).limit(limit)
        return [rows.to_decision(row) for row in self._all(query)]

    def unbreached_after(self, monitor: str, window: Window) -> bool:
        """Whether a later window did not break the policy's rules."""
        table = tables.decision
        later = select(table.c.breached).where(table.c.monitor == monitor, table.c.window_start > window.start)
        return self._first(later.where(table.c.breached.is_(False)).limit(1)) is not None

    # --- retrainings and reports -------------------------------------------------------------------------------------

    def save_retraining(self, retraining: Retraining) -> None:
        with self._transaction() as connection:
            upsert(connection, tables.retraining, [rows.retraining_row(retraining)])

    def find_retraining(self, monitor: str, trigger_window: Window) -> Retraining | None:
        row = self._first(select(tables.retraining).where(_at(tables.retraining, monitor, trigger_window, "trigger_window")))
        return rows.to_retraining(row) if row else None

    def retrainings(self, monitor: str, limit: int | None = None) -> list[Retraining]:
        """Return the retrainings of a monitor, the latest trigger window first."""
        return [rows.to_retraining(row) for row in self._all(self._retrainings(monitor).limit(limit))]

    def last_retraining_before(self, monitor: str, start: datetime) -> Window | None:
        """Return the latest trigger window that starts before a moment, however its retraining ended."""
        row = self._first(self._retrainings(monitor).where(tables.retraining.c.trigger_window_start < start).limit(1))
        return rows.window_of(row, "trigger_window") if row else None

    def _retrainings(self, monitor: str) -> Any:
        table = tables.retraining
        query = select(table).where(table.c.monitor == monitor)
        return query.order_by(table.c.trigger_window_start.desc(), table.c.trigger_window_end.desc())

    def save_report(self, monitor: str, window: Window, kind: str, address: str, seconds: float | None = None) -> None:
        """Record where a report of one kind about one window lies, and how long drawing it took."""
        writes = Writes()
        writes.report(monitor, window, kind, address, seconds)
        self.write(writes)

    def find_report(self, monitor: str, window: Window, kind: str) -> str | None:
        """Return where the report of one kind about a window lies; None when there is none."""
        row = self._first(select(tables.report.c.address).where(_at(tables.report, monitor, window), tables.report.c.kind == kind))
        return row["address"] if row else None

    # --- locks and connections ---------------------------------------------------------------------------------------

    def window_lock(
        self, monitor: str, window: Window | str, purpose: str, *, wait_s: float = locks.LOCK_WAIT_S
    ) -> AbstractContextManager[None]:
        """Make runs of one window (or of another named thing of a monitor) wait for each other.

        Parameters
        ----------
        window
            The window, or any other name where the thing to protect is not a window.
        purpose
            What the lock is for; locks of different purposes do not wait for each other.
        wait_s
            Seconds to wait for another holder before ``ServiceError``.
        """
        name = window.key if isinstance(window, Window) else window
        return locks.hold(self.engine, monitor, name, purpose, wait_s)

    def window_locks(self, monitor: str, windows: Sequence[Window], purpose: str) -> AbstractContextManager[None]:
        """Hold the locks of many windows, over one connection; see :meth:`window_lock`."""
        return locks.hold_all(self.engine, monitor, [window.key for window in windows], purpose)

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        with transaction(self.engine) as connection:
            yield connection

    def _all(self, query: Any) -> Sequence[rows.Row]:
        with self._transaction() as connection:
            return connection.execute(query).mappings().all()

    def _first(self, query: Any) -> rows.Row | None:
        with self._transaction() as connection:
            return connection.execute(query).mappings().first()


def _at(table: Table, monitor: str, window: Window, prefix: str = "window") -> ColumnElement[bool]:
    return and_(table.c.monitor == monitor, table.c[f"{prefix}_start"] == window.start, table.c[f"{prefix}_end"] == window.end)


def _address(row: rows.Row) -> tuple[str, str, str, str]:
    return (row["family"], row["metric"], row["column"], row["segment"])
