"""Drift of every column against the reference: Evidently's own scores, without drawing anything.

The scores come from the functions that Evidently's ``ValueDrift`` and ``DataDriftPreset`` call themselves, on the same cleaned
values, so they are equal to the last bit at a tenth of the time. Three methods are replaced by correct two-sample tests, under names
of their own (:mod:`driftgate.two_sample`). Two rules differ on purpose, and both show as a verdict instead of an exception: a column
with fewer usable values than ``measures.minimum_rows`` on either side is ``too_few_rows``, and a column that a method cannot judge
(its score is not a number) has no value and no verdict.
"""

from __future__ import annotations

import logging
import math
import warnings
from collections.abc import Sequence

import pandas as pd
from evidently.legacy.calculations.stattests import StatTest, chi_stat_test, cramer_von_mises, get_stattest, mann_whitney_u_stat_test
from evidently.legacy.calculations.stattests.registry import StatTestInvalidFeatureTypeError, register_stattest
from evidently.legacy.core import ColumnType

from driftgate.columns import DriftColumn, drift_columns, measurable, usable
from driftgate.config.models import P_VALUE_METHODS, MonitorConfig
from driftgate.errors import MeasureError
from driftgate.records import Direction, Family, Metric, MetricVerdict
from driftgate.two_sample import DISPLAY_NAMES, REPLACED, judged, used_method

log = logging.getLogger(__name__)


def _replacement(original: StatTest) -> StatTest:
    """Make the replacement of a test known to Evidently, which then judges its p-value with the same default threshold."""
    name = REPLACED[original.name]
    test = StatTest(
        name=name,
        display_name=DISPLAY_NAMES[name],
        allowed_feature_types=[ColumnType.Categorical, ColumnType.Numerical],  # numbers with few values are counted too
        default_threshold=original.default_threshold,
    )
    register_stattest(test, judged(name))
    return test


_TWO_SAMPLE = {REPLACED[test.name]: _replacement(test) for test in (chi_stat_test, cramer_von_mises, mann_whitney_u_stat_test)}
"""The tests that take the place of Evidently's, by their own name."""


def column_drift(config: MonitorConfig, current: pd.DataFrame, reference: pd.DataFrame) -> list[Metric]:
    """Return ``drift_score`` per feature, for the prediction, and for the target once labels are there.

    Raises
    ------
    MeasureError
        If a feature is missing from either frame, or a method from the monitor file does not fit its column's type.
    """
    _require_features(config, current=current, reference=reference)
    wanted = [column for column in drift_columns(config) if measurable(column, current, reference)]
    return [column_score(config, column, usable(current, column), usable(reference, column)) for column in wanted]


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


def _require_features(config: MonitorConfig, **frames: pd.DataFrame) -> None:
    for role, frame in frames.items():
        missing = [name for name in config.columns.features if name not in frame]
        if missing:
            raise MeasureError(
                f"monitor {config.id}: the {role} rows lack the feature {missing[0]!r}; "
                f"they have {', '.join(map(str, frame.columns[:10]))}. Compare columns in the monitor file with the data"
            )


def column_score(config: MonitorConfig, column: DriftColumn, current: pd.Series, reference: pd.Series) -> Metric:
    """Return the ``drift_score`` of one column's values, which hold no nulls and no infinities.

    Raises
    ------
    MeasureError
        If a method from the monitor file does not fit the column's type.
    """
    if current.empty or reference.empty:
        method = None if column.method is None else REPLACED.get(column.method, column.method)
        return _metric(column, None, method, column.threshold, MetricVerdict.TOO_FEW_ROWS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # empty bins, zero expectations, ties: the score says what came of it
        test = _choose(config, column, current, reference)
        value, is_drifted, threshold = _run(config, column, test, current, reference)
    if min(len(current), len(reference)) < config.measures.minimum_rows:
        verdict: MetricVerdict | None = MetricVerdict.TOO_FEW_ROWS
    elif value is None:
        verdict = None
    else:
        verdict = MetricVerdict.ALARM if is_drifted else MetricVerdict.OK
    return _metric(column, value, test.name, threshold, verdict)


def _choose(config: MonitorConfig, column: DriftColumn, current: pd.Series, reference: pd.Series) -> StatTest:
    try:
        test = get_stattest(reference, current, column.kind, column.method)
    except StatTestInvalidFeatureTypeError as error:
        wide = "numerical" if column.kind == "num" else "categorical"
        raise MeasureError(
            f"monitor {config.id}: drift method {column.method!r} does not fit the {wide} column {column.name!r}; "
            f"use auto or another method under measures.columns.{column.name}.method (or measures.method_{wide})"
        ) from error
    return _TWO_SAMPLE.get(used_method(test.name, reference, current), test)


def _run(
    config: MonitorConfig, column: DriftColumn, test: StatTest, current: pd.Series, reference: pd.Series
) -> tuple[float | None, bool, float]:
    try:
        result = test(reference, current, ColumnType(column.kind), column.threshold)
    except (ValueError, ArithmeticError, IndexError) as error:
        log.warning("monitor %s: drift method %s cannot judge column %s: %s", config.id, test.name, column.name, error)
        return None, False, test.default_threshold if column.threshold is None else column.threshold
    value = float(result.drift_score)
    return (value if math.isfinite(value) else None), bool(result.drifted), float(result.actual_threshold)


def _metric(column: DriftColumn, value: float | None, method: str | None, threshold: float | None, verdict: MetricVerdict | None) -> Metric:
    direction = None
    if method is not None:
        direction = Direction.BELOW if method in P_VALUE_METHODS or method in _TWO_SAMPLE else Direction.ABOVE
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
