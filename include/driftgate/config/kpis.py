"""Business KPIs in a monitor file: a name, an expression over the window's columns or a query, and a limit where there is one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, model_validator

from driftgate.config.expressions import Kind, check, is_free_of_size, parse
from driftgate.config.fairness import FAIRNESS_GAPS, GROUP_VALUES
from driftgate.config.roles import ColumnRoles
from driftgate.config.rule import Rule
from driftgate.config.section import Section
from driftgate.config.sources import SqlQuery

_NAME = re.compile(r"^[a-z][a-z0-9_]{0,62}$")
OTHER_METRICS = frozenset(
    {
        "rows",
        "duplicate_share",
        "judged_columns",
        "dataset_drift",
        "residual_mean",
        "steady_residual",
        *FAIRNESS_GAPS,
        *GROUP_VALUES.values(),
    }
)
"""Names of other metrics that are recorded; KPIs must not have them either."""


def _check_name(value: str) -> str:
    if not _NAME.match(value):
        raise ValueError("is not the name of a KPI; use lower-case letters, digits and _, starting with a letter, at most 63 in all")
    return value


def _check_expression(value: str) -> str:
    parse(value)
    return value


class KpiSql(SqlQuery):
    """One number from a database; the query has :window_start and :window_end as bound parameters."""

    kind: Literal["sql"] = "sql"


class KpiConfig(Section):
    """One number per window that matters to the business: from an expression over the window's rows, or from a query."""

    name: Annotated[str, AfterValidator(_check_name)]
    """The name of the metric, also in ``decision.rules``."""
    expression: Annotated[str, AfterValidator(_check_expression)] | None = None
    """See :mod:`driftgate.config.expressions`, for example ``share(arr_delay > 15)``."""
    sql: KpiSql | None = None
    above: float | None = None
    """A larger value has the verdict alarm; without a rule that names the KPI nothing follows from it."""
    below: float | None = None
    """A smaller value has the verdict alarm."""
    description: str = ""
    unit: str = ""
    """For people, for example ``min`` or ``USD``."""

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.expression is None) == (self.sql is None):
            raise ValueError("needs exactly one of 'expression', over the window's columns, and 'sql', a query with one number as answer")
        return self

    @model_validator(mode="after")
    def _one_limit(self) -> Self:
        if self.above is not None and self.below is not None:
            raise ValueError("has both above and below; keep one, and write a second KPI for the other limit")
        return self


def check_kpis(kpis: Sequence[KpiConfig], kinds: Mapping[str, Kind], reserved: Iterable[str]) -> None:
    """Check that names are unique and expressions fit the columns.

    Parameters
    ----------
    kinds
        From :func:`column_kinds`.
    reserved
        Names of the metrics that are measured in any case.

    Raises
    ------
    ValueError
        Naming the KPI, its place in the list, what is wrong and what to write instead.
    """
    known = {*reserved, *OTHER_METRICS}
    taken = {*known, *(f"estimated_{name}" for name in known)}
    for index, kpi in enumerate(kpis):
        where = f"kpis[{index}]"
        if kpi.name in taken:
            owner = "of another KPI" if any(kpi.name == other.name for other in kpis[:index]) else "of a metric"
            raise ValueError(f"{where}.name {kpi.name!r} is already the name {owner}; choose another one")
        taken.add(kpi.name)
        if kpi.expression is None:
            continue
        try:
            check(parse(kpi.expression), kinds)
        except ValueError as error:
            raise ValueError(f"{where}.expression of {kpi.name}: {error}") from error


def check_rule(index: int, rule: Rule, kpi: KpiConfig) -> None:
    """Check a decision rule that names a KPI.

    Raises
    ------
    ValueError
        If the rule has a column, or compares with the reference what grows with the number of rows or comes from a query.
    """
    if rule.column:
        raise ValueError(f"decision.rules[{index}].column is not allowed because {rule.metric} is measured on the window as a whole")
    is_relative = rule.above_reference is not None or rule.below_reference is not None
    if is_relative and kpi.expression is None:
        raise ValueError(
            f"decision.rules[{index}] compares the KPI {rule.metric} with the reference, but a query is asked about windows only; "
            "use above or below"
        )
    if is_relative and kpi.expression and not is_free_of_size(parse(kpi.expression)):
        raise ValueError(
            f"decision.rules[{index}] compares the KPI {rule.metric} with the reference, but {kpi.expression} grows with "
            "the number of rows; use above or below, or a ratio such as sum(x) / count()"
        )


def column_kinds(roles: ColumnRoles, task: str) -> dict[str, Kind]:
    """Return what the values of every kept column are, as ingest types them."""
    kinds = {name: Kind.TEXTS for name in roles.all}
    kinds |= {name: Kind.NUMBERS for name in (*roles.numerical, roles.prediction_proba) if name}
    kinds[roles.timestamp] = Kind.TIMES
    if task == "regression":
        kinds |= {name: Kind.NUMBERS for name in (roles.target, roles.prediction) if name}
    return kinds
