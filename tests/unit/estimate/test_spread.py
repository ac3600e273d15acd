"""The predictive distribution, against statsmodels, theory and simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from driftgate.estimate.spread import MINIMUM_WINDOWS, Spread, from_scale, learn_spread, scale_of, to_scale

DIFFERENCES = [0.10, -0.35, 0.22, 0.41, -0.12, 0.05, -0.28, 0.31]
ROWS = [100, 250, 80, 400, 150, 300, 120, 200]


def learn(differences: list[float], rows: list[int], halves: list[float], metric: str = "mae") -> Spread:
    found = learn_spread(metric, differences, rows, halves)
    assert found is not None
    return found


def test_location_and_variances_are_those_of_statsmodels() -> None:
    """statsmodels 0.15.0: ``combine_effects(DIFFERENCES, 4 / ROWS, method_re="iterated")`` is the estimator of Paule and Mandel."""
    found = learn(DIFFERENCES, ROWS, [4.0])
    assert found.between == pytest.approx(0.05537897664179701, rel=1e-5)
    assert found.location == pytest.approx(0.04698931427088773, rel=1e-5)
    assert found.location_variance == pytest.approx(0.009944343946211702, rel=1e-5)


def test_limits_are_students_prediction_interval() -> None:
    """Windows of one size: the interval of textbooks for one more observation of a normal sample."""
    found = learn(DIFFERENCES, [100] * 8, [0.5])
    sample = np.array(DIFFERENCES)
    reach = stats.t.ppf(0.975, 7) * sample.std(ddof=1) * math.sqrt(1 + 1 / 8)
    expected = 10 * np.exp([sample.mean() - reach, sample.mean() + reach])
    assert found.limits(10.0, 100) == pytest.approx(tuple(expected))


def test_noise_that_explains_every_difference_leaves_nothing_between_windows() -> None:
    found = learn([0.01, -0.01, 0.02, -0.02, 0.0], [100] * 5, [4.0])
    assert found.between == 0
    assert found.within == 4.0


def test_small_windows_have_wider_limits_and_large_ones_keep_the_variance_between_windows() -> None:
    found = learn(DIFFERENCES, ROWS, [4.0])
    widths = [math.log(high / low) for low, high in (found.limits(10.0, rows) for rows in (30, 300, 10**9))]  # type: ignore[misc]
    assert widths[0] > widths[1] > widths[2]
    assert widths[2] == pytest.approx(2 * stats.t.ppf(0.975, 7) * math.sqrt(found.between + found.location_variance), rel=1e-4)


def test_windows_that_agree_exactly_have_limits_without_width() -> None:
    assert learn([0.0] * 6, [50] * 6, [0.0]).limits(3.0, 50) == pytest.approx((3.0, 3.0))


def test_too_few_windows_say_nothing() -> None:
    assert learn_spread("mae", [0.1] * (MINIMUM_WINDOWS - 1), [100] * (MINIMUM_WINDOWS - 1), [1.0]) is None


def test_scales_go_back_and_forth_and_shares_stay_between_0_and_1() -> None:
    assert [scale_of(name) for name in ("mae", "rmse", "log_loss", "accuracy", "f1", "roc_auc")] == ["log"] * 3 + ["arcsine"] * 3
    for scale in ("log", "arcsine"):
        assert from_scale(scale, to_scale(scale, 0.3)) == pytest.approx(0.3)
    assert (from_scale("arcsine", -0.2), from_scale("arcsine", 2.0)) == (0.0, 1.0)
    assert to_scale("log", 0.0) == -math.inf
    assert learn(DIFFERENCES, ROWS, [4.0], "accuracy").limits(0.99, 100)[1] == 1.0  # type: ignore[index]
    assert learn(DIFFERENCES, ROWS, [4.0]).limits(0.0, 100) is None


@pytest.mark.parametrize("between", [0.0, 0.1])
def test_limits_cover_as_often_as_they_say(between: float) -> None:
    """2,000 simulated sets of 30 windows of unequal size and one more window; 3.5 standard errors of a share are 1.7 %."""
    rng, covered = np.random.default_rng(0), 0
    for _ in range(2000):
        rows = rng.integers(50, 500, 31)
        found = rng.normal(0.05, between, 31) + rng.normal(0, 1, 31) / np.sqrt(rows)
        halves = rng.normal(0, 1, 120) ** 2
        limits = learn(found[:30].tolist(), rows[:30].tolist(), halves.tolist()).limits(1.0, int(rows[30]))
        assert limits is not None
        covered += math.log(limits[0]) <= found[30] <= math.log(limits[1])
    assert covered / 2000 >= 0.95 - 0.017
    assert covered / 2000 <= 0.95 + (0.017 if between else 0.03)  # without variance between windows the limits are a little wide
