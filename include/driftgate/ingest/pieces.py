"""How many rows are worked on at a time, so that a piece has a bounded size however wide its rows are."""

from __future__ import annotations

import pandas as pd

MOST_ROWS = 1 << 18
"""One column of numbers of so many rows is 2 MiB, which stays in the processor's cache while it is counted."""
FEWEST_ROWS = 1 << 12
PIECE_BYTES = 1 << 25
"""Size of a piece as a typed frame; typing, scoring and writing it take a few times as much."""


def piece_rows(sample: pd.DataFrame) -> int:
    """Return how many rows like those of the sample make a piece."""
    if sample.empty:
        return MOST_ROWS
    width = sum(_width(sample[name]) for name in sample.columns)
    return int(min(MOST_ROWS, max(FEWEST_ROWS, PIECE_BYTES // max(width, 1))))


def _width(values: pd.Series) -> float:
    """Bytes of a value as a typed column holds it; texts that are coded are written out then."""
    if isinstance(values.dtype, pd.CategoricalDtype):
        values = values.astype(str)
    return float(values.memory_usage(index=False, deep=True)) / len(values)
