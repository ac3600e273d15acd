"""Where a window's values lie among the reference's: one number per numerical column that says in which direction it moved."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from driftgate.columns import drift_columns, measurable, usable
from driftgate.config.models import MonitorConfig
from driftgate.config.residual import residual_column
from driftgate.measure.concept import residuals
from driftgate.records import Family, Metric

Numbers = npt.NDArray[np.float64]


def position_metrics(config: MonitorConfig, current: pd.DataFrame, reference: pd.DataFrame) -> list[Metric]:
    """Return ``position`` of every numerical column whose drift is measured, under the family and column of its drift score.

    Those are numerical features, for regression also prediction and target, and the residual (error indicators count as 0 and 1).
    There is no limit and no verdict. Nulls are dropped; so are infinities, because the drift score of the column does not see
    them either, and ``out_of_range_share`` counts them. A column without a usable value on either side has no position.
    """
    metrics = [
        Metric(column.family, "position", position(_numbers(usable(current, column)), _numbers(usable(reference, column))), column.name)
        for column in drift_columns(config)
        if column.kind == "num" and measurable(column, current, reference)
    ]
    found, usual = (_numbers(residuals(config, frame).values) for frame in (current, reference))
    if len(found) and len(usual):
        metrics.append(Metric(Family.CONCEPT_DRIFT, "position", position(found, usual), residual_column(config.columns)))
    return metrics


def position(current: Numbers, reference: Numbers) -> float | None:
    """Return the probability that a random current value exceeds a random reference value, ties counted half.

    0.5 is no shift, 1 all values above every reference value, 0 all below. It is the Mann-Whitney statistic of ``current`` divided
    by the number of pairs, the area under the ROC curve: H. B. Mann and D. R. Whitney, On a test of whether one of two random
    variables is stochastically larger than the other, Annals of Mathematical Statistics 18 (1947), 50-60.

    Parameters
    ----------
    current, reference
        Finite numbers; None is returned when either is empty.
    """
    if not len(current) or not len(reference):
        return None
    ordered = np.sort(reference)
    below, not_above = np.searchsorted(ordered, current, "left"), np.searchsorted(ordered, current, "right")
    pairs_won = int(below.sum()) + int(not_above.sum())  # whole numbers: the order of the rows cannot matter
    return pairs_won / (2 * len(current) * len(reference))


def _numbers(values: pd.Series) -> Numbers:
    return values.to_numpy(dtype=np.float64)
