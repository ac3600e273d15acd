"""Paired bootstrap: how certain it is that one model is better than another on the same rows.

Both models are scored on the same resampled rows, so that what is easy or hard for both cancels out. What is drawn, and how the
interval is made, is written in :mod:`driftgate.resampling`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from driftgate.config.models import HIGHER_IS_BETTER
from driftgate.resampling import MINIMUM_BLOCKS as MINIMUM_BLOCKS
from driftgate.resampling import RESAMPLES, draws, expanded_percentiles, values
from driftgate.resampling import blocks as blocks
from driftgate.resampling import single_rows as single_rows
from driftgate.retrain.scores import Outcome


@dataclass(frozen=True)
class Interval:
    """Gain of the challenger in units of the metric (positive: better) and its confidence limits."""

    gain: float
    low: float
    high: float
    units: int


def paired_interval(
    metric: str, champion: Outcome, challenger: Outcome, units: np.ndarray, *, confidence: float, seed: int = 0, resamples: int = RESAMPLES
) -> Interval:
    """Return the challenger's gain with its two-sided confidence interval.

    Parameters
    ----------
    metric
        Any metric of the task.
    champion, challenger
        Outcomes of the same rows in the same order.
    units : array of shape (rows,)
        Number of the unit each row belongs to, 0 to units - 1 (see :func:`blocks`, :func:`single_rows`).
    """
    count = int(units.max()) + 1
    gain = float(_gains(metric, champion, challenger, units, np.ones((1, count)))[0])
    if count < 2:
        return Interval(gain, -np.inf, np.inf, count)
    size = len(units) if metric == "roc_auc" else count
    parts = [_gains(metric, champion, challenger, units, weights) for weights in draws(count, resamples, seed, size)]
    gains = np.concatenate(parts)
    low, high = expanded_percentiles(gains[np.isfinite(gains)], count, confidence)
    return Interval(gain, low, high, count)


def _gains(metric: str, champion: Outcome, challenger: Outcome, units: np.ndarray, weights: np.ndarray) -> np.ndarray:
    before = values(metric, champion, units, weights)
    after = values(metric, challenger, units, weights)
    if metric == "me":
        before, after = np.abs(before), np.abs(after)
    return np.asarray(after - before if metric in HIGHER_IS_BETTER else before - after)
