"""Limits of values and shares: against SciPy's distributions and against simulated windows."""

from __future__ import annotations

import json
import time
from dataclasses import asdict

import numpy as np
import pytest
from scipy import stats

from driftgate.calibrate.tail import upper_bound
from driftgate.calibrate.value_limit import MANY_ROWS, SMALLEST_EXCESS, ShareLimit, ValueLimit, fit_share_limit, fit_value_limit

ROWS = np.full(40, 500)


def numbers(count: int = 40, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(10, 1, count)


def test_two_sides_share_the_chance() -> None:
    values = numbers() - 10
    limit = fit_value_limit(values, ROWS, chance=0.01, above=True, below=True)
    assert limit.bounds(500) == pytest.approx((-upper_bound(-values, 0.005), upper_bound(values, 0.005)))


def test_one_side_has_the_whole_chance_and_the_other_no_limit() -> None:
    values = numbers()
    low, high = fit_value_limit(values, ROWS, chance=0.01, above=False, below=True).bounds(500)
    assert high is None
    assert low == pytest.approx(-upper_bound(-values, 0.01))


def test_positive_numbers_that_may_only_grow_are_taken_on_the_logarithmic_scale() -> None:
    values = np.exp(numbers() - 9)
    limit = fit_value_limit(values, ROWS, chance=0.01, above=True, below=False)
    assert limit.level == pytest.approx(float(stats.gmean(values)))
    assert limit.bounds(500) == (None, pytest.approx(float(np.exp(upper_bound(np.log(values), 0.01)))))


def test_smaller_windows_get_wider_limits_and_larger_ones_the_same() -> None:
    limit = ValueLimit(level=10.0, spread=1.0, low=8.0, high=13.0, windows=40, usual_rows=400)
    assert limit.bounds(400) == limit.bounds(4000) == (8.0, 13.0)
    assert limit.bounds(100) == (pytest.approx(6.0), pytest.approx(16.0))
    assert np.isfinite(limit.bounds(0)).all()


def test_a_constant_number_is_its_own_limit() -> None:
    limit = fit_value_limit(np.ones(20), np.full(20, 24), chance=0.01, above=True, below=True)
    assert limit.bounds(24) == (1.0, 1.0)


def test_the_limit_of_a_share_is_the_quantile_of_the_beta_binomial() -> None:
    limit = ShareLimit(usual=0.1, reference_rows=2000, chance=0.001)
    assert limit.threshold(300) * 300 == pytest.approx(stats.betabinom(300, 200.5, 1800.5).ppf(0.999))


@pytest.mark.parametrize("usual", [0.05, 0.5, 0.97])
def test_large_windows_have_the_same_limit_without_summing_it_up(usual: float) -> None:
    limit = ShareLimit(usual, reference_rows=3000, chance=0.001)
    exact = stats.betabinom(MANY_ROWS, usual * 3000 + 0.5, (1 - usual) * 3000 + 0.5).ppf(0.999) / MANY_ROWS
    assert limit.threshold(MANY_ROWS) == pytest.approx(exact, abs=3e-4)
    started = time.perf_counter()
    limit.threshold(3_000_000)
    assert time.perf_counter() - started < 0.2


def test_new_samples_exceed_the_limit_as_rarely_as_asked() -> None:
    rng, found = np.random.default_rng(1), []
    for _ in range(300):
        usual = rng.binomial(2000, 0.2) / 2000
        limit = ShareLimit(usual, 2000, chance=0.02).threshold(400)
        found.append(np.mean(rng.binomial(400, 0.2, size=100) / 400 > limit))
    assert 0.005 < float(np.mean(found)) < 0.03


def test_a_few_stray_values_are_no_news() -> None:
    assert ShareLimit(usual=0.0, reference_rows=1_000_000, chance=0.01).threshold(1_000_000) == SMALLEST_EXCESS
    assert ShareLimit(usual=0.0, reference_rows=50_000, chance=1e-4).threshold(20) < 0.2


def test_a_column_that_is_always_missing_can_never_be_missing_more() -> None:
    assert ShareLimit(usual=1.0, reference_rows=500, chance=0.01).threshold(100) >= 1.0


def test_windows_like_random_samples_are_judged_by_counts() -> None:
    hits = np.random.default_rng(2).binomial(500, 0.1, size=40)
    assert fit_share_limit(hits / 500, ROWS, 0.1, 20_000, chance=0.01).learned is None
    assert fit_share_limit(np.zeros(40), ROWS, 0.0, 20_000, chance=0.01).learned is None
    assert fit_share_limit(np.ones(40), ROWS, 1.0, 20_000, chance=0.01).learned is None


def test_windows_that_differ_by_more_are_judged_by_the_windows() -> None:
    rng = np.random.default_rng(3)
    shares = rng.binomial(500, rng.beta(5, 45, size=40)) / 500
    limit = fit_share_limit(shares, ROWS, 0.1, 20_000, chance=0.01)
    assert limit.learned is not None
    assert limit.threshold(500) == pytest.approx(np.sin(upper_bound(np.arcsin(np.sqrt(shares)), 0.01)) ** 2)
    assert limit.threshold(500) > shares.max() > ShareLimit(0.1, 20_000, 0.01).threshold(500)
    assert limit.threshold(10) <= 1.0


def test_limits_come_back_from_json() -> None:
    rng = np.random.default_rng(3)
    limits = [
        fit_share_limit(rng.binomial(500, rng.beta(5, 45, size=40)) / 500, ROWS, 0.1, 20_000, chance=0.01),
        fit_share_limit(np.zeros(40), ROWS, 0.0, 20_000, chance=0.01),
    ]
    assert [ShareLimit.from_dict(json.loads(json.dumps(asdict(limit)))) for limit in limits] == limits
    value = fit_value_limit(numbers(), ROWS, chance=0.01, above=True, below=True)
    assert ValueLimit.from_dict(json.loads(json.dumps(asdict(value)))) == value


def test_a_number_that_never_varied_may_still_vary_a_little() -> None:
    limit = fit_value_limit(np.ones(20), np.full(20, 24), chance=1e-3, above=True, below=True).at_least(0.1)
    assert limit.bounds(24) == pytest.approx((0.9, 1.1))
    wide = fit_value_limit(np.random.default_rng(0).normal(1, 0.5, 60), np.full(60, 24), chance=1e-3, above=True, below=True)
    assert wide.at_least(0.1) == wide
