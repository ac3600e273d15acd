"""Concept drift: the model's errors in a window against its errors in the reference.

Features can drift without harm, and the relation between features and target can change while no feature does. What the model gets
wrong shows the second, as far as labels are known. Source of the idea: J. Gama et al., A survey on concept drift adaptation,
ACM Computing Surveys 46 (2014), section 3.2 (detection from the learner's errors).
"""

from __future__ import annotations

import pandas as pd

from driftgate.config.models import MonitorConfig
from driftgate.measure.drift import column_score
from driftgate.measure.prepared import PreparedReference, prepared
from driftgate.measure.residuals import ResidualSample, residual_plan, residual_sample
from driftgate.measure.window_rows import WindowRows, window_rows
from driftgate.records import Family, Metric


def concept_drift(
    config: MonitorConfig, current: pd.DataFrame | WindowRows | ResidualSample, reference: pd.DataFrame | PreparedReference
) -> list[Metric]:
    """Return ``drift_score`` and ``residual_mean`` of the residuals; nothing without labels on both sides.

    The score is what :func:`driftgate.measure.drift.column_score` gives for a column of these values: with fewer residuals than
    ``measures.minimum_rows`` on either side it is ``too_few_rows``. ``residual_mean`` is only recorded: it shows the direction.
    The column is that of :func:`driftgate.config.residual.residual_column`.

    Raises
    ------
    MeasureError
        If the drift method of the monitor file does not fit.
    """
    found = current if isinstance(current, ResidualSample) else residual_sample(config, window_rows(current))
    usual = prepared(config, reference).residuals
    if not found.numbers.rows or not usual.numbers.rows:
        return []
    column = residual_plan(config, found.kind)
    mean = Metric(
        Family.CONCEPT_DRIFT,
        "residual_mean",
        found.numbers.mean,
        column=column.name,
        reference_value=usual.numbers.mean,
    )
    return [column_score(config, column, found.sample, usual.sample), mean]
