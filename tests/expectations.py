"""Expectations on the trips of :mod:`factories`, in the form of a suite file."""

from __future__ import annotations

from typing import Any


def expectation(kind: str, severity: str = "critical", **kwargs: Any) -> dict[str, Any]:
    return {"type": kind, "kwargs": kwargs, "severity": severity, "meta": {}}


ROWS = expectation("expect_table_row_count_to_be_between", min_value=50, max_value=500)
NOT_NULL = expectation("expect_column_values_to_not_be_null", column="vendor")
IN_RANGE = expectation("expect_column_values_to_be_between", column="distance", min_value=0, max_value=100, mostly=0.98)
IN_SET = expectation("expect_column_values_to_be_in_set", "warning", column="vendor", value_set=["a", "b", "c"])
