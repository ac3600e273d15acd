"""Upper limits of a value from few observations: a power transform towards symmetry and a fitted tail.

A false alarm per quarter over a dozen columns asks for quantiles such as 0.9995; sixty windows hold no such quantile. The tail
beyond the upper third of the observations is therefore taken as a Weibull tail with a fixed shape, whose scale is estimated, and the
limit is a *predictive* one: the uncertainty of the scale is integrated out. Sources: conditional excesses over a high threshold,
Coles, An Introduction to Statistical Modeling of Extreme Values (2001), chapter 4; externally studentised residuals, Cook and
Weisberg, Residuals and Influence in Regression (1982), section 2.2; power transforms, Box and Cox (1964).
"""

from __future__ import annotations

import numpy as np
from scipy import optimize, stats

WINDOW_SHAPE = 1.5
"""Shape of the tail of values of whole windows: 1 is the tail of an exponential distribution; that of a normal one, beyond its upper
third, is about 1.7 (2 only far out). Scores of real days have tails between the two."""
SAMPLING_SHAPE = 1.7
"""Shape of the tail of simulated scores after the power transform, which makes them nearly normal."""
TAIL_SHARE = 1 / 3
SMALLEST_TAIL = 5


def symmetrising_power(draws: np.ndarray) -> float:
    """Return the power between 0 (the logarithm) and 1 that makes positive draws least skew."""
    positive = draws[draws > 0]
    if len(positive) < SMALLEST_TAIL or np.ptp(positive) == 0:
        return 1.0

    def skew(power: float) -> float:
        return float(stats.skew(transform(positive, power)))

    if skew(0.0) >= 0:
        return 0.0
    if skew(1.0) <= 0:
        return 1.0
    return float(optimize.brentq(skew, 0.0, 1.0, xtol=1e-3))


def transform(values: np.ndarray, power: float) -> np.ndarray:
    """Box-Cox transform; zeros are lifted to a thousandth of the smallest positive value where the power is 0."""
    values = np.asarray(values, dtype=float)
    if power > 0:
        return np.asarray((values**power - 1) / power)
    positive = values[values > 0]
    smallest = positive.min() / 1000 if len(positive) else 1.0
    return np.asarray(np.log(np.maximum(values, smallest)))


def back(value: float, power: float) -> float:
    """Inverse of :func:`transform` for one value."""
    if power > 0:
        return float(max(value * power + 1, 0.0) ** (1 / power))
    return float(np.exp(value))


def upper_bound(values: np.ndarray, chance: float, *, shape: float = WINDOW_SHAPE) -> float:
    """Return the value that one further observation exceeds with this chance.

    Parameters
    ----------
    values
        At least eight observations, roughly symmetric.
    chance
        Between 0 and about the share of observations in the tail.
    shape
        Shape of the Weibull tail.
    """
    values = np.asarray(values, dtype=float)
    count, centre, spread = len(values), float(values.mean()), float(values.std(ddof=1))
    if spread == 0:
        return centre
    standard = _externally_studentised((values - centre) / spread, count)
    tail = min(max(SMALLEST_TAIL, int(count * TAIL_SHARE)), count - 1)
    ordered = np.sort(standard)
    start = max(float(ordered[-tail - 1]), 0.0)
    scale = float(np.mean(np.maximum(ordered[-tail:], 0.0) ** shape - start**shape))
    rarity = max(tail / (count * chance), 1.0)
    beyond = scale * tail * (rarity ** (1 / tail) - 1)
    return centre + spread * float(np.sqrt(1 + 1 / count)) * float((start**shape + beyond) ** (1 / shape))


def _externally_studentised(standard: np.ndarray, count: int) -> np.ndarray:
    """Standardise each observation by the others, so that it is to them what a new one is to all."""
    inner = standard / np.sqrt(1 - 1 / count)
    return np.asarray(inner * np.sqrt((count - 2) / np.maximum(count - 1 - inner**2, 0.2)))
