"""A reference, prepared once: everything that a window asks of its reference, as numbers instead of rows.

Each number is worked out when it is first asked for, from the reference's rows, and kept; what is read back from
a file (:mod:`driftgate.measure.prepared_files`) is there from the start, so that no row is read. Only what really compares rows
(``multivariate: domain_classifier``) asks for :attr:`PreparedReference.frame`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property

import pandas as pd

from driftgate.columns import Kind, drift_columns
from driftgate.config.models import MonitorConfig
from driftgate.measure.directions import Base, Directions
from driftgate.measure.residuals import ResidualSample, residual_sample
from driftgate.measure.window_rows import FrameRows
from driftgate.records import Family
from driftgate.samples import Categories, ColumnSummary, Numbers


class PreparedReference:
    """What is known of a reference; see :class:`driftgate.measure.window_rows.Summaries` for its columns.

    Parameters
    ----------
    config
        The monitor.
    load
        Reads the rows; called at most once, and only where a number is asked for that is not known.
    """

    def __init__(self, config: MonitorConfig, load: Callable[[], pd.DataFrame]) -> None:
        self.config = config
        self._load = load
        self._summaries: dict[tuple[str, Kind], ColumnSummary] = {}

    # --- rows ---------------------------------------------------------------------------------------------------------

    @cached_property
    def frame(self) -> pd.DataFrame:
        """The rows themselves."""
        return self._load()

    @cached_property
    def _frame_rows(self) -> FrameRows:
        return FrameRows(self.frame)

    @cached_property
    def rows(self) -> int:
        """Number of rows."""
        return len(self.frame)

    @cached_property
    def columns(self) -> Sequence[str]:
        """Names of the columns."""
        return self._frame_rows.columns

    # --- numbers ------------------------------------------------------------------------------------------------------

    def summary(self, name: str, kind: Kind) -> ColumnSummary:
        """Return the summary of a column; numbers are distinct values with counts.

        Raises
        ------
        KeyError
            If there is no such column.
        """
        if (name, kind) not in self._summaries:
            self._summaries[name, kind] = self._summarise(name, kind)
        return self._summaries[name, kind]

    def _summarise(self, name: str, kind: Kind) -> ColumnSummary:
        return counted(self._frame_rows.summary(name, kind))

    @cached_property
    def residuals(self) -> ResidualSample:
        """The model's errors on the rows whose target is known, sorted."""
        found = residual_sample(self.config, self._frame_rows)
        return ResidualSample(found.numbers.counted(), found.kind)

    @cached_property
    def performance(self) -> Mapping[str, float]:
        """The model's scores on these rows, by name of the metric; what does not exist for them is left out."""
        from driftgate.measure.performance import performance_scores

        return performance_scores(self.config, self.frame)

    @cached_property
    def segments(self) -> Mapping[str, Mapping[str, float]]:
        """The same for every segment with enough labelled rows, by segment."""
        from driftgate.measure.segments import segment_scores

        return segment_scores(self.config, self.frame) if self.config.columns.segments else {}

    @cached_property
    def fairness(self) -> Mapping[str, dict[str, dict[str, float]]]:
        """Values of the groups, see :func:`driftgate.measure.fairness.group_values`."""
        from driftgate.measure.fairness import group_values

        return group_values(self.config, self.frame) if self.config.fairness.columns else {}

    @cached_property
    def kpis(self) -> Mapping[str, float]:
        """Values of the KPIs' expressions, by name of the KPI."""
        from driftgate.measure.kpis import reference_values

        return reference_values(self.config, self.frame) if any(kpi.expression for kpi in self.config.kpis) else {}

    @cached_property
    def directions(self) -> Directions:
        """How the features hang together, for ``multivariate: pca``."""
        return Base.of(drift_features(self.config), self.frame).directions()


def prepared(config: MonitorConfig, reference: pd.DataFrame | PreparedReference) -> PreparedReference:
    """Return the prepared form of reference rows; a prepared reference is returned as it is."""
    return reference if isinstance(reference, PreparedReference) else PreparedReference(config, lambda: reference)


def counted(summary: ColumnSummary) -> ColumnSummary:
    """Return the summary with distinct numbers and counts, which are the smallest form to keep."""
    if isinstance(summary.sample, Categories) or summary.sample.counts is not None:
        return summary
    values, counts = summary.sample.distinct()
    return ColumnSummary(summary.rows, summary.missing, summary.infinite, Numbers(values, counts), summary.minus_infinite)


def drift_features(config: MonitorConfig) -> list[tuple[str, Kind]]:
    """Return name and kind of every feature whose drift is measured."""
    return [(column.name, column.kind) for column in drift_columns(config) if column.family is Family.DATA_DRIFT]
