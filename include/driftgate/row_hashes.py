"""64-bit hashes of rows by their values: the same in any order, in any chunks, with any version of pandas.

What two equal hashes mean: two different rows have the same hash with a probability of 2**-64, so that among ``n`` rows some pair has
it with a probability of at most ``n * (n - 1) / 2**65``: 3e-4 for 100 million rows. Hashes spread values evenly; they are no
protection against somebody who wants two rows to look alike.

The mixing function is the finaliser of SplitMix64 (G. L. Steele, D. Lea and C. H. Flood, Fast splittable pseudorandom number
generators, OOPSLA 2014).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

Hashes = npt.NDArray[np.uint64]

_NULL = np.uint64(0x9E3779B97F4A7C15)
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_SHIFTS = tuple(np.uint64(bits) for bits in (30, 27, 31))


def row_hashes(frame: pd.DataFrame, columns: Sequence[str]) -> Hashes:
    """Return one hash per row over the columns, in their order; types as ingest makes them (float64, text, moments in UTC)."""
    found = np.full(len(frame), _salt("rows"), dtype=np.uint64)
    for name in columns:
        found += _salt(name)
        found += column_hashes(frame[name])
        mix(found)
    return found


def column_hashes(values: pd.Series) -> Hashes:
    """Return one number per value, equal for equal values; numbers are their bits and not yet mixed. Nulls are equal to each other."""
    if isinstance(values.dtype, pd.DatetimeTZDtype):
        return np.array(values.dt.tz_convert("UTC").dt.as_unit("us").astype("int64").to_numpy(), dtype=np.int64).view(np.uint64)
    if pd.api.types.is_numeric_dtype(values.dtype):
        numbers = values.to_numpy(dtype=np.float64, na_value=np.nan) + 0.0  # -0.0 becomes 0.0
        found: Hashes = numbers.view(np.uint64)
        found[np.isnan(numbers)] = _NULL
        return found
    codes, uniques = pd.factorize(values)
    texts = np.asarray([str(text) for text in uniques], dtype=object)
    hashes = pd.util.hash_array(texts, categorize=False) if len(texts) else np.empty(0, dtype=np.uint64)
    return np.append(hashes, _NULL)[codes]


def mix(hashes: Hashes) -> Hashes:
    """Spread the bits, in place; a one-to-one function."""
    hashes ^= hashes >> _SHIFTS[0]
    hashes *= _FIRST
    hashes ^= hashes >> _SHIFTS[1]
    hashes *= _SECOND
    hashes ^= hashes >> _SHIFTS[2]
    return hashes


def _salt(text: str) -> np.uint64:
    return np.uint64(int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little"))


def copies(hashes: Hashes) -> int:
    """Return how many rows are exact copies of another one that is counted already; sorts the hashes in place."""
    hashes.sort()
    return sum(int((part[1:] == part[:-1]).sum()) for part in overlapping(hashes))


def overlapping(values: npt.NDArray[np.uint64], size: int = 1 << 20) -> list[npt.NDArray[np.uint64]]:
    """Cut an array into views that share one element with the next, so that every pair of neighbours is in exactly one."""
    return [values[start : start + size + 1] for start in range(0, max(len(values) - 1, 0), size)]


class ContentSum:
    """A hash of rows that does not depend on their order nor on the pieces they come in.

    It is the sum of the rows' hashes modulo 2**128, of which each half is a sum modulo 2**64, with the number of rows and the names and
    kinds of the columns. This is another kind of hash than that of small batches (SHA-256 over the values in row order): equal content
    has equal sums, different content has equal sums with a probability of about 2**-64, unless somebody constructs it.
    """

    def __init__(self) -> None:
        self.rows = 0
        self._halves = [np.uint64(0), np.uint64(0)]
        self._columns: list[str] = []

    def add(self, frame: pd.DataFrame) -> Hashes:
        """Count rows in; return their hashes."""
        names = [str(name) for name in frame.columns]
        self._columns = self._columns or [f"{name}\x00{_kind(frame[name])}" for name in names]
        hashes = row_hashes(frame, names)
        self.rows += len(frame)
        with np.errstate(over="ignore"):
            self._halves[0] += hashes.sum(dtype=np.uint64)
            self._halves[1] += mix(hashes ^ _NULL).sum(dtype=np.uint64)
        return hashes

    def hexdigest(self, more: str = "") -> str:
        """Return 64 hexadecimal digits; ``more`` is hashed too."""
        text = "\x01".join(["rows-sum-1", more, str(self.rows), *self._columns, *(str(int(half)) for half in self._halves)])
        return hashlib.sha256(text.encode()).hexdigest()


def _kind(values: pd.Series) -> str:
    if isinstance(values.dtype, pd.DatetimeTZDtype):
        return "time"
    return "number" if pd.api.types.is_numeric_dtype(values.dtype) else "text"
