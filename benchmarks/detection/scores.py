"""Drift scores of one column, with a reference that was sorted or counted beforehand."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Sorted:
    """Reference values of one numerical column."""

    values: np.ndarray
    sums: np.ndarray
    centre: float
    spread: float

    @classmethod
    def of(cls, values: np.ndarray) -> Sorted:
        centre = float(values.mean()) if len(values) else 0.0
        spread = max(float(values.std()), 0.001) if len(values) else 1.0
        return cls(values, np.concatenate([[0.0], np.cumsum(values - centre)]), centre, spread)

    def wasserstein(self, current: np.ndarray) -> float:
        """First Wasserstein distance over the reference's standard deviation; ``current`` is sorted.

        The area between both quantile functions: on each step of the current one, the reference's crosses it at most once.
        """
        steps = np.arange(len(current) + 1) / len(current)
        ranks = np.searchsorted(self.values, current, "left") / len(self.values)
        cross = np.clip(ranks, steps[:-1], steps[1:])
        ends, middle, level = self._integral(steps), self._integral(cross), current - self.centre
        below = level * (cross - steps[:-1]) - (middle - ends[:-1])
        above = (ends[1:] - middle) - level * (steps[1:] - cross)
        return float((below + above).sum()) / self.spread

    def _integral(self, share: np.ndarray) -> np.ndarray:
        """Integral of the (centred) quantile function from 0 to each share."""
        place = share * len(self.values)
        whole = np.minimum(place.astype(int), len(self.values) - 1)
        return (self.sums[whole] + (place - whole) * (self.values[whole] - self.centre)) / len(self.values)

    def position(self, current: np.ndarray) -> float:
        won = np.searchsorted(self.values, current, "left").sum() + np.searchsorted(self.values, current, "right").sum()
        return int(won) / (2 * len(current) * len(self.values))

    def kolmogorov(self, current: np.ndarray) -> float:
        """Two-sample Kolmogorov-Smirnov statistic; ``current`` is sorted."""
        right = np.searchsorted(self.values, current, "right") / len(self.values)
        left = np.searchsorted(self.values, current, "left") / len(self.values)
        own_right = np.searchsorted(current, current, "right") / len(current)
        own_left = np.searchsorted(current, current, "left") / len(current)
        return float(max(np.abs(own_right - right).max(), np.abs(own_left - left).max()))

    def psi(self, current: np.ndarray) -> float:
        """Return the population stability index as Evidently's, in Sturges' bins over both samples; ``current`` is sorted."""
        low, high = min(self.values[0], current[0]), max(self.values[-1], current[-1])
        count = int(np.ceil(np.log2(len(self.values) + len(current)) + 1))
        edges = np.linspace(low, high, count + 1)
        return psi_of(*(_histogram(item, edges) / len(item) for item in (self.values, current)))


def _histogram(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    places = np.r_[np.searchsorted(values, edges[:-1], "left"), np.searchsorted(values, edges[-1], "right")]
    return np.diff(places)


def psi_of(reference: np.ndarray, current: np.ndarray) -> float:
    reference, current = _filled(reference), _filled(current)
    return float(((reference - current) * np.log(reference / current)).sum())


def _filled(shares: np.ndarray) -> np.ndarray:
    smallest = shares[shares > 0].min()
    return np.where(shares == 0, smallest / 10**6 if smallest <= 0.0001 else 0.0001, shares)


def jensen_shannon(reference: np.ndarray, current: np.ndarray) -> float:
    """Jensen-Shannon distance of two rows of counts, natural logarithm."""
    first, second = reference / reference.sum(), current / current.sum()
    middle = (first + second) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        total = sum(np.where(shares > 0, shares * np.log(shares / middle), 0).sum() for shares in (first, second))
    return float(np.sqrt(max(total, 0.0) / 2))
