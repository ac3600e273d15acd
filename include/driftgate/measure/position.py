"""Where a window's values lie among the reference's: one number per numerical column that says in which direction it moved."""

from __future__ import annotations

import pandas as pd

from driftgate.columns import drift_columns
from driftgate.config.models import MonitorConfig
from driftgate.config.residual import residual_column
from driftgate.measure.drift import is_measurable, usable_sample
from driftgate.measure.prepared import PreparedReference, prepared
from driftgate.measure.residuals import ResidualSample, residual_sample
from driftgate.measure.window_rows import WindowRows, window_rows
from driftgate.records import Family, Metric
from driftgate.samples import Numbers, Sample
from driftgate.two_sample import pairs_won


def position_metrics(
    config: MonitorConfig,
    current: pd.DataFrame | WindowRows,
    reference: pd.DataFrame | PreparedReference,
    errors: ResidualSample | None = None,
) -> list[Metric]:
    """Return ``position`` of every numerical column whose drift is measured, under the family and column of its drift score.

    Those are numerical features, for regression also prediction and target, and the residual (error indicators count as 0 and 1).
    There is no limit and no verdict. Nulls are dropped; so are infinities, because the drift score of the column does not see
    them either, and ``out_of_range_share`` counts them. A column without a usable value on either side has no position. ``errors``
    are the residuals of ``current``, where they are known already.
    """
    rows, usual = window_rows(current), prepared(config, reference)
    metrics = [
        Metric(column.family, "position", position(usable_sample(rows, column), usable_sample(usual, column)), column.name)
        for column in drift_columns(config)
        if column.kind == "num" and is_measurable(column, rows, usual)
    ]
    errors = errors or residual_sample(config, rows)
    value = position(errors.numbers, usual.residuals.numbers)
    if value is not None:
        metrics.append(Metric(Family.CONCEPT_DRIFT, "position", value, residual_column(config.columns)))
    return metrics


def position(current: Sample, reference: Sample) -> float | None:
    """Return the probability that a random current number exceeds a random reference number, ties counted half.

    0.5 is no shift, 1 all values above every reference value, 0 all below. It is the Mann-Whitney statistic of ``current`` divided
    by the number of pairs, the area under the ROC curve: H. B. Mann and D. R. Whitney, On a test of whether one of two random
    variables is stochastically larger than the other, Annals of Mathematical Statistics 18 (1947), 50-60. None is returned when
    either is empty.
    """
    assert isinstance(current, Numbers)
    assert isinstance(reference, Numbers)
    if not current.rows or not reference.rows:
        return None
    return pairs_won(current, reference) / (2 * current.rows * reference.rows)
