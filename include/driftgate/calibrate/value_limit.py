"""Limits of any other number of a window (an error, a share, a gap, a business number), learned from the windows of the reference."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from scipy import stats

from driftgate.calibrate import tail

SMALLEST_EXCESS = 0.005
"""A share has to exceed the reference's by this much: fewer stray values are no news, however sure."""
MANY_ROWS = 10_000
"""From so many rows on the beta-binomial distribution is taken as a beta distribution of the same mean and variance: summing it up
would take seconds."""


@dataclass(frozen=True)
class ValueLimit:
    """The range that a number of an ordinary window stays in; None: that side has no limit."""

    level: float
    spread: float
    low: float | None
    high: float | None
    windows: int
    usual_rows: float

    def bounds(self, rows: int) -> tuple[float | None, float | None]:
        """Return lower and upper limit for a window of this size; smaller windows get wider ones (square-root law)."""
        wider = max(float(np.sqrt(self.usual_rows / max(rows, 1))), 1.0)
        low = None if self.low is None else self.level + wider * (self.low - self.level)
        high = None if self.high is None else self.level + wider * (self.high - self.level)
        return low, high

    def at_least(self, distance: float) -> Self:
        """Return the limits, none of them closer to the level than this."""
        low = None if self.low is None else min(self.low, self.level - distance)
        high = None if self.high is None else max(self.high, self.level + distance)
        return replace(self, low=low, high=high)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        return cls(**data)


def fit_value_limit(values: np.ndarray, rows: np.ndarray, *, chance: float, above: bool, below: bool) -> ValueLimit:
    """Learn the limits; two sides share the chance. Positive numbers are treated on a logarithmic scale."""
    each = chance / (above + below)
    log_scale = bool(np.all(values > 0)) and above and not below
    scaled = np.log(values) if log_scale else values
    high = tail.upper_bound(scaled, each) if above else None
    low = -tail.upper_bound(-scaled, each) if below else None
    level, spread = float(scaled.mean()), float(scaled.std(ddof=1))
    if log_scale:
        level, high = float(np.exp(level)), float(np.exp(high)) if high is not None else None
    return ValueLimit(level, spread, low, high, len(values), float(np.median(rows)))


@dataclass(frozen=True)
class ShareLimit:
    """How large a share of rows (missing values, for example) may be.

    ``learned`` is set where the windows of the reference differ by more than random samples of one share would.
    """

    usual: float
    reference_rows: int
    chance: float
    learned: ValueLimit | None = None
    excess: float = SMALLEST_EXCESS
    """By how much the usual share has to be exceeded at least."""

    def threshold(self, rows: int) -> float:
        """Return the largest share that is still ordinary in a window with so many rows."""
        smallest = self.usual + self.excess
        if self.learned is not None:
            high = self.learned.bounds(rows)[1]
            assert high is not None
            return max(float(np.sin(min(max(high, 0.0), np.pi / 2)) ** 2), smallest)
        return max(self._counted(max(rows, 1)), smallest)

    def _counted(self, rows: int) -> float:
        """Quantile of the share in a new sample, as the counts of the reference predict it."""
        hits, misses = self.usual * self.reference_rows + 0.5, (1 - self.usual) * self.reference_rows + 0.5
        if rows < MANY_ROWS:
            return float(stats.betabinom.ppf(1 - self.chance, rows, hits, misses)) / rows
        total = hits + misses
        size = rows * (total + 1) / (total + rows) - 1  # the beta distribution with this sum of parameters has the same variance
        return float(stats.beta.isf(self.chance, size * hits / total, size * misses / total))

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        learned = data.get("learned")
        return cls(**{**data, "learned": ValueLimit.from_dict(learned) if learned else None})


def fit_share_limit(shares: np.ndarray, rows: np.ndarray, usual: float, reference_rows: int, *, chance: float) -> ShareLimit:
    """Learn the limit of a share.

    The predictive distribution of a share in a new sample is beta-binomial with Jeffreys' prior (Brown, Cai and DasGupta, Interval
    Estimation for a Binomial Proportion, 2001); windows that vary by more (a chi-square test of homogeneity, at one per cent) are
    taken on the arcsine scale, on which a binomial share has the same variance everywhere.
    """
    hits = shares * rows
    pooled = float(hits.sum() / max(rows.sum(), 1))
    if 0 < pooled < 1:
        statistic = float(((hits - rows * pooled) ** 2 / (rows * pooled * (1 - pooled))).sum())
        if stats.chi2.sf(statistic, len(shares) - 1) < 0.01:
            scaled = np.arcsin(np.sqrt(np.clip(shares, 0, 1)))
            return ShareLimit(usual, reference_rows, chance, fit_value_limit_on(scaled, rows, chance))
    return ShareLimit(usual, reference_rows, chance)


def fit_value_limit_on(scaled: np.ndarray, rows: np.ndarray, chance: float) -> ValueLimit:
    """Upper limit of numbers that are on a suitable scale already."""
    high = tail.upper_bound(scaled, chance)
    return ValueLimit(float(scaled.mean()), float(scaled.std(ddof=1)), None, high, len(scaled), float(np.median(rows)))
