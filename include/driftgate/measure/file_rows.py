"""The rows of a window that lie in a Parquet file, read column by column or chunk by chunk: never more than one of them in memory.

A column of few distinct values is counted row group by row group. Any other column of numbers is sorted once, in one array of exactly
its length, and then kept in memory or in a scratch file beside the batch (:mod:`driftgate.measure.large_numbers`) until these rows are
let go.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from driftgate.columns import Kind, label, labels
from driftgate.growing import Growing
from driftgate.measure.large_numbers import Sorted
from driftgate.samples import Categories, ColumnSummary, Numbers

MOST_DISTINCT = 1 << 16
"""A column of numbers with more distinct values is sorted instead of counted."""
_HEAD, _HEAD_DISTINCT = 1 << 12, 3_900
"""Of so many numbers of a piece, more than so many distinct ones: then the column has too many to count them, about 40,000 or more."""
WIDEST = 1 << 20
"""Whole numbers in a range of at most this width are counted by position."""

Fill = Callable[[pd.DataFrame], pd.DataFrame]


class FileRows:
    """The rows of a Parquet file, see :class:`driftgate.measure.window_rows.WindowRows`.

    Parameters
    ----------
    path
        A batch as ingest writes it.
    fill
        Changes the columns ``filled`` of a chunk, for labels that came later; the chunk has the columns ``needed`` for that.
    """

    def __init__(self, path: Path | str, *, fill: Fill | None = None, filled: Sequence[str] = (), needed: Sequence[str] = ()) -> None:
        self.path = Path(path)
        self._fill, self._filled, self._needed = fill, frozenset(filled if fill else ()), tuple(needed)
        self._file = pq.ParquetFile(self.path, memory_map=True)
        self._schema = self._file.schema_arrow
        texts = [field.name for field in self._schema if pa.types.is_string(field.type) or pa.types.is_large_string(field.type)]
        self._coded = pq.ParquetFile(self.path, memory_map=True, read_dictionary=texts)
        self._found: dict[tuple[str, Kind], ColumnSummary] = {}

    @property
    def rows(self) -> int:
        """Number of rows."""
        return int(self._file.metadata.num_rows)

    def __len__(self) -> int:
        return self.rows

    @property
    def columns(self) -> Sequence[str]:
        """Names of the columns, in their order."""
        return list(self._schema.names)

    def chunks(self, columns: Sequence[str]) -> Iterator[pd.DataFrame]:
        """Yield the row groups with these columns, each with an index from 0."""
        kept = [name for name in columns if name in self._schema.names]
        is_filled = not self._filled.isdisjoint(kept)
        read = list(dict.fromkeys([*kept, *(self._needed if is_filled else ())]))
        if not self._file.num_row_groups:
            yield self._schema.empty_table().select(kept).to_pandas()
        for group in range(self._file.num_row_groups):
            frame = self._file.read_row_group(group, columns=read, use_threads=False).to_pandas()
            frame = frame.reset_index(drop=True)
            yield self._fill(frame)[kept] if is_filled and self._fill is not None else frame[kept]

    def summary(self, name: str, kind: Kind) -> ColumnSummary:
        """Return the summary of a column, worked out once."""
        if name not in self._schema.names:
            raise KeyError(name)
        if (name, kind) not in self._found:
            self._found[name, kind] = self._categories(name) if kind == "cat" else self._numbers(name)
        return self._found[name, kind]

    # --- categories ---------------------------------------------------------------------------------------------------

    def _categories(self, name: str) -> ColumnSummary:
        counts: Counter[str] = Counter()
        if name in self._filled:
            for chunk in self.chunks([name]):
                counts.update({str(key): int(count) for key, count in labels(chunk[name]).value_counts(sort=False).items()})
        else:
            for array in self._arrays(name, self._coded):
                counts.update(_counted_names(array))
        sample = Categories.counted(counts.items())
        return ColumnSummary(self.rows, self.rows - sample.rows, 0, sample)

    # --- numbers ------------------------------------------------------------------------------------------------------

    def _numbers(self, name: str) -> ColumnSummary:
        sample, infinities = self._sampled(lambda: self._floats(name))
        missing = self.rows - sample.rows - infinities.infinite
        return ColumnSummary(self.rows, missing, infinities.infinite, sample, infinities.minus_infinite)

    def sample(self, read: Callable[[], Iterable[npt.NDArray[np.float64]]]) -> Numbers:
        """Count or sort numbers that are worked out from the chunks, see :class:`driftgate.measure.window_rows.WindowRows`."""
        return self._sampled(read)[0]

    def _sampled(self, read: Callable[[], Iterable[npt.NDArray[np.float64]]]) -> tuple[Numbers, _Infinities]:
        counting = _Counting()
        if all(counting.add(numbers) for numbers in read()):
            return counting.sample(), counting.infinities
        grown, infinities = Growing(capacity=self.rows), _Infinities()
        for numbers in read():
            grown.append(infinities.finite(numbers))
        return self._sorted.take(grown), infinities

    @cached_property
    def _sorted(self) -> Sorted:
        return Sorted(self.path)

    # --- reading ------------------------------------------------------------------------------------------------------

    def _arrays(self, name: str, file: pq.ParquetFile) -> Iterator[pa.Array]:
        for group in range(file.num_row_groups):
            yield from file.read_row_group(group, columns=[name], use_threads=False).column(0).chunks

    def _floats(self, name: str) -> Iterator[npt.NDArray[np.float64]]:
        """Yield the numbers that are no nulls."""
        if name in self._filled:
            for chunk in self.chunks([name]):
                numbers = chunk[name].to_numpy(dtype=np.float64, na_value=np.nan)
                yield numbers[~np.isnan(numbers)]
            return
        for array in self._arrays(name, self._file):
            known = array.drop_null() if array.null_count else array
            known = known if pa.types.is_float64(known.type) else known.cast(pa.float64())
            yield known.to_numpy(zero_copy_only=False)


class _Infinities:
    """Counts infinities and takes them out."""

    def __init__(self) -> None:
        self.infinite = self.minus_infinite = self.missing = 0

    def finite(self, numbers: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        is_finite = np.isfinite(numbers)
        if is_finite.all():
            return numbers
        missing = int(np.isnan(numbers).sum())
        self.missing += missing
        self.infinite += len(numbers) - int(is_finite.sum()) - missing
        self.minus_infinite += int(np.isneginf(numbers).sum())
        return numbers[is_finite]


class _Counting:
    """Distinct numbers with counts, as long as there are few."""

    def __init__(self) -> None:
        self.infinities = _Infinities()
        self._low = 0
        self._dense = np.zeros(0, dtype=np.int64)
        """Counts of whole numbers from ``_low`` on."""
        self._values = np.empty(0)
        self._counts = np.empty(0, dtype=np.int64)

    def add(self, numbers: npt.NDArray[np.float64]) -> bool:
        """Count numbers in; False when there are too many distinct ones."""
        numbers = self.infinities.finite(numbers)
        if not len(numbers):
            return True
        return self._add_whole(numbers) or self._add_any(numbers)

    def _add_whole(self, numbers: npt.NDArray[np.float64]) -> bool:
        low, high = float(numbers.min()), float(numbers.max())
        if len(self._dense):
            low, high = min(low, float(self._low)), max(high, float(self._low + len(self._dense) - 1))
        if not (low.is_integer() and high.is_integer() and high - low < WIDEST and abs(low) < 2**53 and abs(high) < 2**53):
            return False
        places = numbers.astype(np.int64)
        if not (places == numbers).all():
            return False
        width = int(high - low) + 1
        if width != len(self._dense):
            dense = np.zeros(width, dtype=np.int64)
            dense[self._low - int(low) :][: len(self._dense)] = self._dense
            self._dense, self._low = dense, int(low)
        places -= self._low
        self._dense += np.bincount(places, minlength=width)
        return True

    def _add_any(self, numbers: npt.NDArray[np.float64]) -> bool:
        if len(numbers) >= _HEAD and len(np.unique(numbers[:_HEAD])) > _HEAD_DISTINCT:
            return False
        found = pc.value_counts(pa.array(numbers))
        values = np.concatenate([self._values, found.field(0).to_numpy(zero_copy_only=False)])
        counts = np.concatenate([self._counts, found.field(1).to_numpy(zero_copy_only=False)])
        self._values, places = np.unique(values, return_inverse=True)
        self._counts = np.bincount(places, weights=counts).astype(np.int64)
        return len(self._values) <= MOST_DISTINCT

    def sample(self) -> Numbers:
        """Return what was counted."""
        whole = np.flatnonzero(self._dense)
        values = np.concatenate([self._values, whole + float(self._low)])
        counts = np.concatenate([self._counts, self._dense[whole]])
        values, places = np.unique(values, return_inverse=True)
        return Numbers(values, np.bincount(places, weights=counts, minlength=len(values)).astype(np.int64))


def _counted_names(array: pa.Array) -> dict[str, int]:
    """Count the values of an array, written as labels."""
    known = array.drop_null() if array.null_count else array
    if not pa.types.is_dictionary(known.type):
        known = pc.dictionary_encode(known)
    counts = np.bincount(known.indices.to_numpy(zero_copy_only=False), minlength=len(known.dictionary))
    found: Counter[str] = Counter()
    for name, count in zip(known.dictionary.to_pylist(), counts.tolist(), strict=True):
        if count:
            found[label(name)] += count
    return found
