"""Paired bootstrap: how certain it is that one model is better than another on the same rows.

Both models are scored on the same resampled rows, so that what is easy or hard for both cancels out. What is drawn is a
*unit*: a whole window or day where there are at least ``MINIMUM_BLOCKS`` of them, because rows of one day share weather,
schedule and mood and are no independent evidence; otherwise single rows, the best that so few windows allow: the interval
then speaks about these days, not about days to come. Many single rows are drawn in random groups, which leaves the variance
as it is and bounds the work.

Every metric is a function of sums over units, so that all resamples are one matrix product. The interval is the *expanded*
percentile interval (Hesterberg 2015, "What Teachers Should Know About the Bootstrap", section 5.3): plain percentiles are too
narrow with few units.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import stats

from driftgate.config.models import HIGHER_IS_BETTER
from driftgate.retrain.scores import Outcome, log_losses

RESAMPLES = 2000
MINIMUM_BLOCKS = 10
MAXIMUM_UNITS = 5000
_CHUNK = 4_000_000
"""Numbers held at once while resampling; bounds the memory to some tens of MB."""

Statistic = Callable[[np.ndarray], np.ndarray]
"""From weighted sums, shape (resamples, columns), to values, shape (resamples,)."""


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
    resampler = np.random.default_rng(seed)
    gain = float(_gains(metric, champion, challenger, units, np.ones((1, count)))[0])
    if count < 2:
        return Interval(gain, -np.inf, np.inf, count)
    step = max(1, _CHUNK // (len(units) if metric == "roc_auc" else count))
    draws = (_draw(resampler, min(step, resamples - start), count) for start in range(0, resamples, step))
    gains = np.concatenate([_gains(metric, champion, challenger, units, weights) for weights in draws])
    low, high = _expanded_percentiles(gains[np.isfinite(gains)], count, confidence)
    return Interval(gain, low, high, count)


def _draw(resampler: np.random.Generator, resamples: int, count: int) -> np.ndarray:
    """Return how often each unit is drawn in each resample, shape (resamples, units)."""
    chosen = resampler.integers(0, count, size=(resamples, count)) + count * np.arange(resamples)[:, None]
    return np.asarray(np.bincount(chosen.ravel(), minlength=resamples * count).reshape(resamples, count).astype(float))


def blocks(keys: np.ndarray) -> np.ndarray:
    """Give each row the number of its window or day."""
    return np.asarray(np.unique(keys, return_inverse=True)[1])


def single_rows(rows: int, seed: int = 0) -> np.ndarray:
    """Give each row a number of its own; more than ``MAXIMUM_UNITS`` are put into that many random groups of (nearly) equal size."""
    if rows <= MAXIMUM_UNITS:
        return np.arange(rows)
    return np.asarray(np.random.default_rng(seed).permutation(np.arange(rows) % MAXIMUM_UNITS))


def _gains(metric: str, champion: Outcome, challenger: Outcome, units: np.ndarray, weights: np.ndarray) -> np.ndarray:
    before = _values(metric, champion, units, weights)
    after = _values(metric, challenger, units, weights)
    if metric == "me":
        before, after = np.abs(before), np.abs(after)
    return np.asarray(after - before if metric in HIGHER_IS_BETTER else before - after)


def _values(metric: str, outcome: Outcome, units: np.ndarray, weights: np.ndarray) -> np.ndarray:
    if metric == "roc_auc":
        return _roc_auc(outcome, weights[:, units])
    columns, statistic = _decomposition(metric, outcome)
    sums = np.zeros((weights.shape[1], columns.shape[1]))
    np.add.at(sums, units, columns)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(statistic(weights @ sums))


def _decomposition(metric: str, outcome: Outcome) -> tuple[np.ndarray, Statistic]:
    """Return per-row numbers whose sums determine the metric, and the function of the sums."""
    if outcome.task == "regression":
        return _regression(metric, outcome)
    if metric == "accuracy":
        return _mean((outcome.target == outcome.prediction).astype(float))
    if metric == "log_loss":
        return _mean(log_losses(outcome))
    return _label_counts(metric, outcome)


def _regression(metric: str, outcome: Outcome) -> tuple[np.ndarray, Statistic]:
    target = outcome.target
    error = outcome.prediction - target
    if metric == "r2":
        columns = np.column_stack([error**2, target - target.mean(), (target - target.mean()) ** 2, np.ones_like(error)])
        return columns, lambda s: 1 - s[:, 0] / (s[:, 2] - s[:, 1] ** 2 / s[:, 3])
    if metric == "mape":
        nonzero = target != 0
        relative = np.where(nonzero, 100 * np.abs(error) / np.where(nonzero, np.abs(target), 1), 0.0)
        return np.column_stack([relative, nonzero.astype(float)]), lambda s: s[:, 0] / s[:, 1]
    if metric == "rmse":
        columns, mean = _mean(error**2)
        return columns, lambda s: np.sqrt(mean(s))
    return _mean(error if metric == "me" else np.abs(error))


def _mean(values: np.ndarray) -> tuple[np.ndarray, Statistic]:
    return np.column_stack([values, np.ones_like(values)]), lambda s: s[:, 0] / s[:, 1]


def _label_counts(metric: str, outcome: Outcome) -> tuple[np.ndarray, Statistic]:
    """Precision, recall and f1 from true positives, predicted and actual counts per label; several labels: their mean."""
    labels = [outcome.positive] if outcome.positive is not None else sorted({*outcome.target, *outcome.prediction})
    actual = np.column_stack([outcome.target == label for label in labels]).astype(float)
    predicted = np.column_stack([outcome.prediction == label for label in labels]).astype(float)
    count = len(labels)

    def statistic(sums: np.ndarray) -> np.ndarray:
        hits, positives, called = sums[:, :count], sums[:, count : 2 * count], sums[:, 2 * count :]
        below = {"precision": called, "recall": positives, "f1": (positives + called) / 2}[metric]
        value = np.divide(hits, below, out=np.zeros_like(hits), where=below > 0)
        seen = (positives + called) > 0  # a label that was not drawn does not count, as in scikit-learn
        return np.asarray(value.sum(axis=1) / np.maximum(seen.sum(axis=1), 1))

    return np.column_stack([actual * predicted, actual, predicted]), statistic


def _roc_auc(outcome: Outcome, weights: np.ndarray) -> np.ndarray:
    """Weighted area under the ROC curve, ties counted half, for every row of weights."""
    assert outcome.proba is not None
    order = np.argsort(outcome.proba, kind="stable")
    ties = np.flatnonzero(np.diff(outcome.proba[order], prepend=-np.inf) > 0)
    positive = outcome.target[order] == outcome.positive
    ordered = weights[:, order]
    plus = np.add.reduceat(ordered * positive, ties, axis=1)
    minus = np.add.reduceat(ordered * ~positive, ties, axis=1)
    below = np.cumsum(minus, axis=1) - minus / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray((plus * below).sum(axis=1) / (plus.sum(axis=1) * minus.sum(axis=1)))


def _expanded_percentiles(gains: np.ndarray, units: int, confidence: float) -> tuple[float, float]:
    if len(gains) == 0:
        return -np.inf, np.inf
    tail = (1 - confidence) / 2
    expanded = stats.norm.cdf(np.sqrt(units / (units - 1)) * stats.t.ppf(tail, units - 1))
    low, high = np.quantile(gains, [expanded, 1 - expanded])
    return float(low), float(high)
