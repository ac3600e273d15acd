"""How far the realised score of a window may be from its estimate: a predictive distribution learned from windows with labels.

For every window the estimator, fitted without it, gives an estimate, and the labels the realised score; both are put on a scale on
which their difference is about symmetric: the logarithm for errors and losses, the arcsine of the root for shares (which makes the
variance of a share independent of its value; Anscombe 1948, Biometrika 35). The differences follow a random-effects model

    difference of window i  ~  location + N(0, between) + N(0, within / rows of window i)

- ``within`` is sampling noise: the halves of a window, split at random, differ from each other by nothing else. The variance of
  their difference is ``4 within / rows``.
- ``between`` is what windows differ by beyond that (weather, weekday, season): the estimator of Paule and Mandel (1982, "Consensus
  Values and Weighting Factors", J. Res. NBS 87).
- The limits of a new window's score are ``location ± t sqrt(between + within / rows + variance of location)`` with the quantile t of
  Student's distribution with windows - 1 degrees of freedom (the prediction interval of Higgins, Thompson and Spiegelhalter 2009, "A
  re-evaluation of random-effects meta-analysis", JRSS A 172, here for a window's observed score).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

CONFIDENCE = 0.95
MINIMUM_WINDOWS = 5
"""With fewer differences nothing can be said about their spread."""
LOG, ARCSINE = "log", "arcsine"
_LOGARITHMIC = frozenset({"mae", "rmse", "log_loss"})
_TINY = 1e-9


@dataclass(frozen=True)
class Spread:
    """Distribution of the difference between realised and estimated score, on the scale."""

    scale: str
    location: float
    location_variance: float
    between: float
    within: float
    """Variance of one row's worth of noise."""
    windows: int

    def limits(self, estimate: float, rows: int) -> tuple[float, float] | None:
        """Return between which values the realised score of so many rows lies with 95 % confidence; None for an estimate of 0 errors."""
        from scipy import stats

        centre = to_scale(self.scale, estimate)
        if not math.isfinite(centre):
            return None
        variance = self.between + self.within / rows + self.location_variance
        reach = float(stats.t.ppf((1 + CONFIDENCE) / 2, self.windows - 1)) * math.sqrt(variance)
        low, high = (from_scale(self.scale, centre + self.location + side * reach) for side in (-1, 1))
        return min(low, estimate), max(high, estimate)


def scale_of(metric: str) -> str:
    """Return the scale on which a metric's differences are about symmetric."""
    return LOG if metric in _LOGARITHMIC else ARCSINE


def to_scale(scale: str, value: float) -> float:
    """Put a value on the scale; the logarithm of 0 is minus infinity."""
    if scale == LOG:
        return math.log(value) if value > 0 else -math.inf
    return math.asin(math.sqrt(min(max(value, 0.0), 1.0)))


def from_scale(scale: str, value: float) -> float:
    """Return the value; beyond the ends of the arcsine scale it is 0 or 1."""
    if scale == LOG:
        return math.exp(value)
    return math.sin(min(max(value, 0.0), math.pi / 2)) ** 2


def learn_spread(metric: str, differences: Sequence[float], rows: Sequence[int], halves: Sequence[float]) -> Spread | None:
    """Learn the distribution from windows with labels.

    Parameters
    ----------
    metric
        Name of the metric, which decides the scale.
    differences
        Realised minus estimated, on the scale, per window.
    rows
        Rows of each of these windows.
    halves
        ``rows * (difference of one half - difference of the other)² / 4`` of random halves of windows.

    Returns
    -------
    Spread or None
        None with fewer than ``MINIMUM_WINDOWS`` windows.
    """
    if len(differences) < MINIMUM_WINDOWS:
        return None
    found, within = np.asarray(differences), float(np.mean(halves)) if len(halves) else 0.0
    noise = within / np.asarray(rows, dtype=float)
    between = _between(found, noise)
    weights = _weights(between + noise)
    location = float(np.average(found, weights=weights))
    location_variance = float(((between + noise) * weights**2).sum() / weights.sum() ** 2)
    return Spread(scale_of(metric), location, location_variance, between, within, len(found))


def _between(differences: np.ndarray, noise: np.ndarray) -> float:
    """Solve sum((difference - location)² / (between + noise)) = windows - 1; 0 where noise explains everything."""
    from scipy import optimize

    def excess(between: float) -> float:
        variance = between + noise
        centre = np.average(differences, weights=_weights(variance))
        squares = (differences - centre) ** 2
        return float(np.divide(squares, variance, out=np.zeros_like(squares), where=variance > 0).sum()) - (len(differences) - 1)

    largest = float(differences.var(ddof=1)) * len(differences)
    if largest == 0 or (noise.min() > 0 and excess(0.0) <= 0):
        return 0.0
    return float(optimize.brentq(excess, 0.0 if noise.min() > 0 else largest * _TINY, largest))


def _weights(variance: np.ndarray) -> np.ndarray:
    return 1 / variance if (variance > 0).all() else np.ones_like(variance)
