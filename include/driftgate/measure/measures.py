"""Everything that is measured on one window, in one call."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import pandas as pd

from driftgate.config.models import MonitorConfig
from driftgate.measure.drift import column_drift, dataset_drift
from driftgate.measure.kpis import kpi_metrics
from driftgate.measure.performance import performance, performance_scores
from driftgate.measure.quality import quality_metrics
from driftgate.measure.segments import segment_performance
from driftgate.records import Measures, Metric, MetricVerdict, Window
from driftgate.rules import judge

SIGNIFICANT_DIGITS = 10
"""Digits that are kept of every value; two runs of the same window then give the same numbers, to the last digit stored."""


def measure_batch(
    config: MonitorConfig,
    current: pd.DataFrame,
    reference: pd.DataFrame,
    *,
    window: Window,
    model_version: str,
    reference_performance: Mapping[str, float] | None = None,
    reference_segments: Mapping[str, Mapping[str, float]] | None = None,
) -> Measures:
    """Measure one window against the reference.

    Parameters
    ----------
    config
        The monitor.
    current, reference
        Rows as ingest types them: float64 numericals, text categoricals with nulls, with the prediction.
    window
        The window that ``current`` holds.
    model_version
        Version of the model that made the predictions.
    reference_performance
        The model's scores on data it was not trained on, by metric name. None: computed on ``reference``, which is right where
        the reference is a window that the model has not seen, and costs one more pass over it.
    reference_segments
        The same per segment and metric name.

    Returns
    -------
    Measures
        The same numbers for the same rows in any order.

    Raises
    ------
    MeasureError
        If a column is missing, a drift method does not fit its column, or classes do not fit the task.
    """
    scores = column_drift(config, current, reference)
    metrics = [*quality_metrics(config, current, reference), *dataset_drift(config, scores), *scores]
    if reference_performance is None:
        reference_performance = performance_scores(config, reference)
    metrics += performance(config, current, reference_performance)
    metrics += segment_performance(config, current, reference, reference_segments)
    metrics += kpi_metrics(config, current, reference)
    judged = tuple(_stable(_judged(config, metric, len(current))) for metric in metrics)
    return Measures(config.id, window, model_version, len(current), judged)


def _stable(metric: Metric) -> Metric:
    """Keep the digits that do not depend on the process: sums over sets and vectors differ in the last ones from run to run."""
    if metric.value is None or not math.isfinite(metric.value):
        return metric
    return replace(metric, value=float(f"{metric.value:.{SIGNIFICANT_DIGITS}g}"))


def _judged(config: MonitorConfig, metric: Metric, rows: int) -> Metric:
    """Give a metric without a limit of its own (counts, shares of new categories) the limit of the rule that names it."""
    if metric.threshold is not None or metric.verdict is not None:
        return metric
    judged = judge(config.decision.rules, metric)
    if judged.verdict is not None and rows < config.measures.minimum_rows:
        return replace(judged, verdict=MetricVerdict.TOO_FEW_ROWS)
    return judged
