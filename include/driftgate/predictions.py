"""What a fitted estimator says about rows: features picked, infinities treated as missing, labels and probabilities returned.

Shared by serve (scoring batches) and retrain (scoring held-out rows), so that both score in the same way.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from driftgate.config.models import MonitorConfig
from driftgate.errors import SchemaError

if TYPE_CHECKING:
    import pandas as pd

_DEFAULT_POSITIVE = ("1", "True", "true", "1.0")

SINGLE_THREAD_ROWS = 300_000
"""Up to so many rows one thread is used."""


@contextmanager
def few_threads(rows: int) -> Iterator[None]:
    """Let scikit-learn use one OpenMP thread for small work.

    Its threads wait for each other by spinning: a fit of one second takes a minute when other processes want the same cores.
    """
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    with threadpool_limits(limits=1 if rows <= SINGLE_THREAD_ROWS else None):
        yield


@dataclass(frozen=True)
class Predictions:
    """Predictions for some rows, in their order."""

    values: np.ndarray
    """Numbers (regression) or labels (classification)."""
    probabilities: np.ndarray | None = None
    """Shape (rows, classes); None for regression and for classifiers without probabilities."""
    classes: np.ndarray | None = None
    """Classification: every label the model knows, in the order of the columns of ``probabilities``."""


def predict(config: MonitorConfig, estimator: Any, frame: pd.DataFrame) -> Predictions:
    """Let the estimator predict every row of the frame.

    Raises
    ------
    SchemaError
        If the estimator was trained with columns that the frame does not have, or cannot digest the values.
    """
    features = _features(config, estimator, frame)
    with few_threads(len(frame)):
        return _predict(config, estimator, features)


def _predict(config: MonitorConfig, estimator: Any, features: pd.DataFrame) -> Predictions:
    try:
        values = np.asarray(estimator.predict(features))
        if config.task == "regression":
            return Predictions(values.astype(float))
        probabilities = np.asarray(estimator.predict_proba(features)) if hasattr(estimator, "predict_proba") else None
        return Predictions(values, probabilities, np.asarray(estimator.classes_))
    except (ValueError, TypeError) as error:
        raise SchemaError(
            f"monitor {config.id}: the model {config.model_name!r} cannot score these rows: {str(error).splitlines()[0]}; "
            "check that the column roles are those it was trained with, or train a new version"
        ) from error


def positive_class(config: MonitorConfig, classes: np.ndarray) -> int:
    """Return the index of the positive label among the classes of a binary classifier.

    Raises
    ------
    SchemaError
        If no class, or more than one, can be the positive one.
    """
    label = config.columns.positive_label
    wanted = _DEFAULT_POSITIVE if label is None else (str(label),)
    found = [index for index, value in enumerate(classes) if str(value) in wanted]
    if len(found) != 1:
        named = "no positive_label is set and none of 1 or True" if label is None else f"positive_label {label!r}"
        raise SchemaError(
            f"monitor {config.id}: {named} is among the model's classes {', '.join(repr(str(value)) for value in classes)}; "
            "set columns.positive_label to one of them"
        )
    return found[0]


def _features(config: MonitorConfig, estimator: Any, frame: pd.DataFrame) -> pd.DataFrame:
    names = list(getattr(estimator, "feature_names_in_", config.columns.features))
    missing = [name for name in names if name not in frame.columns]
    if missing:
        raise SchemaError(
            f"monitor {config.id}: the model {config.model_name!r} was trained with column {', '.join(map(repr, missing))}, which the rows "
            "do not have; add it under columns.numerical or columns.categorical again, or train a version without it "
            f"(`driftgate train {config.id} --from DATE --to DATE`)"
        )
    features = frame[names].copy()
    numbers = features.select_dtypes("number").columns
    if np.isinf(features[numbers].to_numpy(dtype="float64", na_value=np.nan)).any():  # rare, and slow to replace in wide frames
        features[numbers] = features[numbers].replace([np.inf, -np.inf], np.nan)
    return features
