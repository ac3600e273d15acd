"""Command ``driftgate labels``: labels that arrive late; registered by :mod:`driftgate.cli`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING

from driftgate.settings import Settings

if TYPE_CHECKING:
    from driftgate.context import Context
    from driftgate.late_labels import Restatement, RestateRun
    from driftgate.record.labels import LabelStore
    from driftgate.records import Window

Commands = argparse._SubParsersAction


def add_label_commands(commands: Commands[argparse.ArgumentParser]) -> None:
    """Register the command."""
    labels = commands.add_parser("labels", help="join labels that have arrived and restate the performance of their windows")
    labels.add_argument("id", help="monitor id")
    which = labels.add_mutually_exclusive_group()
    which.add_argument("--window", metavar="START", help="one window: 2013-04-05 or 2013-04-05T06:00")
    which.add_argument("--all-due", action="store_true", help="every window whose labels are looked for now")
    labels.add_argument("--end", metavar="END", help="end of the window; default: START plus the monitor's window size")
    labels.add_argument("--history", action="store_true", help="change nothing; print what was known when, of one window or of all")
    labels.set_defaults(command=_labels)


def _labels(arguments: argparse.Namespace, settings: Settings) -> int:
    from driftgate.config.windows import window_at
    from driftgate.context import open_context

    context = open_context(arguments.id, settings)
    window = window_at(context.config, arguments.window, arguments.end) if arguments.window else None
    if arguments.history:
        return _print_history(context, window)
    if window is None and not arguments.all_due:
        return _print_due(context)
    return _restate(context, window)


def _restate(context: Context, window: Window | None) -> int:
    """Restate one window or all that are due; 1 when some could not be."""
    from driftgate.late_labels import RestateRun, restate, restate_due

    if window is None:
        run = restate_due(context, progress=lambda number, total, item: _print_item(context, item, f"{number}/{total} "))
    else:
        run = RestateRun((restate(context, window),))
        _print_item(context, run.done[0])
    _tell(context, run)
    for problem in run.problems:
        print(f"not restated: {problem}", file=sys.stderr)
    print(f"{context.config.id}: {len(run.restated)} windows restated, {len(run.done)} looked at, {run.left} left")
    return 1 if run.problems else 0


def _print_item(context: Context, item: Restatement, prefix: str = "") -> None:
    from driftgate.config.windows import label

    print(f"{prefix}{label(context.config, item.window)}  {item.outcome.value:<9} {item.counts}", flush=True)


def _tell(context: Context, run: RestateRun) -> None:
    """Send what the restated windows have to say to people and sinks, and say what follows."""
    from driftgate import exporting, notifications
    from driftgate.config.windows import label
    from driftgate.errors import DriftgateError
    from driftgate.late_labels import follow_up
    from driftgate.records import Action

    for item in run.restated:
        try:
            exporting.export_window(context, item.window, item.model_version)
        except DriftgateError as error:
            print(f"export    {error}", file=sys.stderr)
    try:
        problems = list(notifications.deliver_for(context).problems) if run.restated else []
    except DriftgateError as error:
        problems = [str(error)]
    for problem in problems:
        print(f"messages  {problem}", file=sys.stderr)
    decision = follow_up(run.done)
    if decision is None:
        return
    print(f"decision  {label(context.config, decision.window)}: {decision.action.value}")
    for reason in decision.reasons:
        print(f"  for     {reason}")
    for reason in decision.reasons_against:
        print(f"  against {reason}")
    if decision.action is Action.RETRAIN:
        print(
            f"A retraining is due: trigger {context.config.retrain_dag_id} in Airflow, or run this window with `driftgate run --retrain`."
        )


def _print_due(context: Context) -> int:
    """Print what is known of every window whose labels are looked for now."""
    from driftgate.config.windows import label
    from driftgate.late_labels import due_windows
    from driftgate.record.labels import LabelStore

    store, windows = LabelStore(context.store.engine), due_windows(context)
    for window in windows:
        latest = store.latest(context.config.id, window)
        known = "no labels yet" if latest is None else f"revision {latest.revision}: {latest.counts}"
        print(f"{label(context.config, window)}  {known}")
    print(f"{context.config.id}: labels of {len(windows)} windows are looked for; read them with --all-due")
    return 0


def _print_history(context: Context, window: Window | None) -> int:
    from driftgate.record.labels import LabelStore

    store = LabelStore(context.store.engine)
    windows: Iterable[Window] = store.labelled_windows(context.config.id) if window is None else [window]
    found = [_print_window_history(context, store, item, with_metrics=window is not None) for item in windows]
    if not any(found):
        print(f"{context.config.id}: no labels have arrived{' for this window' if window else ''}")
    return 0


def _print_window_history(context: Context, store: LabelStore, window: Window, *, with_metrics: bool) -> bool:
    """Print the revisions of a window; with its metrics of whole windows where one window was asked for."""
    from driftgate.config.windows import label
    from driftgate.rules import number

    known = store.history(context.config.id, window)
    revisions = store.revisions(context.config.id, window)
    for revision in revisions:
        when = f"{revision.recorded_at:%Y-%m-%d %H:%M}Z" if revision.recorded_at else "-"
        state = "" if revision.restated_at else " (not restated yet)"
        print(f"{label(context.config, window)}  revision {revision.revision}  {when}  {revision.counts}{state}")
        for item in known if with_metrics else ():
            metric = item.metric
            if item.revision != revision.revision or metric.segment or metric.value is None:
                continue
            span = "" if metric.low is None or metric.high is None else f"  [{number(metric.low)}, {number(metric.high)}]"
            print(f"    {metric.family.value} {' '.join(filter(None, (metric.metric, metric.column)))}: {number(metric.value)}{span}")
    return bool(revisions)
