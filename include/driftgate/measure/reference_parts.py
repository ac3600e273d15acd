"""Many parts of one reference, prepared together: each row's place in the sorted whole is found once.

Learning limits compares every window of a reference with the rest of it. What is left without a few rows is the counts of all rows
less the counts of those, so a part costs as much as there are distinct values, and nothing is sorted again.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd

from driftgate.columns import Kind, labels
from driftgate.config.models import MonitorConfig
from driftgate.measure.directions import Base, Directions
from driftgate.measure.prepared import PreparedReference, drift_features
from driftgate.measure.residuals import ResidualSample, residuals
from driftgate.samples import Categories, ColumnSummary, Numbers

Kept = npt.NDArray[np.bool_]
_MISSING, _PLUS, _MINUS = 0, 1, 2
"""Places before the first value: no value, the infinities."""
_FIRST = 3


@dataclass(frozen=True, eq=False)
class _Column:
    """A column of the whole reference."""

    kind: Kind
    values: npt.NDArray[np.float64] | npt.NDArray[np.object_]
    """Distinct, ascending."""
    places: npt.NDArray[np.intp]
    """Place of each row's value, counted from ``_FIRST``."""
    counts: npt.NDArray[np.intp]
    """Rows at each place."""

    @classmethod
    def of(cls, values: pd.Series, kind: Kind) -> _Column:
        if kind == "cat":
            codes, names = pd.factorize(labels(values), sort=True)
            return cls._counted(kind, np.asarray(names, dtype=object), np.where(codes < 0, _MISSING, codes + _FIRST))
        numbers = values.to_numpy(dtype=np.float64, na_value=np.nan)
        finite = np.isfinite(numbers)
        distinct, codes = np.unique(numbers[finite], return_inverse=True)
        places = np.where(np.isnan(numbers), _MISSING, np.where(numbers > 0, _PLUS, _MINUS))
        places[finite] = codes + _FIRST
        return cls._counted(kind, distinct, places)

    @classmethod
    def _counted(cls, kind: Kind, values: npt.NDArray[np.float64] | npt.NDArray[np.object_], places: npt.NDArray[np.intp]) -> _Column:
        return cls(kind, values, places, np.bincount(places, minlength=_FIRST + len(values)))

    def part(self, kept: Kept, dropped: npt.NDArray[np.intp]) -> ColumnSummary:
        if 2 * len(dropped) <= len(kept):
            counts = self.counts - np.bincount(self.places[dropped], minlength=len(self.counts))
        else:
            counts = np.bincount(self.places[kept], minlength=len(self.counts))
        found = counts[_FIRST:] > 0
        values, known = self.values[found], counts[_FIRST:][found].astype(np.int64)
        sample = Numbers(values.astype(np.float64), known) if self.kind == "num" else Categories(values.astype(object), known)
        missing, plus, minus = (int(counts[place]) for place in (_MISSING, _PLUS, _MINUS))
        return ColumnSummary(int(counts.sum()), missing, plus + minus, sample, minus)


class IndexedReference:
    """A whole reference, from which parts are taken."""

    def __init__(self, config: MonitorConfig, frame: pd.DataFrame) -> None:
        self.config = config
        self.frame = frame.reset_index(drop=True)
        self._columns: dict[tuple[str, Kind], _Column] = {}

    def part(self, kept: Kept) -> PreparedReference:
        """Return the rows that are kept (one boolean per row of the frame) as a reference."""
        return _Part(self, kept)

    @cached_property
    def whole(self) -> PreparedReference:
        """All rows."""
        return self.part(np.ones(len(self.frame), dtype=bool))

    def column(self, name: str, kind: Kind) -> _Column:
        if (name, kind) not in self._columns:
            self._columns[name, kind] = _Column.of(self.frame[name], kind)
        return self._columns[name, kind]

    @cached_property
    def residuals(self) -> tuple[_Column, Kind]:
        """Residuals as a column (rows without a label have none), and their kind."""
        found = residuals(self.config, self.frame)
        return _Column.of(found.values.reindex(self.frame.index).astype("float64"), "num"), found.kind

    @cached_property
    def base(self) -> Base:
        return Base.of(drift_features(self.config), self.frame)


class _Part(PreparedReference):
    """Some rows of a whole reference."""

    def __init__(self, whole: IndexedReference, kept: Kept) -> None:
        super().__init__(whole.config, lambda: whole.frame[kept].reset_index(drop=True))
        self._whole = whole
        self._kept = kept
        self._dropped = np.flatnonzero(~kept)
        self.rows = len(kept) - len(self._dropped)
        self.columns = [str(name) for name in whole.frame.columns]

    def _summarise(self, name: str, kind: Kind) -> ColumnSummary:
        return self._whole.column(name, kind).part(self._kept, self._dropped)

    @cached_property
    def residuals(self) -> ResidualSample:
        column, kind = self._whole.residuals
        sample = column.part(self._kept, self._dropped).sample
        assert isinstance(sample, Numbers)
        return ResidualSample(sample, kind)

    @cached_property
    def directions(self) -> Directions:
        return self._whole.base.directions(self._kept)
