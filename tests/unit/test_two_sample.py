"""Two-sample tests against SciPy's permutations and against their own promise: 5 % false alarms at 0.05."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from driftgate.samples import sample_of
from driftgate.two_sample import P_VALUES, statistic_moments


def p_value(name: str, reference: pd.Series, current: pd.Series) -> float:
    return P_VALUES[name](sample_of(reference.to_numpy()), sample_of(current.to_numpy()))


chisquare_p_value = partial(p_value, "chisquare_two_sample")
mann_whitney_p_value = partial(p_value, "mannw_two_sided")
cramer_von_mises_p_value = partial(p_value, "cramer_von_mises_ties")


def shares(categories: int) -> np.ndarray:
    """A few common categories and a long tail."""
    weights = 1 / np.arange(1, categories + 1) ** 1.3
    return weights / weights.sum()


def sample(rng: np.random.Generator, categories: int, rows: int) -> pd.Series:
    return pd.Series(rng.choice(categories, rows, p=shares(categories))).astype("str")


def counts(current: pd.Series, reference: pd.Series) -> np.ndarray:
    return pd.concat([reference.value_counts(), current.value_counts()], axis=1).fillna(0).to_numpy(dtype=int).T


def test_large_expected_counts_give_scipys_p_value() -> None:
    rng = np.random.default_rng(1)
    current, reference = sample(rng, 4, 300), sample(rng, 4, 500)
    expected = stats.chi2_contingency(counts(current, reference), correction=False).pvalue
    assert chisquare_p_value(reference, current) == expected


@pytest.mark.parametrize(("rows", "categories"), [(60, 12), (300, 60)])
def test_moments_are_those_of_scipys_random_tables(rows: int, categories: int) -> None:
    rng = np.random.default_rng(2)
    totals = sample(rng, categories, rows + 500).value_counts().to_numpy()
    tables = stats.random_table([rows, 500], totals).rvs(20_000, random_state=3)
    expected = totals * rows / (rows + 500)
    statistics = ((tables[:, 0, :] - expected) ** 2 / expected).sum(axis=1) * (1 + rows / 500)
    mean, variance = statistic_moments(totals, rows)
    assert statistics.mean() == pytest.approx(mean, rel=0.02)
    assert statistics.var() == pytest.approx(variance, rel=0.06)


@pytest.mark.parametrize("seed", range(4))
def test_small_expected_counts_agree_with_scipys_monte_carlo(seed: int) -> None:
    rng = np.random.default_rng(seed)
    current, reference = sample(rng, 40, 100), sample(rng, 60, 500)
    method = stats.MonteCarloMethod(n_resamples=4999, rng=np.random.default_rng(7))
    expected = stats.chi2_contingency(counts(current, reference), correction=False, method=method).pvalue
    assert chisquare_p_value(reference, current) == pytest.approx(expected, abs=0.025)


@pytest.mark.parametrize(("rows", "categories"), [(50, 3), (300, 20), (800, 5), (800, 100)])
def test_no_change_is_called_change_as_often_as_the_level_says(rows: int, categories: int) -> None:
    """Reference of 500 rows, level 0.05, 600 windows: a binomial count with mean 30, here within 3 standard deviations.

    With Evidently's form the counts are 42, 375, 282 and 600.
    """
    rng, windows, chances = np.random.default_rng(11), 600, shares(categories)
    pairs = ([pd.Series(rng.choice(categories, size, p=chances)) for size in (500, rows)] for _ in range(windows))
    alarms = sum(chisquare_p_value(*pair) < 0.05 for pair in pairs)
    assert abs(alarms - 30) <= 3 * np.sqrt(windows * 0.05 * 0.95)


def test_a_change_is_found() -> None:
    rng = np.random.default_rng(5)
    reference = sample(rng, 60, 500)
    assert chisquare_p_value(reference, sample(rng, 60, 300).replace("1", "0")) < 1e-6
    assert chisquare_p_value(reference, "new" + sample(rng, 60, 300)) < 1e-6


def test_a_new_rare_category_counts() -> None:
    reference, current = pd.Series(["a", "b"] * 250), pd.Series(["a", "b"] * 145 + ["new"] * 10)
    assert chisquare_p_value(reference, current) < 0.001
    assert chisquare_p_value(reference, current.head(290)) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("reference", "current"),
    [(["a"] * 50, ["a"] * 30), ([str(i) for i in range(50)], [str(i) for i in range(50, 80)])],
    ids=["constant", "every value once"],
)
def test_margins_that_allow_no_difference_are_no_drift(reference: list[str], current: list[str]) -> None:
    assert chisquare_p_value(pd.Series(reference), pd.Series(current)) == 1.0


@pytest.mark.parametrize("rows", [1, 2, 3])
def test_tiny_samples_have_a_p_value(rows: int) -> None:
    for reference, current in ((["a"] * rows, ["b"] * rows), (["a", "b"] * rows, ["b"] * rows), (["a", "a", "b"] * rows, ["c"])):
        assert 0 <= chisquare_p_value(pd.Series(reference), pd.Series(current)) <= 1


def test_the_order_of_the_rows_does_not_matter() -> None:
    rng = np.random.default_rng(6)
    reference, current = sample(rng, 60, 500), sample(rng, 60, 300)
    mixed = chisquare_p_value(reference.sample(frac=1, random_state=1), current.sample(frac=1, random_state=2))
    assert mixed == pytest.approx(chisquare_p_value(reference, current), rel=1e-9)


def test_mann_whitney_is_two_sided_and_calm_on_constants() -> None:
    numbers = pd.Series(np.random.default_rng(8).normal(size=200))
    for shift in (-1.0, 1.0):
        assert mann_whitney_p_value(numbers, numbers[:80] + shift) < 1e-6
    assert mann_whitney_p_value(pd.Series([5.0] * 50), pd.Series([5.0] * 40)) == 1.0


@pytest.mark.parametrize("shift", [0.15, 0.2, 0.25, 0.3])
def test_cramer_von_mises_without_ties_is_scipys_in_the_tail(shift: float) -> None:
    rng = np.random.default_rng(9)
    reference, current = rng.normal(size=500), rng.normal(shift, size=300)
    expected = stats.cramervonmises_2samp(reference, current).pvalue
    assert expected < 0.15
    assert cramer_von_mises_p_value(pd.Series(reference), pd.Series(current)) == pytest.approx(expected, abs=0.012)


@pytest.mark.parametrize("values", [2, 24])
@pytest.mark.parametrize("rows", [50, 800])
def test_cramer_von_mises_of_whole_numbers_keeps_its_level(rows: int, values: int) -> None:
    """SciPy's and Evidently's form rejects every one of these windows of 50 rows."""
    rng, windows = np.random.default_rng(12), 1000
    samples = [(pd.Series(rng.integers(0, values, 500)), pd.Series(rng.integers(0, values, rows))) for _ in range(windows)]
    alarms = sum(cramer_von_mises_p_value(*sample) < 0.05 for sample in samples)
    assert abs(alarms - 50) <= 3 * np.sqrt(windows * 0.05 * 0.95)


@pytest.mark.parametrize("values", [3, 24])
def test_cramer_von_mises_with_ties_agrees_with_a_permutation_test(values: int) -> None:
    rng = np.random.default_rng(13)
    reference, current = rng.integers(0, values, 300), np.minimum(rng.integers(0, values + 1, 60), values - 1)

    def statistic(one: np.ndarray, two: np.ndarray) -> float:
        counts = [np.bincount(part, minlength=values) for part in (one, two)]
        gap = np.cumsum(counts[0]) / len(one) - np.cumsum(counts[1]) / len(two)
        return float((gap**2 * (counts[0] + counts[1])).sum())

    found = stats.permutation_test((reference, current), statistic, n_resamples=999, alternative="greater", rng=np.random.default_rng(14))
    assert cramer_von_mises_p_value(pd.Series(reference), pd.Series(current)) == pytest.approx(found.pvalue, abs=0.04)


def test_cramer_von_mises_of_a_constant_is_no_drift() -> None:
    assert cramer_von_mises_p_value(pd.Series([5.0] * 50), pd.Series([5.0] * 40)) == 1.0
    assert cramer_von_mises_p_value(pd.Series([5.0] * 50), pd.Series([6.0] * 40)) < 1e-6
