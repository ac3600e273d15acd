"""What scores are without a change: the fast ways against SciPy on the same draws, and against plain resampling."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from scipy import stats
from scipy.spatial.distance import jensenshannon

from driftgate.calibrate import null
from driftgate.samples import Categories, Numbers, Sample


def never(current: Sample, reference: Sample) -> float | None:
    raise AssertionError("this method is worked out without calling the score")


@pytest.mark.parametrize("shift", [0.0, 0.3, -1.5])
def test_the_wasserstein_distance_of_counts_is_that_of_scipy(shift: float) -> None:
    rng = np.random.default_rng(1)
    grid = np.sort(rng.gamma(2.0, size=40))
    counts = rng.multinomial(25, np.full(40, 1 / 40), size=12)
    expected = [stats.wasserstein_distance(np.repeat(grid, row) + shift, grid) for row in counts]
    np.testing.assert_allclose(null._wasserstein(grid, counts, shift), expected, rtol=1e-12)


def test_the_wasserstein_distance_with_ties_is_that_of_scipy() -> None:
    grid = np.array([0.0, 0.0, 1.0, 1.0, 1.0, 4.0])
    counts = np.random.default_rng(2).multinomial(9, np.full(6, 1 / 6), size=10)
    expected = [stats.wasserstein_distance(np.repeat(grid, row), grid) for row in counts]
    np.testing.assert_allclose(null._wasserstein(grid, counts, 0.0), expected, atol=1e-15)


@pytest.mark.parametrize("shift", [0.0, 0.7])
def test_the_wasserstein_distance_of_a_thinned_reference_is_that_of_its_weights(shift: float) -> None:
    grid, shares = null._support(np.sort(np.random.default_rng(2).lognormal(sigma=2, size=9000)))
    assert shares is not None
    assert (len(grid), shares.sum()) == (null.SUPPORT, pytest.approx(1.0))
    counts = null._counts(np.random.default_rng(3), 60, shares)[:8]
    expected = [stats.wasserstein_distance(grid + shift, grid, row, shares) for row in counts]
    np.testing.assert_allclose(null._wasserstein(grid, counts, shift, shares), expected, rtol=1e-9)


def test_thinning_keeps_the_few_values_that_make_most_of_a_distance() -> None:
    values = np.sort(np.random.default_rng(4).lognormal(sigma=2, size=30_000))
    grid, shares = null._support(values)
    assert shares is not None
    assert (grid[0], grid[-1]) == (values[0], values[-1])
    assert stats.wasserstein_distance(grid, values, shares) < 0.01 * values.std()
    few = values[: null.SUPPORT]
    assert null._support(few)[1] is None
    np.testing.assert_array_equal(null._support(few)[0], few)


@pytest.mark.parametrize("drawn", [50, 9000])
def test_counts_follow_the_weights(drawn: int) -> None:
    shares = np.array([0.05, 0.15, 0.3, 0.5])
    counts = null._counts(np.random.default_rng(5), drawn, shares)
    assert (counts.sum(axis=1) == drawn).all()
    assert stats.chisquare(counts.sum(axis=0), shares * counts.sum()).pvalue > 0.001


def test_the_jensen_shannon_distance_of_counts_is_that_of_scipy() -> None:
    shares = np.array([0.5, 0.3, 0.15, 0.05])
    draws = np.random.default_rng(3).multinomial(20, shares, size=30) / 20
    expected = [jensenshannon(draw, shares) for draw in draws]
    np.testing.assert_allclose(null._jensen_shannon(draws, shares), expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("drawn", [1, 60, 121, 500])
def test_both_ways_of_counting_draw_every_value_with_the_same_chance(drawn: int) -> None:
    counts = null._even_counts(np.random.default_rng(4), drawn, 40)
    assert counts.shape == (null.DRAWS, 40)
    assert (counts.sum(axis=1) == drawn).all()
    total = counts.sum(axis=0)
    assert stats.chisquare(total).pvalue > 0.001
    assert counts.var() == pytest.approx(drawn / 40 * (1 - 1 / 40), rel=0.15)  # binomial


@pytest.mark.parametrize(("size", "reference_rows"), [(200, 3000), (2000, 3000)])
def test_the_simulated_scores_are_those_of_new_rows_against_a_sampled_reference(size: int, reference_rows: int) -> None:
    """Both are samples of one distribution: the simulation needs the reference only."""
    rng = np.random.default_rng(5)
    real = [stats.wasserstein_distance(rng.normal(size=size), rng.normal(size=reference_rows)) for _ in range(150)]
    reference = Numbers.of(rng.normal(size=reference_rows))
    found = null.simulate(reference, "wasserstein", size, never, seed=1) * reference.deviation
    assert float(np.median(found)) == pytest.approx(float(np.median(real)), rel=0.15)
    assert float(np.quantile(found, 0.95)) == pytest.approx(float(np.quantile(real, 0.95)), rel=0.2)


def test_categories_are_simulated_like_new_rows() -> None:
    rng, shares = np.random.default_rng(6), np.array([0.6, 0.3, 0.1])
    real = [jensenshannon(rng.multinomial(300, shares) / 300, rng.multinomial(2000, shares) / 2000) for _ in range(400)]
    reference = Categories.of(rng.choice(["a", "b", "c"], 2000, p=shares))
    found = null.simulate(reference, "jensenshannon", 300, never, seed=1, is_categorical=True)
    assert float(np.median(found)) == pytest.approx(float(np.median(real)), rel=0.15)


def test_another_method_is_asked_for_every_draw() -> None:
    reference = Numbers.of(np.random.default_rng(7).normal(size=500))
    found = null.simulate(
        reference, "ks", 100, lambda now, usual: float(stats.ks_2samp(now.expanded(), usual.expanded()).statistic), seed=1
    )
    assert len(found) == null.SLOW_DRAWS
    assert 0.03 < float(np.median(found)) < 0.15


def test_a_change_is_as_large_as_asked() -> None:
    values = Numbers.of(np.random.default_rng(8).normal(3, 2, size=4000))
    moved = null.simulate(values, "wasserstein", 4000, never, seed=1, change=1.5)
    assert float(np.median(moved)) == pytest.approx(1.5, rel=0.05)  # the normed distance of a shift is the shift
    before = np.array([0.5, 0.3, 0.2])
    after = null._changed(before, 0.4)
    assert float(np.sqrt(np.sum((after - before) ** 2 / before))) == pytest.approx(0.4)  # Cohen's w
    assert after.sum() == pytest.approx(1.0)


def test_a_change_cannot_make_more_than_one_category_of_all_rows() -> None:
    np.testing.assert_allclose(null._changed(np.array([0.9, 0.1]), 5.0), [1.0, 0.0])
    np.testing.assert_array_equal(null._changed(np.array([1.0]), 1.0), [1.0])


def test_the_same_seed_gives_the_same_scores_in_any_order_of_rows() -> None:
    rows = np.random.default_rng(9).normal(size=300)
    values = Numbers.of(rows)
    first = null.simulate(values, "wasserstein", 50, never, seed=3)
    np.testing.assert_array_equal(
        first, null.simulate(Numbers.of(np.random.default_rng(1).permutation(rows)), "wasserstein", 50, never, seed=3)
    )
    assert not np.array_equal(first, null.simulate(values, "wasserstein", 50, never, seed=4))


def test_a_constant_column_never_differs_from_itself() -> None:
    constant = Numbers.of(np.full(100, 7.0))
    assert (null.simulate(constant, "wasserstein", 50, never, seed=1) == 0).all()
    assert (null.simulate(Categories.of(["a"] * 100), "jensenshannon", 50, never, seed=1, is_categorical=True) == 0).all()


@pytest.mark.parametrize("value", [1e-12, 0.003, 0.05, 0.7, 1.0])
def test_p_values_become_distances_and_come_back(value: float) -> None:
    there = null.distance(value, is_p_value=True)
    assert null.score_of(there, is_p_value=True) == pytest.approx(value)
    assert null.distance(value, is_p_value=False) == null.score_of(value, is_p_value=False) == value


def test_a_p_value_of_zero_is_a_finite_distance() -> None:
    assert np.isfinite(null.distance(0.0, is_p_value=True))
    assert null.distance(1e-5, is_p_value=True) > null.distance(1e-4, is_p_value=True)


@pytest.mark.parametrize("rows", [[924], [24, 24, 24], [100, 5000], [3]])
def test_sizes_reach_four_times_up_and_down_in_steps_of_two(rows: list[int]) -> None:
    sizes = null.sizes_around(rows)
    assert sizes[0] <= max(min(rows) / 4, 5) + 1
    assert sizes[-1] == 4 * max(rows)
    assert all(after / before < 2.3 for before, after in pairwise(sizes))
