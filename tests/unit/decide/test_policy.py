"""The policy: from metrics and the past to an action with its reasons."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from driftgate.config.models import MonitorConfig
from driftgate.decide.policy import PastWindow, decide
from driftgate.records import Action, Decision, to_dict
from factories import make_config, make_measures, make_window

RULES = [{"metric": "mae", "above_reference": 1.5}, {"metric": "drift_share", "above": 0.5}]


def policy(*, retrain: dict[str, Any] | None = None, **decision: Any) -> MonitorConfig:
    return make_config(decision={"rules": RULES, **decision}, retrain=retrain or {})


def past(*breaches: bool, before: int = 10) -> list[PastWindow]:
    """Windows before a day, newest first."""
    return [PastWindow(make_window(before - 1 - index), breached) for index, breached in enumerate(breaches)]


def test_nothing_broken_is_no_action_and_says_which_rules_held_by_how_much() -> None:
    decision = decide(policy(), make_measures(10, mae=14.2, reference_mae=13.1, drift_share=0.25), past(True, True), None)
    assert (decision.action, decision.breached) == (Action.NO_ACTION, False)
    assert decision.reasons == ("none of the 2 rules is broken",)
    assert decision.reasons_against == (
        "mae 14.2 is not above 1.5 x the reference's 13.1 (= 19.6), margin 5.45",
        "drift_share 0.25 is not above 0.5, margin 0.25",
    )


def test_a_first_breach_is_an_alert_and_says_what_a_retraining_lacks() -> None:
    decision = decide(policy(), make_measures(10, mae=31.2, reference_mae=13.1), past(False, True, True), None)
    assert (decision.action, decision.breached) == (Action.ALERT, True)
    assert decision.reasons == ("mae 31.2 is above 1.5 x the reference's 13.1 (= 19.6)",)
    assert decision.reasons_against == (
        "breached in 1 window, fewer than the 3 that a retraining needs",
        "drift_share 0 is not above 0.5, margin 0.5",
    )


def test_consecutive_breaches_are_a_retraining_and_say_since_when() -> None:
    decision = decide(policy(), make_measures(10, mae=31.2, reference_mae=13.1, drift_share=0.75), past(True, True), None)
    assert (decision.action, decision.breached) == (Action.RETRAIN, True)
    assert decision.reasons == (
        "mae 31.2 is above 1.5 x the reference's 13.1 (= 19.6)",
        "drift_share 0.75 is above 0.5",
        "breached in 3 consecutive windows since 2024-01-09 (needed: 3)",
        "no earlier retraining to wait for",
    )


@pytest.mark.parametrize(
    ("breaches", "consecutive", "action"),
    [
        ((), 1, Action.RETRAIN),
        ((), 2, Action.ALERT),
        ((True,), 2, Action.RETRAIN),
        ((False, True, True), 2, Action.ALERT),
        ((True, False, True), 3, Action.ALERT),
        ((True, True, True, True), 3, Action.RETRAIN),
        ((True, True), 4, Action.ALERT),
    ],
)
def test_only_breaches_in_a_row_up_to_this_window_count(breaches: tuple[bool, ...], consecutive: int, action: Action) -> None:
    assert decide(policy(consecutive=consecutive), make_measures(10, mae=9), past(*breaches), None).action is action


def test_windows_that_are_not_in_the_past_neither_count_nor_end_the_row() -> None:
    quarantined_between = [PastWindow(make_window(8), True), PastWindow(make_window(5), True)]
    assert decide(policy(), make_measures(10, mae=9), quarantined_between, None).action is Action.RETRAIN


def test_this_window_and_later_ones_are_not_past() -> None:
    rerun = [PastWindow(make_window(11), False), PastWindow(make_window(10), False), *past(True, True)]
    assert decide(policy(), make_measures(10, mae=9), rerun, None).action is Action.RETRAIN


@pytest.mark.parametrize(("days_ago", "action"), [(1, Action.ALERT), (6, Action.ALERT), (7, Action.RETRAIN), (30, Action.RETRAIN)])
def test_the_cooldown_is_counted_between_window_starts(days_ago: int, action: Action) -> None:
    measures = make_measures(40, mae=9)
    decision = decide(policy(), measures, past(True, True, before=40), make_window(40 - days_ago))
    assert decision.action is action
    if action is Action.ALERT:
        until = (make_window(40 - days_ago).start + timedelta(days=7)).strftime("%Y-%m-%d")
        assert any(reason.startswith(f"cooldown until {until} 00:00") for reason in decision.reasons_against)


@pytest.mark.parametrize("day", [10, 12])
def test_a_retraining_of_this_window_or_a_later_one_is_no_reason_to_wait(day: int) -> None:
    assert decide(policy(), make_measures(10, mae=9), past(True, True), make_window(day)).action is Action.RETRAIN


def test_switched_off_retraining_leaves_the_alert() -> None:
    decision = decide(policy(retrain={"enabled": False}), make_measures(10, mae=9), past(True, True), None)
    assert decision.action is Action.ALERT
    assert decision.reasons_against[0] == "retraining is switched off (retrain.enabled is false)"


def test_too_few_rows_are_never_acted_on_but_the_numbers_are_told() -> None:
    decision = decide(policy(minimum_rows=100), make_measures(10, rows=99, mae=9), past(True, True), None)
    assert (decision.action, decision.breached) == (Action.NO_ACTION, False)
    assert decision.reasons == ("99 rows are fewer than decision.minimum_rows 100: too few to act on",)
    assert decision.reasons_against[0] == "mae 9 is above 1.5 x the reference's 1 (= 1.5)"
    assert decide(policy(minimum_rows=99), make_measures(10, rows=99, mae=9), past(True, True), None).action is Action.RETRAIN


def test_a_metric_without_labels_is_not_broken_and_says_so() -> None:
    config = make_config(decision={"rules": [*RULES, {"metric": "rmse", "above": 1}]})
    decision = decide(config, make_measures(10), [], None)
    assert decision.action is Action.NO_ACTION
    assert decision.reasons == ("no rule is broken; 2 of 3 rules could be judged",)
    assert decision.reasons_against[1] == "rmse was not measured in this window (performance needs labels), so its rule is not judged"


def test_a_policy_without_rules_never_acts() -> None:
    decision = decide(make_config(decision={"rules": []}), make_measures(10, mae=99), past(True, True), None)
    assert (decision.action, decision.reasons) == (Action.NO_ACTION, ("the policy has no rules",))


def test_dates_are_those_of_the_monitors_time_zone() -> None:
    config = make_config(decision={"rules": RULES, "consecutive": 1}, schedule={"timezone": "America/New_York"})
    reasons = decide(config, make_measures(10, mae=9), [], None).reasons
    assert "breached in 1 window since 2024-01-10 19:00 to 2024-01-11 19:00 (needed: 1)" in reasons


def test_the_same_inputs_give_the_same_decision_and_it_survives_json() -> None:
    decisions = [decide(policy(), make_measures(10, mae=9), past(True, True), make_window(8)) for _ in range(2)]
    assert decisions[0] == decisions[1] == Decision.from_dict(to_dict(decisions[0]))
