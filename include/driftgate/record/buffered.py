"""Records of some windows that are written together, although each is decided on what was found out about those before it.

A :class:`BufferedStore` keeps what is written and shows it to whoever reads, so that the code that takes one window after the other
needs not know. What is asked about *later* windows is answered from the tables, which still are as they were when the first of these
windows was at its turn.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime
from functools import cached_property
from typing import Any

from sqlalchemy import Engine, select

from driftgate.record import rows, tables
from driftgate.record.calibrations import Address, CalibrationStore, MeasuredWindow, by_address
from driftgate.record.incidents import Also, IncidentStore
from driftgate.record.store import RecordStore
from driftgate.record.writes import Writes
from driftgate.records import Batch, BatchStatus, Cause, Decision, GateResult, Incident, Measures, Window


class BufferedStore(RecordStore):
    """The records of one monitor while windows are settled in their order; :meth:`flush` writes what was collected.

    Parameters
    ----------
    windows
        The windows that are going to be settled, in their order.
    """

    def __init__(self, engine: Engine, monitor: str, windows: Sequence[Window]) -> None:
        super().__init__(engine)
        self._monitor, self._start, self._end = monitor, windows[0].start, max(window.end for window in windows)
        self._writes = Writes()
        self._batches: dict[Window, Batch] = {}
        self._measures: dict[Window, Measures] = {}
        self._decisions: dict[Window, Decision] = {}
        self._known_decisions: dict[tuple[str, int, int], list[Decision]] = {}
        self._known_values: dict[tuple[str, frozenset[Address], int], list[MeasuredWindow]] = {}

    def flush(self) -> None:
        """Write what was collected, in one transaction."""
        self.write(self._writes)
        self._writes = Writes()

    # --- writes ------------------------------------------------------------------------------------------------------

    def save_batch(self, batch: Batch) -> None:
        self._batches[batch.window] = batch
        self._writes.batch(batch)

    def save_gate(self, batch: Batch, result: GateResult) -> None:
        self._batches[batch.window] = batch
        self._writes.gate(batch, result)

    def save_measures(self, batch: Batch, measures: Measures) -> None:
        measured = replace(batch, status=BatchStatus.MEASURED)
        self._writes.measures(measured, measures)
        self._batches[batch.window], self._measures[batch.window] = measured, measures

    def save_decision(self, decision: Decision) -> None:
        self._decisions[decision.window] = decision
        self._writes.decision(decision)

    # --- reads -------------------------------------------------------------------------------------------------------

    def find_batch(self, monitor: str, window: Window) -> Batch | None:
        return self._batches.get(window) or super().find_batch(monitor, window)

    def load_measures(self, monitor: str, window: Window, model_version: str) -> Measures | None:
        mine = self._measures.get(window)
        return mine if mine is not None and mine.model_version == model_version else super().load_measures(monitor, window, model_version)

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
        if since is not None or limit is None:
            raise NotImplementedError("only the latest decisions before a moment are kept in mind")
        key = (model_version, limit, minimum_rows)
        if key not in self._known_decisions:
            earlier = super().past_decisions(monitor, model_version, self._start, limit, minimum_rows=minimum_rows)
            between = super().past_decisions(monitor, model_version, self._end, None, since=self._start, minimum_rows=minimum_rows)
            self._known_decisions[key] = [*earlier, *between]
        stored = [item for item in self._known_decisions[key] if item.window not in self._decisions]
        mine = [item for item in self._decisions.values() if item.model_version == model_version and self._rows(item) >= minimum_rows]
        past = [item for item in (*stored, *mine) if item.window.start < before]
        return sorted(past, key=lambda item: item.window, reverse=True)[:limit]

    def _rows(self, decision: Decision) -> int:
        return self._batches[decision.window].rows

    def metric_history(
        self, monitor: str, model_version: str, before: datetime, addresses: Collection[Address], limit: int
    ) -> dict[Address, list[tuple[float, int]]]:
        key = (model_version, frozenset(addresses), limit)
        if key not in self._known_values:
            store = CalibrationStore(self.engine)
            self._known_values[key] = store.measured(monitor, model_version, self._end, addresses, limit, since=self._start)
        stored = [item for item in self._known_values[key] if item.window not in self._batches]
        mine = [
            _values(item, self._batches[window].rows, key[1])
            for window, item in self._measures.items()
            if item.model_version == model_version
        ]
        past = sorted((item for item in (*stored, *mine) if item.window.end <= before), key=lambda item: item.window.start)
        return by_address(past[-limit:])

    @cached_property
    def _retrained(self) -> list[Window]:
        table = tables.retraining
        query = select(table.c.trigger_window_start, table.c.trigger_window_end).where(table.c.monitor == self._monitor)
        return sorted(rows.window_of(row, "trigger_window") for row in self._all(query))

    def last_retraining_before(self, monitor: str, start: datetime) -> Window | None:
        return max((window for window in self._retrained if window.start < start), default=None)


def _values(measures: Measures, rows_of: int, addresses: Collection[Address]) -> MeasuredWindow:
    found = {item.address[:3]: item.value for item in measures.metrics if not item.segment and item.address[:3] in addresses}
    finite = {address: rows.finite(value) for address, value in found.items()}
    return MeasuredWindow(measures.window, rows_of, {address: value for address, value in finite.items() if value is not None})


class OpenIncidents(IncidentStore):
    """The incidents of one monitor while its windows are settled: what is open is known, so that nothing is asked for in vain."""

    def __init__(self, engine: Engine, monitor: str) -> None:
        super().__init__(engine)
        self._monitor = monitor
        self._open: tuple[Incident, ...] | None = None

    def open(self, *args: Any, **kwargs: Any) -> Incident:
        self._open = None
        return super().open(*args, **kwargs)

    def resolve(self, monitor: str, causes: Collection[Cause], window: Window, also: Also | None = None) -> list[Incident]:
        if not any(incident.cause in causes and incident.last_seen.start <= window.start for incident in self.list(monitor)):
            return []
        self._open = None
        return super().resolve(monitor, causes, window, also)

    def list(self, monitor: str | None = None, *, open_only: bool = True, limit: int | None = None) -> list[Incident]:
        if monitor != self._monitor or not open_only or limit is not None:
            return super().list(monitor, open_only=open_only, limit=limit)
        if self._open is None:
            self._open = tuple(super().list(monitor))
        return list(self._open)
