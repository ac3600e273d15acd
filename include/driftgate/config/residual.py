"""The name under which the model's errors are measured as if they were a column."""

from __future__ import annotations

from driftgate.config.roles import ColumnRoles

RESIDUAL = "residual"


def residual_column(columns: ColumnRoles) -> str:
    """Return ``residual``; where a column of the rows has that name, with as many ``_`` behind it as keep the two apart."""
    name = RESIDUAL
    while name in columns.all:
        name += "_"
    return name
