"""Rows as numbers, and the scores of them, realised or expected by the same formula.

A table has one line per row: for regression ``|error|, error²``; for binary classification ``positive, predicted, proba``, where
``positive`` is 1 or 0 once the label is known and the calibrated probability before. Because every score is a function of sums of
such lines, the score of expected lines is the expected score: the expected confusion matrix of CBPE (Białek et al. 2024, "Estimating
Model Performance Under Covariate Shift Without Labels", arXiv:2401.08348, section 4), the mean of direct loss estimation.

Sums are exact (``math.fsum``), so that the same rows in any order give the same numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from driftgate.columns import labels
from driftgate.config.models import MonitorConfig
from driftgate.errors import MeasureError

REGRESSION = ("mae", "rmse")
BINARY = ("accuracy", "precision", "recall", "f1", "roc_auc", "log_loss")
_TINY = float(np.finfo(np.float64).eps)
"""Smallest probability in log_loss, as in scikit-learn."""


def metrics(task: str) -> tuple[str, ...]:
    """Return the names of the metrics that can be estimated for a task."""
    return {"regression": REGRESSION, "binary": BINARY}.get(task, ())


def score_function(task: str) -> Callable[[np.ndarray], dict[str, float]]:
    """Return the function from a table to its scores; a score that does not exist (0/0) is left out."""
    return _regression if task == "regression" else _binary


def row_losses(task: str, table: np.ndarray) -> np.ndarray:
    """Return the loss of every row: the absolute error, or minus the logarithm of the likelihood."""
    return table[:, 0] if task == "regression" else _log_losses(table[:, 0], table[:, 2])


# --- from rows to tables ----------------------------------------------------------------------------------------------


def require(config: MonitorConfig, frame: pd.DataFrame, names: Sequence[str]) -> None:
    """Refuse rows without one of the columns.

    Raises
    ------
    MeasureError
        Names the monitor and the columns.
    """
    missing = [name for name in names if name not in frame]
    if missing:
        raise MeasureError(
            f"monitor {config.id}: performance cannot be estimated because the rows have no column {', '.join(map(repr, missing))}; "
            "correct the column roles in the monitor file, or the source"
        )


def predicted_rows(config: MonitorConfig, frame: pd.DataFrame) -> np.ndarray:
    """Return the positions of the rows whose prediction (and probability) is known."""
    roles = config.columns
    if config.task == "regression":
        return np.flatnonzero(np.isfinite(frame[roles.prediction].to_numpy(dtype="float64", na_value=np.nan)))
    proba = frame[str(roles.prediction_proba)].to_numpy(dtype="float64", na_value=np.nan)
    return np.flatnonzero(frame[roles.prediction].notna().to_numpy() & np.isfinite(proba))


def labelled_rows(config: MonitorConfig, frame: pd.DataFrame) -> np.ndarray:
    """Return the positions of the rows whose prediction and target are known."""
    rows = predicted_rows(config, frame)
    target = frame[str(config.columns.target)].iloc[rows]
    if config.task == "regression":
        return np.asarray(rows[np.isfinite(target.to_numpy(dtype="float64", na_value=np.nan))])
    return np.asarray(rows[target.notna().to_numpy()])


def realised(config: MonitorConfig, frame: pd.DataFrame, positive: str | None) -> np.ndarray:
    """Return the table of labelled rows."""
    roles = config.columns
    if config.task == "regression":
        error = frame[roles.prediction].to_numpy(dtype="float64") - frame[str(roles.target)].to_numpy(dtype="float64")
        return np.column_stack([np.abs(error), error**2])
    actual = (labels(frame[str(roles.target)]) == positive).to_numpy(dtype=float)
    return expected_binary(config, frame, positive, actual)


def expected_binary(config: MonitorConfig, frame: pd.DataFrame, positive: str | None, chance: np.ndarray) -> np.ndarray:
    """Return the table of rows that are positive with these probabilities."""
    roles = config.columns
    predicted = (labels(frame[roles.prediction]) == positive).to_numpy(dtype=float)
    return np.column_stack([chance, predicted, frame[str(roles.prediction_proba)].to_numpy(dtype="float64")])


# --- scores -----------------------------------------------------------------------------------------------------------


def _regression(table: np.ndarray) -> dict[str, float]:
    if not len(table):
        return {}
    return {"mae": _sum(table[:, 0]) / len(table), "rmse": math.sqrt(_sum(table[:, 1]) / len(table))}


def _binary(table: np.ndarray) -> dict[str, float]:
    if not len(table):
        return {}
    positive, predicted, proba = table.T
    rows, actual, called, hits = float(len(table)), _sum(positive), _sum(predicted), _sum(positive * predicted)
    found = {"accuracy": (rows - actual - called + 2 * hits) / rows}
    found |= {"precision": hits / called} if called > 0 else {}
    found |= {"recall": hits / actual} if actual > 0 else {}
    found |= {"f1": 2 * hits / (actual + called)} if actual + called > 0 else {}
    if 0 < actual < rows:
        found |= {"roc_auc": _roc_auc(positive, proba), "log_loss": _sum(_log_losses(positive, proba)) / rows}
    return found


def _roc_auc(positive: np.ndarray, proba: np.ndarray) -> float:
    """Share of (positive, negative) pairs in the right order, ties counted half; rows count as what they probably are."""
    order = np.lexsort([positive, proba])
    starts = np.flatnonzero(np.diff(proba[order], prepend=-np.inf) > 0)
    plus = np.add.reduceat(positive[order], starts)
    minus = np.add.reduceat(1 - positive[order], starts)
    return float((plus * (np.cumsum(minus) - minus / 2)).sum() / (plus.sum() * minus.sum()))


def _log_losses(positive: np.ndarray, proba: np.ndarray) -> np.ndarray:
    likely = np.clip(proba, _TINY, 1 - _TINY)
    return np.asarray(-(positive * np.log(likely) + (1 - positive) * np.log(1 - likely)))


def _sum(numbers: np.ndarray) -> float:
    return math.fsum(numbers.tolist())
