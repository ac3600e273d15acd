"""Slow change: several windows together against the windows of the reference.

Each window gives one number per column (the position of its values, a drift score, an error), standardised by level and spread of the
ordinary windows. The statistic of a window is the largest mean of the last 1, 2, ... ``LENGTH`` of them, each divided by its
standard error: the window-limited generalised likelihood ratio of Lai (Sequential changepoint detection in quality control and
dynamical systems, JRSS B 57, 1995), which needs no guess of the size of the change. Earlier windows are bounded in it, so that one odd
window does not alarm for a fortnight. Ordinary windows follow each other with some
persistence (weather lasts), which an autoregression of order one describes; and level and spread are known from some windows
only. Both enter the standard error, and the limit is simulated with both (level, spread and persistence estimated anew in every run)
so that the chance of an alarm *beginning* in a window is the one asked for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Self

import numpy as np

LENGTH = 14
"""Windows that are looked at together at most."""
LARGEST_PAST = 2.0
"""An earlier window counts for at most so many standard deviations: one odd window is over when it is over."""
RUNS, STEPS = 1_500, 200
LARGEST_PERSISTENCE = 0.9
SMALLEST_LIMIT = 2.0
_GRID = np.round(np.arange(0.0, LARGEST_PERSISTENCE + 0.05, 0.1), 1)


@dataclass(frozen=True)
class SlowLimit:
    """How far several windows together may be from the ordinary."""

    level: float
    spread: float
    """Level and standard deviation of the number in ordinary windows."""
    sampling: float
    """Part of the variance that is sampling: it shrinks and grows with 1/rows."""
    usual_rows: float
    persistence: float
    """Correlation of one window with the next, on a grid of tenths."""
    two_sided: bool
    windows: int
    limit: float

    def statistic(self, values: Sequence[float], rows: Sequence[int]) -> float:
        """Return the statistic of the latest of some windows in time order (at most ``LENGTH`` are used)."""
        values_, rows_ = np.asarray(values, dtype=float)[-LENGTH:], np.asarray(rows, dtype=float)[-LENGTH:]
        standard = (values_ - self.level) / self._spread(rows_)
        return float(_scan(standard[None, :], self.windows, self.persistence, self.two_sided)[0, -1])

    def _spread(self, rows: np.ndarray) -> np.ndarray:
        between = max(self.spread**2 - self.sampling / self.usual_rows, 0.0)
        variance = between + self.sampling / np.maximum(rows, 1)
        return np.asarray(np.sqrt(np.maximum(variance, 1e-18)))

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        return cls(**data)


def fit_slow_limit(
    values: np.ndarray, rows: np.ndarray, *, chance: float, two_sided: bool, sampling_variance: float = 0.0
) -> SlowLimit | None:
    """Learn the limit from the numbers of the reference's windows, in time order.

    Parameters
    ----------
    chance
        Chance with which an alarm begins in an unchanged window.
    sampling_variance
        Variance of the number in a window of one row, where it is known; the rest of the variance is between windows. Windows that
        differ by less than samples would (a timetable is the same every day) count as samples all the same.

    Returns
    -------
    SlowLimit or None
        None where the windows do not differ at all: there is nothing to compare with.
    """
    usual = float(np.median(rows))
    spread = max(float(values.std(ddof=1)), float(np.sqrt(sampling_variance / usual)))
    if not np.isfinite(spread) or spread == 0:
        return None
    sampling = min(sampling_variance, spread**2 * usual)
    persistence = _persistence(values)
    limit = slow_limit(len(values), persistence, chance, two_sided)
    return SlowLimit(float(values.mean()), spread, sampling, usual, persistence, two_sided, len(values), limit)


def _persistence(values: np.ndarray) -> float:
    """Lag-one correlation with the correction of its downward bias, (1 + 3 r) / n (Kendall, 1954), on the grid."""
    return float(_persistences(values[None, :])[0])


def _persistences(values: np.ndarray) -> np.ndarray:
    centred = np.asarray(values - values.mean(axis=1, keepdims=True))
    total = (centred**2).sum(axis=1)
    raw = (centred[:, 1:] * centred[:, :-1]).sum(axis=1) / np.maximum(total, 1e-300)
    corrected = np.clip(raw + (1 + 3 * raw) / values.shape[1], 0.0, LARGEST_PERSISTENCE)
    return np.asarray(np.round(corrected, 1))


@lru_cache(maxsize=4096)
def _inflation(count: int, persistence: float) -> float:
    """Variance of the mean of ``count`` values of an autoregression, times count over the variance of one."""
    lags = np.arange(1, count)
    return float(1 + 2 * np.sum((1 - lags / count) * persistence**lags))


def _scan(standard: np.ndarray, windows: int, persistence: float, two_sided: bool) -> np.ndarray:
    """Return the statistic at every step of runs of standardised values, shape (runs, steps)."""
    bounded = np.clip(standard, -LARGEST_PAST, LARGEST_PAST)
    sums = np.concatenate([np.zeros((len(standard), 1)), np.cumsum(bounded, axis=1)], axis=1)
    own = standard - bounded
    found = np.full(standard.shape, -np.inf)
    known = _inflation(windows, persistence) / windows
    for count in range(1, min(LENGTH, standard.shape[1]) + 1):
        error = np.sqrt(_inflation(count, persistence) / count + known)
        means = (sums[:, count:] - sums[:, :-count] + own[:, count - 1 :]) / count / error
        found[:, count - 1 :] = np.maximum(found[:, count - 1 :], np.abs(means) if two_sided else means)
    return found


@dataclass(frozen=True)
class _Simulated:
    """Statistics of unchanged windows that can be beyond a limit, sorted: any limit is looked up in them."""

    largest: float
    count: int
    """Windows in all, without the first of each run."""
    later: np.ndarray
    """Of those windows."""
    pairs: np.ndarray
    """The smaller one of each and of the window before it: beyond a limit where both are."""

    @classmethod
    def of(cls, found: np.ndarray) -> Self:
        later = found[:, 1:]
        parts = (later, np.minimum(later, found[:, :-1]))
        return cls(float(found.max()), later.size, *(np.sort(part[part > SMALLEST_LIMIT - 0.01]) for part in parts))

    def beginnings(self, limits: np.ndarray) -> np.ndarray:
        """Return for each limit, none below ``SMALLEST_LIMIT``, the share of windows beyond it where the one before is not."""
        beyond, still = (values.size - np.searchsorted(values, limits, side="right") for values in (self.later, self.pairs))
        return np.asarray((beyond - still) / self.count)


@lru_cache(maxsize=64)
def _simulated(windows: int, persistence: float, two_sided: bool) -> _Simulated:
    """Simulate reference and new windows without change and return the statistic of the new ones, everything estimated anew."""
    rng = np.random.default_rng([windows, int(10 * persistence), int(two_sided)])
    values = _autoregression(rng, windows + STEPS, persistence)
    known, new = values[:, :windows], values[:, windows:]
    standard = (new - known.mean(axis=1, keepdims=True)) / known.std(axis=1, ddof=1, keepdims=True)
    estimated, found = _persistences(known), np.empty_like(standard)
    for step in _GRID:
        these = estimated == step
        if these.any():
            found[these] = _scan(standard[these], windows, float(step), two_sided)
    return _Simulated.of(found)


def _autoregression(rng: np.random.Generator, steps: int, persistence: float) -> np.ndarray:
    values = rng.standard_normal((RUNS, steps))
    noise = np.sqrt(1 - persistence**2)
    for step in range(1, steps):
        values[:, step] = persistence * values[:, step - 1] + noise * values[:, step]
    return np.asarray(values)


@lru_cache(maxsize=256)
def slow_limit(windows: int, persistence: float, chance: float, two_sided: bool) -> float:
    """Return the limit at which an alarm begins in this share of unchanged windows; extrapolated where the simulation is too short.

    Limits are spaced and extrapolated on the scale ``v ln(1 + limit^2 / v)``, in which the logarithm of the tail of Student's t with
    ``v`` degrees of freedom is a straight line (its square where ``v`` is large): a spread known from a few windows only has such a tail.
    """
    found = _simulated(min(windows, 250), persistence, two_sided)
    freedom = max(windows - 1, 1)
    scale = np.linspace(_to_scale(SMALLEST_LIMIT, freedom), _to_scale(max(found.largest, 2 * SMALLEST_LIMIT), freedom), 201)
    chances = found.beginnings(np.array([_from_scale(step, freedom) for step in scale]))
    scale, chances = scale[chances.argmax() :], chances[chances.argmax() :]  # below, windows are beyond the limit most of the time
    smallest = 20 / (RUNS * STEPS)
    if chance >= smallest:
        return _from_scale(float(np.interp(-np.log(chance), -np.log(np.maximum(chances, smallest / 100)), scale)), freedom)
    usable = (chances > smallest) & (chances < 100 * smallest)
    slope, start = np.polyfit(scale[usable], np.log(chances[usable]), 1)
    return _from_scale(float((np.log(chance) - start) / slope), freedom)


def _to_scale(limit: float, freedom: int) -> float:
    return float(freedom * np.log1p(limit**2 / freedom))


def _from_scale(step: float, freedom: int) -> float:
    return float(np.sqrt(freedom * np.expm1(step / freedom)))
