"""Samples of one column as sorted values or counted categories: all that a score, a quality number or a position asks of rows.

A sample says nothing about the order of the rows it was made of, so nothing that is worked out from it depends on that order. What is
worked out once and asked for many times (ranks, prefix sums, moments) is kept with the sample.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]
Names = npt.NDArray[np.object_]


@dataclass(frozen=True, eq=False)
class Numbers:
    """Finite numbers in ascending order.

    Examples
    --------
    >>> sample = Numbers.of([3.0, 1.0, float("nan"), 3.0])
    >>> sample.rows, sample.values.tolist(), sample.expanded().tolist()
    (3, [1.0, 3.0, 3.0], [1.0, 3.0, 3.0])
    >>> [part.tolist() for part in sample.distinct()]
    [[1.0, 3.0], [1, 2]]
    """

    values: Floats
    """Ascending."""
    counts: Counts | None = None
    """Rows of each value, none of them 0, where ``values`` are distinct; None: every element is one row, equal ones side by side."""

    @classmethod
    def of(cls, values: npt.ArrayLike) -> Numbers:
        """Sort numbers in any order; nulls (NaN) and infinities are left out."""
        found = np.asarray(values, dtype=np.float64)
        finite = np.isfinite(found)
        return cls(np.sort(found if finite.all() else found[finite]))

    @cached_property
    def rows(self) -> int:
        """Number of rows."""
        return len(self.values) if self.counts is None else int(self.counts.sum())

    def distinct(self) -> tuple[Floats, Counts]:
        """Return the distinct values, ascending, and the rows of each."""
        return self._distinct

    @cached_property
    def _distinct(self) -> tuple[Floats, Counts]:
        if self.counts is not None:
            return self.values, self.counts
        if not len(self.values):
            return self.values, np.empty(0, dtype=np.int64)
        starts = np.flatnonzero(np.concatenate([[True], self.values[1:] != self.values[:-1]]))
        return self.values[starts], np.diff(starts, append=len(self.values)).astype(np.int64)

    def counted(self) -> Numbers:
        """Return the same sample as distinct values with counts."""
        return self if self.counts is not None else Numbers(*self.distinct())

    def expanded(self) -> Floats:
        """Return one element per row, ascending."""
        return self.values if self.counts is None else np.repeat(self.values, self.counts)

    @cached_property
    def cumulated(self) -> Counts:
        """Rows before each element of :attr:`values`, and of all of them at the end, shape (len(values) + 1,)."""
        if self.counts is None:
            return np.arange(len(self.values) + 1, dtype=np.int64)
        return np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(self.counts)])

    def below(self, points: npt.ArrayLike) -> Counts:
        """Return for each point how many rows are smaller; O(log) each, and fast for ascending points."""
        found: Counts = self.cumulated[np.searchsorted(self.values, points, "left")]
        return found

    def not_above(self, points: npt.ArrayLike) -> Counts:
        """Return for each point how many rows are smaller or equal."""
        found: Counts = self.cumulated[np.searchsorted(self.values, points, "right")]
        return found

    @cached_property
    def mean(self) -> float:
        """Arithmetic mean, good to the last digits also where the numbers lie far from 0; NaN without rows."""
        return self.centre + float(self._weighted(self._centred).sum()) / self.rows if self.rows else float("nan")

    @cached_property
    def squares(self) -> float:
        """Sum of the squared differences from the mean."""
        if not self.rows:
            return 0.0
        left = float(self._weighted(self._centred).sum())
        return max(float(self._weighted(self._centred**2).sum()) - left**2 / self.rows, 0.0)

    @cached_property
    def deviation(self) -> float:
        """Standard deviation of these rows (divided by their number); NaN without rows."""
        return float(np.sqrt(self.squares / self.rows)) if self.rows else float("nan")

    @cached_property
    def centre(self) -> float:
        """A number in the middle, near the mean: what is subtracted before anything is added up."""
        return float(self._weighted(self.values).sum()) / self.rows if self.rows else 0.0

    @cached_property
    def _centred(self) -> Floats:
        return self.values - self.centre

    def _weighted(self, values: Floats) -> Floats:
        return values if self.counts is None else values * self.counts

    @cached_property
    def _sums(self) -> Floats:
        """Sums of the centred values before each element, and of all at the end."""
        return np.concatenate([[0.0], np.cumsum(self._weighted(self._centred))])

    def area(self, places: Floats) -> Floats:
        """Return the integral of the sorted rows, less :attr:`centre`, from the first row to each place.

        Parameters
        ----------
        places
            Between 0 and :attr:`rows`; 2.5 is the middle of the third row.
        """
        last = np.clip(np.searchsorted(self.cumulated, places, "right") - 1, 0, len(self.values) - 1)
        found: Floats = self._sums[last] + (places - self.cumulated[last]) * self._centred[last]
        return found


@dataclass(frozen=True, eq=False)
class Categories:
    """Counted categories.

    Examples
    --------
    >>> sample = Categories.of(["b", "a", "b"])
    >>> sample.names.tolist(), sample.counts.tolist(), sample.rows
    (['a', 'b'], [1, 2], 3)
    """

    names: Names
    """Distinct texts in ascending order."""
    counts: Counts
    """Rows of each, none of them 0."""

    @classmethod
    def of(cls, values: Iterable[str]) -> Categories:
        """Count texts in any order."""
        from collections import Counter

        return cls.counted(Counter(values).items())

    @classmethod
    def counted(cls, items: Iterable[tuple[Any, int]]) -> Categories:
        """Build from pairs of text and count, in any order; texts without rows are left out."""
        kept = sorted((name, int(count)) for name, count in items if count)
        names = np.empty(len(kept), dtype=object)
        names[:] = [name for name, _ in kept]
        return cls(names, np.array([count for _, count in kept], dtype=np.int64))

    @cached_property
    def rows(self) -> int:
        """Number of rows."""
        return int(self.counts.sum())

    def expanded(self) -> Names:
        """Return one element per row, in the order of the names."""
        return np.repeat(self.names, self.counts)

    @cached_property
    def places(self) -> dict[str, int]:
        """Place of each name in :attr:`names`."""
        return {name: place for place, name in enumerate(self.names)}


Sample = Numbers | Categories


def sample_of(values: npt.NDArray[Any]) -> Sample:
    """Build a sample from values without nulls: numbers of a numeric type, else categories."""
    return Numbers.of(values) if np.issubdtype(values.dtype, np.number) else Categories.of(map(str, values))


def counts_together(reference: Sample, current: Sample) -> tuple[Counts, Counts]:
    """Return how many rows of each sample have each value that occurs in either, in the order of the values.

    Raises
    ------
    TypeError
        If one sample holds numbers and the other categories.
    """
    if isinstance(reference, Numbers) and isinstance(current, Numbers):
        return _together(*reference.distinct(), *current.distinct())
    if isinstance(reference, Categories) and isinstance(current, Categories):
        return _together(reference.names, reference.counts, current.names, current.counts)
    raise TypeError("numbers cannot be compared with categories")


def _together(values: npt.NDArray[Any], counts: Counts, others: npt.NDArray[Any], other_counts: Counts) -> tuple[Counts, Counts]:
    places = np.searchsorted(values, others)
    is_known = places < len(values)
    is_known[is_known] = values[places[is_known]] == others[is_known]
    found = np.zeros(len(values), dtype=np.int64)
    found[places[is_known]] = other_counts[is_known]
    if is_known.all():
        return counts, found
    new = ~is_known
    return np.insert(counts, places[new], 0), np.insert(found, places[new], other_counts[new])


def counts_of(sample: Sample) -> Counts:
    """Return the rows of each distinct value of a sample."""
    return sample.distinct()[1] if isinstance(sample, Numbers) else sample.counts


@dataclass(frozen=True, eq=False)
class ColumnSummary:
    """Everything that quality, drift and position ask of a column."""

    rows: int
    """All rows, those without a value among them."""
    missing: int
    """Nulls."""
    infinite: int
    """Infinities of either sign; they are no nulls and not in the sample."""
    sample: Sample
    """What is neither missing nor infinite."""
    minus_infinite: int = 0
    """How many of the infinities are below every number."""

    @property
    def missing_share(self) -> float | None:
        """Nulls as a share of the rows; None without rows."""
        return self.missing / self.rows if self.rows else None

    @property
    def most_frequent_share(self) -> float | None:
        """Rows of the most frequent value as a share of the rows with one (an infinity is a value); None without any."""
        known = self.rows - self.missing
        counts = counts_of(self.sample)
        largest = max(int(counts.max()) if len(counts) else 0, self.minus_infinite, self.infinite - self.minus_infinite)
        return largest / known if known else None
