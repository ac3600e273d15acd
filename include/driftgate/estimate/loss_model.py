"""Direct loss estimation: what the error of a regression model probably is, from the features and the prediction.

Two gradient-boosted regressors learn ``|error|`` and ``error²`` of rows that the model was not trained on; the mean of what they
expect of a window's rows is the estimate (NannyML's documentation, "Estimation of performance of the monitored model", DLE). Both
minimise the gamma deviance: it is a proper score of the mean, never gives a negative loss, and weighs errors by their relative
size; squared error or Poisson deviance on ``error²`` are led astray by a few extreme rows (measured on the flights). The gamma
deviance does not keep the overall mean (its link is not the canonical one; McCullagh and Nelder 1989, "Generalized Linear Models",
section 8.3), so what is expected is scaled to the mean loss of the rows of the fit.

Categories are numbered by their mean absolute error, which gives trees the best splits (Fisher 1958, "On Grouping for Maximum
Homogeneity", JASA 53); so any number of categories fits, and new ones are missing values.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from driftgate.columns import labels
from driftgate.config.models import MonitorConfig
from driftgate.predictions import few_threads

_PRIOR_ROWS = 20.0
"""A category's mean counts as if so many rows with the overall mean were added."""
_SMALLEST = 1e-6
"""Smallest loss relative to the mean: the gamma deviance needs positive numbers."""


@dataclass(frozen=True)
class Encoder:
    """From rows to the matrix that the trees take: numbers, numbered categories, the prediction."""

    numerical: tuple[str, ...]
    categorical: Mapping[str, Mapping[str, float]]
    """Number of every known category, per column."""
    prediction: str

    @property
    def columns(self) -> list[str]:
        return [*self.numerical, *self.categorical, self.prediction]

    def matrix(self, frame: pd.DataFrame) -> np.ndarray:
        """Return the matrix, shape (rows, columns); missing, infinite and new values are NaN."""
        numbers = [frame[name].to_numpy(dtype="float64", na_value=np.nan) for name in (*self.numerical, self.prediction)]
        codes = [_codes(frame[name], known) for name, known in self.categorical.items()]
        matrix = np.column_stack([*numbers, *codes])
        matrix[~np.isfinite(matrix)] = np.nan
        return matrix


@dataclass(frozen=True)
class LossModel:
    """Expects the absolute and the squared error of rows."""

    encoder: Encoder
    absolute: Any
    squared: Any
    """scikit-learn regressors of the losses in some unit."""
    unit_absolute: float
    unit_squared: float

    def table(self, frame: pd.DataFrame) -> np.ndarray:
        """Return expected ``|error|, error²`` of every row."""
        matrix = self.encoder.matrix(frame)
        if not len(matrix):
            return np.empty((0, 2))
        with few_threads(len(matrix)):
            parts = [self.unit_absolute * self.absolute.predict(matrix), self.unit_squared * self.squared.predict(matrix)]
        return np.column_stack(parts)


def fit_loss_model(config: MonitorConfig, frame: pd.DataFrame, losses: np.ndarray, seed: int) -> LossModel:
    """Learn the losses of rows.

    Parameters
    ----------
    config
        The monitor.
    frame
        Rows with features and prediction.
    losses : array of shape (rows, 2)
        Their ``|error|, error²``, not all zero.
    seed
        Seed of the regressors.
    """
    encoder = _encoder(config, frame, losses[:, 0])
    matrix = encoder.matrix(frame)
    means = losses.mean(axis=0)
    with few_threads(len(matrix)):
        absolute, squared = (_fit(matrix, losses[:, column] / means[column], seed) for column in (0, 1))
        units = [float(mean / model.predict(matrix).mean()) for mean, model in zip(means, (absolute, squared), strict=True)]
    return LossModel(encoder, absolute, squared, units[0], units[1])


def _fit(matrix: np.ndarray, relative: np.ndarray, seed: int) -> Any:
    from sklearn.ensemble import HistGradientBoostingRegressor

    model = HistGradientBoostingRegressor(
        loss="gamma",
        max_iter=30,
        max_leaf_nodes=15,
        learning_rate=0.15,
        min_samples_leaf=int(np.clip(len(matrix) // 100, 20, 100)),
        early_stopping=False,
        random_state=seed,
    )
    return model.fit(matrix, np.maximum(relative, _SMALLEST))


def _encoder(config: MonitorConfig, frame: pd.DataFrame, absolute: np.ndarray) -> Encoder:
    """Learn the numbers of the categories; columns without a single value are left out, there is nothing to learn from them."""
    roles = config.columns
    numerical = tuple(name for name in roles.numerical if np.isfinite(frame[name].to_numpy(dtype="float64", na_value=np.nan)).any())
    categorical = {name: _numbers(frame[name], absolute) for name in roles.categorical if frame[name].notna().any()}
    return Encoder(numerical, categorical, roles.prediction)


def _numbers(values: pd.Series, absolute: np.ndarray) -> dict[str, float]:
    """Return the mean absolute error of every category, drawn towards the overall mean where rows are few."""
    codes, names = pd.factorize(labels(values), sort=True)
    inside = codes >= 0
    rows, sums = np.bincount(codes[inside]), np.bincount(codes[inside], weights=absolute[inside])
    means = (sums + _PRIOR_ROWS * absolute.mean()) / (rows + _PRIOR_ROWS)
    return dict(zip(map(str, names), means.tolist(), strict=True))


def _codes(values: pd.Series, known: Mapping[str, float]) -> np.ndarray:
    return labels(values).map(dict(known)).to_numpy(dtype="float64", na_value=np.nan)
