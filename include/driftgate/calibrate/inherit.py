"""How much ordinary windows differ, taken over from the model version before.

A version that was trained on two weeks has too few windows to tell how much ordinary ones differ, and some of them may be of the very
change that it was trained for. How much windows differ is a property of the data more than of the model, so the spread, and how far
the limit lies above the level, are taken from the version before; the level is the median of the new version's own windows.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from driftgate.calibrate import null
from driftgate.calibrate.drift_limit import SAMPLING, WINDOWS, DriftLimit
from driftgate.calibrate.slow import SlowLimit, slow_limit
from driftgate.calibrate.value_limit import ValueLimit

MANY_WINDOWS = 30
"""With so many windows a version needs nothing from the one before."""


def inherit_drift(limit: DriftLimit, former: DriftLimit | None, scores: np.ndarray, rows: np.ndarray) -> DriftLimit:
    """Return the limit with the former's spread; where the former's windows were like samples, so are taken to be the new ones."""
    if former is None or limit.regime == SAMPLING or former.method != limit.method:
        return limit
    if former.regime != WINDOWS:
        return replace(limit, regime=SAMPLING, level=former.level, spread=former.spread, power=former.power)
    distances = [null.distance(value, is_p_value=limit.is_p_value) for value in scores]
    level = float(np.median([limit.relative(value, int(size)) for value, size in zip(distances, rows, strict=True)]))
    return replace(limit, level=level, spread=former.spread, bound=level + _wider(former.bound - former.level, len(scores)))


def inherit_value(limit: ValueLimit, former: ValueLimit | None, values: np.ndarray) -> ValueLimit:
    """Return the limit at the former's distance from the level: a ratio for positive numbers with one limit, else a difference."""
    if former is None or (former.low is None, former.high is None) != (limit.low is None, limit.high is None):
        return limit
    level, count = float(np.median(values)), len(values)
    if former.low is None and former.high is not None and former.level > 0 and level > 0:
        high = level * float(np.exp(_wider(np.log(former.high / former.level), count)))
        return replace(limit, level=level, spread=former.spread, high=high)
    low, high_ = (None if edge is None else level + _wider(edge - former.level, count) for edge in (former.low, former.high))
    return replace(limit, level=level, spread=former.spread, low=low, high=high_)


def inherit_slow(limit: SlowLimit, former: SlowLimit | None, followed: np.ndarray, chance: float) -> SlowLimit:
    """Return the limit with the former's spread and persistence; how few windows the level rests on is part of the limit."""
    if former is None:
        return limit
    found = replace(
        limit,
        level=float(np.median(followed)),
        spread=former.spread,
        sampling=min(limit.sampling, former.spread**2 * limit.usual_rows),
        persistence=former.persistence,
    )
    return replace(found, limit=slow_limit(found.windows, found.persistence, chance, found.two_sided))


def _wider(distance: float, count: int) -> float:
    return float(distance * np.sqrt(1 + 1 / count))
