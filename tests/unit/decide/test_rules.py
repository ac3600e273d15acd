"""Rules: limits, verdicts and sentences."""

from __future__ import annotations

from typing import Any

import pytest

from driftgate.config.rule import Rule
from driftgate.records import Direction, Family, Measures, Metric, MetricVerdict
from driftgate.rules import RuleOutcome, evaluate, is_about_performance, judge, number
from factories import make_window


def mae(value: float | None, reference: float | None = None, **fields: Any) -> Metric:
    return Metric(Family.PERFORMANCE, "mae", value, reference_value=reference, **fields)


def outcome(metric: Metric | None, **limit: Any) -> RuleOutcome:
    measures = Measures("trips", make_window(), "1", 100, () if metric is None else (metric,))
    name = "mae" if metric is None else metric.metric
    [found] = evaluate([Rule(metric=name, column="" if metric is None else metric.column, **limit)], measures)
    return found


@pytest.mark.parametrize(
    ("metric", "limit", "is_broken", "sentence"),
    [
        (mae(5.1), {"above": 5}, True, "mae 5.1 is above 5"),
        (mae(5.0), {"above": 5}, False, "mae 5 is not above 5, margin 0"),
        (mae(4.9), {"below": 5}, True, "mae 4.9 is below 5"),
        (mae(5.0), {"below": 5}, False, "mae 5 is not below 5, margin 0"),
        (mae(4.0, 2.0), {"above_reference": 1.5}, True, "mae 4 is above 1.5 x the reference's 2 (= 3)"),
        (mae(0.6, 0.8), {"below_reference": 0.9}, True, "mae 0.6 is below 0.9 x the reference's 0.8 (= 0.72)"),
        (mae(0.8, 0.8), {"below_reference": 0.9}, False, "mae 0.8 is not below 0.9 x the reference's 0.8 (= 0.72), margin 0.08"),
        (mae(5.0001), {"above": 5}, True, "mae 5.0001 is above 5"),
    ],
)
def test_a_rule_is_broken_beyond_its_limit_only(metric: Metric, limit: dict[str, float], is_broken: bool, sentence: str) -> None:
    found = outcome(metric, **limit)
    assert (found.is_broken, found.is_judged, found.sentence) == (is_broken, True, sentence)


@pytest.mark.parametrize(
    ("metric", "limit", "part"),
    [
        (None, {"above": 1}, "was not measured"),
        (mae(None), {"above": 1}, "has no value"),
        (mae(9.0, verdict=MetricVerdict.TOO_FEW_ROWS), {"above": 1}, "rests on too few rows"),
        (mae(9.0), {"above_reference": 1}, "has no reference value to compare 9 with"),
        (mae(9.0, -2.0), {"above_reference": 1}, "has the negative reference value -2"),
    ],
)
def test_a_rule_that_cannot_be_asked_is_not_broken_and_says_why(metric: Metric | None, limit: dict[str, float], part: str) -> None:
    found = outcome(metric, **limit)
    assert not found.is_broken
    assert not found.is_judged
    assert found.sentence.startswith(f"mae {part}")
    assert found.sentence.endswith("its rule is not judged")


def test_a_rule_on_a_column_asks_that_column() -> None:
    metrics = tuple(Metric(Family.DATA_DRIFT, "drift_score", value, column=name) for name, value in (("a", 0.9), ("b", 0.1)))
    measures = Measures("trips", make_window(), "1", 100, metrics)
    rules = [Rule(metric="drift_score", column=name, above=0.5) for name in ("a", "b")]
    found = evaluate(rules, measures)
    assert [item.is_broken for item in found] == [True, False]
    assert found[0].sentence == "drift_score of a 0.9 is above 0.5"


def test_judging_gives_the_limit_closest_to_being_broken() -> None:
    rules = [Rule(metric="mae", above=5), Rule(metric="mae", below=-5), Rule(metric="mae", above=9), Rule(metric="rmse", above=0)]
    low, high, beyond = (judge(rules, mae(value)) for value in (-4.0, 4.0, 7.0))
    assert (low.threshold, low.direction, low.verdict) == (-5, Direction.BELOW, MetricVerdict.OK)
    assert (high.threshold, high.direction, high.verdict) == (5, Direction.ABOVE, MetricVerdict.OK)
    assert (beyond.threshold, beyond.verdict) == (5, MetricVerdict.ALARM)


def test_judging_leaves_a_metric_without_a_rule_or_a_value_unjudged() -> None:
    assert judge([], mae(4.0)) == mae(4.0)
    without_value = judge([Rule(metric="mae", above=5)], mae(None))
    assert (without_value.threshold, without_value.verdict) == (5, None)


def test_judging_and_evaluating_agree() -> None:
    rules = [Rule(metric="mae", above_reference=1.5)]
    for value in (1.0, 2.9, 3.0, 3.1, 10.0):
        metric = judge(rules, mae(value, 2.0))
        assert (metric.verdict is MetricVerdict.ALARM) is outcome(metric, above_reference=1.5).is_broken


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (3.0, "3"),
        (0.05231, "0.0523"),
        (31.24, "31.2"),
        (1234.5, "1234"),
        (123456.0, "123456"),
        (-0.25, "-0.25"),
        (1e20, "100000000000000000000"),
    ],
)
def test_numbers_are_short_but_whole_ones_are_whole(value: float, text: str) -> None:
    assert number(value) == text


# --- learned limits ---------------------------------------------------------------------------------------------------

OK, ALARM = MetricVerdict.OK, MetricVerdict.ALARM
LEARNED = {"threshold": 1.4, "direction": Direction.ABOVE}


def measures_of(*metrics: Metric) -> Measures:
    return Measures("trips", make_window(), "1", 100, metrics)


@pytest.mark.parametrize(
    ("metric", "is_broken", "sentence"),
    [
        (mae(1.5, 1.0, verdict=ALARM, **LEARNED), True, "mae 1.5 is above its learned limit 1.4 (usual: 1)"),
        (mae(1.3, 1.0, verdict=OK, **LEARNED), False, "mae 1.3 is not above its learned limit 1.4 (usual: 1), margin 0.1"),
        (mae(1.5, verdict=ALARM, **LEARNED), True, "mae 1.5 is above its learned limit 1.4"),
        (
            Metric(Family.CONCEPT_DRIFT, "slow_drift", 5.0, "residual", threshold=4.0, direction=Direction.ABOVE, verdict=ALARM),
            True,
            "the model's error over several windows 5 is above its learned limit 4",
        ),
        (
            Metric(Family.DATA_DRIFT, "drift_score", 0.001, "hour", threshold=0.01, direction=Direction.BELOW, verdict=ALARM),
            True,
            "drift_score of hour 0.001 is below its learned limit 0.01",
        ),
    ],
)
def test_a_calibrated_rule_takes_the_limit_that_the_metric_carries(metric: Metric, is_broken: bool, sentence: str) -> None:
    found = outcome(metric, calibrated=True)
    assert (found.is_broken, found.is_judged, found.sentence) == (is_broken, True, sentence)


def test_a_calibrated_rule_without_a_learned_limit_is_not_judged() -> None:
    found = outcome(mae(9.0, 1.0), calibrated=True)
    assert (found.is_broken, found.is_judged) == (False, False)
    assert found.sentence == "mae has no learned limit (see `driftgate calibrate`), so its rule is not judged"
    assert judge([Rule(metric="mae", calibrated=True)], mae(9.0, 1.0)) == mae(9.0, 1.0)


def test_rules_about_performance_come_first_else_in_the_order_of_the_file() -> None:
    names = ["drift_share", "slow_drift", "missing_share", "estimated_mae", "mae", "dataset_drift"]
    rules = [Rule(metric=name, column="residual" if name == "slow_drift" else "", above=1) for name in names]
    found = evaluate(rules, measures_of())
    assert [item.rule.metric for item in found] == ["slow_drift", "estimated_mae", "mae", "drift_share", "missing_share", "dataset_drift"]


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (Rule(metric="f1", below=0.5), True),
        (Rule(metric="estimated_log_loss", above=1), True),
        (Rule(metric="steady_residual", column="residual_", above=1), True),
        (Rule(metric="drift_score", column="residual", above=1), True),
        (Rule(metric="drift_score", column="distance", above=1), False),
        (Rule(metric="rows", below=1), False),
    ],
)
def test_scores_and_errors_are_about_performance(rule: Rule, expected: bool) -> None:
    assert is_about_performance(rule) is expected


ESTIMATE = Metric(Family.PERFORMANCE_ESTIMATED, "estimated_mae", 9.0, verdict=ALARM, **LEARNED)


@pytest.mark.parametrize("realised", [mae(1.0, verdict=OK, **LEARNED), mae(2.0, verdict=ALARM, **LEARNED)])
def test_an_estimate_is_not_asked_while_labels_tell(realised: Metric) -> None:
    [found] = evaluate([Rule(metric="estimated_mae", calibrated=True)], measures_of(ESTIMATE, realised))
    assert (found.is_broken, found.is_judged, found.is_asked) == (False, False, False)
    assert "labels tell how well the model does" in found.sentence


@pytest.mark.parametrize("realised", [None, mae(None), mae(2.0, verdict=MetricVerdict.TOO_FEW_ROWS), mae(2.0)])
def test_an_estimate_stands_in_for_labels_that_do_not_tell(realised: Metric | None) -> None:
    [found] = evaluate([Rule(metric="estimated_mae", calibrated=True)], measures_of(*filter(None, (realised, ESTIMATE))))
    assert (found.is_broken, found.is_judged) == (True, True)
