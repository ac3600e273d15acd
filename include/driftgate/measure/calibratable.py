"""The numbers of a window whose limits are learned from the reference, without the rest of what is measured."""

from __future__ import annotations

import pandas as pd

from driftgate.config.fairness import FAIRNESS_GAPS
from driftgate.config.models import MonitorConfig
from driftgate.measure.concept import concept_drift
from driftgate.measure.drift import column_drift
from driftgate.measure.fairness import fairness_metrics
from driftgate.measure.kpis import kpi_metrics
from driftgate.measure.multivariate import multivariate_drift
from driftgate.measure.performance import labelled, scores_by_definition
from driftgate.measure.position import position_metrics
from driftgate.measure.quality import missing_shares, most_frequent_shares
from driftgate.records import Family, Metric


def calibratable_metrics(config: MonitorConfig, current: pd.DataFrame, reference: pd.DataFrame) -> list[Metric]:
    """Return scores, shares, positions, errors of a window against a reference; the same numbers as those of a live window.

    Performance is worked out by definition instead of by Evidently's report, which takes a tenth of a second per window.
    """
    metrics = [*column_drift(config, current, reference), *concept_drift(config, current, reference)]
    metrics += [*multivariate_drift(config, current, reference), *position_metrics(config, current, reference)]
    metrics += [*missing_shares(config, current, reference), *most_frequent_shares(config, current, reference)]
    rows = labelled(config, current)
    if not rows.empty:
        metrics += [Metric(Family.PERFORMANCE, name, value) for name, value in scores_by_definition(config, rows).items()]
    return [*metrics, *_named(config, current, reference)]


def _named(config: MonitorConfig, current: pd.DataFrame, reference: pd.DataFrame) -> list[Metric]:
    """Return KPIs and gaps between groups where a rule wants a learned limit for one; a query is asked about live windows only."""
    named = {rule.metric for rule in config.rules if rule.calibrated}
    metrics = fairness_metrics(config, current, reference) if named & set(FAIRNESS_GAPS) else []
    if named & {kpi.name for kpi in config.kpis}:
        metrics += kpi_metrics(config, current, reference)
    return [item for item in metrics if item.metric in named]
