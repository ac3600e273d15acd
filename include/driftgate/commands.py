"""Bodies of the commands that print as they go: one window, and the first training."""

from __future__ import annotations

import getpass
import sys
from typing import TYPE_CHECKING

from driftgate.config.windows import label, window_at
from driftgate.context import Context, open_context
from driftgate.errors import DriftgateError
from driftgate.records import Action, BatchStatus, Decision, GateVerdict, Measures, MetricVerdict, Retraining, Window
from driftgate.retraining import Progress
from driftgate.rules import number
from driftgate.settings import Settings

if TYPE_CHECKING:
    from driftgate.pipeline import WindowOutcome


def run_window_command(settings: Settings, monitor_id: str, start: str, end: str | None, reprocess: bool, retrain: bool) -> int:
    """Take one window through the pipeline and print what came out; 1 when the gate stopped it."""
    from driftgate.pipeline import gate_failure, run_window

    context = open_context(monitor_id, settings)
    window = window_at(context.config, start, end)
    outcome = run_window(context, window, reprocess=reprocess)
    tell(context, outcome)
    print(f"{monitor_id} {label(context.config, window)}: {outcome.batch.status.value}, {outcome.batch.rows} rows")
    if outcome.gate is not None:
        print(f"gate      {outcome.gate.verdict.value} ({len(outcome.gate.failed)} of {outcome.gate.evaluated} expectations failed)")
        if outcome.gate.verdict is GateVerdict.FAIL:
            print(gate_failure(context, outcome.gate))
            return 1
    if outcome.measures is None or outcome.decision is None:
        return 0
    _print_alarms(outcome.measures)
    _print_decision(outcome.decision)
    if outcome.decision.action is Action.RETRAIN:
        return _follow_up(context, window, retrain)
    return 0


def tell(context: Context, outcome: WindowOutcome) -> None:
    """Send what a window has to say to people and sinks; what does not arrive is kept, reported and tried again later."""
    from driftgate import exporting, notifications

    if outcome.measures is not None:
        try:
            exporting.export_window(context, outcome.batch.window, outcome.measures.model_version)
        except DriftgateError as error:
            print(f"export    {error}", file=sys.stderr)
    else:
        exporting.refresh_if_on(context)
    try:
        delivery = notifications.deliver_for(context)
    except DriftgateError as error:
        print(f"messages  {error}", file=sys.stderr)
    else:
        for problem in delivery.problems:
            print(f"messages  {problem}", file=sys.stderr)


def _print_alarms(measures: Measures) -> None:
    for item in measures.metrics:
        if item.verdict is not MetricVerdict.ALARM:
            continue
        value = "-" if item.value is None else number(item.value)
        limit = "" if item.threshold is None else f" (threshold {number(item.threshold)})"
        print(f"alarm     {item.family.value} {' '.join(filter(None, (item.metric, item.column)))}: {value}{limit}")


def _print_decision(decision: Decision) -> None:
    print(f"decision  {decision.action.value}")
    for reason in decision.reasons:
        print(f"  for     {reason}")
    for reason in decision.reasons_against:
        print(f"  against {reason}")


def _follow_up(context: Context, window: Window, retrain: bool) -> int:
    if not retrain:
        print(f"A retraining is due: run this command again with --retrain, or trigger {context.config.retrain_dag_id} in Airflow.")
        return 0
    carry_out_retraining(context, window)
    return 0


def carry_out_retraining(context: Context, window: Window) -> None:
    """Retrain because of a window and print how that ended."""
    from driftgate.retraining import retrain

    print_retraining(retrain(context, window, approver=_person()))


def train_command(settings: Settings, monitor_id: str, start: str, end: str) -> int:
    """Train from a stretch of the source and print both scores; 1 when the champion stays."""
    from driftgate.retraining import bootstrap

    context = open_context(monitor_id, settings)
    done = bootstrap(context, start, end, approver=_person(), progress=_print_window(context))
    print_retraining(done)
    return 0 if done.verdict.value == "promoted" else 1


def _print_window(context: Context) -> Progress:
    def show(window: Window, status: BatchStatus, rows: int) -> None:
        print(f"  {label(context.config, window)}  {rows:>7} rows  {status.value}", flush=True)

    return show


def print_retraining(done: Retraining) -> None:
    """Print how a retraining ended: both scores on the same rows, and the reason."""
    comparison = done.comparison
    verdict = done.verdict.value.replace("_", " ")
    print(f"{done.monitor}: {verdict} (challenger version {done.challenger_version}, {comparison.rows} held-out rows)")
    for name, new in comparison.challenger.items():
        old = comparison.champion.get(name)
        print(f"  {name:<10} champion {'-' if old is None else format(old, '.4g'):>10}   challenger {new:>10.4g}")
    print(f"  {comparison.reason}")


def _person() -> str:
    return f"cli:{getpass.getuser()}"
