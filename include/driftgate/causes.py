"""Likely causes of an incident: the columns that changed, ranked by how far and by how much the model rests on them.

Pure functions on measures and gate results. A ranking points to where to look first; it proves nothing.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Mapping

from driftgate.config.models import MonitorConfig
from driftgate.records import Direction, FailedExpectation, Family, GateResult, LikelyCause, Measures, Metric, MetricVerdict
from driftgate.rules import Limit, distinct, limit_of, number

_SYMPTOMS = {
    Family.TARGET_DRIFT: "what the model has to predict, has itself changed",
    Family.PREDICTION_DRIFT: "what the model says, has changed",
    Family.CONCEPT_DRIFT: "the model's errors are others than they were: what the features mean for the target may have changed",
}
_OF_A_COLUMN = ("drift_score", "slow_drift")
_UNUSUAL_SHARES = ("new_category_share", "out_of_range_share")
"""Shares of values that the model has not seen; without a limit of their own they get that of missing values."""
_SMALLEST_ALLOWANCE = 0.01
"""Divisor where a limit tolerates nothing at all."""
_WORDS = {
    "drift_score": ("drift {value}", 1),
    "slow_drift": ("change over several windows {value}", 1),
    "missing_share": ("{value} % missing, usually {usual} %", 100),
    "new_category_share": ("{value} % of values in categories that the reference does not have", 100),
    "out_of_range_share": ("{value} % of values outside the reference's range", 100),
}
"""How a metric is written, and by what it is multiplied for that."""
_SEVERITIES = {"critical": 0, "warning": 1, "info": 2}


def likely_causes(
    config: MonitorConfig,
    measures: Measures,
    importance: Mapping[str, float] | None = None,
    limit: int = 5,
    contributions: Mapping[str, float] | None = None,
) -> tuple[LikelyCause, ...]:
    """Rank the features that are beyond a limit in this window; drift of target and prediction follows as a symptom.

    **Excess** says how far a column is beyond its limit: 0 at the limit, 1 at twice the limit. It is the ratio of value to limit,
    minus one:

    - distances, and shares of values that the reference does not know: value / limit;
    - p-values: sqrt(ln p / ln limit). For the tests in use ln p falls with the square of the distance between the
      distributions, so this is again a ratio of distances, whatever the number of rows;
    - missing values: what exceeds the reference's share / what may exceed it.

    Shares of new categories and of values out of range are held against ``measures.missing_share`` where no rule gives a limit. A
    column is listed once, with what is worst on it.

    **Rank** is excess times ``(1 + importance / largest importance) / 2``: between half for a column whose importance is nothing and
    the whole for the most important one. So of two columns with similar drift the one that the model uses comes first. The
    weight does not fall to nothing because permutation importance cannot see a column whose information another column carries
    as well (distance and destination of a flight), and because a large change nobody expected is worth a look all the same.
    Without importances the excess alone decides.

    **Contribution**, where it is known, comes first: columns whose change makes the model's expected loss larger precede all others,
    the largest contribution first (see :mod:`driftgate.estimate.contribution`). It says what a change costs the model, which neither
    the size of the change nor the importance of the column does; the others are ranked as above.

    Parameters
    ----------
    config
        The monitor: its features, rules and limits.
    measures
        The metrics of the window of the incident.
    importance
        Share of the model's importance per feature (a feature that it lacks has none); None when it is not known.
    limit
        Largest number of features; the symptoms, at most two, come on top.
    contributions
        By how much each feature's change raises the expected loss of the window, in units of mae or log loss (a feature that it lacks
        does not); None when it is not known.

    Returns
    -------
    tuple of LikelyCause
        Features first, the likeliest first. A symptom has ``target_drift`` or ``prediction_drift`` as its ``metric``. Empty when
        nothing is beyond a limit.
    """
    worst: dict[str, LikelyCause] = {}
    for metric in _judged(measures):
        if metric.column in config.columns.features:
            found = _cause(config, metric, importance, contributions)
            if found is not None and _excess_of(found) > _excess_of(worst.get(metric.column)):
                worst[metric.column] = found
    largest = max((importance or {}).values(), default=0.0)
    harm = {name: max(value, 0.0) for name, value in (contributions or {}).items()}
    ranked = sorted(worst.values(), key=lambda cause: (-harm.get(cause.column, 0.0), -_rank(cause, largest), cause.column))[:limit]
    return (*ranked, *_symptoms(measures, is_explained=bool(ranked)))


def gate_causes(result: GateResult, limit: int = 5) -> tuple[LikelyCause, ...]:
    """Return the columns of the expectations that did not hold, most severe first, each column once.

    ``metric`` is the name of the expectation; an expectation on the whole batch has an empty column.
    """
    failed: dict[str, list[FailedExpectation]] = {}
    for item in sorted(result.failed, key=lambda item: _SEVERITIES.get(item.severity, 0)):
        failed.setdefault(item.column or "", []).append(item)
    return tuple(_gate_cause(column, items) for column, items in list(failed.items())[:limit])


# --- features ---------------------------------------------------------------------------------------------------------


def _judged(measures: Measures) -> Iterator[Metric]:
    """Metrics of single columns that rest on enough rows and have a value."""
    for metric in measures.metrics:
        if metric.column and not metric.segment and metric.value is not None and metric.verdict is not MetricVerdict.TOO_FEW_ROWS:
            yield metric


def _cause(
    config: MonitorConfig, metric: Metric, importance: Mapping[str, float] | None, contributions: Mapping[str, float] | None
) -> LikelyCause | None:
    """Return the cause that a metric speaks for, with the limit that it is farthest beyond; None when it is within all limits."""
    assert metric.value is not None
    broken = [limit for limit in _limits(config, metric) if _is_beyond(metric, limit)]
    if not broken:
        return None
    excess, limit = max(((_excess(metric, limit), limit) for limit in broken), key=lambda pair: pair[0])
    share = None if importance is None else importance.get(metric.column, 0.0)
    return LikelyCause(
        column=metric.column,
        metric=metric.metric,
        score=metric.value,
        threshold=limit.value,
        excess=excess,
        importance=share,
        detail=f"{metric.column}: {_observation(metric, limit.value)}{_weight(share)}{_cost(config, metric.column, contributions)}",
    )


def _limits(config: MonitorConfig, metric: Metric) -> Iterator[Limit]:
    if metric.threshold is not None and metric.direction is not None:
        yield Limit(metric.threshold, metric.direction, "")
    elif metric.metric in _UNUSUAL_SHARES:
        yield Limit(config.measures.missing_share, Direction.ABOVE, "")
    for rule in config.rules:
        if (rule.metric, rule.column) == (metric.metric, metric.column) and (limit := limit_of(rule, metric)) is not None:
            yield limit


def _is_beyond(metric: Metric, limit: Limit) -> bool:
    """Ask the verdict about the metric's own limit (on the limit a distance is an alarm), the numbers about a rule's."""
    assert metric.value is not None
    is_own = (limit.value, limit.direction) == (metric.threshold, metric.direction)
    if is_own and metric.verdict is not None:
        return metric.verdict is MetricVerdict.ALARM
    return limit.is_broken_by(metric.value)


def _excess(metric: Metric, limit: Limit) -> float:
    assert metric.value is not None
    if _is_p_value(metric):
        ratio = _distance_ratio(metric.value, limit.value)
    elif limit.direction is Direction.BELOW:
        ratio = limit.value / metric.value if metric.value > 0 else limit.value / _SMALLEST_ALLOWANCE
    else:
        usual = (metric.reference_value or 0.0) if metric.metric == "missing_share" else 0.0
        allowance = limit.value - usual
        ratio = (metric.value - usual) / (allowance if allowance > 0 else _SMALLEST_ALLOWANCE)
    return max(ratio - 1, 0.0)


def _is_p_value(metric: Metric) -> bool:
    return metric.metric == "drift_score" and metric.direction is Direction.BELOW


def _distance_ratio(p_value: float, limit: float) -> float:
    """Return how many times the distance that a p-value stands for is that of the limit."""
    if not 0 < limit < 1 or p_value >= 1:
        return 0.0
    return math.sqrt(math.log(max(p_value, sys.float_info.min)) / math.log(limit))


def _excess_of(cause: LikelyCause | None) -> float:
    return -1.0 if cause is None or cause.excess is None else cause.excess


def _rank(cause: LikelyCause, largest: float) -> float:
    assert cause.excess is not None
    if cause.importance is None or largest <= 0:
        return cause.excess
    return cause.excess * (1 + cause.importance / largest) / 2


# --- symptoms ---------------------------------------------------------------------------------------------------------


def _symptoms(measures: Measures, *, is_explained: bool) -> list[LikelyCause]:
    """Drift of target, prediction and errors: consequences of a cause, or the only trace of one that no feature shows."""
    drifted = [item for item in _judged(measures) if item.metric in _OF_A_COLUMN and item.verdict is MetricVerdict.ALARM]
    unexplained = "" if is_explained else " although no feature has"
    first = {item.family: item for item in reversed(drifted)}
    return [
        _symptom(first[family], text + (unexplained if family is not Family.CONCEPT_DRIFT else ""))
        for family, text in _SYMPTOMS.items()
        if family in first
    ]


def _symptom(metric: Metric, text: str) -> LikelyCause:
    limit = None if metric.threshold is None or metric.direction is None else Limit(metric.threshold, metric.direction, "")
    return LikelyCause(
        column=metric.column,
        metric=metric.family.value,
        score=metric.value,
        threshold=metric.threshold,
        excess=None if limit is None else _excess(metric, limit),
        detail=f"{metric.column}, {text}: {_observation(metric, metric.threshold)}",
    )


# --- the gate ---------------------------------------------------------------------------------------------------------


def _gate_cause(column: str, items: list[FailedExpectation]) -> LikelyCause:
    more = f" (and {len(items) - 1} more failed)" if len(items) > 1 else ""
    return LikelyCause(column=column, metric=items[0].expectation, detail=f"{column or 'the whole batch'}: {items[0].detail}{more}")


# --- sentences --------------------------------------------------------------------------------------------------------


def _observation(metric: Metric, threshold: float | None) -> str:
    assert metric.value is not None
    text, unit = _WORDS.get(metric.metric, (f"{metric.metric} {{value}}", 1))
    if _is_p_value(metric):
        text = "p-value of drift {value}"
    value, usual = unit * metric.value, number(unit * (metric.reference_value or 0.0))
    if threshold is None:
        return text.format(value=number(value), usual=usual)
    shown = text.format(value=distinct(value, unit * threshold), usual=usual)
    return f"{shown}, limit {number(unit * threshold)}{' %' if unit == 100 else ''}"


def _weight(importance: float | None) -> str:
    if importance is None:
        return ""
    share = "less than 1 %" if importance < 0.01 else f"{100 * importance:.0f} %"
    return f", carries {share} of the model's importance"


def _cost(config: MonitorConfig, column: str, contributions: Mapping[str, float] | None) -> str:
    if contributions is None:
        return ""
    loss = "mae" if config.task == "regression" else "log loss"
    value = contributions.get(column, 0.0)
    if value == 0:
        return f", does not change the expected {loss}"
    return f", {'raises' if value > 0 else 'lowers'} the expected {loss} by {number(abs(value))}"
