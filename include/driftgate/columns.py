"""Which columns are compared with the reference, how, and which of their values count.

Both the measures and the Evidently report ask here, so that they can never use different methods, limits or rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from driftgate.config.models import MonitorConfig
from driftgate.records import Family

Kind = Literal["num", "cat"]
"""Evidently's name of a column type."""


@dataclass(frozen=True)
class DriftColumn:
    """How the drift of one column is measured."""

    name: str
    kind: Kind
    family: Family
    method: str | None
    """Id of one of Evidently's methods; None leaves the choice to Evidently."""
    threshold: float | None
    """None: the method's own default."""


def drift_columns(config: MonitorConfig) -> list[DriftColumn]:
    """Return every column whose drift is wanted: features, then the prediction, then the target where there is one."""
    return [_plan(config, name, kind, family) for name, kind, family in _roles(config) if _wanted(config, name)]


def measurable(column: DriftColumn, current: pd.DataFrame, reference: pd.DataFrame) -> bool:
    """Whether a score can mean anything: the reference knows the column, and labels that have not arrived are no drift."""
    if column.family is Family.DATA_DRIFT:
        return True
    return column.name in reference and column.name in current and bool(current[column.name].notna().any())


def usable(frame: pd.DataFrame, column: DriftColumn) -> pd.Series:
    """Return the values that a drift method may see: no nulls, no infinities; labels of the model as text."""
    if column.name not in frame:
        return pd.Series(dtype="float64" if column.kind == "num" else "str", name=column.name)
    values = frame[column.name]
    if column.kind == "cat":
        return values.dropna() if column.family is Family.DATA_DRIFT else labels(values).dropna()
    values = values.astype("float64")
    return values[np.isfinite(values)]


def labels(values: pd.Series) -> pd.Series:
    """Write class labels as text, one spelling per class, so that two frames agree whatever their types; nulls stay.

    Whole numbers lose their decimals (an integer column with a null is read as floats); booleans become 1 and 0.
    """
    if values.dtype == "str":
        return values
    return values.map(label, na_action="ignore").astype("str")


def label(value: object) -> str:
    """Write one class label as text, see :func:`labels`."""
    if isinstance(value, (bool, np.bool_)):
        return str(int(value))
    if isinstance(value, (float, np.floating)) and float(value).is_integer():
        return str(int(value))
    return str(value)


def _roles(config: MonitorConfig) -> Iterator[tuple[str, Kind, Family]]:
    columns = config.columns
    outcome: Kind = "num" if config.task == "regression" else "cat"
    for name in columns.numerical:
        yield name, "num", Family.DATA_DRIFT
    for name in columns.categorical:
        yield name, "cat", Family.DATA_DRIFT
    yield columns.prediction, outcome, Family.PREDICTION_DRIFT
    if columns.target is not None:
        yield columns.target, outcome, Family.TARGET_DRIFT


def _wanted(config: MonitorConfig, name: str) -> bool:
    own = config.measures.columns.get(name)
    return own is None or own.drift


def _plan(config: MonitorConfig, name: str, kind: Kind, family: Family) -> DriftColumn:
    measures = config.measures
    own = measures.columns.get(name)
    general = measures.method_numerical if kind == "num" else measures.method_categorical
    # A column that says `auto` itself leaves the choice to Evidently even where a method is set for all columns.
    method = own.method if own is not None and "method" in own.model_fields_set else general
    return DriftColumn(
        name=name,
        kind=kind,
        family=family,
        method=None if method == "auto" else method,
        threshold=own.threshold if own is not None else None,
    )
