"""Arrays whose length is not known beforehand, without the doubling of memory that joining a list of pieces costs."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

_FIRST, _LARGEST = 1 << 13, 1 << 23
"""Elements of the first and of the largest block. Blocks of 64 MiB are returned to the system as soon as they are freed."""


class Growing:
    """Numbers that are appended piece by piece and then taken out as one array.

    At any time memory is that of the numbers and of one block more, at most 64 MiB.

    Parameters
    ----------
    capacity
        The most numbers there can be, where that is known: they then go straight to where they are taken from. Room that is not used
        is not taken from the system.

    Examples
    --------
    >>> grown = Growing()
    >>> grown.append(np.array([3.0, 1.0])); grown.append(np.array([2.0]))
    >>> len(grown), grown.take().tolist()
    (3, [3.0, 1.0, 2.0])
    """

    def __init__(self, dtype: npt.DTypeLike = np.float64, *, capacity: int = 0) -> None:
        self._dtype = np.dtype(dtype)
        self._blocks: list[npt.NDArray[Any]] = [np.empty(capacity, dtype=self._dtype)] if capacity else []
        self._used = 0
        """Elements of the last block that are taken."""
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def append(self, values: npt.NDArray[Any]) -> None:
        """Copy numbers to the end."""
        while len(values):
            if not self._blocks or self._used == len(self._blocks[-1]):
                self._add_block()
            block = self._blocks[-1]
            part = values[: len(block) - self._used]
            block[self._used : self._used + len(part)] = part
            self._used += len(part)
            self._length += len(part)
            values = values[len(part) :]

    def _add_block(self) -> None:
        size = min(_LARGEST, max(_FIRST, self._length))
        self._blocks.append(np.empty(size, dtype=self._dtype))
        self._used = 0

    def take(self) -> npt.NDArray[Any]:
        """Return all numbers in one array; afterwards there are none here."""
        if len(self._blocks) == 1:
            only, self._blocks = self._blocks[0][: self._length], []
            self._length = self._used = 0
            return only
        found, place = np.empty(self._length, dtype=self._dtype), 0
        self._blocks.reverse()
        while self._blocks:
            block = self._blocks.pop()[: self._length - place]
            found[place : place + len(block)] = block
            place += len(block)
            del block
        self._length = self._used = 0
        return found
