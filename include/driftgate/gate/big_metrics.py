"""How the metrics of Great Expectations that were worked out on pieces of a batch become those of the whole batch.

Four kinds of metrics are told apart by their names (those of GX 1.24):

- *merged*: of conditions on single rows, and of rows, minimum, maximum and sum; GX works them out on every piece;
- *moments*: mean, standard deviation and share of values that are there;
- *distinct*: of the distinct values of a column, on which GX is asked;
- *unique*: see :mod:`driftgate.gate.big_unique`.

Everything else needs whole columns.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

EXAMPLES: Final = 20
"""Unexpected values that GX lists in its results of format SUMMARY."""
MOST_DISTINCT: Final = 1_000_000
"""Distinct values of a column that are held."""
_ROWWISE: Final = frozenset(
    {
        "column_values.between", "column_values.in_set", "column_values.not_in_set", "column_values.nonnull", "column_values.null",
        "column_values.match_regex", "column_values.not_match_regex", "column_values.match_regex_list",
        "column_values.not_match_regex_list", "column_values.value_length.between", "column_values.value_length.equals",
        "column_values.dateutil_parseable", "column_values.json_parseable", "column_values.match_json_schema",
        "column_values.match_strftime_format", "column_values.of_type", "column_values.in_type_list",
        "column_pair_values.a_greater_than_b", "column_pair_values.equal", "column_pair_values.in_set",
        "multicolumn_sum.equal", "multicolumn_values.equal", "select_column_values.unique.within_record",
    }
)  # fmt: skip
UNIQUE: Final = frozenset({"column_values.unique", "compound_columns.unique"})
MOMENTS: Final = frozenset({"column.mean", "column.standard_deviation", "column.non_null_proportion"})
_PARTS: Final = (
    ".unexpected_count", ".unexpected_values", ".unexpected_index_list", ".unexpected_index_query", ".unexpected_rows",
    ".filtered_row_count",
)  # fmt: skip


def condition_of(metric: str) -> str:
    """Return the condition that a metric such as ``column_values.between.unexpected_count`` is about; else the name itself."""
    return next((metric.removesuffix(suffix) for suffix in _PARTS if metric.endswith(suffix)), metric)


def is_merged(metric: str) -> bool:
    """Whether the metric of the batch follows from those of its pieces."""
    return metric in _MERGES or condition_of(metric) in _ROWWISE


def is_distinct(metric: str) -> bool:
    """Whether the metric is one of the distinct values of a column and of how often they occur."""
    return metric.startswith("column.distinct_values") or metric in ("column.unique_proportion", "column.most_common_value")


def merge(metric: str, parts: Sequence[Any]) -> Any:
    """Return the metric of the batch from its values on the pieces, in their order."""
    if metric.endswith((".unexpected_count", ".filtered_row_count")):
        return sum(parts)
    if metric.endswith((".unexpected_values", ".unexpected_index_list", ".unexpected_rows")):
        return _first(parts)
    return _MERGES.get(metric, _same)(parts)


def _first(parts: Sequence[Any]) -> Any:
    """Return the first examples of all pieces together, as GX finds them in the whole."""
    known = [part for part in parts if part is not None]
    if known and isinstance(known[0], pd.DataFrame):
        return pd.concat(known).head(EXAMPLES)
    return [item for part in known for item in part][:EXAMPLES] if known else None


def _same(parts: Sequence[Any]) -> Any:
    return parts[0]


def _known(parts: Sequence[Any]) -> list[Any]:
    return [part for part in parts if part is not None and part == part]


_MERGES: Mapping[str, Any] = {
    "table.row_count": sum,
    "table.columns": _same,
    "table.column_types": _same,
    "table.column_count": _same,
    "column.max": lambda parts: max(_known(parts), default=None),
    "column.min": lambda parts: min(_known(parts), default=None),
    "column.sum": lambda parts: math.fsum(_known(parts)),
}


@dataclass
class Moments:
    """Count, mean and squares of a column, put together by the formulas of Chan, Golub and LeVeque (1979)."""

    rows: int = 0
    known: int = 0
    mean: float = 0.0
    squares: float = 0.0

    def add(self, values: pd.Series) -> None:
        """Count a piece in."""
        self.rows += len(values)
        values = values.dropna()
        count = len(values)
        self.known += count
        if not count or not pd.api.types.is_numeric_dtype(values.dtype):
            return
        numbers = values.to_numpy(dtype=np.float64)
        mean = float(numbers.mean())
        away = mean - self.mean
        before = self.known - count
        self.mean += away * count / self.known
        self.squares += float(((numbers - mean) ** 2).sum()) + away**2 * before * count / self.known

    def value(self, metric: str) -> float:
        """Return one of :data:`MOMENTS`, as GX takes it from a frame."""
        if metric == "column.non_null_proportion":
            return self.known / self.rows if self.rows else math.nan
        if metric == "column.mean":
            return self.mean if self.known else math.nan
        return math.sqrt(self.squares / (self.known - 1)) if self.known > 1 else math.nan


def count_values(counts: pd.Series | None, values: pd.Series) -> pd.Series:
    """Add the values of a piece to counts by value."""
    own = values.value_counts()
    return own if counts is None else counts.add(own, fill_value=0).astype("int64")
