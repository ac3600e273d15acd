"""A whole backfill in this process and its workers: what the command line does, and what is measured."""

from __future__ import annotations

import logging
import multiprocessing
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import date, datetime
from types import TracebackType
from typing import Self

from driftgate.backfill import Chunk, Plan, Summary, chunks, ensure_baseline, finish, log_settled, plan, wanted_retraining
from driftgate.context import Context, open_context
from driftgate.records import Decision, Window
from driftgate.settings import Settings
from driftgate.settling import Settler
from driftgate.windows_together import Prepared, WindowsTogether

log = logging.getLogger(__name__)

Progress = Callable[[int, int], None]
"""Told how many windows are settled, of how many that are to be done."""
_LOCK_WAIT_S = 5.0


@dataclass(frozen=True)
class Outcome:
    """How a backfill ended."""

    plan: Plan
    summary: Summary = field(default_factory=Summary)
    problems: tuple[str, ...] = ()
    """What went wrong beside the windows themselves: sinks and messages."""
    retraining: Decision | None = None
    """See :func:`driftgate.backfill.wanted_retraining`."""


class Workers:
    """Processes that prepare chunks; make them before anything is computed or connected in this one, of which they are copies.

    One worker is this process itself.
    """

    def __init__(self, number: int, monitor: str, settings: Settings) -> None:
        self.number, self._monitor, self._settings = number, monitor, settings
        self._pool: ProcessPoolExecutor | None = None

    def __enter__(self) -> Self:
        if self.number > 1:
            _import_what_is_heavy()
            self._pool = ProcessPoolExecutor(self.number, multiprocessing.get_context("fork"), _open, (self._monitor, self._settings))
            self._pool.submit(_ready).result()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def prepared(self, context: Context, wanted: Sequence[Chunk], reprocess: bool) -> Iterator[tuple[Chunk, list[Prepared]]]:
        """Yield what became of the chunks in their order; later ones are prepared meanwhile."""
        if self._pool is None:
            for chunk in wanted:
                yield chunk, WindowsTogether(context, chunk.windows, reprocess).run()
            return
        waiting: deque[tuple[Chunk, Future[list[Prepared]]]] = deque()
        for chunk in wanted:
            waiting.append((chunk, self._pool.submit(_prepare, chunk, reprocess)))
        while waiting:
            chunk, future = waiting.popleft()
            yield chunk, future.result()


def run(
    context: Context,
    start: datetime | date | str,
    end: datetime | date | str,
    workers: Workers,
    *,
    reprocess: bool = False,
    progress: Progress | None = None,
) -> Outcome:
    """Take every window of a stretch through the whole pipeline.

    Raises
    ------
    ServiceError
        If a server does not answer, or another backfill of this monitor is running; the same call goes on where this one ended.
    SourceError
        If there is no complete window of the past in the stretch.
    """
    with context.store.window_lock(context.config.id, "all windows", "backfill", wait_s=_LOCK_WAIT_S):
        todo = plan(context, start, end, reprocess=reprocess)
        ensure_baseline(context, todo.todo, reprocess=reprocess)
        summary = _work(context, todo, workers, reprocess, progress or (lambda *_: None))
        stretch = Window(todo.windows[0].start, todo.windows[-1].end)
        problems = tuple(finish(context, stretch, again=reprocess))
        return Outcome(todo, summary, problems, wanted_retraining(context, stretch))


def _work(context: Context, todo: Plan, workers: Workers, reprocess: bool, progress: Progress) -> Summary:
    summary, settler, done = Summary(), Settler(context), 0
    wanted = chunks(context.config, todo.todo, workers.number)
    with ExitStack() as stack:
        logger = stack.enter_context(ThreadPoolExecutor(1, "mlflow"))
        logged = [logger.submit(log_settled, context, todo.unlogged)]
        progress(0, len(todo.todo))
        for chunk, prepared in workers.prepared(context, wanted, reprocess):
            for group in settler.settle(prepared):
                summary.add(group)
                done += len(group)
                progress(done, len(todo.todo))
            logged.append(logger.submit(log_settled, context, chunk.windows))
        for future in logged:
            future.result()
    return summary


# --- in a worker ------------------------------------------------------------------------------------------------------

_context: Context | None = None


def _open(monitor: str, settings: Settings) -> None:
    global _context
    _context = open_context(monitor, settings)


def _ready() -> None:
    """Nothing: the first task makes the workers."""


def _prepare(chunk: Chunk, reprocess: bool) -> list[Prepared]:
    assert _context is not None  # the pool was made with _open
    return WindowsTogether(_context, chunk.windows, reprocess).run()


def _import_what_is_heavy() -> None:
    """Import once, here, what every worker needs."""
    import driftgate.gate.checkpoint
    import driftgate.ingest.together
    import driftgate.measure.measures
    import driftgate.record.mlflow_runs
    import driftgate.serve.registry

    assert driftgate
