"""Sorted numbers of a big batch, looked at in blocks, so that no copy is made that is as long as the batch.

One array of the column is sorted in memory (8 bytes a row). It stays there as long as there is room for it, and else lies in a scratch
file.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from driftgate.growing import Growing
from driftgate.samples import Counts, Floats, Numbers

BLOCK = 1 << 20
"""Numbers that are worked on at a time, 8 MiB."""
LARGE = 1 << 18
"""Up to so many numbers are no large ones."""
KEPT = 256 << 20
"""Bytes of large numbers of one batch that stay in memory."""


class LargeNumbers(Numbers):
    """Finite numbers in ascending order, one element per row; nothing that is asked of them makes a copy of all."""

    def __init__(self, source: Floats | Path, rows: int, folder: object = None) -> None:
        """Take sorted numbers, or a file of them; ``folder`` is kept as long as they are, because its end is that of the file."""
        object.__setattr__(self, "source", source)
        object.__setattr__(self, "folder", folder)
        object.__setattr__(self, "rows", rows)
        object.__setattr__(self, "counts", None)

    source: Floats | Path
    """The numbers, or where they lie as float64."""

    @property
    def values(self) -> Floats:
        """Ascending; a file is mapped into memory as long as the answer is kept."""
        return np.memmap(self.source, dtype=np.float64, mode="r") if isinstance(self.source, Path) else self.source

    def below(self, points: npt.ArrayLike) -> Counts:
        """Return for each point how many rows are smaller."""
        return np.searchsorted(self.values, np.asarray(points), "left").astype(np.int64)

    def not_above(self, points: npt.ArrayLike) -> Counts:
        """Return for each point how many rows are smaller or equal."""
        return np.searchsorted(self.values, np.asarray(points), "right").astype(np.int64)

    def blocks(self) -> Iterator[Floats]:
        """Yield the numbers in consecutive parts."""
        values = self.values
        for start in range(0, self.rows, BLOCK):
            yield np.asarray(values[start : start + BLOCK])

    @cached_property
    def centre(self) -> float:
        """The mean, to within rounding of large offsets."""
        return sum(float(part.sum()) for part in self.blocks()) / self.rows if self.rows else 0.0

    @cached_property
    def squares(self) -> float:
        """Sum of the squared differences from the mean."""
        if not self.rows:
            return 0.0
        return max(sum(float(((part - self.centre) ** 2).sum()) for part in self.blocks()) - self._left**2 / self.rows, 0.0)

    @cached_property
    def mean(self) -> float:
        """Arithmetic mean; NaN without rows."""
        return self.centre + self._left / self.rows if self.rows else float("nan")

    @cached_property
    def _left(self) -> float:
        return float(self._block_sums[-1])

    @cached_property
    def _block_sums(self) -> Floats:
        """Sums of the centred numbers before each block, and of all at the end."""
        return np.concatenate([[0.0], np.cumsum([float((part - self.centre).sum()) for part in self.blocks()])])

    def area(self, places: Floats) -> Floats:
        """Return the integral of the sorted rows, less :attr:`centre`, from the first row to each place (0 to :attr:`rows`)."""
        places = np.asarray(places, dtype=np.float64)
        rows = np.clip(np.floor(places).astype(np.int64), 0, self.rows - 1)
        found = np.empty(len(places))
        order = np.argsort(rows, kind="stable")
        cuts = np.searchsorted(rows[order], np.arange(0, self.rows + BLOCK, BLOCK))
        for number, part in enumerate(self.blocks()):
            chosen = order[cuts[number] : cuts[number + 1]]
            if len(chosen):
                centred = part - self.centre
                inside = rows[chosen] - number * BLOCK
                before = np.concatenate([[0.0], np.cumsum(centred)])[inside]
                found[chosen] = self._block_sums[number] + before + (places[chosen] - rows[chosen]) * centred[inside]
        return found

    @cached_property
    def largest_count(self) -> int:
        """Rows of the most frequent number."""
        longest = run = 0
        last = np.nan
        for part in self.blocks():
            starts = np.concatenate([[0], np.flatnonzero(part[1:] != part[:-1]) + 1])
            lengths = np.diff(starts, append=len(part))
            lengths[0] += run if part[0] == last else 0
            longest, run, last = max(longest, int(lengths.max())), int(lengths[-1]), part[-1]
        return longest


class Sorted:
    """Sorts the columns of one batch and keeps them: in memory while there is room, the others in files.

    Parameters
    ----------
    near
        A file of the batch; the scratch files lie in a folder of their own beside it, which ends with the last of the columns.
    """

    def __init__(self, near: Path) -> None:
        self._near, self._room = near, KEPT

    def take(self, grown: Growing) -> Numbers:
        """Sort what has grown, in place."""
        values = grown.take()
        if len(values) <= LARGE:
            values.sort()
            return Numbers(values)
        _sort(values)
        if values.nbytes <= self._room:
            self._room -= values.nbytes
            return LargeNumbers(values, len(values))
        handle, name = tempfile.mkstemp(suffix=".float64", dir=self._folder.name)
        with os.fdopen(handle, "wb") as stream:
            values.tofile(stream)
        return LargeNumbers(Path(name), len(values), self._folder)

    @cached_property
    def _folder(self) -> tempfile.TemporaryDirectory[str]:
        return tempfile.TemporaryDirectory(prefix=".sorted-", dir=self._near.parent, ignore_cleanup_errors=True)


def _sort(values: Floats) -> None:
    """Sort in place: the smaller half and the larger half beside each other, where the process has two processors."""
    if (os.cpu_count() or 1) < 2:
        values.sort()
        return
    middle = len(values) // 2
    values.partition(middle)
    with ThreadPoolExecutor(1) as beside:
        lower = beside.submit(values[:middle].sort)
        values[middle:].sort()
        lower.result()
