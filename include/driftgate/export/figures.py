"""The numbers about one window that leave the record, worked out once for every sink."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from driftgate.config.rule_names import ESTIMATED
from driftgate.records import DRIFT_FAMILIES, Family, Measures, Metric, MetricVerdict, Window

MAX_COLUMNS = 200
"""At most this many columns of a window are exported, the most drifted first: every column is a series of its own in a sink."""


@dataclass(frozen=True)
class ColumnFigures:
    """One column of a window."""

    column: str
    drift_score: float | None = None
    drift_threshold: float | None = None
    drifted: bool | None = None
    """None where the column could not be judged."""
    missing_share: float | None = None
    """Between 0 and 1."""
    slow_drift: float | None = None
    """What several windows together say; None where nothing was learned that they could be compared with."""
    slow_drift_threshold: float | None = None


@dataclass(frozen=True)
class ScoreFigures:
    """One performance metric of a window."""

    value: float | None
    reference: float | None
    threshold: float | None


@dataclass(frozen=True)
class Figures:
    """One window in numbers; None where nothing can be said (for example too few rows), never a stand-in such as 0."""

    monitor: str
    model_version: str
    window: Window
    rows: int
    dataset_drift: int | None
    drift_share: float | None
    drifted_features: int | None
    total_features: int
    missing_percentage: float | None
    """Between 0 and 100."""
    missing_count: int | None
    total_values: int
    """Cells that were looked at: rows times features and prediction; the target is left out, its labels may come later."""
    columns: tuple[ColumnFigures, ...]
    """At most ``MAX_COLUMNS``."""
    columns_left_out: int
    performance: Mapping[str, ScoreFigures]
    """Realised scores, and those estimated without labels as ``estimated_<name>``."""
    kpis: Mapping[str, float]
    alarms: Mapping[str, int]
    """Metrics in alarm, for every family that was measured."""


def figures(measures: Measures, target: str | None = None, max_columns: int = MAX_COLUMNS) -> Figures:
    """Work out the exported numbers from the measures of a window.

    Parameters
    ----------
    measures
        As the record holds them.
    target
        Column of the labels: its missing values are not missing data.
    """
    whole = [item for item in measures.metrics if not item.segment]
    found = {(item.family, item.metric): item for item in whole if not item.column}
    columns = _columns(whole)
    kept = sorted(columns, key=_most_drifted_first)[:max_columns]
    percentage, missing, total = _missing(measures.rows, whole, found, target)
    return Figures(
        monitor=measures.monitor,
        model_version=measures.model_version,
        window=measures.window,
        rows=measures.rows,
        dataset_drift=_whole_number(found.get((Family.DATA_DRIFT, "dataset_drift"))),
        drift_share=_value(found.get((Family.DATA_DRIFT, "drift_share"))),
        drifted_features=_whole_number(found.get((Family.DATA_DRIFT, "drifted_columns"))),
        total_features=_whole_number(found.get((Family.DATA_DRIFT, "judged_columns"))) or 0,
        missing_percentage=percentage,
        missing_count=missing,
        total_values=total,
        columns=tuple(sorted(kept, key=lambda item: item.column)),
        columns_left_out=len(columns) - len(kept),
        performance={
            item.metric: ScoreFigures(item.value, item.reference_value, item.threshold)
            for (family, _), item in found.items()
            if family is Family.PERFORMANCE or (family is Family.PERFORMANCE_ESTIMATED and item.metric.startswith(ESTIMATED))
        },
        kpis={item.metric: item.value for (family, _), item in found.items() if family is Family.KPI and item.value is not None},
        alarms=_alarms(measures.metrics),
    )


def _value(metric: Metric | None) -> float | None:
    return None if metric is None else metric.value


def _whole_number(metric: Metric | None) -> int | None:
    value = _value(metric)
    return None if value is None else round(value)


def _missing(
    rows: int, metrics: list[Metric], found: Mapping[tuple[Family, str], Metric], target: str | None
) -> tuple[float | None, int | None, int]:
    """Return percentage, count and number of cells; the record keeps the share, from which the count follows exactly."""
    looked_at = sum(1 for item in metrics if item.metric == "missing_share" and item.column not in ("", target))
    total = rows * looked_at
    share = _value(found.get((Family.DATA_QUALITY, "missing_share")))
    return (None, None, total) if share is None else (100 * share, round(share * total), total)


def _columns(metrics: list[Metric]) -> list[ColumnFigures]:
    drift = {item.column: item for item in metrics if item.metric == "drift_score" and item.family in DRIFT_FAMILIES}
    missing = {item.column: item.value for item in metrics if item.metric == "missing_share" and item.column}
    slow = {item.column: item for item in metrics if item.metric == "slow_drift" and item.column}
    return [_column(name, drift.get(name), missing.get(name), slow.get(name)) for name in {**drift, **missing, **slow}]


def _column(name: str, drift: Metric | None, missing: float | None, slow: Metric | None) -> ColumnFigures:
    together = (slow.value, slow.threshold) if slow is not None else (None, None)
    if drift is None:
        return ColumnFigures(name, None, None, None, missing, *together)
    judged = drift.verdict in (MetricVerdict.OK, MetricVerdict.ALARM)
    drifted = drift.verdict is MetricVerdict.ALARM if judged else None
    return ColumnFigures(name, drift.value, drift.threshold, drifted, missing, *together)


def _most_drifted_first(column: ColumnFigures) -> tuple[bool, float, str]:
    """Order columns for the cut: drifted ones, then by distance from their own threshold on either scale."""
    if column.drift_score is None or column.drift_threshold is None:
        return (not column.drifted, 0.0, column.column)
    return (not column.drifted, -abs(column.drift_score - column.drift_threshold), column.column)


def _alarms(metrics: tuple[Metric, ...]) -> Mapping[str, int]:
    """Count alarms by family, of segments too; a family that was measured without an alarm counts 0."""
    counts = Counter({item.family.value: 0 for item in metrics})
    counts.update(item.family.value for item in metrics if item.verdict is MetricVerdict.ALARM)
    return counts
