"""Everything that is measured on one window, in one call."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import pandas as pd

from driftgate.config.models import MonitorConfig
from driftgate.measure.concept import concept_drift
from driftgate.measure.drift import column_drift, dataset_drift
from driftgate.measure.fairness import fairness_metrics
from driftgate.measure.kpis import kpi_metrics
from driftgate.measure.multivariate import multivariate_drift
from driftgate.measure.performance import labelled, performance
from driftgate.measure.position import position_metrics
from driftgate.measure.prepared import PreparedReference, prepared
from driftgate.measure.quality import quality_metrics
from driftgate.measure.ranges import with_ranges
from driftgate.measure.residuals import residual_sample
from driftgate.measure.segments import segment_performance
from driftgate.measure.system import system_metrics
from driftgate.measure.window_rows import WindowRows, whole_frame, window_rows
from driftgate.records import Measures, Metric, MetricVerdict, Window
from driftgate.rules import judge

SIGNIFICANT_DIGITS = 10
"""Digits that are kept of every value; two runs of the same window then give the same numbers, to the last digit stored."""


def measure_batch(
    config: MonitorConfig,
    current: pd.DataFrame | WindowRows,
    reference: pd.DataFrame | PreparedReference,
    *,
    window: Window,
    model_version: str,
    reference_performance: Mapping[str, float] | None = None,
    reference_segments: Mapping[str, Mapping[str, float]] | None = None,
    kpi_answers: Mapping[str, float | None] | None = None,
    expected_rows: float | None = None,
) -> Measures:
    """Measure one window against the reference.

    Parameters
    ----------
    config
        The monitor.
    current, reference
        Rows as ingest types them: float64 numericals, text categoricals with nulls, with the prediction. A reference may be
        prepared (:class:`driftgate.measure.prepared.PreparedReference`), which is many times faster than its rows.
    window
        The window that ``current`` holds.
    model_version
        Version of the model that made the predictions.
    reference_performance
        The model's scores on data it was not trained on, by metric name. None: computed on ``reference``, which is right where
        the reference is a window that the model has not seen, and costs one more pass over it.
    reference_segments
        The same per segment and metric name.
    kpi_answers
        Answers to the queries under ``kpis``, by name.
    expected_rows
        Rows that a window usually has; None: not known.

    Returns
    -------
    Measures
        The same numbers for the same rows in any order.

    Raises
    ------
    MeasureError
        If a column is missing, a drift method does not fit its column, or classes do not fit the task.
    """
    rows, usual = window_rows(current), prepared(config, reference)
    frame = whole_frame(rows)
    errors = residual_sample(config, rows)
    scores = column_drift(config, rows, usual)
    metrics = [*quality_metrics(config, rows, usual), *dataset_drift(config, scores), *scores]
    metrics += [*multivariate_drift(config, frame, usual), *concept_drift(config, errors, usual)]
    metrics += position_metrics(config, rows, usual, errors)
    metrics += with_ranges(config, frame, _realised(config, frame, usual, reference_performance, reference_segments))
    metrics += fairness_metrics(config, frame, usual.fairness)
    metrics += kpi_metrics(config, frame, usual.kpis, kpi_answers)
    metrics += system_metrics(config, frame, window, expected_rows)
    judged = tuple(_stable(_judged(config, metric, rows.rows)) for metric in metrics)
    return Measures(config.id, window, model_version, rows.rows, judged)


def _realised(
    config: MonitorConfig,
    frame: pd.DataFrame,
    usual: PreparedReference,
    performance_scores: Mapping[str, float] | None,
    segment_scores: Mapping[str, Mapping[str, float]] | None,
) -> list[Metric]:
    if labelled(config, frame).empty:
        return []
    found = performance(config, frame, usual.performance if performance_scores is None else performance_scores)
    return found + segment_performance(config, frame, None, usual.segments if segment_scores is None else segment_scores)


def _stable(metric: Metric) -> Metric:
    """Keep the digits that do not depend on the process: sums over sets and vectors differ in the last ones from run to run."""
    return replace(metric, value=_rounded(metric.value), low=_rounded(metric.low), high=_rounded(metric.high))


def _rounded(value: float | None) -> float | None:
    return value if value is None or not math.isfinite(value) else float(f"{value:.{SIGNIFICANT_DIGITS}g}")


def stable(measures: Measures) -> Measures:
    """Return the measures with so many digits as two runs agree on."""
    return replace(measures, metrics=tuple(_stable(item) for item in measures.metrics))


def _judged(config: MonitorConfig, metric: Metric, rows: int) -> Metric:
    """Give a metric without a limit of its own (counts, shares of new categories) the limit of the rule that names it."""
    if metric.threshold is not None or metric.verdict is not None:
        return metric
    judged = judge(config.rules, metric)
    if judged.verdict is not None and rows < config.measures.minimum_rows:
        return replace(judged, verdict=MetricVerdict.TOO_FEW_ROWS)
    return judged
