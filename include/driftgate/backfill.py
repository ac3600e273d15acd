"""Many windows of the past at once: planned, prepared in parallel, settled in their order, logged and summed up.

The steps are functions of their own because Airflow runs each in a task; :mod:`driftgate.backfill_run` runs them in this process and
its workers. Whatever ends in between is found again: by :func:`plan` in the records, by a chunk in the folders of its windows.
"""

from __future__ import annotations

import itertools
import logging
import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any, Self

from driftgate import baselines, pipeline
from driftgate.config.models import MonitorConfig
from driftgate.config.windows import label, localise, windows_between
from driftgate.context import Context
from driftgate.errors import DriftgateError, SourceError
from driftgate.records import UNVERSIONED, Action, Batch, BatchStatus, Decision, GateResult, Measures, RetrainVerdict, Window
from driftgate.settling import Settled
from driftgate.windows_together import WindowsTogether, looks_back

log = logging.getLogger(__name__)

SMALLEST_CHUNK, LARGEST_CHUNK = 8, 60
"""Windows; a chunk costs something of its own, and a large one shows little progress."""
MOST_CHUNKS = 1000
"""Airflow maps a task over at most 1,024 items; a longer backfill has larger chunks."""
_CHUNKS_PER_WORKER = 4
"""More chunks than workers: they end at different times, and progress shows."""
_LOGGED_TOGETHER = 15
_PROBLEMS = 20


@dataclass(frozen=True)
class Plan:
    """What there is to do."""

    windows: tuple[Window, ...]
    """Every window of the stretch."""
    todo: tuple[Window, ...]
    """Those that are prepared and settled, oldest first."""
    unlogged: tuple[Window, ...] = ()
    """Those that are settled already and whose MLflow run is not known."""

    @property
    def skipped(self) -> int:
        return len(self.windows) - len(self.todo) - len(self.unlogged)


@dataclass(frozen=True)
class Chunk:
    """Windows that one task or worker prepares."""

    name: str
    """For people, for example ``2013-01-01 to 2013-01-30``."""
    windows: tuple[Window, ...]

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        return cls(data["name"], tuple(map(Window.from_dict, data["windows"])))


@dataclass
class Summary:
    """What became of the windows of a backfill."""

    counts: Counter[str] = field(default_factory=Counter)
    """Windows by status."""
    actions: Counter[str] = field(default_factory=Counter)
    """Measured windows by decision."""
    problems: list[str] = field(default_factory=list)
    """Windows that could not be read or measured, the first of them in words."""
    failed: int = 0

    def add(self, settled: Sequence[Settled]) -> None:
        for item in settled:
            self.counts[item.status.value] += 1
            if item.decision is not None:
                self.actions[item.decision.action.value] += 1
            if item.problem is not None:
                self.failed += 1
                if len(self.problems) < _PROBLEMS:
                    self.problems.append(item.problem)

    def __str__(self) -> str:
        windows = ", ".join(f"{count} {name}" for name, count in sorted(self.counts.items())) or "nothing to do"
        decided = ", ".join(f"{count} {name}" for name, count in sorted(self.actions.items()))
        return f"{windows}{f' ({decided})' if decided else ''}"


# --- planning ---------------------------------------------------------------------------------------------------------


def plan(
    context: Context, start: datetime | date | str, end: datetime | date | str, *, reprocess: bool = False, now: datetime | None = None
) -> Plan:
    """Find out which windows of a stretch are to be done.

    Parameters
    ----------
    start, end
        In the monitor's time zone where they name none; the end is not included. Windows that have not ended yet are left out.
    reprocess
        Do every window anew, from its source.

    Raises
    ------
    SourceError
        If there is no complete window of the past in the stretch.
    """
    from driftgate.record.progress import reached

    config, present = context.config, now or datetime.now(UTC)
    windows = tuple(window for window in windows_between(config, start, end) if window.end <= present)
    if not windows:
        raise SourceError(
            f"monitor {config.id}: from {localise(config, start):%Y-%m-%d %H:%M} to {localise(config, end):%Y-%m-%d %H:%M} there is no "
            "complete window that lies in the past; give a start and a later end (the end is not included)"
        )
    if reprocess:
        return Plan(windows, windows)
    known = reached(context.store.engine, config.id, windows[0].start, windows[-1].end)
    settled = {window for window, item in known.items() if item.is_settled}
    unlogged = tuple(window for window in windows if window in settled and known[window].needs_run)
    return Plan(windows, tuple(window for window in windows if window not in settled), unlogged)


def chunks(config: MonitorConfig, windows: Sequence[Window], workers: int) -> list[Chunk]:
    """Cut windows into consecutive chunks of about equal size: several for each worker, none larger than ``LARGEST_CHUNK``."""
    if not windows:
        return []
    wanted = min(math.ceil(len(windows) / SMALLEST_CHUNK), workers * _CHUNKS_PER_WORKER)
    number = max(wanted, min(math.ceil(len(windows) / LARGEST_CHUNK), MOST_CHUNKS))
    edges = [round(index * len(windows) / number) for index in range(number + 1)]
    return [_chunk(config, windows[first:last]) for first, last in itertools.pairwise(edges)]


def _chunk(config: MonitorConfig, windows: Sequence[Window]) -> Chunk:
    first, last = label(config, windows[0]), label(config, windows[-1])
    return Chunk(first if first == last else f"{first} to {last}", tuple(windows))


def ensure_baseline(context: Context, windows: Sequence[Window], *, reprocess: bool = False, dag_run: str | None = None) -> None:
    """Learn the limits that the windows are judged by, where there are none, from the first window that has any use for them.

    So that chunks that are prepared side by side find them; without that they would be measured one after the other.
    """
    version = pipeline.scoring_version(context)
    if looks_back(context) or not windows or baselines.load(context, version) is not None:
        return
    together = WindowsTogether(context, windows, reprocess, dag_run)
    for window in windows:
        found = together.prepare(window)
        if found.has_passed:
            baselines.ensure(context, found.batch.model_version, window, found.batch.rows)
            return


# --- afterwards -------------------------------------------------------------------------------------------------------


def log_settled(context: Context, windows: Sequence[Window], dag_run: str | None = None, seen: Callable[[int], None] | None = None) -> int:
    """Write the MLflow runs of those windows that were measured; returns how many.

    Parameters
    ----------
    seen
        Told after each request's worth of windows how many were logged.
    """
    if not windows:
        return 0
    entries = _measured(context, windows)
    with context.store.window_locks(context.config.id, [batch.window for batch, _, _ in entries], "mlflow"):
        for first in range(0, len(entries), _LOGGED_TOGETHER):
            part = entries[first : first + _LOGGED_TOGETHER]
            pipeline.log_mlflow_runs(context, part, dag_run)
            if seen is not None:
                seen(len(part))
    return len(entries)


def _measured(context: Context, windows: Sequence[Window]) -> list[tuple[Batch, GateResult | None, Measures]]:
    start, end, wanted = windows[0].start, max(window.end for window in windows), set(windows)
    gates = {result.window: result for result in context.store.gates(context.config.id, start, end)}
    batches = context.store.batches(context.config.id, start, end, [BatchStatus.MEASURED])
    found = [batch for batch in batches if batch.window in wanted]
    return [(batch, gates.get(batch.window), pipeline.load_measures(pipeline.measures_path(context, batch.window))) for batch in found]


def finish(context: Context, stretch: Window, *, again: bool = False) -> list[str]:
    """Do once what the daily run does for every window: the index of Data Docs, exports, messages about what is still open.

    Parameters
    ----------
    stretch
        The time that the backfill was about.
    again
        Send windows to the sinks that were sent before too.

    Returns
    -------
    list of str
        What did not work; the record is complete all the same.
    """
    from driftgate import exporting, notifications
    from driftgate.gate.data_docs import enter_windows

    problems = []
    gates = context.store.gates(context.config.id, stretch.start, stretch.end)
    pages = [result.data_docs for result in gates if result.data_docs]
    enter_windows(pages, context.config, context.settings, lock=context.docs_lock())
    for counts in exporting.export_since(context, stretch.start, again=again):
        problems += [f"{counts.sink.value}: {counts.error}"] if counts.error else []
    for incident in context.incidents.list(context.config.id):
        notifications.enqueue_opened(context, incident)
    try:
        problems += notifications.deliver_for(context).problems
    except DriftgateError as error:
        problems.append(str(error))
    return problems


def wanted_retraining(context: Context, stretch: Window) -> Decision | None:
    """Return the newest decision of a stretch that asks for a retraining; None where there is none, or where it was carried out.

    The records say so, not this attempt: windows that were settled before count too. Decisions about another version than the one that
    scores rows now do not: what they ask for has come.
    """
    config, version = context.config, pipeline.scoring_version(context) or UNVERSIONED
    measured = {batch.window for batch in context.store.batches(config.id, stretch.start, stretch.end, [BatchStatus.MEASURED])}
    decisions = context.store.past_decisions(config.id, version, stretch.end, None, since=stretch.start)
    asking = (decision for decision in decisions if decision.action is Action.RETRAIN and decision.window in measured)
    newest = next(asking, None)
    if newest is None:
        return None
    known = context.store.find_retraining(config.id, newest.window)
    is_open = known is None or known.verdict is RetrainVerdict.CHALLENGER_WINS  # compared, but not promoted yet
    return newest if is_open else None
