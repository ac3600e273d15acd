"""The bootstrap: how certain a score is, or the difference of two scores, shared by `retrain` and `measure`.

What is drawn is a *unit*: a whole window or day where there are at least ``MINIMUM_BLOCKS`` of them, because rows of one day share
weather, schedule and mood and are no independent evidence; otherwise single rows, the best that so few windows allow: the interval
then speaks about these days, not about days to come. Many single rows are drawn in random groups, which leaves the variance as it
is and bounds the work.

Every metric is a function of sums over units, so that all resamples are one matrix product; roc_auc has such a form only nearly
(:func:`decomposition`), and an exact one by ranks. The interval is the *expanded* percentile interval (Hesterberg 2015, "What
Teachers Should Know About the Bootstrap", section 5.3): plain percentiles are too narrow with few units.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

    from driftgate.config.models import MonitorConfig

RESAMPLES = 2000
MINIMUM_BLOCKS = 10
MAXIMUM_UNITS = 5000
_CHUNK = 4_000_000
"""Numbers held at once while resampling; bounds the memory to some tens of MB."""
_DAY = timedelta(days=1)
_TINY = float(np.finfo(np.float64).eps)
"""Smallest probability in log_loss, as in scikit-learn."""

Statistic = Callable[[np.ndarray], np.ndarray]
"""From weighted sums, shape (resamples, columns), to values, shape (resamples,)."""


class Scored(Protocol):
    """Targets and predictions of the same rows, each of shape (rows,); labels are text."""

    @property
    def task(self) -> str: ...
    @property
    def target(self) -> np.ndarray: ...
    @property
    def prediction(self) -> np.ndarray: ...
    @property
    def positive(self) -> str | None:
        """Binary: the label that counts as positive; None: precision, recall and f1 are means over all labels."""

    @property
    def proba(self) -> np.ndarray | None:
        """Binary: probability of the positive label."""

    @property
    def true_proba(self) -> np.ndarray | None:
        """Classification: probability that was given to the label that came true."""


# --- units ------------------------------------------------------------------------------------------------------------


def blocks(keys: np.ndarray) -> np.ndarray:
    """Give each row the number of its window or day."""
    return np.asarray(np.unique(keys, return_inverse=True)[1])


def single_rows(rows: int, seed: int = 0) -> np.ndarray:
    """Give each row a number of its own; more than ``MAXIMUM_UNITS`` are put into that many random groups of (nearly) equal size."""
    if rows <= MAXIMUM_UNITS:
        return np.arange(rows)
    return np.asarray(np.random.default_rng(seed).permutation(np.arange(rows) % MAXIMUM_UNITS))


def time_units(config: MonitorConfig, timestamps: pd.Series) -> tuple[np.ndarray, str]:
    """Choose what is resampled: whole days or longer windows, else windows, if there are enough of them; else rows.

    Returns
    -------
    tuple
        Number of the unit of each row, and what a unit is: ``days``, ``windows`` or ``rows``.
    """
    local = local_times(config, timestamps)
    for size in unit_sizes(config):
        units = blocks(local // size)
        if len(units) and units.max() + 1 >= MINIMUM_BLOCKS:
            return units, "days" if size == np.timedelta64(_DAY) else "windows"
    return single_rows(len(timestamps)), "rows"


def unit_sizes(config: MonitorConfig) -> list[np.timedelta64]:
    """Return the lengths of time that units may have, the longest first."""
    return [np.timedelta64(size) for size in sorted({max(config.window.size, _DAY), config.window.size}, reverse=True)]


def local_times(config: MonitorConfig, timestamps: pd.Series) -> np.ndarray:
    """Return the times on the clocks of the monitor's time zone, as time since 1970."""
    import pandas as pd

    local = timestamps.dt.tz_convert(config.schedule.timezone).dt.tz_localize(None)
    return np.asarray((local - pd.Timestamp(0)).to_numpy())


# --- resamples --------------------------------------------------------------------------------------------------------


def draws(units: int, resamples: int, seed: int, size: int) -> Iterator[np.ndarray]:
    """Yield how often each unit is drawn in each resample, in parts of shape (some resamples, units).

    ``size`` is how many numbers a caller holds per resample; with it the parts are cut so that memory is bounded.
    """
    resampler, step = np.random.default_rng(seed), max(1, _CHUNK // size)
    for start in range(0, resamples, step):
        yield _draw(resampler, min(step, resamples - start), units)


def _draw(resampler: np.random.Generator, resamples: int, count: int) -> np.ndarray:
    chosen = resampler.integers(0, count, size=(resamples, count)) + count * np.arange(resamples)[:, None]
    return np.asarray(np.bincount(chosen.ravel(), minlength=resamples * count).reshape(resamples, count).astype(float))


def expanded_percentiles(found: np.ndarray, units: int, confidence: float) -> tuple[float, float]:
    """Return the limits of the expanded percentile interval of resampled values; infinite where there are none."""
    from scipy import stats

    if len(found) == 0:
        return -np.inf, np.inf
    tail = (1 - confidence) / 2
    expanded = stats.norm.cdf(np.sqrt(units / (units - 1)) * stats.t.ppf(tail, units - 1))
    low, high = np.quantile(found, [expanded, 1 - expanded])
    return float(low), float(high)


# --- scores of resamples ----------------------------------------------------------------------------------------------


def values(metric: str, scored: Scored, units: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return a metric for every resample.

    Parameters
    ----------
    metric
        Any metric of the task that the rows allow.
    scored
        The rows.
    units : array of shape (rows,)
        Number of the unit each row belongs to.
    weights : array of shape (resamples, units)
        How often each unit is drawn.
    """
    if metric == "roc_auc":
        return _roc_auc(scored, units, weights)
    columns, statistic = decomposition(metric, scored)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(statistic(weights @ unit_sums(columns, units, weights.shape[1])))


def unit_sums(columns: np.ndarray, units: np.ndarray, count: int) -> np.ndarray:
    """Sum the columns, shape (rows, columns), over the rows of each unit."""
    return np.column_stack([np.bincount(units, weights=column, minlength=count) for column in columns.T])


def decomposition(metric: str, scored: Scored) -> tuple[np.ndarray, Statistic]:
    """Return per-row numbers whose sums determine the metric, and the function of the sums.

    For roc_auc that is its projection on single rows: the mean over positive rows of the share of negative rows below them, plus the
    same for negative rows, less the area. Its error falls with the number of rows, twice as fast as the width of the interval
    (DeLong, DeLong and Clarke-Pearson 1988, Biometrics 44).
    """
    if metric == "roc_auc":
        return _projected_roc_auc(scored)
    if scored.task == "regression":
        return _regression(metric, scored)
    if metric == "accuracy":
        return _mean((scored.target == scored.prediction).astype(float))
    if metric == "log_loss":
        assert scored.true_proba is not None
        return _mean(-np.log(np.clip(scored.true_proba, _TINY, 1.0)))
    return _label_counts(metric, scored)


def _regression(metric: str, scored: Scored) -> tuple[np.ndarray, Statistic]:
    target = scored.target
    error = scored.prediction - target
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


def _mean(numbers: np.ndarray) -> tuple[np.ndarray, Statistic]:
    return np.column_stack([numbers, np.ones_like(numbers)]), lambda s: s[:, 0] / s[:, 1]


def _label_counts(metric: str, scored: Scored) -> tuple[np.ndarray, Statistic]:
    """Precision, recall and f1 from true positives, predicted and actual counts per label; several labels: their mean."""
    labels = [scored.positive] if scored.positive is not None else sorted({*scored.target, *scored.prediction})
    actual = np.column_stack([scored.target == label for label in labels]).astype(float)
    predicted = np.column_stack([scored.prediction == label for label in labels]).astype(float)
    count = len(labels)

    def statistic(sums: np.ndarray) -> np.ndarray:
        hits, positives, called = sums[:, :count], sums[:, count : 2 * count], sums[:, 2 * count :]
        below = {"precision": called, "recall": positives, "f1": (positives + called) / 2}[metric]
        value = np.divide(hits, below, out=np.zeros_like(hits), where=below > 0)
        seen = (positives + called) > 0  # a label that was not drawn does not count, as in scikit-learn
        return np.asarray(value.sum(axis=1) / np.maximum(seen.sum(axis=1), 1))

    return np.column_stack([actual * predicted, actual, predicted]), statistic


def _projected_roc_auc(scored: Scored) -> tuple[np.ndarray, Statistic]:
    assert scored.proba is not None
    positive = np.asarray(scored.target == scored.positive, dtype=bool)
    above, below = np.sort(scored.proba[positive]), np.sort(scored.proba[~positive])
    with np.errstate(divide="ignore", invalid="ignore"):
        place = np.where(positive, _share_below(below, scored.proba), 1 - _share_below(above, scored.proba))
    area = place[positive].mean() if positive.any() else np.nan
    columns = np.column_stack([place * positive, positive, place * ~positive, ~positive]).astype(float)
    return columns, lambda s: np.clip(s[:, 0] / s[:, 1] + s[:, 2] / s[:, 3] - area, 0, 1)


def _share_below(ordered: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    """Return the share of the ordered numbers that lie below each number, equal ones counted half."""
    ranks = np.searchsorted(ordered, numbers, side="left") + np.searchsorted(ordered, numbers, side="right")
    return np.asarray(ranks / (2 * len(ordered)))


def _roc_auc(scored: Scored, units: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Weighted area under the ROC curve, ties counted half, for every row of weights."""
    assert scored.proba is not None
    order = np.argsort(scored.proba, kind="stable")
    ties = np.flatnonzero(np.diff(scored.proba[order], prepend=-np.inf) > 0)
    positive = scored.target[order] == scored.positive
    ordered = weights[:, units[order]]
    plus = np.add.reduceat(ordered * positive, ties, axis=1)
    minus = np.add.reduceat(ordered * ~positive, ties, axis=1)
    below = np.cumsum(minus, axis=1) - minus / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray((plus * below).sum(axis=1) / (plus.sum(axis=1) * minus.sum(axis=1)))
