"""Fairness in a monitor file: the columns by whose values the model is compared between groups."""

from __future__ import annotations

from collections.abc import Collection
from typing import Annotated

from pydantic import BeforeValidator, Field

from driftgate.config.roles import ColumnRoles
from driftgate.config.rule import Rule
from driftgate.config.section import Section
from driftgate.config.types import as_list

BINARY_GAPS = ("demographic_parity_gap", "equal_opportunity_gap", "false_positive_rate_gap", "equalised_odds_gap", "accuracy_gap")
REGRESSION_GAPS = ("mae_gap", "mean_error_gap")
FAIRNESS_GAPS = (*BINARY_GAPS, *REGRESSION_GAPS)
GROUP_VALUES = {
    "demographic_parity_gap": "selection_rate",
    "equal_opportunity_gap": "true_positive_rate",
    "false_positive_rate_gap": "false_positive_rate",
    "accuracy_gap": "group_accuracy",
    "mae_gap": "group_mae",
    "mean_error_gap": "group_mean_error",
}
"""Gap and the value of a group that it compares."""


class FairnessConfig(Section):
    """Which groups are compared; without columns nothing is."""

    columns: Annotated[list[str], BeforeValidator(as_list)] = Field(default_factory=list)
    """Each value of such a column is a group; each column must also be a feature or an id."""
    minimum_rows: Annotated[int, Field(ge=1)] = 50
    """A number of a group needs this many rows: predicted rows for the selection rate, actual positives for the true positive
    rate, actual negatives for the false positive rate, labelled rows for everything else."""
    positive_label: str | int | bool | None = None
    """Binary: the outcome whose rates are compared; default ``columns.positive_label``."""


def fairness_gaps(task: str) -> tuple[str, ...]:
    """Names of the gaps that are measured for a task."""
    return {"regression": REGRESSION_GAPS, "binary": BINARY_GAPS}.get(task, ("accuracy_gap",))


def check_fairness(fairness: FairnessConfig, roles: ColumnRoles, task: str) -> None:
    """Check the section against the rest of the monitor file.

    Raises
    ------
    ValueError
        Naming the key, what is wrong and what to write instead.
    """
    known = [*roles.id, *roles.features]
    for name in fairness.columns:
        if name not in known:
            names = ", ".join(dict.fromkeys(known))
            raise ValueError(
                f"fairness.columns names {name!r}, which is not among columns.id, numerical or categorical; "
                f"use one of {names}, or add it there"
            )
    twice = [name for name in fairness.columns if fairness.columns.count(name) > 1]
    if twice:
        raise ValueError(f"fairness.columns names {twice[0]!r} twice; name it once")
    if fairness.positive_label is not None and task != "binary":
        raise ValueError(f"fairness.positive_label makes sense for task binary only, not for {task}; remove it")


def check_gap_rule(index: int, rule: Rule, fairness: FairnessConfig, measured: Collection[str]) -> None:
    """Check a decision rule whose metric is one of :data:`FAIRNESS_GAPS`.

    Parameters
    ----------
    measured
        From :func:`fairness_gaps`.

    Raises
    ------
    ValueError
        If the gap is not measured for the task, or the rule does not name one of the columns under ``fairness``.
    """
    where = f"decision.rules[{index}]"
    if rule.metric not in measured:
        raise ValueError(f"{where}.metric {rule.metric!r} is not measured for this task; use one of {', '.join(measured)}")
    if not fairness.columns:
        raise ValueError(f"{where} names {rule.metric}, but no groups are compared; add fairness: {{columns: [...]}}")
    if rule.column not in fairness.columns:
        said = f"names column {rule.column!r}, which is not under fairness.columns" if rule.column else f"needs 'column' for {rule.metric}"
        raise ValueError(f"{where} {said}; use one of {', '.join(fairness.columns)}")
