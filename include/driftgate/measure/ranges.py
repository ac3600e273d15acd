"""Ranges of realised performance: between which values a score lies, given how few rows a window has.

The 95 % range is the bootstrap's, see :mod:`driftgate.resampling`. It says how far the score may be from that of the same days with
other rows (or, from ten days on, of other days); it does not say how ordinary windows differ from each other.

A bootstrap of rows that all agree has no width (every prediction right: 1 to 1). Such a share has Wilson's limits instead: of n right
ones out of n, the share is at least n / (n + z²), with z = 1.96 (Wilson 1927, "Probable inference, the law of succession, and
statistical inference", JASA 22).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy import stats

from driftgate.columns import MAX_SEGMENTS, positive_label, segment_rows
from driftgate.config.models import MonitorConfig
from driftgate.measure.performance import labelled
from driftgate.measure.window_rows import WindowRows, frame_of, window_rows
from driftgate.records import Family, Metric
from driftgate.resampling import decomposition, draws, expanded_percentiles, time_units, unit_sums

CONFIDENCE = 0.95
RESAMPLES = 1000
SEED = 0
_SHARES = frozenset({"accuracy", "precision", "recall", "f1"})


Address = tuple[str, str, str, str]


@dataclass(frozen=True)
class _Scored:
    """Rows of one window or segment as the bootstrap takes them."""

    task: str
    target: np.ndarray
    prediction: np.ndarray
    positive: str | None = None
    proba: np.ndarray | None = None
    true_proba: np.ndarray | None = None

    def take(self, rows: np.ndarray) -> _Scored:
        parts = [None if part is None else part[rows] for part in (self.proba, self.true_proba)]
        return _Scored(self.task, self.target[rows], self.prediction[rows], self.positive, *parts)


@dataclass(frozen=True)
class _Part:
    """The rows of the whole window or of one segment, and what is drawn of them."""

    scored: _Scored
    units: np.ndarray
    """Number of the unit of every row, among the units of the whole window."""

    def take(self, rows: np.ndarray) -> _Part:
        return _Part(self.scored.take(rows), self.units[rows])


def with_ranges(
    config: MonitorConfig, frame: pd.DataFrame | WindowRows, metrics: Sequence[Metric], *, resamples: int = RESAMPLES
) -> list[Metric]:
    """Return the metrics, those of realised performance with ``low`` and ``high``: the 95 % range of the value.

    Parameters
    ----------
    config
        The monitor.
    frame
        The rows that the metrics were computed on, in any order. Of rows in a file the sums per unit are resampled, which the chunks gave
        (:mod:`driftgate.measure.accumulate`): the same bootstrap, but single rows are put into their groups by hash instead of by lot.
    metrics
        Metrics of the window. Those of other families, without a value, or of an unknown segment are returned as they are, and so is
        everything where the rows are a single one.
    resamples
        How often the rows are drawn.
    """
    wanted = [metric for metric in metrics if metric.family is Family.PERFORMANCE and metric.value is not None]
    if not wanted:
        return list(metrics)
    rows = frame_of(frame)
    found = large_ranges(config, window_rows(frame), wanted, resamples) if rows is None else _ranges(config, rows, wanted, resamples)
    return [_with_range(metric, found.get(metric.address)) for metric in metrics]


def _ranges(config: MonitorConfig, frame: pd.DataFrame, wanted: Sequence[Metric], resamples: int) -> dict[Address, tuple[float, float]]:
    parts, count = _parts(config, frame, {metric.segment for metric in wanted})
    jobs = [(metric, part) for metric in wanted if (part := _usable(metric.metric, parts.get(metric.segment))) is not None]
    if count < 2 or not jobs:
        return {}
    sampled = _sampled(jobs, count, resamples)
    limits = ((metric, _limits(metric, part, found)) for (metric, part), found in zip(jobs, sampled, strict=True))
    return {metric.address: limit for metric, limit in limits if limit is not None}


def _with_range(metric: Metric, limits: tuple[float, float] | None) -> Metric:
    return metric if limits is None else replace(metric, low=limits[0], high=limits[1])


# --- rows -------------------------------------------------------------------------------------------------------------


def _parts(config: MonitorConfig, frame: pd.DataFrame, segments: set[str]) -> tuple[dict[str, _Part], int]:
    """Return the labelled rows of the window (key "") and of the segments, and the number of units."""
    rows = labelled(config, frame)
    if rows.empty:
        return {}, 0
    known = frame.reset_index(drop=True).loc[rows.index]
    columns = [name for name in config.columns.segments if name in known] if segments - {""} else []
    order = _order([rows[name] for name in rows] + [known[name] for name in columns])
    rows, known = rows.iloc[order], known.iloc[order]
    units, _ = time_units(config, known[config.columns.timestamp])
    whole = _Part(_scored(config, rows), units)
    members: dict[str, np.ndarray] = {}
    for name in columns:
        members |= segment_rows(known[name], name, config.measures.minimum_segment_rows, MAX_SEGMENTS)
    return {"": whole, **{name: whole.take(found) for name, found in members.items() if name in segments}}, int(units.max()) + 1


def _order(columns: Sequence[pd.Series]) -> np.ndarray:
    """Return an order that depends on the rows alone, so that the same rows in any order are drawn alike."""
    keys = [pd.factorize(column, sort=True)[0] for column in columns]
    return np.lexsort(keys[::-1])


def _scored(config: MonitorConfig, rows: pd.DataFrame) -> _Scored:
    names = list(rows.columns)
    if config.task == "regression":
        return _Scored("regression", rows[names[0]].to_numpy(float), rows[names[1]].to_numpy(float))
    target, prediction = (rows[name].to_numpy(dtype=object) for name in names[:2])
    if config.task == "multiclass":
        return _Scored(config.task, target, prediction)
    positive = positive_label(config, [*set(target), *set(prediction)])
    if len(names) < 3:
        return _Scored(config.task, target, prediction, positive)
    proba = rows[names[2]].to_numpy(float)
    return _Scored(config.task, target, prediction, positive, proba, np.where(target == positive, proba, 1 - proba))


def _usable(metric: str, part: _Part | None) -> _Part | None:
    """Leave out rows without a probability where one is needed."""
    if part is None or metric not in ("roc_auc", "log_loss"):
        return part
    if part.scored.proba is None:
        return None
    is_known = np.isfinite(part.scored.proba)
    return part if is_known.all() else part.take(np.flatnonzero(is_known))


# --- resamples --------------------------------------------------------------------------------------------------------


def _sampled(jobs: Sequence[tuple[Metric, _Part]], count: int, resamples: int) -> Iterator[np.ndarray]:
    """Yield the values of every job over the same resamples; all sums of a resample are one matrix product."""
    sums, statistics = [], []
    for metric, part in jobs:
        columns, statistic = decomposition(metric.metric, part.scored)
        sums.append(unit_sums(columns, part.units, count))
        statistics.append(statistic)
    together, cuts = np.column_stack(sums), np.cumsum([part.shape[1] for part in sums])[:-1]
    drawn = np.concatenate([weights @ together for weights in draws(count, resamples, SEED, count)])
    for found, statistic in zip(np.split(drawn, cuts, axis=1), statistics, strict=True):
        with np.errstate(divide="ignore", invalid="ignore"):
            yield statistic(found)


# --- limits -----------------------------------------------------------------------------------------------------------


def _limits(metric: Metric, part: _Part, found: np.ndarray) -> tuple[float, float] | None:
    count = len(np.unique(part.units))
    known = found[np.isfinite(found)]
    if count < 2 or not len(known):
        return None
    low, high = expanded_percentiles(known, count, CONFIDENCE)
    if low == high and metric.metric in _SHARES and low in (0.0, 1.0):
        return _unanimous(metric.metric, part.scored, low)
    return low, high


def _unanimous(metric: str, scored: _Scored, share: float) -> tuple[float, float]:
    return wilson(_denominator(metric, scored), share)


def wilson(rows: float, share: float) -> tuple[float, float]:
    """Return Wilson's limits of a share of 0 or 1."""
    square = stats.norm.ppf((1 + CONFIDENCE) / 2) ** 2
    possible = square / (rows + square)
    return (1 - possible, 1.0) if share == 1.0 else (0.0, float(possible))


def _denominator(metric: str, scored: _Scored) -> int:
    if metric == "accuracy" or scored.positive is None:
        return len(scored.target)
    actual, predicted = scored.target == scored.positive, scored.prediction == scored.positive
    return int({"precision": predicted, "recall": actual, "f1": actual | predicted}[metric].sum())


# --- big batches ------------------------------------------------------------------------------------------------------


def large_ranges(config: MonitorConfig, rows: WindowRows, wanted: Sequence[Metric], resamples: int) -> dict[Address, tuple[float, float]]:
    """Return the ranges from sums per unit."""
    from driftgate.measure.accumulate import score_sums

    found: dict[Address, tuple[float, float]] = {}
    for sums in score_sums(config, rows):
        metrics = [metric for metric in wanted if metric.metric in sums.columns.scores and metric.segment in sums.slots]
        count = len(sums.values)
        if count < 2 or not metrics:
            continue
        units = (sums.columns.rows(sums.values) > 0).sum(axis=0)
        flat = sums.values.reshape(count, -1)
        drawn = np.concatenate([weights @ flat for weights in draws(count, resamples, SEED, count)]).reshape(
            resamples, *sums.values.shape[1:]
        )
        for name in dict.fromkeys(metric.metric for metric in metrics):
            score = sums.columns.scores[name]
            with np.errstate(divide="ignore", invalid="ignore"):
                values, below = score.value(drawn), score.below(sums.totals)
            for metric in metrics:
                slot = sums.slots.index(metric.segment)
                limits = _drawn_limits(name, values[:, slot], int(units[slot]), float(below[slot])) if metric.metric == name else None
                if limits is not None:
                    found[metric.address] = limits
    return found


def _drawn_limits(metric: str, found: np.ndarray, count: int, rows: float) -> tuple[float, float] | None:
    known = found[np.isfinite(found)]
    if count < 2 or not len(known):
        return None
    low, high = expanded_percentiles(known, count, CONFIDENCE)
    if low == high and metric in _SHARES and low in (0.0, 1.0):
        return wilson(rows, low)
    return low, high
