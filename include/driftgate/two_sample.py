"""Two-sample tests in place of three of Evidently's forms that are not right for two samples.

Evidently's ``chisquare`` scales the reference's counts to the window and then takes them for the exact truth, so the reference's own
chance variation counts as drift; its ``mannw`` asks one side only and never sees values that became smaller; its ``cramer_von_mises``
(like SciPy's) supposes that no value occurs twice, and rejects two samples of whole numbers always. The other p-value methods
(anderson, es, ks, t_test, z) are two-sample forms already.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from scipy import special, stats

from driftgate.samples import Counts, Numbers, Sample, counts_together, sample_of

CHISQUARE = "chisquare_two_sample"
MANN_WHITNEY = "mannw_two_sided"
CRAMER_VON_MISES = "cramer_von_mises_ties"
REPLACED: Mapping[str, str] = {"chisquare": CHISQUARE, "mannw": MANN_WHITNEY, "cramer_von_mises": CRAMER_VON_MISES}
"""Evidently's method and the name under which its replacement is recorded."""
DISPLAY_NAMES: Mapping[str, str] = {
    CHISQUARE: "two-sample chi-square p_value",
    MANN_WHITNEY: "two-sided Mann-Whitney p_value",
    CRAMER_VON_MISES: "Cramer-von Mises p_value with ties",
}
SMALLEST_EXPECTATION = 5.0
"""Cochran's rule: with a smaller expected count the chi-square distribution is not trusted (Biometrics 10, 1954, 417-451)."""
_EXACT_MANN_WHITNEY = 8


def used_method(method: str, reference: Sample, current: Sample) -> str:
    """Return the name of the test that is used where Evidently would use ``method`` on these values.

    Cramer-von Mises stays Evidently's as long as no value occurs twice in both samples together: then it is right.
    """
    if method == "cramer_von_mises" and int(_totals(reference, current).max(initial=0)) < 2:
        return method
    return REPLACED.get(method, method)


def judged(name: str) -> Callable[[pd.Series, pd.Series, Any, float], tuple[float, bool]]:
    """Return a test of this module in the form that Evidently registers: p-value, and whether it is below the threshold."""

    def test(reference: pd.Series, current: pd.Series, _kind: Any, threshold: float) -> tuple[float, bool]:
        value = P_VALUES[name](*(sample_of(values.to_numpy()) for values in (reference, current)))
        return value, value < threshold

    return test


def chisquare_p_value(reference: Sample, current: Sample) -> float:
    """Return the p-value of Pearson's test of homogeneity, which asks whether both samples come from the same shares of categories.

    Without small expected counts it is ``scipy.stats.chi2_contingency`` without continuity correction. Else the statistic stays
    the same, over every category, and its distribution becomes the gamma distribution with the statistic's exact mean and
    variance for these margins (:func:`statistic_moments`): nothing is merged, so a new rare category still counts, nothing is drawn
    at random, and p-values do not end at one over the number of draws.

    Parameters
    ----------
    reference, current
        Neither may be empty.

    Returns
    -------
    float
        Between 0 and 1; 1 where the margins allow no difference (a single category, or every value seen once only).
    """
    table = np.array(counts_together(reference, current), dtype=np.float64)
    if table.shape[1] < 2:
        return 1.0
    found = stats.chi2_contingency(table, correction=False)
    if float(found.expected_freq.min()) >= SMALLEST_EXPECTATION:
        return float(found.pvalue)
    return _gamma_tail(float(found.statistic), *statistic_moments(table.sum(axis=0), float(table[1].sum())))


def statistic_moments(totals: np.ndarray, rows: float) -> tuple[float, float]:
    """Return the exact mean and variance of Pearson's statistic of a 2 x k table with fixed margins.

    Source: J. B. S. Haldane, The mean and variance of chi-squared, when used as a test of homogeneity, when expectations are small,
    Biometrika 31 (1940), 346-355. Worked out here from the factorial moments of the multivariate hypergeometric distribution.

    Parameters
    ----------
    totals
        Counts of each category in both samples together, shape (k,).
    rows
        Rows of one of the samples.
    """
    whole, k, less = float(totals.sum()), len(totals), totals - 1.0
    chance = [math.prod((rows - i) / (whole - i) if whole > i else 0.0 for i in range(order)) for order in (1, 2, 3, 4)]
    first, second, third, fourth = chance
    mean = float((second * less + first).sum())
    squares = fourth * less * (less - 1) * (less - 2) + 6 * third * less * (less - 1) + 7 * second * less + first
    together, alone = float(less.sum()), float((less**2).sum())
    products = fourth * (together**2 - alone) + 2 * third * (k - 1) * together + second * k * (k - 1)
    variance = float((squares / totals).sum()) + products - mean**2
    scale = whole**2 / (rows * (whole - rows))
    return scale * (mean - rows**2 / whole), scale**2 * variance


def mann_whitney_p_value(reference: Numbers, current: Numbers) -> float:
    """Return the two-sided p-value of ``scipy.stats.mannwhitneyu``, which asks whether one sample lies higher or lower than the other.

    SciPy itself is asked where one side has at most eight rows (its p-value is exact there); above that it is the same normal
    approximation, with the correction for ties and for continuity, from ranks in the sorted reference.
    """
    few, many = sorted((reference.rows, current.rows))
    if few <= _EXACT_MANN_WHITNEY:
        return float(stats.mannwhitneyu(reference.expanded(), current.expanded(), alternative="two-sided").pvalue)
    whole = few + many
    higher = pairs_won(current, reference) / 2
    ties = _totals(reference, current).astype(np.float64)
    variance = few * many / 12 * (whole + 1 - float((ties**3 - ties).sum()) / (whole * (whole - 1)))
    excess = max(higher, few * many - higher) - few * many / 2 - 0.5
    with np.errstate(divide="ignore", invalid="ignore"):
        standard = np.float64(excess) / np.sqrt(max(variance, 0.0))
    return float(np.clip(2 * special.ndtr(-standard), 0.0, 1.0))


def pairs_won(current: Numbers, reference: Numbers) -> int:
    """Return twice the number of pairs in which the current value is the larger one, ties counted half."""
    values, counts = current.distinct()
    return int(((reference.below(values) + reference.not_above(values)) * counts).sum())  # whole numbers: no order of rows matters


def cramer_von_mises_p_value(reference: Numbers, current: Numbers) -> float:
    """Return the p-value of the two-sample Cramer-von Mises test for values that may occur several times.

    The statistic is the squared difference of both distribution functions, averaged over the pooled values. Its distribution is
    the gamma distribution with the mean and variance of the limit for these ties, close in the tail (within 0.01 of the true
    p-value below 0.1) and rough above. Source: V. Choulakian, R. A. Lockhart and M. A.
    Stephens, Cramer-von Mises statistics for discrete distributions, Canadian Journal of Statistics 22 (1994), 125-137; without ties
    mean and variance are 1/6 and 1/45, those of T. W. Anderson, Annals of Mathematical Statistics 33 (1962), 1148-1159.

    Parameters
    ----------
    reference, current
        Neither may be empty.
    """
    both = counts_together(reference, current)
    totals, rows = both[0] + both[1], [reference.rows, current.rows]
    whole = sum(rows)
    if len(totals) < 2:
        return 1.0
    weights, pooled = totals / whole, np.cumsum(totals) / whole
    differences = np.subtract(*(np.cumsum(counts) / size for counts, size in zip(both, rows, strict=True)))
    statistic = rows[0] * rows[1] / whole * float((weights * differences**2).sum())
    finite = whole / (whole - 1)
    mean = finite * float((weights * pooled * (1 - pooled)).sum())
    own = weights * pooled**2
    before = np.concatenate([[0.0], np.cumsum(own)[:-1]])
    squares = float((weights * (1 - pooled) ** 2 * (2 * before + own)).sum())
    return _gamma_tail(statistic, mean, 2 * finite**2 * squares)


def _totals(reference: Sample, current: Sample) -> Counts:
    """Rows of each value in both samples together."""
    return np.add(*counts_together(reference, current))


def _gamma_tail(statistic: float, mean: float, variance: float) -> float:
    """Probability of a larger value of a gamma variable with this mean and variance; 1 where it cannot vary."""
    if variance <= 1e-9 * mean**2:
        return 1.0
    return float(stats.gamma.sf(statistic, mean**2 / variance, scale=variance / mean))


P_VALUES: Mapping[str, Callable[[Any, Any], float]] = {
    CHISQUARE: chisquare_p_value,
    MANN_WHITNEY: mann_whitney_p_value,
    CRAMER_VON_MISES: cramer_von_mises_p_value,
}
"""The functions by name, each of reference and current."""
