"""The policy: what is done about a window. Pure: the same measures, past and configuration give the same decision.

A window is breached when one rule of ``decision.rules`` is broken. One breached window is an alert; ``decision.consecutive``
of them in a row are a retraining, unless the last retraining's window is closer than ``decision.cooldown``, or retraining
is switched off. The row is counted over windows that were measured with the same model version: a quarantined window and one
without data are not in it, so they neither count nor end it. A retraining of this very window, or a later one, is no reason
to wait: a window decides the same when it is run again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from driftgate.config.models import MonitorConfig
from driftgate.config.types import format_duration
from driftgate.config.windows import label
from driftgate.records import Action, Decision, Measures, Window
from driftgate.rules import RuleOutcome, evaluate


@dataclass(frozen=True)
class PastWindow:
    """An earlier decision, as far as the policy needs it."""

    window: Window
    breached: bool


def decide(config: MonitorConfig, measures: Measures, past: Sequence[PastWindow], last_retraining: Window | None) -> Decision:
    """Decide what is done about a measured window.

    Parameters
    ----------
    config
        The monitor, with its policy.
    measures
        The window's metrics.
    past
        Earlier measured windows of the same model version, newest first; at least ``decision.consecutive - 1`` where there are.
    last_retraining
        Trigger window of the latest retraining before this window, whatever its verdict.

    Returns
    -------
    Decision
        ``reasons`` speak for the action; ``reasons_against`` speak against doing (more than) that.
    """
    outcomes = evaluate(config.rules, measures)
    broken = [outcome.sentence for outcome in outcomes if outcome.is_broken]
    held = [outcome.sentence for outcome in outcomes if not outcome.is_broken]

    def answer(action: Action, reasons: Sequence[str], against: Sequence[str], *, breached: bool) -> Decision:
        return Decision(config.id, measures.window, measures.model_version, action, tuple(reasons), tuple(against), breached)

    minimum = config.decision.minimum_rows
    if measures.rows < minimum:
        reason = f"{measures.rows} rows are fewer than decision.minimum_rows {minimum}: too few to act on"
        return answer(Action.NO_ACTION, [reason], [outcome.sentence for outcome in outcomes], breached=False)
    if not broken:
        return answer(Action.NO_ACTION, [_nothing_broken(outcomes)], held, breached=False)
    streak = _streak(measures.window, past)
    obstacles = _obstacles(config, measures.window, streak, last_retraining)
    if obstacles:
        return answer(Action.ALERT, broken, [*obstacles, *held], breached=True)
    return answer(Action.RETRAIN, [*broken, *_grounds(config, measures.window, streak, last_retraining)], held, breached=True)


def _nothing_broken(outcomes: Sequence[RuleOutcome]) -> str:
    if not outcomes:
        return "the policy has no rules"
    outcomes = [outcome for outcome in outcomes if outcome.is_asked]
    judged = sum(outcome.is_judged for outcome in outcomes)
    if judged == len(outcomes):
        return f"none of the {judged} rules is broken" if judged > 1 else "the only rule is not broken"
    return f"no rule is broken; {judged} of {len(outcomes)} rules could be judged"


def _streak(window: Window, past: Sequence[PastWindow]) -> list[Window]:
    """Breached windows in a row up to this one, newest first."""
    streak = [window]
    for item in past:
        if item.window.start >= window.start:
            continue
        if not item.breached:
            break
        streak.append(item.window)
    return streak


def _obstacles(config: MonitorConfig, window: Window, streak: Sequence[Window], last_retraining: Window | None) -> list[str]:
    """Why a breached window is no retraining."""
    needed = config.decision.consecutive
    reasons = []
    if not config.retrain.enabled:
        reasons.append("retraining is switched off (retrain.enabled is false)")
    if len(streak) < needed:
        reasons.append(f"breached in {_in_a_row(len(streak))}, fewer than the {needed} that a retraining needs")
    waiting = _waiting(config, window, last_retraining)
    if waiting is not None:
        reasons.append(waiting)
    return reasons


def _waiting(config: MonitorConfig, window: Window, last: Window | None) -> str | None:
    if last is None or last.start >= window.start or window.start - last.start >= config.decision.cooldown:
        return None
    until = last.start + config.decision.cooldown
    return (
        f"cooldown until {until.astimezone(config.schedule.zone):%Y-%m-%d %H:%M}: the window {label(config, last)} was followed by a "
        f"retraining, and decision.cooldown is {format_duration(config.decision.cooldown)}"
    )


def _grounds(config: MonitorConfig, window: Window, streak: Sequence[Window], last: Window | None) -> list[str]:
    """Why a breached window is a retraining."""
    reasons = [f"breached in {_in_a_row(len(streak))} since {label(config, streak[-1])} (needed: {config.decision.consecutive})"]
    if last is not None and last.start < window.start:
        reasons.append(f"the last retraining, of {label(config, last)}, is longer ago than decision.cooldown")
    else:
        reasons.append("no earlier retraining to wait for")
    return reasons


def _in_a_row(count: int) -> str:
    return "1 window" if count == 1 else f"{count} consecutive windows"
