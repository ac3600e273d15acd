"""Predictions for the rows that a model is trained on, by models that have not seen them.

A model's predictions of its own training rows are too good, so a reference with them would make every ordinary window look worse.
The rows are cut into contiguous blocks of time, and each block is predicted by a model trained on the others (blocked
cross-validation: neighbouring rows are alike, so they stay together; Roberts et al., Cross-validation strategies for data with
temporal, spatial, hierarchical, or phylogenetic structure, Ecography 40, 2017).
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from driftgate.config.models import MonitorConfig
from driftgate.errors import DriftgateError
from driftgate.predictions import Predictions, positive_class, predict

log = logging.getLogger(__name__)

FOLDS = 5
Train = Callable[[pd.DataFrame], Any]
"""Trains an estimator on rows."""


def out_of_fold(config: MonitorConfig, rows: pd.DataFrame, train: Train, fitted: Any) -> pd.DataFrame:
    """Return the rows with honest predictions.

    Parameters
    ----------
    rows
        Training rows in the order of time.
    train
        Trains on some of the rows as the model itself was trained.
    fitted
        The model trained on all of them: used for a block that cannot be predicted otherwise (the rest is too small, or lacks a
        class), with a warning.
    """
    blocks = [block for block in np.array_split(np.arange(len(rows)), FOLDS) if len(block)]
    parts = [_block(config, rows, block, train, fitted) for block in blocks]
    return pd.concat(parts) if parts else with_predictions(config, rows, predict(config, fitted, rows))


def _block(config: MonitorConfig, rows: pd.DataFrame, block: np.ndarray, train: Train, fitted: Any) -> pd.DataFrame:
    others = rows.iloc[np.setdiff1d(np.arange(len(rows)), block)]
    try:
        return with_predictions(config, rows.iloc[block], predict(config, train(others), rows.iloc[block]))
    except (DriftgateError, ValueError) as error:
        log.warning(
            "%s: %d of %d training rows are predicted by the model that was trained on them (%s)", config.id, len(block), len(rows), error
        )
        return with_predictions(config, rows.iloc[block], predict(config, fitted, rows.iloc[block]))


def with_predictions(config: MonitorConfig, rows: pd.DataFrame, predictions: Predictions) -> pd.DataFrame:
    """Add prediction and, for binary tasks, the probability of the positive label."""
    roles = config.columns
    labels: Any = predictions.values
    if config.task != "regression":
        labels = pd.Series(predictions.values, index=rows.index).astype(rows[str(roles.target)].dtype)
    rows = rows.assign(**{roles.prediction: labels})
    if config.task == "binary" and roles.prediction_proba and predictions.probabilities is not None and predictions.classes is not None:
        rows[roles.prediction_proba] = predictions.probabilities[:, positive_class(config, predictions.classes)]
    return rows
