"""Business KPIs of a window: the expressions of the monitor file, worked out with pandas, and the answers to its queries.

What counts is what is known. A missing value, an infinity and a division by zero within a row make the row unknown for the part of
the expression that they are in; comparisons with something unknown are neither true nor false, as in SQL. Aggregates leave unknown
rows out: ``share(x > 5)`` is the share among the rows whose ``x`` is known. Where no row is known, or one number is divided by
zero, there is no value; the metric's ``method`` then says why.
"""

from __future__ import annotations

import logging
import math
import operator
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any

import numpy as np
import pandas as pd

from driftgate.columns import labels
from driftgate.config.expressions import AGGREGATES, Apply, Column, Constant, Kind, Node, is_free_of_size, parse
from driftgate.config.kpis import KpiConfig, column_kinds
from driftgate.config.models import MonitorConfig
from driftgate.records import Direction, Family, Metric, MetricVerdict

log = logging.getLogger(__name__)

_OPERATORS: Mapping[str, Callable[[Any, Any], Any]] = {
    "+": operator.add, "-": operator.sub, "*": operator.mul,
    "==": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
    "and": operator.and_, "or": operator.or_,
}  # fmt: skip
_COMPARISONS = ("==", "!=", "<", "<=", ">", ">=")
_LONGEST_METHOD = 200
"""Longer queries are cut where they are recorded as method."""


class _NoValueError(Exception):
    """There is no number, for the reason that the message gives."""


@dataclass(frozen=True)
class _Rows:
    """Rows and what their columns hold."""

    frame: pd.DataFrame
    kinds: Mapping[str, Kind]

    def column(self, name: str) -> pd.Series:
        if name not in self.frame:
            raise _NoValueError(f"the rows have no column {name!r}")
        values = self.frame[name]
        if self.kinds[name] is Kind.TEXTS:
            return labels(values)
        return values if self.kinds[name] is Kind.TIMES else values.astype("float64").replace([np.inf, -np.inf], np.nan)


def kpi_metrics(
    config: MonitorConfig,
    current: pd.DataFrame,
    reference: pd.DataFrame | Mapping[str, float],
    answers: Mapping[str, float | None] | None = None,
) -> list[Metric]:
    """Return one metric of family ``kpi`` per KPI of the monitor file, in its order.

    The reference value of an expression is that of the reference rows, where they have the columns and the value does not grow with
    the number of rows; a query has none. A KPI without a limit of its own has no threshold yet; a rule of the policy may give it one.

    Parameters
    ----------
    config
        The monitor.
    current
        Rows of the window.
    reference
        Rows of the reference, or what :func:`reference_values` says of them.
    answers
        What :func:`driftgate.kpi_queries.read_kpis` read for the window, by name. A query that is not in it has no value.
    """
    rows = _Rows(current, column_kinds(config.columns, config.task))
    usual = reference_values(config, reference) if isinstance(reference, pd.DataFrame) else reference
    metrics = []
    for kpi in config.kpis:
        if kpi.expression is None:
            metrics.append(_judged(config, kpi, _answered(kpi, answers or {})))
        else:
            metrics.append(_judged(config, kpi, _measured(config, kpi, kpi.expression, rows, usual.get(kpi.name)), len(current)))
    return metrics


def reference_values(config: MonitorConfig, frame: pd.DataFrame) -> dict[str, float]:
    """Return the values of the expressions over reference rows, by name of the KPI; those that grow with the rows have none."""
    rows, found = _Rows(frame, column_kinds(config.columns, config.task)), {}
    for kpi in config.kpis:
        if kpi.expression is not None and is_free_of_size(tree := parse(kpi.expression)):
            with suppress(_NoValueError):
                found[kpi.name] = _value(tree, rows)
    return found


def _answered(kpi: KpiConfig, answers: Mapping[str, float | None]) -> Metric:
    assert kpi.sql is not None  # the monitor file was validated
    text = f"sql: {' '.join(kpi.sql.query.split())}"
    method = text if len(text) <= _LONGEST_METHOD else f"{text[: _LONGEST_METHOD - 3]}..."
    value = answers.get(kpi.name)
    if value is None:
        reason = "the query's answer is null" if kpi.name in answers else "the query was not asked"
        return Metric(Family.KPI, kpi.name, None, method=f"{method} has no value: {reason}")
    return Metric(Family.KPI, kpi.name, value, method=method)


def _measured(config: MonitorConfig, kpi: KpiConfig, expression: str, rows: _Rows, usual: float | None) -> Metric:
    tree = parse(expression)
    metric = Metric(Family.KPI, kpi.name, None, method=expression, reference_value=usual)
    try:
        return replace(metric, value=_value(tree, rows))
    except _NoValueError as reason:
        log.info("monitor %s: KPI %s has no value: %s", config.id, kpi.name, reason)
        return replace(metric, method=f"{expression} has no value: {reason}")


def _judged(config: MonitorConfig, kpi: KpiConfig, metric: Metric, rows: int | None = None) -> Metric:
    """Give the metric the limit of its KPI; without a number of rows it does not rest on the window's rows."""
    limit = kpi.below if kpi.above is None else kpi.above
    if limit is None:
        return metric
    direction = Direction.BELOW if kpi.above is None else Direction.ABOVE
    verdict: MetricVerdict | None = None
    if rows is not None and rows < config.measures.minimum_rows:
        verdict = MetricVerdict.TOO_FEW_ROWS
    elif metric.value is not None:
        is_beyond = metric.value > limit if direction is Direction.ABOVE else metric.value < limit
        verdict = MetricVerdict.ALARM if is_beyond else MetricVerdict.OK
    return replace(metric, threshold=limit, direction=direction, verdict=verdict)


# --- one number -------------------------------------------------------------------------------------------------------


def _value(node: Node, rows: _Rows) -> float:
    with np.errstate(all="ignore"):  # what comes of an overflow is judged below
        value = float(_evaluate(node, rows))
    if not math.isfinite(value):
        raise _NoValueError("the result is too large")
    return value


def _evaluate(node: Node, rows: _Rows) -> Any:
    """Return a float, a text, or a series of floats, texts or nullable booleans, as the checked tree says."""
    if isinstance(node, Constant):
        return node.value
    if isinstance(node, Column):
        return rows.column(node.name)
    if node.function in AGGREGATES:
        return _aggregate(node, rows)
    return _apply(node, rows)


def _aggregate(node: Apply, rows: _Rows) -> float:
    if not node.arguments:
        return float(len(rows.frame))
    values = _evaluate(node.arguments[0], rows)
    known = values.dropna()
    if node.function == "count" and values.dtype != "boolean":
        return float(len(known))
    if known.empty:
        raise _NoValueError(f"no row has a known value of {node.arguments[0].source}")
    if node.function in ("count", "share"):
        return float(known.sum() if node.function == "count" else known.mean())
    if node.function == "quantile":
        return float(known.quantile(_evaluate(node.arguments[1], rows)))
    return float(getattr(known, node.function)())


# --- rows -------------------------------------------------------------------------------------------------------------


def _apply(node: Apply, rows: _Rows) -> Any:
    if node.function == "missing":
        return _missing(node, rows)
    values = [_evaluate(argument, rows) for argument in node.arguments]
    if node.function == "/":
        return _divide(node, *values)
    if node.function == "abs":
        return abs(values[0])
    if node.function == "not":
        return ~values[0]
    if node.function == "in":
        return _known(values[0].isin(values[1:]), values[:1])
    if node.function in _COMPARISONS:
        return _known(_OPERATORS[node.function](*values), values)
    return reduce(_OPERATORS[node.function], values)


def _missing(node: Apply, rows: _Rows) -> pd.Series:
    """Whether there is nothing; an infinity is something, as in the shares of missing values."""
    argument = node.arguments[0]
    values: pd.Series = _evaluate(argument, rows)
    if isinstance(argument, Column):
        values = rows.frame[argument.name]
    return values.isna().astype("boolean")


def _divide(node: Apply, dividend: Any, divisor: Any) -> Any:
    if isinstance(divisor, pd.Series):
        return dividend / divisor.where(divisor != 0)
    if divisor == 0:
        raise _NoValueError(f"{node.source} divides by zero")
    return dividend / divisor


def _known(answers: pd.Series, operands: list[Any]) -> pd.Series:
    """Make answers unknown where an operand is."""
    unknown = [operand.isna() for operand in operands if isinstance(operand, pd.Series)]
    return answers.astype("boolean").mask(reduce(operator.or_, unknown))
