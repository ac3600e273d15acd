"""What is known about the labels of a window: counts of one joining, and the revisions that keep what was known when."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from driftgate.config.models import MonitorConfig
from driftgate.records import Batch, Family, Metric, Window

FIRST_REVISION = 0
"""The window as it was measured before any label arrived."""
_FAMILIES = frozenset({Family.PERFORMANCE, Family.TARGET_DRIFT, Family.CONCEPT_DRIFT, Family.FAIRNESS})
_COUNTING = frozenset({"drift_share", "drifted_columns", "judged_columns", "dataset_drift"})
"""Metrics that count columns, the target among them."""
_ESTIMATE_CHECKED = "estimate_"
"""What the names of metrics begin with that hold an estimate against the truth."""


@dataclass(frozen=True)
class LabelCounts:
    """What joining labels to the rows of a window came to."""

    rows: int = 0
    labelled: int = 0
    """Rows whose target is known now."""
    unlabelled: int = 0
    unknown_ids: int = 0
    """Ids of labels that no row of the window has."""
    duplicate_ids: int = 0
    """Ids of the window for which the source holds more than one label."""
    conflicts: int = 0
    """Those of them whose labels differ."""
    corrected: int = 0
    """Rows whose target was known before and is another one now."""
    shared_rows: int = 0
    """Rows with a label that share their id with another row: each gets the same label."""
    ignored: int = 0
    """Labels without an id or without a value."""

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        return cls(**data)

    def __str__(self) -> str:
        parts = [f"{self.labelled} of {self.rows} rows labelled"]
        named = {
            "corrected": self.corrected,
            "labels for unknown ids": self.unknown_ids,
            "ids labelled more than once": self.duplicate_ids,
            "of them with different labels": self.conflicts,
            "rows share their id": self.shared_rows,
            "labels without id or value": self.ignored,
        }
        return ", ".join([*parts, *(f"{count} {name}" for name, count in named.items() if count)])


@dataclass(frozen=True)
class LabelBatch:
    """The labels of one window as they were known at one time."""

    monitor: str
    window: Window
    revision: int
    batch_hash: str
    """Content hash of the rows that the labels were joined to."""
    model_version: str
    """Version that predicted these rows."""
    content_hash: str
    """Hash of ids and labels; empty for the first revision, which holds none."""
    path: str | None
    """Parquet file of the labels; None for the first revision."""
    counts: LabelCounts
    recorded_at: datetime | None = None
    restated_at: datetime | None = None
    """When the metrics of this revision were written; None: not yet, so that it is done again."""

    def is_about(self, batch: Batch) -> bool:
        """Whether the labels were joined to the content that the batch has now."""
        return self.batch_hash == batch.content_hash


def depends_on_labels(config: MonitorConfig, metric: Metric) -> bool:
    """Whether a metric of a window can change when the target of its rows becomes known."""
    if metric.family in _FAMILIES or metric.metric in _COUNTING or metric.metric.startswith(_ESTIMATE_CHECKED):
        return True
    if metric.column and metric.column == config.columns.target:
        return True
    return metric.family is Family.KPI and metric.metric in _kpis_of_target(config)


def _kpis_of_target(config: MonitorConfig) -> set[str]:
    """Name the KPIs whose expression uses the target; one that is a query of its own may use it too."""
    from driftgate.config.expressions import columns_in, parse

    target = config.columns.target
    return {kpi.name for kpi in config.kpis if kpi.expression is None or target in set(columns_in(parse(kpi.expression)))}
