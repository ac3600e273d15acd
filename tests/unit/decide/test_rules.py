"""Rules: limits, verdicts and sentences."""

from __future__ import annotations

from typing import Any

import pytest

from driftgate.config.rule import Rule
from driftgate.records import Direction, Family, Measures, Metric, MetricVerdict
from driftgate.rules import RuleOutcome, evaluate, judge, number
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
