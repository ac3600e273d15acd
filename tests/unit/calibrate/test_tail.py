"""Upper limits from few observations: how often new observations exceed them, and the power transform against SciPy's."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy import special, stats

from driftgate.calibrate.tail import SAMPLING_SHAPE, WINDOW_SHAPE, back, symmetrising_power, transform, upper_bound

Draw = Callable[[np.random.Generator, int], np.ndarray]

REPEATS, NEW = 1000, 200


def times_the_chance(count: int, chance: float, draw: Draw, shape: float = WINDOW_SHAPE) -> float:
    """Share of new observations beyond the limit, divided by what was asked for."""
    rng = np.random.default_rng(count)
    found = [draw(rng, count + NEW) for _ in range(REPEATS)]
    return float(np.mean([np.mean(values[count:] > upper_bound(values[:count], chance, shape=shape)) for values in found])) / chance


def normal(rng: np.random.Generator, size: int) -> np.ndarray:
    return rng.standard_normal(size)


def logistic(rng: np.random.Generator, size: int) -> np.ndarray:
    return rng.logistic(size=size)


def laplace(rng: np.random.Generator, size: int) -> np.ndarray:
    return rng.laplace(size=size)


@pytest.mark.parametrize("chance", [0.02, 0.002])
def test_simulated_scores_exceed_their_limit_as_often_as_asked(chance: float) -> None:
    assert 0.6 < times_the_chance(400, chance, normal, SAMPLING_SHAPE) < 1.3


@pytest.mark.parametrize("count", [14, 60, 400])
@pytest.mark.parametrize("chance", [0.02, 0.002])
def test_normal_windows_exceed_their_limit_no_more_often_than_asked(count: int, chance: float) -> None:
    assert 0.2 < times_the_chance(count, chance, normal) < 1.1


@pytest.mark.parametrize(("draw", "most"), [(logistic, 2.2), (laplace, 4.0)])
def test_heavier_tails_than_normal_cost_a_bounded_factor(draw: Draw, most: float) -> None:
    assert times_the_chance(60, 0.02, draw) < 1.5
    assert times_the_chance(60, 0.002, draw) < most


@pytest.mark.parametrize("draw", [normal, logistic])
def test_eight_windows_are_enough_for_a_limit_that_is_not_far_off(draw: Draw) -> None:
    assert times_the_chance(8, 0.02, draw) < 1.7
    assert times_the_chance(8, 0.002, draw) < 3.5


def test_fewer_observations_and_a_smaller_chance_give_a_wider_limit() -> None:
    values = stats.norm.ppf((np.arange(120) + 0.5) / 120)
    limits = [upper_bound(values[::step], 0.001) for step in (1, 4, 12)]
    assert limits == sorted(limits)
    chances = [upper_bound(values, chance) for chance in (0.1, 0.01, 0.001, 0.0001)]
    assert chances == sorted(chances)
    assert chances[1] > stats.norm.ppf(0.99)


def test_the_limit_moves_with_the_values_and_is_the_value_of_a_constant() -> None:
    values = np.random.default_rng(1).normal(size=50)
    assert upper_bound(5 + 3 * values, 0.01) == pytest.approx(5 + 3 * upper_bound(values, 0.01))
    assert upper_bound(np.full(12, 4.0), 0.001) == 4.0


def test_the_transform_is_that_of_box_and_cox() -> None:
    values = np.array([0.01, 0.3, 1.0, 7.5])
    for power in (0.25, 0.5, 1.0):
        np.testing.assert_allclose(transform(values, power), special.boxcox(values, power))
    np.testing.assert_allclose(transform(values, 0.0), np.log(values))
    for power in (0.0, 0.25, 1.0):
        assert [back(float(value), power) for value in transform(values, power)] == pytest.approx(list(values))


def test_zeros_have_a_finite_logarithm_below_every_other_value() -> None:
    found = transform(np.array([0.0, 0.2, 0.4]), 0.0)
    assert np.isfinite(found).all()
    assert found[0] < found[1] < found[2]
    assert np.isfinite(transform(np.zeros(3), 0.0)).all()


def test_the_power_makes_skew_values_symmetric() -> None:
    draws = np.random.default_rng(2).gamma(3.0, size=4000)
    power = symmetrising_power(draws)
    assert 0.2 < power < 0.45  # the cube root makes gamma values symmetric (Wilson and Hilferty, 1931)
    assert abs(float(stats.skew(transform(draws, power)))) < 0.05
    assert symmetrising_power(np.exp(np.random.default_rng(3).gamma(2.0, size=500))) == 0.0
    assert symmetrising_power(-np.random.default_rng(4).gamma(2.0, size=500) + 40) == 1.0


@pytest.mark.parametrize("draws", [np.array([]), np.zeros(50), np.full(50, 2.0), np.array([0.0, 1.0, 2.0])])
def test_draws_without_a_shape_are_left_as_they_are(draws: np.ndarray) -> None:
    assert symmetrising_power(draws) == 1.0
