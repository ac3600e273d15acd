"""``multivariate_drift`` by PCA for many windows against one reference, quickly.

What ``driftgate.measure.multivariate.reconstruction_shift`` works out: every row is a fixed row of base columns (numbers, whether they
are known, one indicator per category, a one) times a matrix that depends on the reference rows in use; second moments of the base
columns are added up once, and those of the rows left out subtracted.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from driftgate.columns import Kind, drift_columns
from driftgate.config.models import MonitorConfig
from driftgate.measure.multivariate import EXPLAINED, TOP_CATEGORIES
from driftgate.records import Family


@dataclass(frozen=True)
class Rows:
    """Rows as base columns: dense ones (numbers, known, one) and codes of categories."""

    dense: np.ndarray
    codes: np.ndarray

    def taken(self, kept: np.ndarray) -> Rows:
        return Rows(self.dense[kept], self.codes[kept])


@dataclass(frozen=True)
class Base:
    """The base columns of one reference."""

    numbers: list[str]
    centres: np.ndarray
    levels: list[tuple[str, pd.Index]]
    rows: Rows
    moments: np.ndarray

    @classmethod
    def of(cls, config: MonitorConfig, frame: pd.DataFrame) -> Base:
        features: list[tuple[str, Kind]] = [(item.name, item.kind) for item in drift_columns(config) if item.family is Family.DATA_DRIFT]
        numbers = [name for name, kind in features if kind == "num"]
        finite = frame[numbers].to_numpy(dtype=float)
        centres = np.array([column[np.isfinite(column)].mean() if np.isfinite(column).any() else 0.0 for column in finite.T])
        levels = [(name, pd.Index(np.sort(frame[name].dropna().unique().astype("U")))) for name, kind in features if kind == "cat"]
        empty = cls(numbers, centres, levels, Rows(np.empty((0, 0)), np.empty((0, 0))), np.empty((0, 0)))
        rows = empty.read(frame)
        return cls(numbers, centres, levels, rows, empty.add_up(rows))

    def read(self, frame: pd.DataFrame) -> Rows:
        values = frame[self.numbers].to_numpy(dtype=float)
        known = np.isfinite(values)
        dense = np.column_stack([np.where(known, values - self.centres, 0.0), known, np.ones(len(frame))])
        codes = [names.get_indexer(pd.Index(frame[name])) for name, names in self.levels]
        return Rows(dense, np.column_stack(codes) if codes else np.empty((len(frame), 0), dtype=int))

    def add_up(self, rows: Rows) -> np.ndarray:
        """Second moments of all base columns."""
        indicators = [(rows.codes[:, index, None] == np.arange(len(names))).astype(float) for index, (_, names) in enumerate(self.levels)]
        matrix = np.column_stack([rows.dense, *indicators])
        return np.asarray(matrix.T @ matrix)

    def times(self, rows: Rows, weights: np.ndarray) -> np.ndarray:
        """Multiply base columns by a matrix."""
        width = rows.dense.shape[1]
        found = rows.dense @ weights[:width]
        for index, (_, names) in enumerate(self.levels):
            table = np.vstack([weights[width : width + len(names)], np.zeros(weights.shape[1])])
            found += table[rows.codes[:, index]]  # -1, missing or unknown: the row of zeros
            width += len(names)
        return np.asarray(found)


@dataclass(frozen=True)
class Directions:
    """What some rows of the reference say: the directions left out, and how far its rows lie in them."""

    base: Base
    weights: np.ndarray
    mean: float
    spread: float

    @classmethod
    def of(cls, base: Base, kept: np.ndarray) -> Directions:
        moments = base.moments
        if not kept.all():
            moments = moments - base.add_up(base.rows.taken(~kept))
        encoding, count = _encoding(base, moments), float(kept.sum())
        values, vectors = np.linalg.eigh(encoding.T @ moments @ encoding / count)
        values, vectors = np.clip(values[::-1], 0, None), vectors[:, ::-1]
        number = 0
        if values.sum():
            number = min(int(np.searchsorted(np.cumsum(values) / values.sum(), EXPLAINED)) + 1, len(values) - 1)
        weights = encoding @ vectors[:, number:]
        errors = np.sqrt((base.times(base.rows if kept.all() else base.rows.taken(kept), weights) ** 2).sum(axis=1))
        return cls(base, weights, float(errors.mean()), float(errors.std()))

    def shift(self, frame: pd.DataFrame) -> float:
        errors = np.sqrt((self.base.times(self.base.read(frame), self.weights) ** 2).sum(axis=1))
        shift = abs(float(errors.mean()) - self.mean)
        return shift / self.spread if self.spread > 1e-9 else shift


def _encoding(base: Base, moments: np.ndarray) -> np.ndarray:
    """Matrix from base columns to standardised columns."""
    count, one, columns = len(base.numbers), 2 * len(base.numbers), []
    whole = moments[one, one]
    for index in range(count):
        known = moments[count + index, one]
        mean = moments[index, one] / known if known else 0.0
        spread = np.sqrt(max(moments[index, index] - 2 * mean * moments[index, count + index] + mean**2 * known, 0.0) / whole)
        columns.append(_column(len(moments), {index: 1.0, count + index: -mean}, 0.0, spread, one))
    place = one + 1
    for _, names in base.levels:
        counts = moments[one, place : place + len(names)]
        shares = counts / max(counts.sum(), 1)
        top = np.lexsort((np.arange(len(names)), -counts))[:TOP_CATEGORIES]
        indicators = [{place + int(code): 1.0} for code in top if counts[code]]
        coefficients = [{place + code: share for code, share in enumerate(shares)}, *indicators]
        for item in coefficients:
            values = np.array([item.get(place + code, 0.0) for code in range(len(names))])
            mean = float(counts @ values) / whole
            spread = np.sqrt(max(float(counts @ values**2) / whole - mean**2, 0.0))
            columns.append(_column(len(moments), item, mean, spread, one))
        place += len(names)
    return np.column_stack(columns)


def _column(size: int, coefficients: dict[int, float], mean: float, spread: float, one: int) -> np.ndarray:
    found = np.zeros(size)
    scale = spread if spread > 1e-12 else 1.0
    for place, value in coefficients.items():
        found[place] = value / scale
    found[one] -= mean / scale
    return found
