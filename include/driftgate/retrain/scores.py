"""Scores of a model on rows whose target is known, by scikit-learn, under the metric names of the monitor file."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn import metrics

from driftgate.columns import segment_rows
from driftgate.config.models import MonitorConfig
from driftgate.predictions import Predictions, positive_class

_TINY = float(np.finfo(np.float64).eps)
"""Smallest probability in log_loss, as in scikit-learn."""


@dataclass(frozen=True)
class Outcome:
    """Targets and predictions of the same rows, ready to be scored; labels are text."""

    task: str
    target: np.ndarray
    prediction: np.ndarray
    positive: str | None = None
    """Binary: the label that counts as positive."""
    proba: np.ndarray | None = None
    """Binary: probability of the positive label."""
    true_proba: np.ndarray | None = None
    """Classification: probability that was given to the label that came true; 0 for a label the model does not know."""

    def take(self, rows: np.ndarray) -> Outcome:
        """Return the outcome of some of the rows (mask or positions)."""
        return Outcome(
            self.task,
            self.target[rows],
            self.prediction[rows],
            self.positive,
            None if self.proba is None else self.proba[rows],
            None if self.true_proba is None else self.true_proba[rows],
        )


def make_outcome(config: MonitorConfig, target: pd.Series, predictions: Predictions) -> Outcome:
    """Pair targets with predictions.

    Raises
    ------
    SchemaError
        If the positive label of a binary task cannot be found.
    """
    if config.task == "regression":
        return Outcome(config.task, target.to_numpy(dtype=float), predictions.values.astype(float))
    truth = _text(target.to_numpy())
    prediction = _text(predictions.values)
    assert predictions.classes is not None
    known = _text(predictions.classes)
    positive = str(known[positive_class(config, known)]) if config.task == "binary" else None
    if predictions.probabilities is None:
        return Outcome(config.task, truth, prediction, positive)
    proba = predictions.probabilities[:, list(known).index(positive)] if positive is not None else None
    return Outcome(config.task, truth, prediction, positive, proba, _probability_of(truth, known, predictions.probabilities))


def scores(outcome: Outcome) -> dict[str, float]:
    """Return every metric of the task that can be computed on these rows.

    Left out: r2 with fewer than two rows or a constant target, mape where every target is 0, roc_auc with one class,
    log_loss without probabilities.
    """
    if len(outcome.target) == 0:
        return {}
    values = _regression(outcome) if outcome.task == "regression" else _classification(outcome)
    return {name: float(value) for name, value in values.items() if math.isfinite(value)}


def comparison_metric(config: MonitorConfig, found: Mapping[str, float]) -> str:
    """Name what models are compared by: ``retrain.metric``, else mae, log_loss, or f1 where ``found`` has no log_loss."""
    default = "mae" if config.task == "regression" else "log_loss"
    return config.retrain.metric or (default if default in found else "f1")


def segment_scores(frame: pd.DataFrame, columns: list[str], outcome: Outcome, minimum_rows: int) -> Mapping[str, Mapping[str, float]]:
    """Return the scores per ``column=value``, as :func:`driftgate.columns.segment_rows` names and chooses them."""
    found = {}
    for column in columns:
        for name, rows in segment_rows(frame[column], column, minimum_rows).items():
            found[name] = scores(outcome.take(rows))
    return found


def _regression(outcome: Outcome) -> dict[str, float]:
    target, prediction = outcome.target, outcome.prediction
    nonzero = target != 0
    enough = len(target) > 1 and np.ptp(target) > 0
    return {
        "me": np.mean(prediction - target),
        "mae": metrics.mean_absolute_error(target, prediction),
        "rmse": metrics.root_mean_squared_error(target, prediction),
        # in per cent; a target of 0 has no relative error
        "mape": 100 * metrics.mean_absolute_percentage_error(target[nonzero], prediction[nonzero]) if nonzero.any() else math.nan,
        "r2": metrics.r2_score(target, prediction) if enough else math.nan,
    }


def _classification(outcome: Outcome) -> dict[str, float]:
    target, prediction = outcome.target, outcome.prediction
    how: dict[str, Any] = {"average": "macro"}
    if outcome.positive is not None:  # as 0 and 1, so that rows of one class only can be scored
        target, prediction = (target == outcome.positive).astype(int), (prediction == outcome.positive).astype(int)
        how = {"pos_label": 1, "average": "binary"}
    found = {
        "accuracy": metrics.accuracy_score(target, prediction),
        "precision": metrics.precision_score(target, prediction, zero_division=0, **how),
        "recall": metrics.recall_score(target, prediction, zero_division=0, **how),
        "f1": metrics.f1_score(target, prediction, zero_division=0, **how),
    }
    if outcome.proba is not None and len(np.unique(target)) == 2:
        found["roc_auc"] = metrics.roc_auc_score(target, outcome.proba)
    if outcome.true_proba is not None:
        found["log_loss"] = float(np.mean(log_losses(outcome)))
    return found


def log_losses(outcome: Outcome) -> np.ndarray:
    """Return minus the logarithm of the probability that each row's true label was given."""
    assert outcome.true_proba is not None
    return np.asarray(-np.log(np.clip(outcome.true_proba, _TINY, 1.0)))


def _probability_of(truth: np.ndarray, classes: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    position = {label: index for index, label in enumerate(classes)}
    columns = np.array([position.get(label, -1) for label in truth])
    found = probabilities[np.arange(len(truth)), columns]
    return np.where(columns < 0, 0.0, found)


def _text(values: np.ndarray) -> np.ndarray:
    return np.array([str(value) for value in values], dtype=object)
