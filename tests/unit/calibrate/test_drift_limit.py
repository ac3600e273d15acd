"""The limit of a column's drift score: sampling or windows, sizes in between, and columns that hold next to nothing."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.spatial.distance import jensenshannon

from driftgate.calibrate.drift_limit import SAMPLING, WINDOWS, DriftLimit, fit_drift_limit
from driftgate.calibrate.null import sizes_around
from driftgate.samples import Numbers, sample_of

ROWS, COUNT, CHANCE = 300, 60, 0.004
SIZES = sizes_around([ROWS])


def wasserstein(current: pd.Series, reference: pd.Series) -> float:
    return float(stats.wasserstein_distance(current, reference)) / max(float(np.std(reference)), 0.001)


def ks(current: pd.Series, reference: pd.Series) -> float:
    return float(stats.ks_2samp(current, reference).pvalue)


def js(current: pd.Series, reference: pd.Series) -> float:
    names = sorted({*current, *reference})
    shares = [sample.value_counts(normalize=True).reindex(names).fillna(0) for sample in (current, reference)]
    return float(jensenshannon(*shares))


def windows(seed: int, between: float = 0.0, count: int = COUNT) -> list[pd.Series]:
    rng = np.random.default_rng(seed)
    return [pd.Series(rng.normal(between * rng.normal(), 1, ROWS)) for _ in range(count)]


def fitted(found: list[pd.Series], score: Any = wasserstein, method: str = "wasserstein", **changes: Any) -> DriftLimit:
    reference = pd.concat(found, ignore_index=True)
    scores = [score(window, pd.concat([*found[:index], *found[index + 1 :]])) for index, window in enumerate(found)]
    options = {"is_p_value": False, "is_categorical": False, "chance": CHANCE, "detect": 1.0, "power": 0.8, "sizes": SIZES, **changes}
    return fit_drift_limit(
        sample_of(reference.to_numpy()), np.array(scores), np.full(len(found), ROWS), method=method, score=of_samples(score), **options
    )


def of_samples(score: Any) -> Any:
    return lambda current, reference: score(pd.Series(current.expanded()), pd.Series(reference.expanded()))


@pytest.fixture(scope="module")
def sampled() -> DriftLimit:
    return fitted(windows(1))


@pytest.fixture(scope="module")
def varied() -> DriftLimit:
    return fitted(windows(2, between=0.2))


def test_windows_like_random_samples_use_the_simulated_limit(sampled: DriftLimit) -> None:
    assert sampled.regime == SAMPLING
    rng = np.random.default_rng(5)
    reference = rng.normal(size=COUNT * ROWS)
    new = [wasserstein(pd.Series(rng.normal(size=ROWS)), pd.Series(reference)) for _ in range(400)]
    assert np.mean(np.array(new) > sampled.threshold(ROWS)) < 0.02
    assert np.quantile(new, 0.95) < sampled.threshold(ROWS) < 2 * np.quantile(new, 0.95)


def test_windows_that_differ_have_a_limit_learned_from_them(sampled: DriftLimit, varied: DriftLimit) -> None:
    assert varied.regime == WINDOWS
    assert varied.threshold(ROWS) > 2 * sampled.threshold(ROWS)
    rng = np.random.default_rng(6)
    reference = pd.concat(windows(2, between=0.2))
    new = [wasserstein(window, reference) for window in windows(int(rng.integers(1000)), between=0.2, count=300)]
    assert np.mean(np.array(new) > varied.threshold(ROWS)) < 0.02


@pytest.mark.parametrize("name", ["sampled", "varied"])
def test_larger_windows_have_a_smaller_limit_and_sizes_in_between_lie_in_between(name: str, request: pytest.FixtureRequest) -> None:
    limit: DriftLimit = request.getfixturevalue(name)
    limits = [limit.threshold(rows) for rows in (10, 75, 120, 300, 700, 1200, 50_000)]
    assert limits == sorted(limits, reverse=True)
    assert limits[-1] > 0


def test_limits_are_met_at_the_simulated_sizes_and_follow_the_square_root_law_beyond(sampled: DriftLimit) -> None:
    assert [sampled.threshold(size) for size in sampled.sizes] == pytest.approx(list(sampled.bounds))
    assert sampled.threshold(4 * sampled.sizes[-1]) == pytest.approx(sampled.bounds[-1] / 2)
    middle = round(np.sqrt(sampled.sizes[1] * sampled.sizes[2]))
    assert sampled.threshold(middle) == pytest.approx(np.sqrt(sampled.bounds[1] * sampled.bounds[2]), rel=0.02)


def test_what_windows_add_does_not_vanish_with_their_size(varied: DriftLimit) -> None:
    assert varied.effect > 0.05
    assert varied.threshold(1_000_000) > varied.effect


@pytest.mark.parametrize("name", ["sampled", "varied"])
def test_a_deviation_counts_standard_deviations_of_ordinary_windows(name: str, request: pytest.FixtureRequest) -> None:
    limit: DriftLimit = request.getfixturevalue(name)
    found = windows(1 if name == "sampled" else 2, between=0.0 if name == "sampled" else 0.2)
    reference = pd.concat(found)
    values = [limit.deviation(wasserstein(window, reference), ROWS) for window in found]
    assert abs(np.mean(values)) < 0.7
    assert 0.5 < np.std(values) < 1.5


def test_p_values_have_a_limit_below_which_they_alarm() -> None:
    limit = fitted(windows(3), ks, "ks", is_p_value=True)
    assert limit.regime == SAMPLING
    assert limit.threshold(ROWS) == pytest.approx(CHANCE)
    assert limit.threshold(50) == pytest.approx(CHANCE)
    assert limit.deviation(1e-6, ROWS) > limit.deviation(0.5, ROWS)


def test_p_values_of_windows_that_differ_get_a_much_smaller_limit() -> None:
    limit = fitted(windows(4, between=0.2), ks, "ks", is_p_value=True)
    assert limit.regime == WINDOWS
    assert 0 < limit.threshold(ROWS) < CHANCE / 100
    assert limit.threshold(4 * ROWS) < limit.threshold(ROWS), "the same difference is the surer the more rows show it"


def test_categories_are_compared_by_the_jensen_shannon_distance() -> None:
    rng = np.random.default_rng(7)
    found = [pd.Series(rng.choice(["a", "b", "c"], ROWS, p=[0.6, 0.3, 0.1])) for _ in range(30)]
    limit = fitted(found, js, "jensenshannon", is_categorical=True)
    reference = pd.concat(found)
    changed = pd.Series(rng.choice(["a", "b", "c"], ROWS, p=[0.4, 0.5, 0.1]))
    assert js(found[0], reference) < limit.threshold(ROWS) < js(changed, reference)


def test_the_smallest_window_finds_the_stated_change_as_often_as_stated(sampled: DriftLimit) -> None:
    assert sampled.minimum_rows is not None
    rng = np.random.default_rng(8)
    reference = pd.Series(rng.normal(size=COUNT * ROWS))
    limit = sampled.threshold(sampled.minimum_rows)
    found = [wasserstein(pd.Series(rng.normal(1, 1, sampled.minimum_rows)), reference) > limit for _ in range(200)]
    assert 0.65 < np.mean(found) < 0.95


def test_a_change_that_no_size_shows_has_no_smallest_window() -> None:
    limit = fitted(windows(9, count=12), detect=0.001)
    assert limit.minimum_rows is None


def test_a_column_with_one_category_takes_any_other_value_for_a_change() -> None:
    found = [pd.Series(["a"] * ROWS) for _ in range(12)]
    limit = fitted(found, js, "jensenshannon", is_categorical=True)
    assert limit.minimum_rows == 1
    assert js(found[0], found[1]) <= limit.threshold(ROWS)
    assert js(pd.Series(["a"] * (ROWS - 1) + ["b"]), found[1]) > limit.threshold(ROWS)


def test_a_constant_number_takes_any_other_value_for_a_change() -> None:
    found = [pd.Series(np.full(ROWS, 3.0)) for _ in range(12)]
    limit = fitted(found)
    assert limit.minimum_rows == 1
    assert wasserstein(found[0], found[1]) <= limit.threshold(ROWS)
    assert wasserstein(pd.Series([*[3.0] * (ROWS - 1), 4.0]), found[1]) > limit.threshold(ROWS)


def test_a_reference_of_two_rows_gives_finite_limits() -> None:
    options = {"is_p_value": False, "is_categorical": False, "chance": CHANCE, "detect": 1.0, "power": 0.8, "sizes": SIZES}
    scores = np.random.default_rng(1).uniform(0.5, 1.5, 12)
    limit = fit_drift_limit(Numbers.of([1.0, 2.0]), scores, np.full(12, ROWS), method="wasserstein", score=wasserstein, **options)  # type: ignore[arg-type]
    assert all(np.isfinite(limit.threshold(rows)) and limit.threshold(rows) > 0 for rows in (10, ROWS, 10_000))


def test_the_range_of_sizes_is_known(sampled: DriftLimit) -> None:
    assert (sampled.sizes[0], sampled.sizes[-1]) == (75, 1200)
    assert [sampled.covers(rows) for rows in (74, 75, 1200, 1201)] == [False, True, True, False]


def test_a_limit_comes_back_from_json(sampled: DriftLimit, varied: DriftLimit) -> None:
    for limit in (sampled, varied, replace(sampled, minimum_rows=None)):
        assert DriftLimit.from_dict(json.loads(json.dumps(asdict(limit)))) == limit
