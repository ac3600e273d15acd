"""Which columns are compared with the reference, how, and which of their values count.

Both the measures and the Evidently report ask here, so that they can never use different methods, limits or rows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from driftgate.config.models import MonitorConfig
from driftgate.records import Family

Kind = Literal["num", "cat"]
"""Evidently's name of a column type."""

MAX_SEGMENTS = 50
"""At most this many values of a column are segments, the largest ones: every segment has a set of scores of its own."""
_MISSING = "(missing)"
_LONGEST_VALUE = 100
_HASH_LENGTH = 8


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


def positive_label(config: MonitorConfig, classes: Collection[str]) -> str:
    """Return the positive class of a binary task as it is spelt among the classes of the data; by default 1 or True."""
    wanted = config.columns.positive_label
    spellings = ["1", "True", "true"] if wanted is None or wanted is True else [label(wanted)]
    return next((spelling for spelling in spellings if spelling in classes), spellings[0])


def segment_rows(values: pd.Series, column: str, minimum_rows: int, limit: int | None = MAX_SEGMENTS) -> dict[str, np.ndarray]:
    """Return the positions of the rows of every segment, for example ``origin=EWR``, the largest segment first.

    Parameters
    ----------
    values
        The column; missing values are the segment ``column=(missing)``.
    column
        Its name.
    minimum_rows
        Values with fewer rows are no segments.
    limit
        Largest number of segments; None: no limit.
    """
    codes, names = segment_values(values)
    rows = np.split(np.argsort(codes, kind="stable"), np.cumsum(np.bincount(codes, minlength=len(names)))[:-1])
    enough = [(name, found) for name, found in zip(names, rows, strict=False) if len(found) >= minimum_rows]
    largest = sorted(enough, key=lambda item: (-len(item[1]), item[0]))[:limit]
    return {segment_name(column, name): found for name, found in largest}


def segment_values(values: pd.Series) -> tuple[np.ndarray, list[str]]:
    """Return the number of every row's value, and the values as text; missing ones are a value of their own."""
    codes, known = pd.factorize(values)
    codes, names = pd.factorize(np.array([*map(label, known), _MISSING], dtype=object)[codes])  # a missing value has the code -1
    return codes, [str(name) for name in names]


def segment_name(column: str, value: str) -> str:
    """Return the name of a segment, for example ``origin=EWR``."""
    return f"{column}={_storable(value)}"


def _storable(value: str) -> str:
    """Write a value so that every store takes it as part of a key: printable and not long; a hash keeps changed ones apart."""
    text = "".join(character if character.isprintable() else "?" for character in value)
    if text == value and len(value) <= _LONGEST_VALUE:
        return value
    digest = hashlib.sha256(value.encode("utf-8", "surrogatepass")).hexdigest()[:_HASH_LENGTH]
    return f"{text[:_LONGEST_VALUE]}-{digest}"


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
