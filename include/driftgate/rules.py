"""Decision rules as pure functions: the limit that a rule sets, and what a window's metrics say to it.

`measure` uses them to give performance metrics the limits of the policy, `decide` to decide; so both always agree.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from driftgate.config.models import CLASSIFICATION_METRICS, REGRESSION_METRICS
from driftgate.config.residual import RESIDUAL
from driftgate.config.rule import Rule
from driftgate.config.rule_names import ESTIMATED
from driftgate.records import Direction, Measures, Metric, MetricVerdict


@dataclass(frozen=True)
class Limit:
    """The number that a value must not pass."""

    value: float
    direction: Direction
    text: str
    """For people, for example ``1.5 x the reference's 13.1 (= 19.7)``."""

    def is_broken_by(self, value: float) -> bool:
        return self.margin(value) < 0

    def margin(self, value: float) -> float:
        """Distance to the limit; negative is beyond it."""
        return self.value - value if self.direction is Direction.ABOVE else value - self.value


@dataclass(frozen=True)
class RuleOutcome:
    """What one rule says about one window."""

    rule: Rule
    is_broken: bool
    is_judged: bool
    sentence: str
    """With the numbers, for example ``mae 31.2 is above 1.5 x the reference's 13.1 (= 19.7)``."""
    is_asked: bool = True
    """False: another rule speaks for this one."""


def evaluate(rules: Sequence[Rule], measures: Measures) -> list[RuleOutcome]:
    """Ask every rule about a window: first those about the model's performance, then the others, each in the order of the monitor file.

    A rule about estimated performance is only asked where realised performance is not known: an estimate stands in for labels.
    """
    return [_evaluate(rule, measures) for rule in sorted(rules, key=_urgency)]


def judge(rules: Sequence[Rule], metric: Metric, *, unjudged: MetricVerdict | None = None) -> Metric:
    """Return the metric with threshold, direction and verdict of the rules that name it; rules are about whole windows, not segments.

    Parameters
    ----------
    rules
        Rules of the policy; with several for this metric the one closest to being broken (or most broken) is shown.
    metric
        A metric with its value and reference value.
    unjudged
        A verdict that is given instead of asking the rules, for example ``too_few_rows``.
    """
    address = (metric.metric, metric.column, metric.segment)
    limits = [limit_of(rule, metric) for rule in rules if (rule.metric, rule.column, "") == address]
    known = [limit for limit in limits if limit is not None]
    if not known:
        return metric if unjudged is None else replace(metric, verdict=unjudged)
    value = metric.value
    closest = known[0] if value is None else min(known, key=lambda limit: limit.margin(value))
    verdict = unjudged
    if verdict is None and value is not None:
        verdict = MetricVerdict.ALARM if closest.is_broken_by(value) else MetricVerdict.OK
    return replace(metric, threshold=closest.value, direction=closest.direction, verdict=verdict)


def limit_of(rule: Rule, metric: Metric) -> Limit | None:
    """Return the limit that a rule sets for a metric.

    A factor of the reference needs a reference value that is known and not negative: one and a half times a negative number
    is not a looser limit. None otherwise.
    """
    if rule.above is not None:
        return Limit(rule.above, Direction.ABOVE, number(rule.above))
    if rule.below is not None:
        return Limit(rule.below, Direction.BELOW, number(rule.below))
    if rule.calibrated:
        return _calibrated(metric)
    usual = metric.reference_value
    if usual is None or usual < 0:
        return None
    if rule.above_reference is not None:
        return _relative(rule.above_reference, usual, Direction.ABOVE)
    return _relative(rule.below_reference or 0.0, usual, Direction.BELOW)


def _calibrated(metric: Metric) -> Limit | None:
    """Return the limit that the metric carries; None before anything was learned."""
    if metric.threshold is None or metric.direction is None:
        return None
    usual = "" if metric.reference_value is None else f" (usual: {number(metric.reference_value)})"
    return Limit(metric.threshold, metric.direction, f"its learned limit {number(metric.threshold)}{usual}")


def _relative(factor: float, usual: float, direction: Direction) -> Limit:
    return Limit(factor * usual, direction, f"{number(factor)} x the reference's {number(usual)} (= {number(factor * usual)})")


def number(value: float) -> str:
    """Write a number for a sentence: three significant digits, whole numbers and thousands in full."""
    if abs(value) < 1e15 and value == int(value):
        return str(int(value))
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def distinct(value: float, limit: float) -> str:
    """Write a value so that it does not look like the limit when it is not."""
    text = number(value)
    for digits in range(4, 17):
        if value == limit or text != number(limit):
            return text
        text = f"{value:.{digits}g}"
    return text


def _urgency(rule: Rule) -> int:
    return 0 if is_about_performance(rule) else 1


def is_about_performance(rule: Rule) -> bool:
    """Whether a rule is about how well the model does: its scores, realised or estimated, or its errors."""
    names = (*REGRESSION_METRICS, *CLASSIFICATION_METRICS)
    return rule.metric.removeprefix(ESTIMATED) in names or rule.column.rstrip("_") == RESIDUAL


def _evaluate(rule: Rule, measures: Measures) -> RuleOutcome:
    name = name_of(rule)
    metric = measures.find(rule.metric, rule.column)
    if rule.metric.startswith(ESTIMATED) and _is_known(measures.find(rule.metric.removeprefix(ESTIMATED))):
        return RuleOutcome(rule, False, False, f"{name} is not asked, because labels tell how well the model does", is_asked=False)
    limit = None if metric is None else limit_of(rule, metric)
    if metric is None or metric.value is None or limit is None or metric.verdict is MetricVerdict.TOO_FEW_ROWS:
        return RuleOutcome(rule, False, False, f"{name} {_obstacle(rule, metric)}, so its rule is not judged")
    is_broken = limit.is_broken_by(metric.value)
    relation = f"is {'' if is_broken else 'not '}{limit.direction.value}"
    margin = "" if is_broken else f", margin {number(limit.margin(metric.value))}"
    return RuleOutcome(rule, is_broken, True, f"{name} {distinct(metric.value, limit.value)} {relation} {limit.text}{margin}")


_NAMES = {"slow_drift": "change of {column} over several windows", "steady_residual": "steady error"}


def name_of(rule: Rule) -> str:
    """Call what a rule is about by a name for people."""
    if rule.metric == "slow_drift" and rule.column.rstrip("_") == RESIDUAL:
        return "the model's error over several windows"
    if rule.metric in _NAMES:
        return _NAMES[rule.metric].format(column=rule.column)
    return f"{rule.metric} of {rule.column}" if rule.column else rule.metric


def _is_known(metric: Metric | None) -> bool:
    return metric is not None and metric.value is not None and metric.verdict in (MetricVerdict.OK, MetricVerdict.ALARM)


def _obstacle(rule: Rule, metric: Metric | None) -> str:
    """Why a rule cannot be asked; a rule that cannot be asked is never broken."""
    if metric is None:
        return "was not measured in this window (performance needs labels)"
    if metric.verdict is MetricVerdict.TOO_FEW_ROWS:
        return "rests on too few rows"
    if metric.value is None:
        return "has no value in this window"
    if rule.calibrated:
        return "has no learned limit (see `driftgate calibrate`)"
    if metric.reference_value is None:
        return f"has no reference value to compare {number(metric.value)} with"
    return f"has the negative reference value {number(metric.reference_value)}, of which no factor makes sense (use above or below)"
