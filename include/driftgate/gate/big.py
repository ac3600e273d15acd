"""The gate on a batch that is never one frame: Great Expectations on pieces of a Parquet file, in one pass.

GX works out its own metrics on every piece, with only the columns that the suite names; they are put together
(:mod:`driftgate.gate.big_metrics`) and given to GX's own expectations, which make the verdicts and results. So a suite, a result and a
page of Data Docs are those that the whole frame would have. Uniqueness costs a pass more. What needs whole columns (medians, quantiles,
order, custom expectations) is asked of a frame of these columns, if that is not too large, and refused with its name otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow.parquet as pq

from driftgate.errors import GateError
from driftgate.gate.big_metrics import (
    EXAMPLES,
    MOMENTS,
    MOST_DISTINCT,
    UNIQUE,
    Moments,
    condition_of,
    count_values,
    is_distinct,
    is_merged,
    merge,
)
from driftgate.gate.big_unique import Repeated, repeated

if TYPE_CHECKING:
    from great_expectations import ExpectationSuite
    from great_expectations.core.batch_definition import BatchDefinition
    from great_expectations.data_context import AbstractDataContext
    from great_expectations.validator.metric_configuration import MetricConfiguration

PIECE_ROWS = 1 << 20
"""Rows that GX sees at a time; fewer make its fixed cost per piece felt."""
PIECE_BYTES = 1 << 26
"""Bytes of a piece as a frame at most."""
MOST_CELLS = 20_000_000
"""Values (rows times columns) that are read as one frame for expectations that need whole columns: about 600 MB at work."""
_RUNTIME = {"result_format": "SUMMARY"}
_COLUMNS = ("column", "column_A", "column_B")


@dataclass
class _Plan:
    """The metrics that a suite asks for, by the way they are had."""

    metrics: dict[Any, MetricConfiguration] = field(default_factory=dict)
    askers: dict[Any, str] = field(default_factory=dict)
    """The expectation that a metric is for."""

    def named(self, wanted: Any) -> list[MetricConfiguration]:
        return [metric for metric in self.metrics.values() if wanted(metric)]


class BigBatch:
    """A batch file as the gate reads it."""

    def __init__(self, path: Path | str, where: str) -> None:
        self.where = where
        self._file = pq.ParquetFile(path)
        self.columns = list(self._file.schema_arrow.names)
        self.rows = int(self._file.metadata.num_rows)
        sample = next(self._file.iter_batches(1_000)).to_pandas()
        self._widths = sample.memory_usage(index=False, deep=True) / len(sample)

    def read(self, columns: Sequence[str]) -> Iterator[pd.DataFrame]:
        """Yield pieces with these columns, as far as they exist; the index of a row is its place in the batch."""
        kept = [name for name in self.columns if name in columns]
        place, width = 0, float(self._widths[kept].sum())
        rows = min(PIECE_ROWS, max(1_000, int(PIECE_BYTES / max(width, 1))))
        for batch in self._file.iter_batches(rows, columns=kept):
            frame = batch.to_pandas()
            frame.index = pd.RangeIndex(place, place + batch.num_rows)
            place += batch.num_rows
            yield frame

    @cached_property
    def head(self) -> pd.DataFrame:
        """The first row with all columns: what GX is shown as the batch, so that it knows names and types."""
        frame: pd.DataFrame = next(self._file.iter_batches(1)).to_pandas()
        return frame

    def metrics(self, context: AbstractDataContext, batch: BatchDefinition, suite: ExpectationSuite) -> dict[Any, Any]:
        """Return every metric that the suite's expectations ask for, by its id.

        Metrics that cannot be worked out (their column is gone) are left out: GX says so itself when it meets them.

        Raises
        ------
        GateError
            If an expectation needs whole columns of too many rows.
        """
        asked = _asked(context, batch, suite, self.head)
        plain = [metric for metric in asked.metrics.values() if not metric.metric_domain_kwargs.get("row_condition")]
        found = self._streamed(context, batch, asked, plain)
        for metric in plain:
            if condition_of(metric.metric_name) in UNIQUE:
                self._add_unique(metric, found)
        for metric in asked.metrics.values():
            if metric.id not in found and not self._is_streamed(metric, plain):
                found |= self._whole(context, batch, metric, asked.askers[metric.id])
        return found

    def _is_streamed(self, metric: MetricConfiguration, plain: Sequence[MetricConfiguration]) -> bool:
        name = metric.metric_name
        return is_merged(name) or (metric in plain and (name in MOMENTS or is_distinct(name) or condition_of(name) in UNIQUE))

    # --- one pass -----------------------------------------------------------------------------------------------------

    def _streamed(
        self, context: AbstractDataContext, batch: BatchDefinition, asked: _Plan, plain: Sequence[MetricConfiguration]
    ) -> dict[Any, Any]:
        merged = [metric for metric in asked.metrics.values() if is_merged(metric.metric_name)]
        moments = {str(metric.metric_domain_kwargs["column"]): Moments() for metric in plain if metric.metric_name in MOMENTS}
        counts: dict[str, pd.Series | None] = {str(m.metric_domain_kwargs["column"]): None for m in plain if is_distinct(m.metric_name)}
        conditions = any(metric.metric_domain_kwargs.get("row_condition") for metric in merged)
        columns = self.columns if conditions else [*moments, *counts, *(name for metric in merged for name in _columns_of(metric))]
        parts: dict[Any, list[Any]] = {}
        for piece in self.read(columns):
            for key, value in _computed(context, batch, piece, merged).items():
                parts.setdefault(key, []).append(value)
            for name in moments.keys() & set(piece.columns):
                moments[name].add(piece[name])
            for name in counts.keys() & set(piece.columns):
                counts[name] = count_values(counts[name], piece[name])
                self._refuse_distinct(name, counts[name])
        found = {metric.id: merge(metric.metric_name, parts[metric.id]) for metric in merged if metric.id in parts}
        for metric in plain:
            name = str(metric.metric_domain_kwargs.get("column"))
            if metric.metric_name in MOMENTS and name in self.columns:
                found[metric.id] = moments[name].value(metric.metric_name)
            elif is_distinct(metric.metric_name) and name in self.columns:
                found |= self._of_distinct(context, batch, metric, counts[name])
            elif metric.metric_name.startswith("table.column"):
                found |= _computed(context, batch, self.head, [metric])
        return found

    def _of_distinct(
        self, context: AbstractDataContext, batch: BatchDefinition, metric: MetricConfiguration, counts: pd.Series | None
    ) -> dict[Any, Any]:
        counts = pd.Series(dtype="int64") if counts is None else counts
        if metric.metric_name == "column.unique_proportion":
            return {metric.id: len(counts) / int(counts.sum()) if len(counts) else 0}
        if metric.metric_name == "column.most_common_value":
            return {metric.id: sorted(counts[counts == counts.max()].index)}
        frame = pd.DataFrame({metric.metric_domain_kwargs["column"]: counts.index})
        return _computed(context, batch, frame, [metric])

    def _refuse_distinct(self, name: str, counts: pd.Series | None) -> None:
        if counts is not None and len(counts) > MOST_DISTINCT:
            raise GateError(
                f"{self.where}: the suite asks for the distinct values of {name!r}, of which there are more than {MOST_DISTINCT:,}; "
                "take that expectation out of the suite, or raise batch.stream_above if this machine can hold the batch"
            )

    # --- a pass more --------------------------------------------------------------------------------------------------

    @cached_property
    def _repeated(self) -> dict[tuple[str, ...], Repeated]:
        return {}

    def _add_unique(self, metric: MetricConfiguration, found: dict[Any, Any]) -> None:
        columns, kwargs = _columns_of(metric), metric.metric_domain_kwargs
        if not set(columns) <= set(self.columns):
            return
        is_single = condition_of(metric.metric_name) == "column_values.unique"
        ignored = "any_value_is_missing" if is_single else str(kwargs.get("ignore_row_if") or "all_values_are_missing")
        key = (*columns, ignored)
        if key not in self._repeated:
            self._repeated[key] = repeated(self.read, columns, ignored, EXAMPLES)
        rows = self._repeated[key]
        values: Mapping[str, Any] = {
            "unexpected_count": rows.count,
            "filtered_row_count": rows.rows,
            "unexpected_values": rows.first[columns[0]].tolist() if is_single else rows.first[columns].to_dict("records"),
            "unexpected_index_list": rows.first.index.tolist(),
        }
        part = metric.metric_name.rsplit(".", 1)[-1]
        if part in values:
            found[metric.id] = values[part]

    def _whole(self, context: AbstractDataContext, batch: BatchDefinition, metric: MetricConfiguration, asker: str) -> dict[Any, Any]:
        columns = self.columns if metric.metric_domain_kwargs.get("row_condition") else _columns_of(metric) or self.columns
        columns = [name for name in columns if name in self.columns]
        if self.rows * len(columns) > MOST_CELLS:
            raise GateError(
                f"{self.where}: {asker} needs {', '.join(map(repr, columns[:5]))} of all {self.rows:,} rows at once, which is more than a "
                f"batch that is streamed allows ({MOST_CELLS:,} values); take it out of the suite or use an expectation on single "
                "values, minimum, maximum, mean, standard deviation, sum or distinct values, or raise batch.stream_above"
            )
        return _computed(context, batch, pd.concat(self.read(columns)), [metric])


def _asked(context: AbstractDataContext, batch: BatchDefinition, suite: ExpectationSuite, head: pd.DataFrame) -> _Plan:
    """Collect the metrics that the expectations say they need."""
    validator = context.get_validator(batch_request=batch.build_batch_request({"dataframe": head}))
    plan = _Plan()
    for configuration in suite.expectation_configurations:
        configuration.kwargs["batch_id"] = validator.active_batch_id
        try:
            expectation = configuration.to_domain_obj()
            needed = expectation.get_validation_dependencies(execution_engine=validator.execution_engine, runtime_configuration=_RUNTIME)
        except Exception:  # noqa: S112 - GX meets the same and writes it into its result
            continue
        for metric in needed.get_metric_configurations():
            if not metric.metric_name.endswith(".unexpected_index_query"):
                plan.metrics.setdefault(metric.id, metric)
                plan.askers.setdefault(metric.id, f"{configuration.type} of {', '.join(map(repr, _columns_of(metric))) or 'the table'}")
    return plan


def _computed(
    context: AbstractDataContext, batch: BatchDefinition, frame: pd.DataFrame, metrics: Sequence[MetricConfiguration]
) -> dict[Any, Any]:
    """Let GX work metrics out on a frame; those that it cannot are left out."""
    validator = context.get_validator(batch_request=batch.build_batch_request({"dataframe": frame}))
    found, _ = validator.metrics_calculator.compute_metrics(list(metrics), _RUNTIME)
    return {metric.id: found[metric.id] for metric in metrics if metric.id in found}


def _columns_of(metric: MetricConfiguration) -> list[str]:
    kwargs = metric.metric_domain_kwargs
    return [str(kwargs[name]) for name in _COLUMNS if kwargs.get(name)] + [str(name) for name in kwargs.get("column_list") or ()]


@contextmanager
def answering(found: Mapping[Any, Any], engine: Any) -> Iterator[None]:
    """Let an execution engine, inside the block, answer with metrics that are known, and work out only what is not."""
    own = engine.resolve_metrics

    def resolve_metrics(metrics_to_resolve: Any, metrics: Any = None, runtime_configuration: Any = None) -> dict[Any, Any]:
        wanted = list(metrics_to_resolve)
        unknown = [metric for metric in wanted if metric.id not in found]
        answers = own(metrics_to_resolve=unknown, metrics=metrics, runtime_configuration=runtime_configuration) if unknown else {}
        return {**answers, **{metric.id: found[metric.id] for metric in wanted if metric.id in found}}

    engine.resolve_metrics = resolve_metrics
    try:
        yield
    finally:
        del engine.resolve_metrics
