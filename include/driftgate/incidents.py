"""Life of incidents: what opens one, what closes it, and who hears of it.

One incident per monitor and cause, however many windows show it. It is resolved by itself when a window shows that the cause is
gone. A window of the past (a backfill) opens nothing when a later window has already shown the opposite.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from driftgate.causes import gate_causes, likely_causes
from driftgate.config.rule import Rule
from driftgate.context import Context
from driftgate.loss_causes import loss_contributions
from driftgate.notifications import enqueue_opened, enqueue_resolved
from driftgate.records import Cause, Decision, GateResult, Incident, Measures, Severity, Window
from driftgate.rules import evaluate, is_about_performance

if TYPE_CHECKING:
    from sqlalchemy import Connection

log = logging.getLogger(__name__)


def gate_stopped(context: Context, result: GateResult) -> Incident | None:
    """Open the incident of a quarantined batch; None when a later batch has passed since."""
    if context.store.passed_after(result.monitor, result.window):
        _say_past(result.monitor, result.window)
        return None
    return context.incidents.open(
        result.monitor,
        Cause.GATE,
        result.window,
        "; ".join(map(str, result.failed[:10])),
        severity=Severity.CRITICAL,
        likely_causes=gate_causes(result),
        also=_tell(context),
    )


def gate_passed(context: Context, window: Window) -> None:
    """Close the gate's incident: this batch passed."""
    _resolve(context, (Cause.GATE,), window)


def judged(context: Context, decision: Decision, measures: Measures) -> Incident | None:
    """Open the policy's incident when its rules are broken; close it when the window could be judged and they are not."""
    config = context.config
    if not decision.breached:
        if measures.rows >= config.decision.minimum_rows and _can_tell(context, measures):
            _resolve(context, (Cause.POLICY,), decision.window)
        return None
    broken = [outcome for outcome in evaluate(config.rules, measures) if outcome.is_broken]
    if _is_past(context, decision.window, [outcome.rule for outcome in broken]):
        _say_past(config.id, decision.window)
        return None
    critical = any(_severity(outcome.rule) is Severity.CRITICAL for outcome in broken)
    return context.incidents.open(
        config.id,
        Cause.POLICY,
        decision.window,
        "; ".join(outcome.sentence for outcome in broken),
        severity=Severity.CRITICAL if critical else Severity.WARNING,
        model_version=decision.model_version,
        likely_causes=likely_causes(
            config, measures, _importance(context, decision.model_version), contributions=loss_contributions(context, measures)
        ),
        also=_tell(context),
    )


def task_failed(context: Context, cause: Cause, window: Window, detail: str) -> Incident | None:
    """Open the incident of a failed task: ``Cause.RUN`` for the monitor's DAG, ``Cause.RETRAIN`` for the retraining's.

    None for a window that has not ended: that run was a slip of whoever started it, and no later window could close the incident.
    """
    if window.end > datetime.now(UTC):
        return None
    return context.incidents.open(context.config.id, cause, window, detail, severity=Severity.WARNING, also=_tell(context))


def task_succeeded(context: Context, cause: Cause, window: Window) -> None:
    """Close the incident of failed tasks: this window came through."""
    _resolve(context, (cause,), window)


def _can_tell(context: Context, measures: Measures) -> bool:
    """Whether the window could judge every rule that the open incident is about; without labels it says nothing about performance."""
    rules = context.config.rules
    about = [incident for incident in context.incidents.list(context.config.id) if incident.cause is Cause.POLICY]
    if not about:
        return True
    last = about[0]
    shown = context.store.load_measures(last.monitor, last.last_seen, last.model_version or measures.model_version)
    if shown is None:
        return True
    judged = [outcome.rule for outcome in evaluate(rules, measures) if outcome.is_judged]
    return all(outcome.rule in judged for outcome in evaluate(rules, shown) if outcome.is_broken)


def _is_past(context: Context, window: Window, broken: Sequence[Rule]) -> bool:
    """Whether a later window that could judge these rules broke none."""
    from driftgate.record.labels import LabelStore

    metrics = [(rule.metric, rule.column or "") for rule in broken]
    return LabelStore(context.store.engine).contradicted_after(context.config.id, window, metrics)


def _severity(rule: Rule) -> Severity:
    if rule.severity is not None:
        return Severity(rule.severity)
    return Severity.CRITICAL if is_about_performance(rule) else Severity.WARNING


def _importance(context: Context, model_version: str) -> Mapping[str, float] | None:
    from driftgate.serve.references import load_importance

    return load_importance(context.config, context.settings, model_version)


def _tell(context: Context) -> Callable[[Incident, Connection], object] | None:
    return partial(enqueue_opened, context) if context.tells else None


def _resolve(context: Context, causes: tuple[Cause, ...], window: Window) -> None:
    for incident in context.incidents.resolve(context.config.id, causes, window, also=partial(enqueue_resolved, context)):
        log.info("%s: the incident %r, open since %s, is over with %s", incident.monitor, incident.cause, incident.opened, window)


def _say_past(monitor: str, window: Window) -> None:
    log.info("%s %s: no incident, because a later window has shown since that the cause is gone", monitor, window)
