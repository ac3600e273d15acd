"""What the rules of a decision may name."""

from __future__ import annotations

from collections.abc import Sequence

from driftgate.config.fairness import FAIRNESS_GAPS, FairnessConfig, check_gap_rule, fairness_gaps
from driftgate.config.kpis import KpiConfig, check_rule
from driftgate.config.residual import residual_column
from driftgate.config.roles import ColumnRoles
from driftgate.config.rule import Rule

ESTIMATED = "estimated_"
"""What the names of estimated performance metrics begin with."""
DATASET_METRICS = (
    "dataset_drift",
    "drift_share",
    "drifted_columns",
    "missing_share",
    "multivariate_drift",
    "row_ratio",
    "freshness_seconds",
)
COLUMN_METRICS = (
    "drift_score",
    "slow_drift",
    "position",
    "missing_share",
    "new_categories",
    "new_category_share",
    "out_of_range_share",
    "most_frequent_share",
)
_RESIDUAL_METRICS = ("drift_score", "slow_drift", "position", "residual_mean", "steady_residual")
_NEED_COLUMN = frozenset({*COLUMN_METRICS, *_RESIDUAL_METRICS}) - {"missing_share"}


def check_rules(
    rules: Sequence[Rule], columns: ColumnRoles, kpis: Sequence[KpiConfig], fairness: FairnessConfig, performance: Sequence[str], task: str
) -> None:
    """Check that every rule names something that is measured.

    Raises
    ------
    ValueError
        Naming the rule, what is wrong and what may be written.
    """
    named = {kpi.name: kpi for kpi in kpis}
    estimated = [ESTIMATED + name for name in performance]
    gaps = fairness_gaps(task)
    known = (*DATASET_METRICS, *COLUMN_METRICS, *_RESIDUAL_METRICS, *performance, *estimated, *gaps, *named)
    for index, rule in enumerate(rules):
        if rule.metric in named:
            check_rule(index, rule, named[rule.metric])
        elif rule.metric in FAIRNESS_GAPS:
            check_gap_rule(index, rule, fairness, gaps)
        elif rule.metric not in known:
            names = ", ".join(dict.fromkeys(known))
            raise ValueError(f"decision.rules[{index}].metric {rule.metric!r} is unknown for task {task}; use one of {names}")
        else:
            _check_column(index, rule, columns)


def _check_column(index: int, rule: Rule, columns: ColumnRoles) -> None:
    if rule.metric in _NEED_COLUMN and not rule.column:
        raise ValueError(f"decision.rules[{index}] needs 'column' because {rule.metric} is measured per column")
    residual = (residual_column(columns),) if rule.metric in _RESIDUAL_METRICS else ()
    if rule.column and rule.column not in (*columns.all, *residual):
        raise ValueError(f"decision.rules[{index}].column {rule.column!r} has no role under columns")
