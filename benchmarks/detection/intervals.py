"""95 % intervals of shares and of counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

CONFIDENCE = 0.95
_Z = float(stats.norm.ppf(0.5 + CONFIDENCE / 2))


@dataclass(frozen=True)
class Estimate:
    """A number with its interval."""

    value: float
    low: float
    high: float

    def scaled(self, factor: float) -> Estimate:
        return Estimate(self.value * factor, self.low * factor, self.high * factor)


def wilson(hits: int, cases: int) -> Estimate:
    """Share of hits (E. B. Wilson, Probable inference, JASA 22, 1927)."""
    if cases == 0:
        return Estimate(float("nan"), 0.0, 1.0)
    share = hits / cases
    middle = (share + _Z**2 / (2 * cases)) / (1 + _Z**2 / cases)
    half = _Z / (1 + _Z**2 / cases) * float(np.sqrt(share * (1 - share) / cases + _Z**2 / (4 * cases**2)))
    return Estimate(share, max(middle - half, 0.0), min(middle + half, 1.0))


def poisson(count: int, exposure: float) -> Estimate:
    """Events per unit of exposure, exact (F. Garwood, Fiducial limits for the Poisson distribution, Biometrika 28, 1936)."""
    outside = (1 - CONFIDENCE) / 2
    low = stats.chi2.ppf(outside, 2 * count) / 2 if count else 0.0
    high = stats.chi2.ppf(1 - outside, 2 * count + 2) / 2
    return Estimate(count / exposure, float(low) / exposure, float(high) / exposure)


def largest_within(budget: float, exposure: float) -> int:
    """Return the largest count that a true rate of ``budget`` per unit of exposure explains (97.5 % quantile)."""
    return int(stats.poisson.ppf(0.5 + CONFIDENCE / 2, budget * exposure))


def overdispersed(count: float, exposure: float, dispersion: float) -> Estimate:
    """Events per unit of exposure where counts vary by more than Poisson's, ``dispersion`` times (quasi-Poisson).

    The exact interval of ``count / dispersion`` events in as much less exposure (P. McCullagh and J. A. Nelder, Generalized Linear
    Models, 1989, section 6.2).
    """
    outside, scaled = (1 - CONFIDENCE) / 2, count / dispersion
    low = stats.chi2.ppf(outside, 2 * scaled) / 2 if scaled else 0.0
    high = stats.chi2.ppf(1 - outside, 2 * scaled + 2) / 2
    return Estimate(count / exposure, float(low) * dispersion / exposure, float(high) * dispersion / exposure)


def dispersion(groups: Sequence[Sequence[int]]) -> float:
    """Variance over mean of counts (Pearson's statistic over its degrees of freedom), over groups with means of their own; at least 1."""
    used = [np.asarray(group, dtype=float) for group in groups if len(group) > 1 and sum(group) > 0]
    freedom = sum(len(group) - 1 for group in used)
    if not freedom:
        return 1.0
    return max(sum(float(((group - group.mean()) ** 2).sum()) / float(group.mean()) for group in used) / freedom, 1.0)
