"""Trainers: callables ``f(features, target, roles, task, params, timestamps) -> fitted scikit-learn estimator``.

Both return a scikit-learn Pipeline that takes the raw feature columns (numbers as float64, categories as text, nulls allowed),
so that encoding, imputation and model are one artifact that loads without any code of this project.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

from driftgate.config.models import Task
from driftgate.config.roles import ColumnRoles
from driftgate.errors import RetrainError

Trainer = Callable[[pd.DataFrame, pd.Series, ColumnRoles, Task, Mapping[str, Any], pd.Series], Any]

MAX_CATEGORIES = 254
"""Histogram gradient boosting takes at most 255 categories per column; rarer ones share one code."""
_ONE_HOT_CATEGORIES = 100


def hist_gradient_boosting(
    features: pd.DataFrame, target: pd.Series, roles: ColumnRoles, task: Task, params: Mapping[str, Any], timestamps: pd.Series
) -> Pipeline:
    """Fit gradient-boosted trees; the default trainer.

    Missing numbers and missing, unknown or very rare categories are handled by the trees themselves.

    Parameters
    ----------
    features : DataFrame of shape (rows, features)
        The columns of ``roles.numerical`` and ``roles.categorical``.
    target : Series of shape (rows,)
        Without nulls.
    params : mapping
        Anything that scikit-learn's HistGradientBoostingRegressor or -Classifier takes (``loss``, ``max_iter``,
        ``learning_rate``, ``random_state``, ...), and ``half_life_days``: a row that is this many days older than the latest
        counts half; default none, all rows count the same.
    timestamps : Series of shape (rows,)
        When each row happened; used for ``half_life_days`` only.

    Raises
    ------
    RetrainError
        If a parameter is unknown or scikit-learn refuses its value, or if there is nothing to learn from.
    """
    numerical = _with_values(roles.numerical, features)
    categorical = _with_values(roles.categorical, features)
    encoder = OrdinalEncoder(
        handle_unknown="use_encoded_value", unknown_value=np.nan, encoded_missing_value=np.nan, max_categories=MAX_CATEGORIES
    )
    encode = ColumnTransformer(
        [("numerical", "passthrough", numerical), ("categorical", encoder, categorical)], verbose_feature_names_out=False
    )
    model_class = HistGradientBoostingRegressor if task == "regression" else HistGradientBoostingClassifier
    settings = {
        "random_state": 0,
        "categorical_features": list(range(len(numerical), len(numerical) + len(categorical))) or None,
        **_model_params(params),
    }
    model = _build(model_class, settings, "driftgate.retrain.trainers:hist_gradient_boosting")
    pipeline = Pipeline([("encode", encode), ("model", model)])
    return _fit(pipeline, features, target, task, recency_weights(timestamps, params.get("half_life_days")))


def linear(
    features: pd.DataFrame, target: pd.Series, roles: ColumnRoles, task: Task, params: Mapping[str, Any], timestamps: pd.Series
) -> Pipeline:
    """Fit a linear (regression) or logistic (classification) model; a readable baseline.

    Numbers are imputed by their median and standardised; categories are one-hot encoded, rare and unknown ones as one.
    Parameters, and errors, as for :func:`hist_gradient_boosting`, with those of LinearRegression or LogisticRegression.
    """
    numbers = Pipeline([("impute", SimpleImputer(strategy="median")), ("scale", StandardScaler())])
    encoder = OneHotEncoder(handle_unknown="infrequent_if_exist", max_categories=_ONE_HOT_CATEGORIES, min_frequency=5)
    numerical = _with_values(roles.numerical, features)
    categorical = _with_values(roles.categorical, features)
    encode = ColumnTransformer([("numerical", numbers, numerical), ("categorical", encoder, categorical)], verbose_feature_names_out=False)
    settings = _model_params(params)
    model_class: type = LinearRegression
    if task == "regression":
        settings.pop("random_state", None)
    else:
        model_class, settings = LogisticRegression, {"max_iter": 1000, "random_state": 0, **settings}
    model = _build(model_class, settings, "driftgate.retrain.trainers:linear")
    weights = recency_weights(timestamps, params.get("half_life_days"))
    return _fit(Pipeline([("encode", encode), ("model", model)]), features, target, task, weights)


def recency_weights(timestamps: pd.Series, half_life_days: float | None) -> np.ndarray | None:
    """Return weights that halve with every ``half_life_days`` before the latest row; None: all rows count the same.

    Raises
    ------
    RetrainError
        If the half-life is not a positive number.
    """
    if half_life_days is None:
        return None
    if isinstance(half_life_days, bool) or not isinstance(half_life_days, (int, float)) or not half_life_days > 0:
        raise RetrainError(f"retrain.params.half_life_days is {half_life_days!r}; give a positive number of days, or leave it out")
    age_days = (timestamps.max() - timestamps).dt.total_seconds().to_numpy() / 86400
    return np.asarray(np.exp2(-age_days / half_life_days))


def _with_values(names: list[str], features: pd.DataFrame) -> list[str]:
    """Leave out columns that hold nothing: there is nothing to learn from them, and the trees' binning fails on them."""
    missing = [name for name in names if name not in features.columns]
    if missing:
        raise RetrainError(f"the training rows have no column {missing[0]!r}, which the monitor file names as a feature")
    return [name for name in names if features[name].notna().any()]


def _model_params(params: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in params.items() if name != "half_life_days"}


def _build(model_class: type, settings: Mapping[str, Any], trainer: str) -> Any:
    try:
        return model_class(**settings)
    except TypeError:
        known = sorted(model_class().get_params())
        unknown = [name for name in settings if name not in known]
        raise RetrainError(
            f"retrain.params.{unknown[0]} is unknown to the trainer {trainer}; use half_life_days or one of {', '.join(known)}"
        ) from None


def _fit(pipeline: Pipeline, features: pd.DataFrame, target: pd.Series, task: Task, weights: np.ndarray | None) -> Pipeline:
    if task != "regression" and target.nunique() < 2:
        found = ", ".join(repr(value) for value in target.unique()[:1]) or "nothing"
        raise RetrainError(f"the training rows hold only one class of the target ({found}); lengthen retrain.training_window")
    try:
        return pipeline.fit(features, target, model__sample_weight=weights)
    except ValueError as error:
        raise RetrainError(f"scikit-learn could not fit the model: {error}; check retrain.params and the feature columns") from error
