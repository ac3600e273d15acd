"""The ranking of causes: numbers worked out by hand, and what people read."""

from __future__ import annotations

import math
from typing import Any

import pytest

from driftgate.causes import gate_causes, likely_causes
from driftgate.records import Direction, FailedExpectation, Family, GateResult, GateVerdict, Measures, Metric, MetricVerdict
from factories import make_config, make_window

ALARM, OK = MetricVerdict.ALARM, MetricVerdict.OK
CONFIG = make_config()  # features distance, hour, vendor; target duration


def drift(column: str, value: float | None, threshold: float = 0.1, *, family: Family = Family.DATA_DRIFT, **other: Any) -> Metric:
    given = {"direction": Direction.ABOVE, "verdict": ALARM if value is not None and value >= threshold else OK, **other}
    return Metric(family, "drift_score", value, column, threshold=threshold, **given)


def p_value(column: str, value: float, threshold: float = 0.05) -> Metric:
    verdict = ALARM if value < threshold else OK
    return Metric(Family.DATA_DRIFT, "drift_score", value, column, threshold=threshold, direction=Direction.BELOW, verdict=verdict)


def quality(metric: str, column: str, value: float, **other: Any) -> Metric:
    return Metric(Family.DATA_QUALITY, metric, value, column, **other)


def missing(column: str, value: float, usual: float = 0.0, allowance: float = 0.1) -> Metric:
    limit = usual + allowance
    verdict = ALARM if value > limit else OK
    given = {"threshold": limit, "direction": Direction.ABOVE, "verdict": verdict, "reference_value": usual}
    return quality("missing_share", column, value, **given)


def measures(*metrics: Metric) -> Measures:
    return Measures("trips", make_window(), "1", 500, metrics)


def columns(*metrics: Metric, **options: Any) -> list[str]:
    return [cause.column for cause in likely_causes(CONFIG, measures(*metrics), **options)]


# --- excess -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("metric", "excess"),
    [
        pytest.param(drift("distance", 0.3), 2.0, id="a distance of three times the limit"),
        pytest.param(drift("distance", 0.1), 0.0, id="a distance on the limit, which is an alarm"),
        pytest.param(p_value("distance", 0.05**4), 1.0, id="twice the distance has the fourth power of the p-value"),
        pytest.param(p_value("distance", 0.0), math.sqrt(math.log(2.2250738585072014e-308) / math.log(0.05)) - 1, id="a p-value of zero"),
        pytest.param(missing("distance", 0.4), 3.0, id="missing, where nothing usually is"),
        pytest.param(missing("distance", 0.5, usual=0.2), 2.0, id="missing, beyond what usually is"),
        pytest.param(missing("distance", 0.2, allowance=0.0), 19.0, id="missing, where nothing may be"),
        pytest.param(quality("out_of_range_share", "distance", 0.25), 1.5, id="out of range, by the limit for missing values"),
        pytest.param(quality("new_category_share", "vendor", 0.3), 2.0, id="new categories, by the limit for missing values"),
    ],
)
def test_excess_is_the_ratio_to_the_limit_minus_one(metric: Metric, excess: float) -> None:
    (cause,) = likely_causes(CONFIG, measures(metric))
    assert (cause.column, cause.metric, cause.score) == (metric.column, metric.metric, metric.value)
    assert cause.excess == pytest.approx(excess)


def test_a_p_value_has_the_excess_of_the_distance_that_it_stands_for_whatever_the_number_of_rows() -> None:
    for rows in (50, 500, 5000):  # Kolmogorov and Smirnov: p is about exp(-rows * distance ** 2)
        limit, twice = (math.exp(-rows * distance**2) for distance in (0.1, 0.2))
        (cause,) = likely_causes(CONFIG, measures(p_value("distance", twice, limit)))
        assert cause.excess == pytest.approx(1.0)


@pytest.mark.parametrize(
    "metric",
    [
        drift("distance", 0.09),
        drift("distance", None),
        drift("distance", 0.9, verdict=MetricVerdict.TOO_FEW_ROWS),
        p_value("distance", 0.06),
        missing("distance", 0.09),
        quality("out_of_range_share", "distance", 0.1),
        quality("new_categories", "vendor", 7.0),
        drift("trip_id", 0.9),
        quality("missing_share", "duration", 1.0),
    ],
    ids=lambda metric: f"{metric.metric} {metric.column} {metric.value} {metric.verdict}",
)
def test_what_is_within_its_limit_or_no_feature_is_no_cause(metric: Metric) -> None:
    assert likely_causes(CONFIG, measures(metric)) == ()


def test_a_rule_of_the_policy_is_a_limit_too() -> None:
    rules = [{"metric": "drift_score", "column": "distance", "above": 0.05}, {"metric": "new_categories", "column": "vendor", "above": 2}]
    found = likely_causes(make_config(decision={"rules": rules}), measures(drift("distance", 0.09), quality("new_categories", "vendor", 3)))
    assert [(cause.column, cause.threshold, cause.excess) for cause in found] == [
        ("distance", 0.05, pytest.approx(0.8)),
        ("vendor", 2, pytest.approx(0.5)),
    ]


# --- rank -------------------------------------------------------------------------------------------------------------


def test_without_importance_the_excess_alone_decides() -> None:
    assert columns(drift("hour", 0.2), drift("distance", 0.3), drift("vendor", 0.11)) == ["distance", "hour", "vendor"]


def test_of_two_columns_with_similar_drift_the_one_that_the_model_uses_comes_first() -> None:
    importance = {"distance": 0.0, "hour": 1.0, "vendor": 0.0}
    assert columns(drift("distance", 0.33), drift("hour", 0.3), importance=importance) == ["hour", "distance"]
    assert columns(drift("hour", 0.3), drift("vendor", 0.3), drift("distance", 0.3), importance={"distance": 0.1, "vendor": 0.9}) == [
        "vendor",
        "distance",
        "hour",
    ]


def test_the_weight_of_a_column_is_between_half_and_one() -> None:
    importance = {"distance": 0.0, "hour": 0.2, "vendor": 0.4}  # weights 0.5, 0.75, 1
    rows = (drift("distance", 0.5), drift("hour", 0.36), drift("vendor", 0.29))  # excess 4, 2.6, 1.9: weighted 2, 1.95, 1.9
    assert columns(*rows, importance=importance) == ["distance", "hour", "vendor"]
    nearer = (drift("distance", 0.47), *rows[1:])  # excess 3.7: weighted 1.85
    assert columns(*nearer, importance=importance) == ["hour", "vendor", "distance"]


def test_a_model_without_any_importance_is_ranked_by_excess() -> None:
    assert columns(drift("distance", 0.2), drift("hour", 0.3), importance={"distance": 0.0, "hour": 0.0}) == ["hour", "distance"]


def test_what_a_change_costs_the_model_comes_before_its_size_and_the_importance() -> None:
    rows = (drift("distance", 0.9), drift("hour", 0.2), drift("vendor", 0.3))
    assert columns(*rows, contributions={"hour": 2.5}) == ["hour", "distance", "vendor"]
    assert columns(*rows, contributions={"hour": 0.5, "vendor": 1.5}) == ["vendor", "hour", "distance"]
    importance = {"distance": 0.9, "hour": 0.0, "vendor": 0.1}
    assert columns(*rows, contributions={"hour": 2.5, "distance": 0.1}, importance=importance) == ["hour", "distance", "vendor"]


def test_changes_that_cost_nothing_or_make_the_window_easier_are_ranked_as_without_contributions() -> None:
    rows = (drift("distance", 0.2), drift("hour", 0.4), drift("vendor", 0.3))
    assert columns(*rows, contributions={}) == columns(*rows) == ["hour", "vendor", "distance"]
    assert columns(*rows, contributions={"hour": -9.0, "distance": 0.0}) == ["hour", "vendor", "distance"]


def test_a_contribution_alone_makes_no_cause() -> None:
    assert columns(drift("distance", 0.09), contributions={"distance": 5.0}) == []


def test_distances_p_values_and_shares_are_ranked_together() -> None:
    # excess 1.5, 2 and 1
    assert columns(drift("hour", 0.25), p_value("distance", 0.05**9), missing("vendor", 0.2)) == ["distance", "hour", "vendor"]


def test_a_column_is_listed_once_with_what_is_worst_on_it() -> None:
    found = likely_causes(
        CONFIG, measures(drift("distance", 0.2), missing("distance", 0.5), quality("out_of_range_share", "distance", 0.2))
    )
    assert [(cause.column, cause.metric) for cause in found] == [("distance", "missing_share")]


def test_no_more_features_than_asked_for_and_equal_ones_by_name() -> None:
    assert columns(drift("vendor", 0.2), drift("hour", 0.2), drift("distance", 0.2), limit=2) == ["distance", "hour"]


# --- symptoms ---------------------------------------------------------------------------------------------------------


def test_target_and_prediction_are_symptoms_after_the_causes() -> None:
    symptoms = (drift("prediction", 0.9, family=Family.PREDICTION_DRIFT), drift("duration", 0.8, family=Family.TARGET_DRIFT))
    found = likely_causes(CONFIG, measures(*symptoms, drift("distance", 0.2)), limit=1)
    assert [(cause.column, cause.metric) for cause in found] == [
        ("distance", "drift_score"),
        ("duration", "target_drift"),
        ("prediction", "prediction_drift"),
    ]
    assert [cause.excess for cause in found] == pytest.approx([1.0, 7.0, 8.0])


def test_a_target_that_changes_alone_is_said_to_be_unexplained() -> None:
    (symptom,) = likely_causes(CONFIG, measures(drift("duration", 0.8, family=Family.TARGET_DRIFT), drift("distance", 0.01)))
    assert symptom.detail == "duration, what the model has to predict, has itself changed although no feature has: drift 0.8, limit 0.1"


# --- sentences --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("metric", "importance", "sentence"),
    [
        (drift("distance", 0.61), {"distance": 0.78}, "distance: drift 0.61, limit 0.1, carries 78 % of the model's importance"),
        (drift("distance", 0.61), None, "distance: drift 0.61, limit 0.1"),
        (drift("distance", 0.1004), {}, "distance: drift 0.1004, limit 0.1, carries less than 1 % of the model's importance"),
        (p_value("hour", 0.00012), None, "hour: p-value of drift 0.00012, limit 0.05"),
        (missing("hour", 0.4, usual=0.015), None, "hour: 40 % missing, usually 1.5 %, limit 11.5 %"),
        (
            quality("new_category_share", "vendor", 0.3),
            None,
            "vendor: 30 % of values in categories that the reference does not have, limit 10 %",
        ),
        (quality("out_of_range_share", "hour", 0.125), None, "hour: 12.5 % of values outside the reference's range, limit 10 %"),
    ],
    ids=lambda value: value.metric if isinstance(value, Metric) else "",
)
def test_the_detail_is_one_readable_sentence(metric: Metric, importance: dict[str, float] | None, sentence: str) -> None:
    (cause,) = likely_causes(CONFIG, measures(metric), importance)
    assert cause.detail == sentence


@pytest.mark.parametrize(
    ("task", "contributions", "ending"),
    [
        ("regression", {"distance": 1.25}, ", raises the expected mae by 1.25"),
        ("regression", {"distance": -0.2}, ", lowers the expected mae by 0.2"),
        ("regression", {"hour": 1.0}, ", does not change the expected mae"),
        ("binary", {"distance": 0.034}, ", raises the expected log loss by 0.034"),
        ("regression", None, ""),
    ],
)
def test_the_detail_says_what_the_change_costs(task: str, contributions: dict[str, float] | None, ending: str) -> None:
    (cause,) = likely_causes(make_config(task=task), measures(drift("distance", 0.61)), contributions=contributions)
    assert cause.detail == f"distance: drift 0.61, limit 0.1{ending}"


# --- the demonstration ------------------------------------------------------------------------------------------------

SHIFTED_DAYS = {  # drift of dep_delay, distance, hour and dest as measured on the days whose distances were made 20 % longer
    "04-05": ("1", 0.1425712155, 0.3041701737, 0.02357596821, 0.06233405514),
    "04-06": ("1", 0.1669672035, 0.4182527483, 0.04685861362, 0.1115604114),
    "04-07": ("1", 0.2221967802, 0.3485097056, 0.1004004997, 0.06272010345),
    "04-08": ("2", 0.1407924492, 0.2246896121, 0.01650373002, 0.05289241314),
    "04-09": ("2", 0.1017611374, 0.2213753984, 0.01425805765, 0.06854200806),
}
IMPORTANCE = {  # as measured at registration; the first champion learned the way from `dest`, so `distance` adds nothing
    "1": {"dep_delay": 0.895, "distance": 0.0, "hour": 0.006, "carrier": 0.015, "origin": 0.0, "dest": 0.084},
    "2": {"dep_delay": 0.366, "distance": 0.313, "hour": 0.009, "carrier": 0.026, "origin": 0.006, "dest": 0.28},
}
FLIGHTS = make_config(
    columns={
        "timestamp": "scheduled",
        "target": "arr_delay",
        "numerical": ["dep_delay", "distance", "hour"],
        "categorical": ["carrier", "origin", "dest"],
    }
)


@pytest.mark.parametrize("day", SHIFTED_DAYS)
@pytest.mark.parametrize("is_known", [True, False], ids=["with importance", "without importance"])
def test_on_the_days_of_the_demonstration_the_column_that_was_changed_comes_first(day: str, is_known: bool) -> None:
    version, *values = SHIFTED_DAYS[day]
    found = measures(*(drift(name, value) for name, value in zip(("dep_delay", "distance", "hour", "dest"), values, strict=True)))
    ranked = [cause.column for cause in likely_causes(FLIGHTS, found, IMPORTANCE[version] if is_known else None)]
    assert ranked[:2] == ["distance", "dep_delay"]


# --- the gate ---------------------------------------------------------------------------------------------------------


def test_the_causes_of_a_stopped_batch_are_the_columns_of_the_failed_expectations_most_severe_first() -> None:
    failed = (
        FailedExpectation("expect_column_values_to_be_in_set", "vendor", "warning", "3 of 9 values are not in {a}"),
        FailedExpectation("expect_table_row_count_to_be_between", None, "critical", "observed 9, expected in [100, inf]"),
        FailedExpectation("expect_column_values_to_not_be_null", "distance", "critical", "4 of 9 values are null"),
        FailedExpectation("expect_column_mean_to_be_between", "distance", "warning", "observed 7, expected in [0, 5]"),
    )
    result = GateResult("trips", make_window(), "trips", GateVerdict.FAIL, 9, failed)
    assert [(cause.column, cause.metric, cause.detail) for cause in gate_causes(result)] == [
        ("", "expect_table_row_count_to_be_between", "the whole batch: observed 9, expected in [100, inf]"),
        ("distance", "expect_column_values_to_not_be_null", "distance: 4 of 9 values are null (and 1 more failed)"),
        ("vendor", "expect_column_values_to_be_in_set", "vendor: 3 of 9 values are not in {a}"),
    ]
    assert [cause.column for cause in gate_causes(result, limit=1)] == [""]
    assert gate_causes(GateResult("trips", make_window(), "trips", GateVerdict.PASS, 9)) == ()
