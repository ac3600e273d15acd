"""The rows of one window, wherever they lie: in a frame in memory or, for big batches, in a file that is read column by column."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np
import pandas as pd

from driftgate.columns import Kind, labels
from driftgate.samples import Categories, ColumnSummary, Numbers


class Summaries(Protocol):
    """Rows that are known by summaries of their columns; a prepared reference is no more than that."""

    @property
    def rows(self) -> int:
        """Number of rows."""

    @property
    def columns(self) -> Sequence[str]:
        """Names of the columns, in their order."""

    def summary(self, name: str, kind: Kind) -> ColumnSummary:
        """Return the summary of a column as numbers (``num``) or as categories (``cat``), worked out at most once.

        Categories are texts: what is not (labels of a model) is written as by :func:`driftgate.columns.labels`.

        Raises
        ------
        KeyError
            If there is no such column.
        """


class WindowRows(Summaries, Protocol):
    """Rows that can also be read, piece by piece."""

    def chunks(self, columns: Sequence[str]) -> Iterator[pd.DataFrame]:
        """Yield consecutive pieces with these columns, each with an index from 0; a frame in memory is one piece.

        Columns that the rows do not have are left out. There is at least one piece, which may hold no rows.
        """


class FrameRows:
    """The rows of a frame in memory."""

    def __init__(self, frame: pd.DataFrame) -> None:
        self.frame = frame
        self._found: dict[tuple[str, Kind], ColumnSummary] = {}

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(self.frame)

    @property
    def columns(self) -> Sequence[str]:
        """Names of the columns, in their order."""
        return [str(name) for name in self.frame.columns]

    def summary(self, name: str, kind: Kind) -> ColumnSummary:
        """Return the summary of a column, see :class:`Summaries`."""
        if (name, kind) not in self._found:
            self._found[name, kind] = summarise(self.frame[name], kind)
        return self._found[name, kind]

    def chunks(self, columns: Sequence[str]) -> Iterator[pd.DataFrame]:
        """Yield the frame itself, with these columns and an index from 0."""
        yield self.frame[[name for name in columns if name in self.frame]].reset_index(drop=True)


def window_rows(rows: pd.DataFrame | WindowRows) -> WindowRows:
    """Return the rows of a frame; other rows are returned as they are."""
    return FrameRows(rows) if isinstance(rows, pd.DataFrame) else rows


def whole_frame(rows: WindowRows) -> pd.DataFrame:
    """Return all rows as one frame; for what cannot be worked out piece by piece."""
    if isinstance(rows, FrameRows):
        return rows.frame
    return pd.concat(rows.chunks(rows.columns), ignore_index=True)


def summarise(values: pd.Series, kind: Kind) -> ColumnSummary:
    """Count and sort one column, see :class:`Summaries`."""
    if kind == "cat":
        counts = labels(values).value_counts(sort=False)
        sample = Categories.counted(zip(counts.index, counts.to_numpy(), strict=True))
        return ColumnSummary(len(values), len(values) - sample.rows, 0, sample)
    numbers = values.to_numpy(dtype=np.float64, na_value=np.nan)
    found = Numbers.of(numbers)
    missing = int(np.isnan(numbers).sum())
    infinite = len(numbers) - found.rows - missing
    return ColumnSummary(len(numbers), missing, infinite, found, int(np.isneginf(numbers).sum()) if infinite else 0)
