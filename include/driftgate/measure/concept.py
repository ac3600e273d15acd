"""Concept drift: the model's errors in a window against its errors in the reference.

Features can drift without harm, and the relation between features and target can change while no feature does. What the model gets
wrong shows the second, as far as labels are known. Source of the idea: J. Gama et al., A survey on concept drift adaptation,
ACM Computing Surveys 46 (2014), section 3.2 (detection from the learner's errors).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from driftgate.columns import DriftColumn, Kind, label
from driftgate.config.models import MonitorConfig
from driftgate.config.residual import residual_column
from driftgate.measure.drift import column_score
from driftgate.measure.performance import _PREDICTION as PREDICTION
from driftgate.measure.performance import _PROBA as PROBA
from driftgate.measure.performance import _TARGET as TARGET
from driftgate.measure.performance import labelled
from driftgate.records import Family, Metric

_DEFAULT_POSITIVE = ("1", "True", "true")


@dataclass(frozen=True)
class Residuals:
    """The errors of a model on the rows with a known target."""

    values: pd.Series
    """One number per row, finite."""
    kind: Kind
    """``cat`` for error indicators (0 right, 1 wrong), else ``num``."""


def concept_drift(config: MonitorConfig, current: pd.DataFrame, reference: pd.DataFrame) -> list[Metric]:
    """Return ``drift_score`` and ``residual_mean`` of the residuals; nothing without labels on both sides.

    The score is what :func:`driftgate.measure.drift.column_score` gives for a column of these values: with fewer residuals than
    ``measures.minimum_rows`` on either side it is ``too_few_rows``. ``residual_mean`` is only recorded: it shows the direction.
    The column is that of :func:`driftgate.config.residual.residual_column`.

    Raises
    ------
    MeasureError
        If the drift method of the monitor file does not fit.
    """
    found, usual = residuals(config, current), residuals(config, reference)
    if found.values.empty or usual.values.empty:
        return []
    column = _column(config, found.kind)
    samples = [_sample(item) for item in (found, usual)]
    mean = Metric(
        Family.CONCEPT_DRIFT,
        "residual_mean",
        float(found.values.mean()),
        column=column.name,
        reference_value=float(usual.values.mean()),
    )
    return [column_score(config, column, *samples), mean]


def residual_sample(config: MonitorConfig, frame: pd.DataFrame) -> tuple[DriftColumn, pd.Series]:
    """Return the residual as a column whose drift is scored, with its values; the values are empty without labels."""
    found = residuals(config, frame)
    return _column(config, found.kind), _sample(found)


def residuals(config: MonitorConfig, frame: pd.DataFrame) -> Residuals:
    """Return the residuals of the rows that have a target and a prediction.

    Regression: prediction - target, in units of the target (positive: predicted too high). Binary with a probability p of the
    positive label: p - y with y 1 for positive and 0 for negative rows (positive: predicted too high), for the rows with a known p.
    Otherwise an error indicator: 1 where the predicted label is wrong, else 0.
    """
    rows = labelled(config, frame)
    if config.task == "regression":
        return Residuals(rows[PREDICTION].astype("float64") - rows[TARGET].astype("float64"), "num")
    if config.task == "binary" and config.columns.prediction_proba is not None:
        return Residuals(_probability_residuals(config, rows), "num")
    return Residuals((rows[TARGET] != rows[PREDICTION]).astype("float64"), "cat")


def _probability_residuals(config: MonitorConfig, rows: pd.DataFrame) -> pd.Series:
    if PROBA not in rows:
        return pd.Series(dtype="float64")
    known = rows[np.isfinite(rows[PROBA])]
    wanted = config.columns.positive_label
    positive = _DEFAULT_POSITIVE if wanted is None or wanted is True else (label(wanted),)
    found: pd.Series = known[PROBA] - known[TARGET].isin(positive).astype("float64")
    return found


def _column(config: MonitorConfig, kind: Kind) -> DriftColumn:
    method = config.measures.method_numerical if kind == "num" else config.measures.method_categorical
    name = residual_column(config.columns)
    return DriftColumn(name, kind, Family.CONCEPT_DRIFT, None if method == "auto" else method, None)


def _sample(item: Residuals) -> pd.Series:
    """Error indicators are compared as classes."""
    return item.values if item.kind == "num" else item.values.map({0.0: "0", 1.0: "1"}).astype("str")
