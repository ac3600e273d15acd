"""Slow change over several windows: how often an alarm begins without a change, and when it begins with one."""

from __future__ import annotations

import json
from dataclasses import asdict
from itertools import pairwise

import numpy as np
import pytest

from driftgate.calibrate.slow import LENGTH, SlowLimit, _inflation, fit_slow_limit, slow_limit

AHEAD = 91


def autoregression(rng: np.random.Generator, count: int, persistence: float) -> np.ndarray:
    values = [rng.standard_normal()]
    for _ in range(count - 1):
        values.append(persistence * values[-1] + np.sqrt(1 - persistence**2) * rng.standard_normal())
    return np.array(values)


def beginnings(windows: int, persistence: float, chance: float, repeats: int) -> float:
    """Share of unchanged windows in which an alarm begins, each experiment with a reference of its own."""
    rng, found = np.random.default_rng(7), 0
    for _ in range(repeats):
        values = autoregression(rng, windows + AHEAD, persistence)
        limit = fit_slow_limit(values[:windows], np.full(windows, 100), chance=chance, two_sided=True)
        assert limit is not None
        recent = [values[max(end - LENGTH, windows) : end] for end in range(windows + 1, windows + AHEAD + 1)]
        alarms = [limit.statistic(seen, [100] * len(seen)) > limit.limit for seen in recent]
        found += sum(now and not before for before, now in zip([False, *alarms], alarms, strict=False))
    return found / (repeats * AHEAD)


@pytest.mark.parametrize(("windows", "persistence"), [(60, 0.0), (60, 0.5), (14, 0.0), (8, 0.0)])
def test_alarms_begin_about_as_rarely_as_asked(windows: int, persistence: float) -> None:
    chance = 0.004
    assert beginnings(windows, persistence, chance, repeats=80) < 2.0 * chance
    assert beginnings(windows, persistence, 0.02, repeats=40) > 0.004, "the limit is not simply out of reach"


@pytest.mark.parametrize("windows", [8, 10, 14, 60, 366])
@pytest.mark.parametrize("persistence", [0.0, 0.5, 0.9])
def test_limits_exist_for_any_number_of_windows_and_grow_as_the_chance_shrinks(windows: int, persistence: float) -> None:
    limits = [slow_limit(windows, persistence, chance, True) for chance in (0.01, 0.003, 1e-3, 3e-4, 1e-4, 1e-5)]
    assert np.isfinite(limits).all()
    assert all(after > before for before, after in pairwise(limits))


def test_fewer_windows_and_more_persistence_make_limits_wider() -> None:
    assert slow_limit(8, 0.0, 1e-3, True) > slow_limit(14, 0.0, 1e-3, True) > slow_limit(60, 0.0, 1e-3, True)
    assert slow_limit(14, 0.5, 1e-3, True) > slow_limit(14, 0.0, 1e-3, True)
    assert slow_limit(60, 0.0, 1e-3, True) > slow_limit(60, 0.0, 1e-3, False)


def test_a_lasting_shift_is_found_that_no_single_window_shows() -> None:
    rng = np.random.default_rng(3)
    limit = fit_slow_limit(rng.standard_normal(90), np.full(90, 100), chance=1e-3, two_sided=True)
    assert limit is not None
    after = rng.standard_normal(LENGTH) + 1.8
    assert limit.statistic(after[-1:], [100]) < limit.limit
    assert limit.statistic(after, [100] * LENGTH) > limit.limit
    assert limit.statistic(-after, [100] * LENGTH) > limit.limit, "two-sided: also when it gets smaller"


def test_one_sided_limits_take_only_more_for_an_alarm() -> None:
    limit = fit_slow_limit(np.random.default_rng(4).standard_normal(60), np.full(60, 100), chance=1e-3, two_sided=False)
    assert limit is not None
    assert limit.statistic([4.0] * LENGTH, [100] * LENGTH) > limit.limit
    assert limit.statistic([-4.0] * LENGTH, [100] * LENGTH) < limit.limit


def test_the_statistic_is_the_largest_standardised_mean() -> None:
    limit = SlowLimit(level=2.0, spread=0.5, sampling=0.0, usual_rows=100, persistence=0.0, two_sided=True, windows=50, limit=4.0)
    values = [2.1, 2.5, 3.0]
    means = [(np.mean(values[-count:]) - 2.0) / 0.5 / np.sqrt(1 / count + 1 / 50) for count in (1, 2, 3)]
    assert limit.statistic(values, [100, 100, 100]) == pytest.approx(max(abs(mean) for mean in means))


def test_only_the_latest_windows_count() -> None:
    limit = SlowLimit(0.0, 1.0, 0.0, 100, 0.0, True, 50, 4.0)
    recent = [0.1 * index for index in range(LENGTH)]
    assert limit.statistic([99.0, *recent], [100] * (LENGTH + 1)) == limit.statistic(recent, [100] * LENGTH)


def test_small_windows_count_less_where_the_variance_is_sampling() -> None:
    limit = SlowLimit(0.5, 0.05, sampling=0.25, usual_rows=100, persistence=0.0, two_sided=True, windows=50, limit=4.0)
    assert limit.statistic([0.7], [25]) == pytest.approx(limit.statistic([0.7], [100]) / 2)
    between = SlowLimit(0.5, 0.05, sampling=0.0, usual_rows=100, persistence=0.0, two_sided=True, windows=50, limit=4.0)
    assert between.statistic([0.7], [25]) == between.statistic([0.7], [100])


@pytest.mark.parametrize("persistence", [0.0, 0.4, 0.8])
def test_the_variance_of_a_mean_is_that_of_an_autoregression(persistence: float) -> None:
    lags = np.abs(np.subtract.outer(np.arange(9), np.arange(9)))
    assert _inflation(9, persistence) == pytest.approx(float((persistence**lags).sum()) / 9)


def test_windows_that_do_not_differ_have_no_limit() -> None:
    assert fit_slow_limit(np.full(20, 0.5), np.full(20, 100), chance=1e-3, two_sided=True) is None


def test_a_limit_comes_back_from_json() -> None:
    limit = fit_slow_limit(
        np.random.default_rng(5).standard_normal(30), np.arange(30) + 80, chance=1e-3, two_sided=True, sampling_variance=1 / 12
    )
    assert limit is not None
    assert SlowLimit.from_dict(json.loads(json.dumps(asdict(limit)))) == limit


@pytest.mark.parametrize("two_sided", [True, False])
def test_one_odd_window_is_over_when_it_is_over(two_sided: bool) -> None:
    known = np.random.default_rng(11).standard_normal(60)
    limit = fit_slow_limit(known, np.full(60, 100), chance=1e-3, two_sided=two_sided)
    assert limit is not None
    ordinary = [limit.level] * 5
    odd = limit.level + 12 * limit.spread
    rows = [100] * 14
    assert limit.statistic([*ordinary, odd], rows[:6]) > limit.limit, "the odd window itself alarms"
    for after in range(1, 8):
        values = [*ordinary, odd, *([limit.level] * after)]
        assert limit.statistic(values, rows[: len(values)]) < limit.limit, f"{after} windows later"
    lasting = [*ordinary, *([limit.level + 1.5 * limit.spread] * 9)]
    assert limit.statistic(lasting, rows) > limit.limit, "a change that stays is found"
