"""Drift of every column against the reference: Evidently's own scores, without drawing anything.

The scores are those of Evidently's ``ValueDrift`` and ``DataDriftPreset`` on the same cleaned values, worked out from sorted values and
counts (:mod:`driftgate.measure.scores`), so that a reference is sorted once. Three methods are replaced by correct two-sample tests,
under names of their own (:mod:`driftgate.two_sample`). Two rules differ on purpose, and both show as a verdict instead of an exception:
a column with fewer usable values than ``measures.minimum_rows`` on either side is ``too_few_rows``, and a column that a method cannot
judge (its score is not a number) has no value and no verdict.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

import pandas as pd

from driftgate.columns import DriftColumn, drift_columns
from driftgate.config.models import MonitorConfig
from driftgate.errors import MeasureError
from driftgate.measure.prepared import PreparedReference, prepared
from driftgate.measure.scores import METHODS, Method, default_method, raw_score
from driftgate.measure.window_rows import Summaries, WindowRows, window_rows
from driftgate.records import Direction, Family, Metric, MetricVerdict
from driftgate.samples import Sample
from driftgate.two_sample import REPLACED, used_method

log = logging.getLogger(__name__)


def column_drift(config: MonitorConfig, current: pd.DataFrame | WindowRows, reference: pd.DataFrame | PreparedReference) -> list[Metric]:
    """Return ``drift_score`` per feature, for the prediction, and for the target once labels are there.

    Raises
    ------
    MeasureError
        If a feature is missing from either side, or a method from the monitor file does not fit its column's type.
    """
    rows, usual = window_rows(current), prepared(config, reference)
    _require_features(config, current=rows, reference=usual)
    wanted = [column for column in drift_columns(config) if is_measurable(column, rows, usual)]
    return [column_score(config, column, usable_sample(rows, column), usable_sample(usual, column)) for column in wanted]


def is_measurable(column: DriftColumn, current: Summaries, reference: Summaries) -> bool:
    """Whether a score can mean anything: the reference knows the column, and labels that have not arrived are no drift."""
    if column.family is Family.DATA_DRIFT:
        return True
    if column.name not in reference.columns or column.name not in current.columns:
        return False
    summary = current.summary(column.name, column.kind)
    return summary.missing < summary.rows


def usable_sample(rows: Summaries, column: DriftColumn) -> Sample:
    """Return the values that a drift method may see: no nulls, no infinities."""
    return rows.summary(column.name, column.kind).sample


def dataset_drift(config: MonitorConfig, scores: Sequence[Metric]) -> list[Metric]:
    """Sum column scores up, as Evidently's ``DriftedColumnsCount`` does over the same columns.

    Counted are features, prediction and target, each as far as it could be judged. ``dataset_drift`` is 1 from
    ``measures.drift_share`` on. Without any judged column there are no numbers and the verdict is ``too_few_rows``.
    """
    judged = [item for item in scores if item.verdict in (MetricVerdict.OK, MetricVerdict.ALARM)]
    drifted = sum(item.verdict is MetricVerdict.ALARM for item in judged)
    limit = config.measures.drift_share
    share = drifted / len(judged) if judged else None
    is_drifted = None if share is None else share >= limit
    verdict = MetricVerdict.TOO_FEW_ROWS if is_drifted is None else MetricVerdict.ALARM if is_drifted else MetricVerdict.OK
    return [
        Metric(Family.DATA_DRIFT, "drifted_columns", float(drifted) if judged else None),
        Metric(Family.DATA_DRIFT, "judged_columns", float(len(judged))),
        Metric(Family.DATA_DRIFT, "drift_share", share, threshold=limit, direction=Direction.ABOVE, verdict=verdict),
        Metric(
            Family.DATA_DRIFT,
            "dataset_drift",
            None if is_drifted is None else float(is_drifted),
            verdict=verdict,
        ),
    ]


def _require_features(config: MonitorConfig, **sides: Summaries) -> None:
    for role, rows in sides.items():
        missing = [name for name in config.columns.features if name not in rows.columns]
        if missing:
            raise MeasureError(
                f"monitor {config.id}: the {role} rows lack the feature {missing[0]!r}; "
                f"they have {', '.join(rows.columns[:10])}. Compare columns in the monitor file with the data"
            )


def column_score(config: MonitorConfig, column: DriftColumn, current: Sample, reference: Sample) -> Metric:
    """Return the ``drift_score`` of one column's values.

    Raises
    ------
    MeasureError
        If a method from the monitor file does not fit the column's type.
    """
    if not current.rows or not reference.rows:
        name = None if column.method is None else REPLACED.get(column.method, column.method)
        return _metric(column, None, name, column.threshold, MetricVerdict.TOO_FEW_ROWS)
    method = chosen_method(config, column, current, reference)
    threshold = method.threshold if column.threshold is None else column.threshold
    value = _value(config, column, method, current, reference)
    if min(current.rows, reference.rows) < config.measures.minimum_rows:
        verdict: MetricVerdict | None = MetricVerdict.TOO_FEW_ROWS
    elif value is None:
        verdict = None
    else:
        verdict = MetricVerdict.ALARM if method.is_drift(value, threshold) else MetricVerdict.OK
    return _metric(column, value, method.name, threshold, verdict)


def chosen_method(config: MonitorConfig, column: DriftColumn, current: Sample, reference: Sample) -> Method:
    """Return the method that judges these samples: the monitor file's or Evidently's choice, or what takes its place.

    Raises
    ------
    MeasureError
        If the method of the monitor file does not fit the column's type.
    """
    name = column.method or default_method(column.kind, current, reference)
    if column.method is not None and column.kind not in METHODS[name].kinds:
        wide = "numerical" if column.kind == "num" else "categorical"
        raise MeasureError(
            f"monitor {config.id}: drift method {column.method!r} does not fit the {wide} column {column.name!r}; "
            f"use auto or another method under measures.columns.{column.name}.method (or measures.method_{wide})"
        )
    return METHODS[used_method(name, reference, current)]


def _value(config: MonitorConfig, column: DriftColumn, method: Method, current: Sample, reference: Sample) -> float | None:
    try:
        return raw_score(method.name, column.kind, current, reference)
    except (ValueError, ArithmeticError, IndexError) as error:
        log.warning("monitor %s: drift method %s cannot judge column %s: %s", config.id, method.name, column.name, error)
        return None


def _metric(column: DriftColumn, value: float | None, method: str | None, threshold: float | None, verdict: MetricVerdict | None) -> Metric:
    direction = None
    if method is not None:
        direction = Direction.BELOW if METHODS[method].is_p_value else Direction.ABOVE
    return Metric(
        family=column.family,
        metric="drift_score",
        column=column.name,
        value=value,
        threshold=threshold,
        direction=direction,
        verdict=verdict,
        method=method,
    )
