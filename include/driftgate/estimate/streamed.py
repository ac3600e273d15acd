"""The estimate of a window whose rows are read piece by piece: sums over chunks, and the probabilities sorted once.

The numbers are those of :mod:`driftgate.estimate.tables`. The calibrated probability is a function of the model's, so the area under the
ROC curve follows from the sorted probabilities alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from driftgate.config.models import MonitorConfig
from driftgate.estimate.estimator import Estimator, estimates
from driftgate.estimate.tables import predicted_rows, require, row_losses
from driftgate.records import Metric
from driftgate.samples import Numbers

if TYPE_CHECKING:
    import pandas as pd

    from driftgate.measure.window_rows import WindowRows

Floats = npt.NDArray[np.float64]

_BLOCK = 1 << 20


def estimate_rows(config: MonitorConfig, estimator: Estimator, rows: WindowRows) -> list[Metric]:
    """Estimate the performance of one window, see :func:`driftgate.estimate.estimator.estimate`.

    Raises
    ------
    MeasureError
        If the rows lack a column.
    """
    if estimator.reason:
        return []
    require(config, next(iter(rows.chunks(rows.columns))), estimator.columns(config))
    found, count = estimated_scores(config, estimator, rows)
    return estimates(config, estimator, found, count) if count else []


def estimated_scores(config: MonitorConfig, estimator: Estimator, rows: WindowRows) -> tuple[dict[str, float], int]:
    """Return the expected scores and the number of rows with a prediction."""
    columns = list(dict.fromkeys([*estimator.columns(config), config.columns.prediction]))
    sums, count = np.zeros(5), 0
    for piece in _predicted(config, rows, columns):
        table = estimator.table(config, piece)
        count += len(piece)
        sums += _regression_sums(table) if config.task == "regression" else _binary_sums(table)
    if not count:
        return {}, 0
    if config.task == "regression":
        return {"mae": sums[0] / count, "rmse": math.sqrt(sums[1] / count)}, count
    found = _binary_scores(sums, count)
    if 0 < sums[0] < count:
        proba = str(config.columns.prediction_proba)
        sample = rows.sample(lambda: (piece[proba].to_numpy(dtype=np.float64) for piece in _predicted(config, rows, columns)))
        found["roc_auc"] = _roc_auc(sample, estimator.chance)
    return found, count


def _predicted(config: MonitorConfig, rows: WindowRows, columns: list[str]) -> Iterator[pd.DataFrame]:
    for chunk in rows.chunks(columns):
        known = predicted_rows(config, chunk)
        if len(known):
            yield chunk if len(known) == len(chunk) else chunk.iloc[known].reset_index(drop=True)


def _regression_sums(table: Floats) -> Floats:
    return np.array([table[:, 0].sum(), table[:, 1].sum(), 0.0, 0.0, 0.0])


def _binary_sums(table: Floats) -> Floats:
    positive, predicted, _ = table.T
    return np.array([positive.sum(), predicted.sum(), (positive * predicted).sum(), row_losses("binary", table).sum(), 0.0])


def _binary_scores(sums: Floats, rows: int) -> dict[str, float]:
    actual, called, hits, loss = (float(value) for value in sums[:4])
    found = {"accuracy": (rows - actual - called + 2 * hits) / rows}
    found |= {"precision": hits / called} if called > 0 else {}
    found |= {"recall": hits / actual} if actual > 0 else {}
    found |= {"f1": 2 * hits / (actual + called)} if actual + called > 0 else {}
    return found | ({"log_loss": loss / rows} if 0 < actual < rows else {})


def _roc_auc(sample: Numbers, chance: Callable[[Floats], Floats]) -> float:
    """Return the share of (positive, negative) pairs in the right order; a row is positive with its calibrated probability."""
    below = won = actual = plus = minus = 0.0
    last = math.nan
    values, counts = sample.values, sample.counts
    for start in range(0, len(values), _BLOCK):
        block = np.asarray(values[start : start + _BLOCK])
        weights = np.ones(len(block)) if counts is None else counts[start : start + _BLOCK].astype(np.float64)
        likely = chance(block)
        starts = np.flatnonzero(np.diff(block, prepend=-np.inf) > 0)
        positive, negative = (np.add.reduceat(part * weights, starts) for part in (likely, 1 - likely))
        if block[0] == last:  # the last value of the block before goes on
            positive[0] += plus
            negative[0] += minus
        else:
            won += plus * (below + minus / 2)
            below += minus
        before = below + np.cumsum(negative) - negative
        won += float((positive[:-1] * (before[:-1] + negative[:-1] / 2)).sum())
        below += float(negative[:-1].sum())
        actual += float((likely * weights).sum())
        plus, minus, last = float(positive[-1]), float(negative[-1]), float(block[-1])
    won += plus * (below + minus / 2)
    return won / (actual * (below + minus))
