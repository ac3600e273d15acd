"""Estimates against the scores that the labels show."""

from __future__ import annotations

from dataclasses import replace

import pytest

from driftgate.estimate.scoring import score_estimates
from driftgate.records import Family, Metric, MetricVerdict

ESTIMATE = Metric(Family.PERFORMANCE_ESTIMATED, "estimated_mae", 10.0, method="dle", low=8.0, high=13.0, reference_value=9.0)
REALISED = Metric(Family.PERFORMANCE, "mae", 12.0, reference_value=9.0)


def test_the_error_is_realised_minus_estimated_and_the_estimate_is_its_reference() -> None:
    error, covered = score_estimates([ESTIMATE], [REALISED])
    assert (error.metric, error.value, error.reference_value, error.family) == (
        "estimate_error_mae",
        2.0,
        10.0,
        Family.PERFORMANCE_ESTIMATED,
    )
    assert (covered.metric, covered.value, covered.reference_value, covered.method) == ("estimate_covered_mae", 1.0, 10.0, "dle")
    assert error.threshold is error.verdict is covered.verdict is None


@pytest.mark.parametrize(("value", "covered"), [(8.0, 1.0), (13.0, 1.0), (7.99, 0.0), (13.01, 0.0)])
def test_the_limits_belong_to_the_range(value: float, covered: float) -> None:
    assert score_estimates([ESTIMATE], [replace(REALISED, value=value)])[1].value == covered


@pytest.mark.parametrize(
    ("estimate", "realised"),
    [
        (replace(ESTIMATE, value=None), REALISED),
        (ESTIMATE, replace(REALISED, value=None)),
        (replace(ESTIMATE, verdict=MetricVerdict.TOO_FEW_ROWS), REALISED),
        (ESTIMATE, replace(REALISED, verdict=MetricVerdict.TOO_FEW_ROWS)),
        (ESTIMATE, replace(REALISED, metric="rmse")),
        (ESTIMATE, replace(REALISED, segment="vendor=a")),
        (ESTIMATE, replace(REALISED, family=Family.KPI)),
        (replace(ESTIMATE, metric="estimate_error_mae"), REALISED),
    ],
)
def test_what_cannot_be_compared_is_left_out(estimate: Metric, realised: Metric) -> None:
    assert score_estimates([estimate], [realised]) == []


def test_an_estimate_without_a_range_has_an_error_only() -> None:
    assert [item.metric for item in score_estimates([replace(ESTIMATE, low=None, high=None)], [REALISED])] == ["estimate_error_mae"]


def test_a_whole_windows_metrics_may_be_given_twice() -> None:
    metrics = [ESTIMATE, REALISED, Metric(Family.DATA_DRIFT, "drift_share", 0.1)]
    assert score_estimates(metrics, metrics) == score_estimates([ESTIMATE], [REALISED])
