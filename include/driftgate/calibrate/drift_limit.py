"""The limit of one column's drift score, as a function of the size of the window.

Two things make an unchanged column score above zero: sampling (fewer rows, larger scores), which is simulated for every size, and
ordinary windows that differ from each other (weather, weekdays, deliveries), which only the windows of the reference can tell. Where
those windows look like mere sampling, the simulated limit is used, which is exact and loses nothing; where they do not, the limit
is learned from the windows themselves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from scipy import stats

from driftgate.calibrate import null, tail
from driftgate.samples import Sample, counts_of

REGIME_TEST = 0.05
"""Windows whose spread or level is this unlikely under mere sampling count as different from each other."""
SAMPLING, WINDOWS = "sampling", "windows"


@dataclass(frozen=True)
class DriftLimit:
    """How large the drift score of one column may be."""

    method: str
    is_p_value: bool
    regime: str
    """``sampling``: ordinary windows are like random samples; ``windows``: they differ among each other by more, or by less."""
    sizes: Sequence[int]
    medians: Sequence[float]
    """Median distance of unchanged windows, by size, if rows were random samples."""
    bounds: Sequence[float]
    """Limit of the distance by size, if rows were random samples."""
    windows: int
    usual_rows: float
    power: float = 0.0
    """Power of the transform of the distance."""
    effect: float = 0.0
    """What ordinary windows add to the distance, beyond sampling."""
    level: float = 0.0
    spread: float = 1.0
    bound: float = 0.0
    """Level, spread and limit of the transformed relative distance of ordinary windows."""
    minimum_rows: int | None = None
    """Smallest window in which a change of the stated size is found with the stated power; None: in no simulated size."""

    def threshold(self, rows: int) -> float:
        """Return the limit of the score for a window with so many usable rows."""
        if self.regime == SAMPLING:
            return null.score_of(_between(rows, self.sizes, self.bounds), is_p_value=self.is_p_value)
        return null.score_of(self._scale(rows) * tail.back(self.bound, self.power), is_p_value=self.is_p_value)

    def deviation(self, score: float, rows: int) -> float:
        """Return by how many standard deviations of ordinary windows a score differs from their level."""
        return (self.relative(null.distance(score, is_p_value=self.is_p_value), rows) - self.level) / self.spread

    def covers(self, rows: int) -> bool:
        """Whether the limit was made for windows of this size."""
        return self.sizes[0] <= rows <= self.sizes[-1]

    def relative(self, distance: float, rows: int) -> float:
        """Return a distance as part of what is usual for this size, transformed."""
        return float(tail.transform(np.array([max(distance, 1e-12) / self._scale(rows)]), self.power)[0])

    def _scale(self, rows: int) -> float:
        grows = rows / self.usual_rows if self.is_p_value else 1.0
        return float(np.sqrt(_between(rows, self.sizes, self.medians) ** 2 + grows * self.effect**2))

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        return cls(**data)


def fit_drift_limit(
    reference: Sample,
    scores: np.ndarray,
    rows: np.ndarray,
    *,
    method: str,
    is_p_value: bool,
    is_categorical: bool,
    score: null.Score,
    chance: float,
    detect: float,
    power: float,
    sizes: Sequence[int],
    seed: int = 0,
) -> DriftLimit:
    """Learn the limit of one column.

    Parameters
    ----------
    reference
        Usable reference values.
    scores, rows
        Score and number of usable rows of each window of the reference, each against the rest of it.
    chance
        Chance with which an unchanged window may exceed the limit.
    detect, power
        The change (see :func:`driftgate.calibrate.null.simulate`) that should be found, and with what chance.
    sizes
        Numbers of rows to simulate, ascending.
    """
    draws = _null_draws(reference, method, sizes, score, is_p_value, is_categorical, seed)
    medians = [float(np.median(item)) for item in draws]
    bounds = [_sampling_bound(item, chance, is_p_value=is_p_value) for item in draws]
    distances = np.array([null.distance(value, is_p_value=is_p_value) for value in scores])
    usual = float(np.median(rows))
    middle = draws[int(np.argmin(np.abs(np.array(sizes) - usual)))]
    shape = tail.symmetrising_power(middle / max(float(np.median(middle)), 1e-12))
    plain = DriftLimit(method, is_p_value, SAMPLING, sizes, medians, bounds, len(scores), usual, shape)
    limit = _with_windows(plain, distances, rows, middle, chance, shared=usual / (usual + reference.rows))
    return _with_minimum(limit, reference, score, is_categorical, detect, power, seed)


def _null_draws(
    reference: Sample, method: str, sizes: Sequence[int], score: null.Score, is_p_value: bool, is_categorical: bool, seed: int
) -> list[np.ndarray]:
    if is_p_value:
        return [np.sqrt(-np.log(null.uniform_p_values()))] * len(sizes)
    return [
        null.simulate(reference, method, size, score, seed=seed + index, is_categorical=is_categorical) for index, size in enumerate(sizes)
    ]


def _sampling_bound(draws: np.ndarray, chance: float, *, is_p_value: bool) -> float:
    if is_p_value:
        return float(np.sqrt(-np.log(chance)))
    scale = max(float(np.median(draws)), 1e-12)
    power = tail.symmetrising_power(draws / scale)
    return scale * tail.back(tail.upper_bound(tail.transform(draws / scale, power), chance, shape=tail.SAMPLING_SHAPE), power)


def _with_windows(
    plain: DriftLimit, distances: np.ndarray, rows: np.ndarray, draws: np.ndarray, chance: float, shared: float
) -> DriftLimit:
    """Compare the windows with mere sampling, and learn the limit from them where they are something else."""
    sampling = tail.transform(draws / max(float(np.median(draws)), 1e-12), plain.power)
    level, spread = float(sampling.mean()), max(float(sampling.std(ddof=1)), 1e-9)
    observed = np.array([plain.relative(value, int(size)) for value, size in zip(distances, rows, strict=True)])
    if _is_like(observed, level, spread, shared):
        return replace(plain, level=level, spread=spread)
    effect = float(np.sqrt(max(float(np.median(distances)) ** 2 - _between(plain.usual_rows, plain.sizes, plain.medians) ** 2, 0.0)))
    learned = replace(plain, regime=WINDOWS, effect=effect, power=0.0)
    relative = np.array([learned.relative(value, int(size)) for value, size in zip(distances, rows, strict=True)])
    return replace(
        learned,
        level=float(relative.mean()),
        spread=max(float(relative.std(ddof=1)), 1e-9),
        bound=tail.upper_bound(relative, chance),
    )


def _is_like(observed: np.ndarray, level: float, spread: float, shared: float) -> bool:
    """Whether level and spread of the windows may be those of mere sampling (two tests of a normal sample with known parameters).

    All windows are compared with one reference, whose own sampling error shifts their level together: ``shared`` is its part of the
    variance.
    """
    count = len(observed)
    standard = (observed - level) / spread
    by_level = 2 * stats.norm.sf(abs(float(standard.mean())) / np.sqrt(1 / count + shared))
    total = float(((standard - standard.mean()) ** 2).sum())
    by_spread = 2 * min(stats.chi2.sf(total, count - 1), stats.chi2.cdf(total, count - 1))
    return bool(min(by_level, by_spread) > REGIME_TEST / 2)


def _with_minimum(
    limit: DriftLimit, reference: Sample, score: null.Score, is_categorical: bool, detect: float, power: float, seed: int
) -> DriftLimit:
    """Find the smallest size from which on the stated change is found often enough, were it not for differences between windows.

    Against a constant column there is no change of a stated size: any other value is one, in windows of any size.
    """
    if len(counts_of(reference)) < 2:
        return replace(limit, minimum_rows=1)
    found: list[float] = []
    sizes = sorted({*limit.sizes, 10, 15, 20, 30, 50, 75, 100, 200, 500})
    for size in sizes:
        draws = null.simulate(reference, limit.method, size, score, seed=seed + 7919 + size, change=detect, is_categorical=is_categorical)
        distances = np.array([null.distance(value, is_p_value=limit.is_p_value) for value in draws])
        bound = _between(size, limit.sizes, limit.bounds)
        found.append(float(np.mean(distances > bound)) if len(distances) else 0.0)
        if found[-1] >= power:
            return replace(limit, minimum_rows=_crossing(sizes, found, power))
    return limit


def _crossing(sizes: Sequence[int], found: Sequence[float], power: float) -> int:
    if len(found) == 1:
        return sizes[0]
    low, high = found[-2], found[-1]
    share = (power - low) / (high - low) if high > low else 1.0
    return int(np.ceil(np.exp(np.log(sizes[len(found) - 2]) + share * np.log(sizes[len(found) - 1] / sizes[len(found) - 2]))))


def _between(rows: float, sizes: Sequence[int], values: Sequence[float]) -> float:
    """Interpolate on logarithmic scales; outside the sizes continue by the square-root law of sampling."""
    logs, known = np.log(np.asarray(sizes, dtype=float)), np.log(np.maximum(np.asarray(values, dtype=float), 1e-12))
    at = float(np.log(max(rows, 1)))
    inner = float(np.interp(at, logs, known))
    if known[0] == known[-1]:
        return float(np.exp(inner))
    outside = min(at - logs[0], 0.0) + max(at - logs[-1], 0.0)
    return float(np.exp(inner - 0.5 * outside))
