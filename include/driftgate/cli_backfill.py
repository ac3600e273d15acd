"""Command ``driftgate backfill``; registered by :mod:`driftgate.cli`."""

from __future__ import annotations

import argparse
import os
import sys
import time
from typing import TYPE_CHECKING

from driftgate.settings import Settings

if TYPE_CHECKING:
    from driftgate.backfill_run import Outcome
    from driftgate.context import Context
    from driftgate.records import Window

_OTHER_LINE_S = 30.0
"""Where the output is no terminal, a line about progress follows at least so many seconds after the last."""


def add_backfill_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    backfill = commands.add_parser("backfill", help="take many windows of the past through the whole pipeline at once, without Airflow")
    backfill.add_argument("id", help="monitor id")
    backfill.add_argument("--from", dest="start", required=True, metavar="START", help="first moment: 2013-04-05 or 2013-04-05T06:00")
    backfill.add_argument("--to", dest="end", required=True, metavar="END", help="end (not included)")
    backfill.add_argument("--reprocess", action="store_true", help="do every window anew, also those that are done, from its source")
    backfill.add_argument("--retrain", action="store_true", help="carry out the newest retraining that the decisions ask for, at the end")
    backfill.add_argument("--workers", type=_positive, metavar="N", help="processes that read and measure (default: one per core)")
    backfill.set_defaults(command=_backfill)


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not 1 or more")
    return number


def _backfill(arguments: argparse.Namespace, settings: Settings) -> int:
    from driftgate.backfill_run import Workers, run
    from driftgate.config.windows import localise
    from driftgate.context import open_context

    context = open_context(arguments.id, settings)
    for moment in (arguments.start, arguments.end):
        localise(context.config, moment)  # a slip of the pen is told before anything starts
    shown = ProgressLine()
    with Workers(arguments.workers or len(os.sched_getaffinity(0)), arguments.id, settings) as workers:
        outcome = run(context, arguments.start, arguments.end, workers, reprocess=arguments.reprocess, progress=shown)
    shown.close()
    _print(context, outcome)
    if outcome.retraining is not None:
        _follow_up(context, outcome.retraining.window, arguments.retrain)
    return 1 if outcome.summary.failed else 0


def _print(context: Context, outcome: Outcome) -> None:
    skipped = f"; {outcome.plan.skipped} of {len(outcome.plan.windows)} were done before" if outcome.plan.skipped else ""
    print(f"{context.config.id}: {outcome.summary}{skipped}")
    for problem in outcome.summary.problems:
        print(f"failed    {problem}", file=sys.stderr)
    more = outcome.summary.failed - len(outcome.summary.problems)
    if more > 0:
        print(f"failed    and {more} more windows", file=sys.stderr)
    for problem in outcome.problems:
        print(f"afterwards  {problem}", file=sys.stderr)


def _follow_up(context: Context, window: Window, retrain: bool) -> None:
    from driftgate.commands import carry_out_retraining
    from driftgate.config.windows import label

    if retrain:
        carry_out_retraining(context, window)
    else:
        print(
            f"The decision about {label(context.config, window)} asks for a retraining; nothing is retrained for the past unless "
            f"--retrain is given, or {context.config.retrain_dag_id} is triggered in Airflow."
        )


class ProgressLine:
    """Windows done, windows per second and time left: one line that changes on a terminal, a line now and then elsewhere."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._is_terminal = sys.stderr.isatty()
        self._told = self._started

    def __call__(self, done: int, total: int) -> None:
        now = time.monotonic()
        if total == 0 or (not self._is_terminal and now - self._told < _OTHER_LINE_S):
            return
        self._told = now
        sys.stderr.write(f"\r\x1b[K{self._text(done, total, now)}" if self._is_terminal else f"{self._text(done, total, now)}\n")
        sys.stderr.flush()

    def _text(self, done: int, total: int, now: float) -> str:
        rate = done / (now - self._started) if done else 0.0
        left = f", {rate:.1f} windows/s, {(total - done) / rate:.0f} s left" if rate else ""
        return f"  {done} of {total} windows{left}"

    def close(self) -> None:
        """End the line."""
        if self._is_terminal:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
