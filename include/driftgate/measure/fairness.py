"""Fairness: how differently a model treats, and serves, the groups of a column.

Definitions are those of Fairlearn (https://fairlearn.org, user guide, "Common fairness metrics"): a gap is the largest group value
minus the smallest. Sources: demographic parity, C. Dwork et al., Fairness through awareness, ITCS 2012; equal opportunity and
equalised odds, M. Hardt, E. Price and N. Srebro, Equality of opportunity in supervised learning, NeurIPS 2016.

=========================== ============================================= ==========================
gap                         of the group value                            needs labels
=========================== ============================================= ==========================
``demographic_parity_gap``  ``selection_rate`` P(predicted +)             no
``equal_opportunity_gap``   ``true_positive_rate`` P(predicted + | +)     yes
``false_positive_rate_gap`` ``false_positive_rate`` P(predicted + | -)    yes
``equalised_odds_gap``      the larger of the last two gaps               yes
``accuracy_gap``            ``group_accuracy`` P(predicted = actual)      yes
``mae_gap``                 ``group_mae`` mean of abs(prediction - y)     yes (regression)
``mean_error_gap``          ``group_mean_error`` mean of prediction - y   yes (regression)
=========================== ============================================= ==========================
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from driftgate.columns import label, labels, segment_rows
from driftgate.config.fairness import GROUP_VALUES, fairness_gaps
from driftgate.config.models import MonitorConfig
from driftgate.records import Family, Metric

Groups = Mapping[str, npt.NDArray[np.intp]]
Values = dict[str, dict[str, float]]
"""By name of the value, by group."""

_EQUALISED_ODDS = "equalised_odds_gap"
_ODDS = ("equal_opportunity_gap", "false_positive_rate_gap")
_DEFAULT_POSITIVE = ("1", "True", "true")


def fairness_metrics(config: MonitorConfig, current: pd.DataFrame, reference: pd.DataFrame | Mapping[str, Values]) -> list[Metric]:
    """Return the gaps between the groups of every column under ``fairness``, and the values of the groups.

    A group's value counts with ``fairness.minimum_rows`` rows in its denominator; a gap needs two such groups, else it is left out.
    Groups are the 50 largest values of the column; rows without a value belong to no group. All have the group column as column;
    the values of a group also have a segment, for example ``sex=f``. None has a limit or a verdict of its own.

    Parameters
    ----------
    config
        The monitor.
    current
        Rows of the window.
    reference
        Rows of the reference, or what :func:`group_values` says of them.
    """
    usual = group_values(config, reference) if isinstance(reference, pd.DataFrame) else reference
    return [
        metric
        for name in config.fairness.columns
        if name in current
        for metric in _column(config, name, _values(config, name, current), usual.get(name, {}))
    ]


def group_values(config: MonitorConfig, frame: pd.DataFrame) -> dict[str, Values]:
    """Return the values of the groups of every column under ``fairness``, by column."""
    return {name: _values(config, name, frame) for name in config.fairness.columns}


def _column(config: MonitorConfig, name: str, found: Values, usual: Values) -> list[Metric]:
    gaps, usual_gaps = _gaps(config, found), _gaps(config, usual)
    metrics = [Metric(Family.FAIRNESS, gap, value, column=name, reference_value=usual_gaps.get(gap)) for gap, value in gaps.items()]
    return metrics + [
        Metric(Family.FAIRNESS, metric, value, column=name, segment=group, reference_value=usual.get(metric, {}).get(group))
        for metric, groups in found.items()
        for group, value in groups.items()
    ]


def _gaps(config: MonitorConfig, values: Values) -> dict[str, float]:
    compared = {gap: values.get(GROUP_VALUES[gap], {}) for gap in fairness_gaps(config.task) if gap in GROUP_VALUES}
    gaps = {gap: max(groups.values()) - min(groups.values()) for gap, groups in compared.items() if len(groups) > 1}
    if all(gap in gaps for gap in _ODDS):
        gaps[_EQUALISED_ODDS] = max(gaps[gap] for gap in _ODDS)
    return gaps


def _values(config: MonitorConfig, name: str, frame: pd.DataFrame) -> Values:
    if name not in frame or config.columns.prediction not in frame:
        return {}
    groups = _groups(frame[name], name)
    kept = _regression(config, frame) if config.task == "regression" else _classification(config, frame)
    minimum = config.fairness.minimum_rows
    values = {metric: {group: _mean(numbers[rows], minimum) for group, rows in groups.items()} for metric, numbers in kept.items()}
    return {metric: {group: value for group, value in found.items() if value is not None} for metric, found in values.items()}


def _groups(values: pd.Series, name: str) -> Groups:
    known = np.flatnonzero(values.notna().to_numpy())
    return {group: known[rows] for group, rows in segment_rows(values.iloc[known], name, 1).items()}


def _mean(numbers: npt.NDArray[np.float64], minimum: int) -> float | None:
    """Mean of the numbers that are there, if there are enough."""
    numbers = numbers[np.isfinite(numbers)]
    return float(numbers.mean()) if len(numbers) >= minimum else None


def _regression(config: MonitorConfig, frame: pd.DataFrame) -> dict[str, npt.NDArray[np.float64]]:
    """One number per row, NaN where the row does not count."""
    target = _target(config, frame)
    if target is None:
        return {}
    prediction = frame[config.columns.prediction].to_numpy(dtype=np.float64)
    with np.errstate(invalid="ignore"):
        error = prediction - target.to_numpy(dtype=np.float64)
    return {"group_mae": np.abs(error), "group_mean_error": error}


def _classification(config: MonitorConfig, frame: pd.DataFrame) -> dict[str, npt.NDArray[np.float64]]:
    """One number per row (1 yes, 0 no), NaN where the row does not count."""
    predicted, target = labels(frame[config.columns.prediction]), _target(config, frame)
    is_known = predicted.notna().to_numpy()
    found: dict[str, npt.NDArray[np.float64]] = {}
    positive = _positive(config)
    if config.task == "binary":
        found["selection_rate"] = _where(is_known, predicted.isin(positive))
    if target is None:
        return found
    actual = labels(target)
    is_labelled = is_known & actual.notna().to_numpy()
    if config.task == "binary":
        is_positive = actual.isin(positive).to_numpy()
        found["true_positive_rate"] = _where(is_labelled & is_positive, predicted.isin(positive))
        found["false_positive_rate"] = _where(is_labelled & ~is_positive, predicted.isin(positive))
    found["group_accuracy"] = _where(is_labelled, predicted.fillna("") == actual.fillna(""))
    return found


def _target(config: MonitorConfig, frame: pd.DataFrame) -> pd.Series | None:
    return frame[config.columns.target] if config.columns.target is not None and config.columns.target in frame else None


def _where(counted: npt.NDArray[np.bool_], answers: Any) -> npt.NDArray[np.float64]:
    return np.where(counted, np.asarray(answers, dtype=np.float64), np.nan)


def _positive(config: MonitorConfig) -> tuple[str, ...]:
    """Spellings of the positive label; by default 1 or True."""
    own = config.fairness.positive_label
    wanted = config.columns.positive_label if own is None else own
    return _DEFAULT_POSITIVE if wanted is None or wanted is True else (label(wanted),)
