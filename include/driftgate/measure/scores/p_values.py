"""P-values of Evidently's two-sample tests that sorted values and counts are enough for; more in :mod:`driftgate.two_sample`."""

from __future__ import annotations

import numpy as np
from scipy import special, stats

from driftgate.measure.scores.distances import kolmogorov
from driftgate.samples import Numbers, Sample, counts_together

_LARGEST_EXACT = 10_000
"""SciPy's: with more rows on one side the Kolmogorov-Smirnov p-value is the asymptotic one."""


def ks(current: Numbers, reference: Numbers) -> float:
    """Return the p-value of ``scipy.stats.ks_2samp``: exact for up to 10,000 rows on either side, there by SciPy itself."""
    few, many = sorted((current.rows, reference.rows))
    if many <= _LARGEST_EXACT:
        return float(stats.ks_2samp(reference.expanded(), current.expanded()).pvalue)
    return float(np.clip(stats.kstwo.sf(kolmogorov(current, reference), np.round(few * many / (few + many))), 0.0, 1.0))


def z(current: Sample, reference: Sample) -> float:
    """Return the two-sided p-value of the z-test that the share of the first value (in order) is the same on both sides."""
    usual, found = counts_together(reference, current)
    if len(usual) == 1:
        return 1.0
    rows, usual_rows = current.rows, reference.rows
    others = (usual_rows - int(usual[0]), rows - int(found[0]))
    pooled = sum(others) / (rows + usual_rows)
    difference = others[0] / usual_rows - others[1] / rows
    standard = difference / np.sqrt(pooled * (1 - pooled) * (1 / usual_rows + 1 / rows))
    return float(2 * (1 - special.ndtr(abs(standard))))


def t_test(current: Numbers, reference: Numbers) -> float:
    """Return the two-sided p-value of ``scipy.stats.ttest_ind`` (equal variances), from means and sums of squares."""
    if min(current.rows, reference.rows) < 1 or current.rows + reference.rows < 3:
        return float("nan")
    freedom = current.rows + reference.rows - 2
    variance = (current.squares + reference.squares) / freedom
    with np.errstate(divide="ignore", invalid="ignore"):
        statistic = np.float64(reference.mean - current.mean) / np.sqrt(variance * (1 / current.rows + 1 / reference.rows))
    return float(2 * special.stdtr(freedom, -abs(statistic)))
