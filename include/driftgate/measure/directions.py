"""The main directions of a reference's features, for :mod:`driftgate.measure.multivariate` by PCA.

Every row is a fixed row of base columns (numbers less a centre, whether they are known, a one, an indicator per category). What PCA
sees of it, standardised columns with the reference's mean for what is missing, is that row times a matrix; so second moments of the
base columns, added up once, tell everything, and those of a part of the reference are the whole's less those of the rows left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

from driftgate.columns import Kind

Floats = npt.NDArray[np.float64]
Features = Sequence[tuple[str, Kind]]
"""Names and kinds."""

TOP_CATEGORIES = 20
"""So many of a column's most frequent values get an indicator of their own."""
EXPLAINED = 0.95
"""Share of the reference's variance that the kept directions hold; at least one direction is always left out."""
_NO_SPREAD = 1e-12
_NO_ERRORS = 1e-9
_SAFE_PART = 1e-3
"""A sum of squares of which less is left by a subtraction (a single huge value was taken away) is added up anew."""


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows as base columns: dense ones (numbers, known, one) and codes of categories."""

    dense: Floats
    codes: npt.NDArray[np.int64]
    """-1: missing, or unknown to the reference."""

    def taken(self, kept: npt.NDArray[np.bool_]) -> Rows:
        return Rows(self.dense[kept], self.codes[kept])


@dataclass(frozen=True, eq=False)
class Layout:
    """What the base columns are."""

    numbers: Sequence[str]
    centres: Floats
    levels: Mapping[str, pd.Index]
    """Every category of each categorical feature, in order."""

    @classmethod
    def of(cls, features: Features, frame: pd.DataFrame) -> Layout:
        numbers = [name for name, kind in features if kind == "num"]
        finite = frame[numbers].to_numpy(dtype=np.float64, na_value=np.nan)
        centres = np.array([np.median(column[np.isfinite(column)]) if np.isfinite(column).any() else 0.0 for column in finite.T])
        levels = {name: pd.Index(np.sort(frame[name].dropna().unique().astype("U"))) for name, kind in features if kind == "cat"}
        return cls(numbers, centres, levels)

    def read(self, frame: pd.DataFrame) -> Rows:
        values = frame[list(self.numbers)].to_numpy(dtype=np.float64, na_value=np.nan)
        known = np.isfinite(values)
        dense = np.column_stack([np.where(known, values - self.centres, 0.0), known, np.ones(len(frame))])
        codes = [names.get_indexer(pd.Index(frame[name])) for name, names in self.levels.items()]
        return Rows(dense, np.column_stack(codes) if codes else np.empty((len(frame), 0), dtype=np.int64))

    def moments(self, rows: Rows) -> sparse.csr_array:
        """Add up the products of all base columns; sparse, because a column may have thousands of categories."""
        parts = [sparse.csr_array(rows.dense)]
        for index, names in enumerate(self.levels.values()):
            known = np.flatnonzero(rows.codes[:, index] >= 0)
            places = (known, rows.codes[known, index])
            parts.append(sparse.csr_array((np.ones(len(known)), places), shape=(len(rows.dense), len(names))))
        together = sparse.hstack(parts, format="csr")
        return sparse.csr_array(together.T @ together)

    def times(self, rows: Rows, weights: Floats) -> Floats:
        """Multiply base columns by a matrix with one row per base column."""
        width = rows.dense.shape[1]
        found = rows.dense @ weights[:width]
        for index, names in enumerate(self.levels.values()):
            table = np.vstack([weights[width : width + len(names)], np.zeros(weights.shape[1])])
            found += table[rows.codes[:, index]]  # -1: the row of zeros
            width += len(names)
        return found


@dataclass(frozen=True, eq=False)
class Base:
    """A reference as base columns."""

    layout: Layout
    rows: Rows
    moments: sparse.csr_array

    @classmethod
    def of(cls, features: Features, frame: pd.DataFrame) -> Base:
        layout = Layout.of(features, frame)
        rows = layout.read(frame)
        return cls(layout, rows, layout.moments(rows))

    def directions(self, kept: npt.NDArray[np.bool_] | None = None) -> Directions:
        """Return what the reference, or the rows of it that are kept, says."""
        rows, moments = self.rows, self.moments
        if kept is not None and not kept.all():
            rows, moments = rows.taken(kept), self._moments(kept)
        weights = _left_out(_encoding(self.layout, moments), moments, len(rows.dense))
        errors = np.sqrt((self.layout.times(rows, weights) ** 2).sum(axis=1))
        return Directions(self.layout, weights, float(errors.mean()), float(errors.std()))

    def _moments(self, kept: npt.NDArray[np.bool_]) -> sparse.csr_array:
        """Subtract the rows left out, or add up the kept ones where those are few or a difference would lose digits."""
        if 2 * int(kept.sum()) > len(kept):
            found = self.moments - self.layout.moments(self.rows.taken(~kept))
            before, after = self.moments.diagonal(), found.diagonal()
            numbers = slice(len(self.layout.numbers))
            if np.all(after[numbers] >= _SAFE_PART * before[numbers]):
                return found
        return self.layout.moments(self.rows.taken(kept))


@dataclass(frozen=True, eq=False)
class Directions:
    """The directions of small variance, which the main ones leave out, and how far the reference's rows reach into them."""

    layout: Layout
    weights: Floats
    """Base columns to these directions."""
    mean: float
    spread: float
    """Mean and standard deviation of the reconstruction errors of the reference's rows."""

    def errors(self, frame: pd.DataFrame) -> Floats:
        """Return the reconstruction error of each row: the Euclidean length of what the main directions leave of it."""
        squares: Floats = (self.layout.times(self.layout.read(frame), self.weights) ** 2).sum(axis=1)
        return np.sqrt(squares)

    def shift(self, mean_error: float) -> float:
        """Return how far a mean error is from the reference's, in standard deviations of its errors."""
        distance = abs(mean_error - self.mean)
        return distance / self.spread if self.spread > _NO_ERRORS else distance


def _left_out(encoding: Floats, moments: sparse.csr_array, count: int) -> Floats:
    """Return the matrix from base columns to the directions beyond those that explain enough."""
    values, vectors = np.linalg.eigh(encoding.T @ (moments @ encoding) / count)
    values, vectors = np.clip(values[::-1], 0, None), vectors[:, ::-1]
    kept = 0
    if values.sum():
        kept = min(int(np.searchsorted(np.cumsum(values) / values.sum(), EXPLAINED)) + 1, len(values) - 1)
    return np.asarray(encoding @ vectors[:, kept:])


def _encoding(layout: Layout, moments: sparse.csr_array) -> Floats:
    """Return the matrix from base columns to standardised columns: numbers; of categories their share and an indicator per frequent one."""
    count, size, columns = len(layout.numbers), moments.shape[0], []
    one = 2 * count
    dense, sums = moments[:one, :one].toarray(), moments[[one]].toarray()[0]
    whole = sums[one]
    for index in range(count):
        known = sums[count + index]
        mean = sums[index] / known if known else 0.0
        squares = dense[index, index] - 2 * mean * dense[index, count + index] + mean**2 * known
        columns.append(_column(size, {index: 1.0, count + index: -mean}, 0.0, squares / whole, one))
    place = one + 1
    for names in layout.levels.values():
        counts = sums[place : place + len(names)]
        for values in _category_columns(counts):
            mean = float(counts @ values) / whole
            entries = {place + code: float(value) for code, value in enumerate(values) if value}
            columns.append(_column(size, entries, mean, float(counts @ values**2) / whole - mean**2, one))
        place += len(names)
    return np.column_stack(columns)


def _category_columns(counts: Floats) -> list[Floats]:
    shares = counts / max(counts.sum(), 1)
    top = np.lexsort((np.arange(len(counts)), -counts))[:TOP_CATEGORIES]
    return [shares, *(np.eye(1, len(counts), code)[0] for code in top if counts[code])]


def _column(size: int, entries: Mapping[int, float], mean: float, variance: float, one: int) -> Floats:
    found = np.zeros(size)
    spread = np.sqrt(max(variance, 0.0))
    scale = spread if spread > _NO_SPREAD else 1.0
    for place, value in entries.items():
        found[place] = value / scale
    found[one] -= mean / scale
    return found
