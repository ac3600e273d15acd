"""Scoring: a fitted estimator adds its predictions to rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from driftgate.config.models import MonitorConfig
from driftgate.predictions import positive_class, predict


def score(config: MonitorConfig, frame: pd.DataFrame, estimator: Any) -> pd.DataFrame:
    """Return the rows with the columns ``prediction`` and, for binary tasks that name it, ``prediction_proba``.

    Parameters
    ----------
    frame
        Rows typed by the column roles; not changed. May be empty.
    estimator
        A fitted scikit-learn estimator, usually from :meth:`driftgate.serve.registry.Registry.load`.

    Raises
    ------
    SchemaError
        If the estimator needs columns that the rows do not have, or the positive label is not among its classes.
    """
    roles = config.columns
    scored = frame.copy()
    if frame.empty:
        scored[roles.prediction] = pd.Series(dtype="float64" if config.task == "regression" else "str")
        if roles.prediction_proba:
            scored[roles.prediction_proba] = pd.Series(dtype="float64")
        return scored
    predictions = predict(config, estimator, frame)
    scored[roles.prediction] = predictions.values if config.task == "regression" else _labels(predictions.values, frame, roles.target)
    if config.task == "binary" and roles.prediction_proba and predictions.probabilities is not None and predictions.classes is not None:
        scored[roles.prediction_proba] = predictions.probabilities[:, positive_class(config, predictions.classes)]
    return scored


def _labels(values: np.ndarray, frame: pd.DataFrame, target: str | None) -> pd.Series:
    """Labels of the same type as the target's, so that both can be compared."""
    labels = pd.Series(values, index=frame.index)
    kind = frame[target].dtype if target in frame.columns else None
    if kind is not None and pd.api.types.is_integer_dtype(kind) and pd.to_numeric(labels, errors="coerce").notna().all():
        return labels.astype("int64")
    return labels.astype("str")
