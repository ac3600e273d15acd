"""The errors of a model on the rows whose target is known."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from driftgate.columns import DriftColumn, Kind, label
from driftgate.config.models import MonitorConfig
from driftgate.config.residual import residual_column
from driftgate.measure.performance import _PREDICTION as PREDICTION
from driftgate.measure.performance import _PROBA as PROBA
from driftgate.measure.performance import _TARGET as TARGET
from driftgate.measure.performance import labelled
from driftgate.measure.window_rows import WindowRows
from driftgate.records import Family
from driftgate.samples import Categories, Numbers, Sample

_DEFAULT_POSITIVE = ("1", "True", "true")


@dataclass(frozen=True)
class Residuals:
    """The errors of a model on the rows with a known target."""

    values: pd.Series
    """One number per row, finite."""
    kind: Kind
    """``cat`` for error indicators (0 right, 1 wrong), else ``num``."""


@dataclass(frozen=True, eq=False)
class ResidualSample:
    """Residuals without their rows."""

    numbers: Numbers
    kind: Kind

    @property
    def sample(self) -> Sample:
        """What a drift method compares: error indicators are classes."""
        if self.kind == "num":
            return self.numbers
        values, counts = self.numbers.distinct()
        return Categories.counted((str(int(value)), count) for value, count in zip(values, counts, strict=True))


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


def residual_sample(config: MonitorConfig, rows: WindowRows) -> ResidualSample:
    """Return the sorted residuals of rows, wherever they lie; empty without labels."""
    wanted = (config.columns.target, config.columns.prediction, config.columns.prediction_proba)
    return sample_of(residuals(config, piece) for piece in rows.chunks([name for name in wanted if name is not None]))


def sample_of(pieces: Iterable[Residuals]) -> ResidualSample:
    """Put the residuals of several pieces, one at least, together."""
    found = list(pieces)
    return ResidualSample(Numbers.of(np.concatenate([piece.values.to_numpy(dtype=np.float64) for piece in found])), found[0].kind)


def residual_plan(config: MonitorConfig, kind: Kind) -> DriftColumn:
    """Return how the drift of the residuals is measured: as if they were a column."""
    method = config.measures.method_numerical if kind == "num" else config.measures.method_categorical
    return DriftColumn(residual_column(config.columns), kind, Family.CONCEPT_DRIFT, None if method == "auto" else method, None)


def _probability_residuals(config: MonitorConfig, rows: pd.DataFrame) -> pd.Series:
    if PROBA not in rows:
        return pd.Series(dtype="float64")
    known = rows[np.isfinite(rows[PROBA])]
    wanted = config.columns.positive_label
    positive = _DEFAULT_POSITIVE if wanted is None or wanted is True else (label(wanted),)
    found: pd.Series = known[PROBA] - known[TARGET].isin(positive).astype("float64")
    return found
