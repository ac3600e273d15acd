"""The steady part of the error: weights against the closed form of generalised least squares."""

from __future__ import annotations

import json
from dataclasses import asdict

import numpy as np
import pytest
from sklearn.covariance import LedoitWolf

from driftgate.calibrate.steady import ROWS_PER_STRATUM, STRATA, SteadyError, _smallest_variance, fit_steady


def gls(table: np.ndarray) -> np.ndarray:
    """Weights of the best linear unbiased estimate of a common shift (Aitken): S^-1 1 / (1' S^-1 1)."""
    solved = np.linalg.solve(LedoitWolf().fit(table).covariance_, np.ones(table.shape[1]))
    return np.asarray(solved / solved.sum())


def made_windows(count: int = 30, rows: int = 160, seed: int = 0) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Expected losses, and errors whose common part per window grows with the expected loss."""
    rng = np.random.default_rng(seed)
    expected = [rng.uniform(0, 8, rows) for _ in range(count)]
    errors = [loss**2 / 8 * rng.normal() + rng.normal(0, 1, rows) for loss in expected]
    return expected, errors


def test_positive_weights_are_those_of_generalised_least_squares() -> None:
    rng = np.random.default_rng(1)
    table = rng.normal(size=(60, 4)) * [1.0, 1.5, 2.0, 3.0] + 0.2 * rng.normal(size=(60, 1))
    wanted = gls(table)
    assert (wanted > 0).all()
    np.testing.assert_allclose(_smallest_variance(table), wanted, atol=1e-4)


def test_no_weight_is_negative_where_least_squares_would_have_one() -> None:
    rng = np.random.default_rng(2)
    common = rng.normal(size=(60, 1))
    table = np.hstack([common + 0.3 * rng.normal(size=(60, 1)), 3 * common + 0.3 * rng.normal(size=(60, 1))])
    assert gls(table)[1] < 0
    np.testing.assert_allclose(_smallest_variance(table), [1.0, 0.0], atol=1e-6)


@pytest.mark.parametrize("scale", [1e-9, 1.0, 1e9])
def test_the_unit_of_the_errors_does_not_matter(scale: float) -> None:
    table = np.random.default_rng(3).normal(size=(40, 3)) * [1.0, 2.0, 4.0]
    np.testing.assert_allclose(_smallest_variance(scale * table), _smallest_variance(table), atol=1e-5)


def test_the_steady_error_varies_less_than_the_mean_error() -> None:
    expected, errors = made_windows()
    found = fit_steady(expected, errors, is_median=False)
    assert found is not None
    steady, values = found
    assert len(steady.weights) == len(steady.edges) + 1 == STRATA
    assert sum(steady.weights) == pytest.approx(1.0)
    assert min(steady.weights) >= 0
    assert np.std([float(value) for value in values if value is not None]) < 0.5 * np.std([np.mean(error) for error in errors])


def test_a_common_shift_shows_in_full() -> None:
    expected, errors = made_windows()
    for is_median in (False, True):
        found = fit_steady(expected, errors, is_median=is_median)
        assert found is not None
        before, after = (found[0].value(expected[0], errors[0] + shift) for shift in (0.0, 5.0))
        assert before is not None
        assert after == pytest.approx(before + 5.0)


def test_the_value_of_a_window_is_the_weighted_sum_of_its_strata() -> None:
    steady = SteadyError(edges=[1.0, 2.0], weights=[0.5, 0.3, 0.2], is_median=True)
    expected = np.array([0.5, 0.7, 0.9, 1.0, 1.5, 2.5])
    errors = np.array([1.0, 2.0, 9.0, 4.0, 6.0, -10.0])
    assert steady.value(expected, errors) == pytest.approx(0.5 * 2.0 + 0.3 * 5.0 + 0.2 * -10.0)
    assert SteadyError([1.0, 2.0], [0.5, 0.3, 0.2], is_median=False).value(expected, errors) == pytest.approx(0.5 * 4 + 0.3 * 5 - 2)


def test_a_window_without_rows_in_a_stratum_with_weight_has_no_value() -> None:
    steady = SteadyError([1.0, 2.0], [0.5, 0.5, 0.0], is_median=True)
    assert steady.value(np.array([0.5, 2.5]), np.array([1.0, 1.0])) is None
    assert steady.value(np.array([0.5, 1.5]), np.array([1.0, 3.0])) == 2.0


def test_values_of_the_reference_do_not_use_weights_learned_from_their_own_window() -> None:
    expected, errors = made_windows()
    found = fit_steady(expected, errors, is_median=False)
    spoiled = [*errors[:-1], errors[-1] * 50]
    again = fit_steady(expected, spoiled, is_median=False)
    assert found is not None
    assert again is not None
    last_block = range(24, 30)
    own = [again[0].value(expected[index], spoiled[index]) for index in last_block]
    assert [again[1][index] for index in list(last_block)[:-1]] == pytest.approx([found[1][index] for index in list(last_block)[:-1]])
    assert [again[1][index] for index in last_block] != pytest.approx(own)


def test_rows_of_one_expected_loss_make_one_stratum() -> None:
    _, errors = made_windows()
    found = fit_steady([np.zeros(len(error)) for error in errors], errors, is_median=False)
    assert found is not None
    steady, values = found
    assert (list(steady.edges), list(steady.weights)) == ([], [1.0])
    assert values == pytest.approx([error.mean() for error in errors])


@pytest.mark.parametrize(("count", "rows"), [(9, 160), (30, ROWS_PER_STRATUM - 1), (0, 0)])
def test_too_few_windows_or_rows_have_no_steady_error(count: int, rows: int) -> None:
    expected, errors = made_windows(count, rows)
    assert fit_steady(expected, errors, is_median=True) is None


def test_few_rows_make_fewer_strata() -> None:
    found = fit_steady(*made_windows(rows=3 * ROWS_PER_STRATUM), is_median=True)
    assert found is not None
    assert len(found[0].weights) == 3


def test_it_comes_back_from_json() -> None:
    found = fit_steady(*made_windows(), is_median=True)
    assert found is not None
    assert SteadyError.from_dict(json.loads(json.dumps(asdict(found[0])))) == found[0]
