"""Uniqueness over a big batch: equal rows have equal hashes, so only rows with an equal hash need to be looked at."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from driftgate.growing import Growing
from driftgate.row_hashes import row_hashes

CONFIRMED = 1_000_000
"""Up to so many rows with a hash that occurs twice are compared by their values. The count is exact then; beyond, it may be too large by
colliding hashes, of which there are fewer than n²/2**65 pairs."""

Read = Callable[[Sequence[str]], Iterator[pd.DataFrame]]
"""Reads columns piece by piece; the index of a row is its place in the batch."""


@dataclass(frozen=True)
class Repeated:
    """Rows whose values occur more than once."""

    rows: int
    """Rows that were looked at."""
    count: int
    first: pd.DataFrame
    """The first of them, in the order of the batch."""


def repeated(read: Read, columns: Sequence[str], ignored: str, examples: int) -> Repeated:
    """Find the rows whose values in these columns occur in another row too.

    Parameters
    ----------
    ignored
        Which rows do not take part: ``all_values_are_missing``, ``any_value_is_missing`` or ``never``.
    """
    grown = Growing(np.uint64)
    for chunk in _looked_at(read, columns, ignored):
        grown.append(row_hashes(chunk, columns))
    rows = len(grown)
    hashes, count = _twice(grown.take())
    if not count:
        return Repeated(rows, 0, pd.DataFrame(columns=list(columns)))
    found = _candidates(_looked_at(read, columns, ignored), columns, hashes, CONFIRMED if count <= CONFIRMED else examples)
    if count <= CONFIRMED:
        found = found[found.duplicated(keep=False)]
        count = len(found)
    return Repeated(rows, count, found.head(examples))


def _looked_at(read: Read, columns: Sequence[str], ignored: str) -> Iterator[pd.DataFrame]:
    for chunk in read(columns):
        if ignored == "never":
            yield chunk
        else:
            missing = chunk.isna()
            yield chunk[~(missing.all(axis=1) if ignored == "all_values_are_missing" else missing.any(axis=1))]


def _twice(hashes: npt.NDArray[np.uint64]) -> tuple[npt.NDArray[np.uint64], int]:
    """Return the hashes that occur more than once, ascending, and how many rows have them; sorts in place."""
    hashes.sort()
    found, count = [], 0
    for start in range(0, len(hashes), 1 << 20):
        part = hashes[max(start - 1, 0) : start + (1 << 20)]
        same = np.unique(part[1:][part[1:] == part[:-1]])
        found.append(same)
    distinct = np.unique(np.concatenate(found)) if found else hashes[:0]
    for part in np.array_split(distinct, len(distinct) // (1 << 20) + 1):
        count += int((np.searchsorted(hashes, part, "right") - np.searchsorted(hashes, part, "left")).sum())
    return distinct, count


def _candidates(chunks: Iterator[pd.DataFrame], columns: Sequence[str], hashes: npt.NDArray[np.uint64], most: int) -> pd.DataFrame:
    found: list[pd.DataFrame] = []
    rows = 0
    for chunk in chunks:
        own = row_hashes(chunk, columns)
        places = np.minimum(np.searchsorted(hashes, own), len(hashes) - 1)
        found.append(chunk[hashes[places] == own])
        rows += len(found[-1])
        if rows >= most:
            break
    return pd.concat(found)
