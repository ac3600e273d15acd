"""Prepared windows become records: judged, stored and decided one after the other, as the monitor's daily run does it.

The code that judges and decides is that of the daily run; it reads and writes through a store that writes many windows at once.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from driftgate import baselines, pipeline
from driftgate.big_batches import measured_rows
from driftgate.context import Context
from driftgate.errors import DriftgateError, ServiceError
from driftgate.records import BatchStatus, Decision, GateVerdict, Measures, Window
from driftgate.windows_together import Prepared, looks_back, prepared_path

if TYPE_CHECKING:
    from driftgate.baselines import Baseline
    from driftgate.record.buffered import BufferedStore, OpenIncidents

log = logging.getLogger(__name__)

GROUP = 30
"""Windows that are written in one transaction."""


@dataclass(frozen=True)
class Settled:
    """What became of one window."""

    window: Window
    status: BatchStatus
    decision: Decision | None = None
    verdict: GateVerdict | None = None
    problem: str | None = None


@dataclass(frozen=True)
class SettlingContext(Context):
    """The context of windows that are settled together; nobody is told of an incident before the last of them."""

    tells: bool = False

    @cached_property
    def incidents(self) -> OpenIncidents:
        from driftgate.record.buffered import OpenIncidents

        return OpenIncidents(self.store.engine, self.config.id)


class Settler:
    """Settles windows of a monitor; give it all of them in their order, in as many calls as is convenient."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._baseline: tuple[str | None, Baseline, str] | None = None

    def settle(self, prepared: Sequence[Prepared]) -> Iterator[list[Settled]]:
        """Judge, store and decide windows; yields after each group that has been written.

        A window that cannot be measured keeps the record of its batch and is returned with its problem.

        Raises
        ------
        ServiceError
            If a server does not answer; groups that were written stay.
        """
        for first in range(0, len(prepared), GROUP):
            group = prepared[first : first + GROUP]
            context, store = self._open([item.window for item in group])
            settled = [self._settle(context, store, item) for item in group]
            store.flush()
            for item in group:
                prepared_path(context, item.window).unlink(missing_ok=True)
            yield settled

    def _open(self, windows: Sequence[Window]) -> tuple[SettlingContext, BufferedStore]:
        from driftgate.record.buffered import BufferedStore

        base = self._context
        store = BufferedStore(base.store.engine, base.config.id, windows)
        return SettlingContext(base.monitor, base.settings, store, base.connection_uri), store

    def _settle(self, context: SettlingContext, store: BufferedStore, prepared: Prepared) -> Settled:
        batch = prepared.batch
        if batch.status is BatchStatus.FAILED:
            if not pipeline.holds_rows(store.find_batch(batch.monitor, batch.window)):
                store.save_batch(batch)
            return Settled(batch.window, batch.status, problem=prepared.problem)
        if prepared.is_new:
            store.save_batch(batch)
        if prepared.gate is None:
            return Settled(batch.window, batch.status)
        pipeline.record_gate(context, batch, prepared.gate)
        verdict = prepared.gate.verdict
        if not prepared.has_passed:
            return Settled(batch.window, BatchStatus.QUARANTINED, verdict=verdict)
        if prepared.problem is not None:
            return Settled(batch.window, batch.status, verdict=verdict, problem=prepared.problem)
        try:
            measures = self._judged(context, store, prepared)
        except ServiceError:
            raise
        except DriftgateError as error:
            return Settled(batch.window, batch.status, verdict=verdict, problem=str(error))
        pipeline.keep_measures(context, measures)
        pipeline.store(context, batch, measures)
        return Settled(batch.window, BatchStatus.MEASURED, pipeline.decide(context, measures), verdict)

    def _judged(self, context: SettlingContext, store: BufferedStore, prepared: Prepared) -> Measures:
        if looks_back(context):
            store.flush()  # the reference is made of the records
            return pipeline.measure_rows(context, prepared.batch, measured_rows(context, prepared.batch))
        baseline, mark = self._baseline_of(context, store, prepared)
        measures = prepared.measures
        if measures is None or prepared.baseline != mark:
            batch = prepared.batch
            frame, reference = measured_rows(context, batch), pipeline.compared_with(context, batch)
            measures = pipeline.measure_alone(context, batch, frame, reference, baseline)
        return pipeline.judge(context, baseline, measures)

    def _baseline_of(self, context: SettlingContext, store: BufferedStore, prepared: Prepared) -> tuple[Baseline, str]:
        """Return the baseline as the daily run would find or make it for this window."""
        version, window, rows = prepared.batch.model_version, prepared.window, prepared.batch.rows
        if self._baseline is not None and self._baseline[0] == version:
            _, known, mark = self._baseline
            if not baselines.is_outgrown(context, known, version, window, rows):
                return known, mark
        store.flush()  # what is learned anew looks at the records
        made = baselines.ensure(context, version, window, rows)
        self._baseline = version, made, baselines.mark(made)
        return made, self._baseline[2]
