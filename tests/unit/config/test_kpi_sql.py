"""KPIs by SQL in a monitor file."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from driftgate.config.models import MonitorConfig
from factories import make_config

QUERY = "SELECT sum(amount) FROM sales WHERE ts >= :window_start AND ts < :window_end"
SQL = {"connection": "sales", "query": QUERY}


def config_of(kpi: dict[str, Any], **rule: Any) -> MonitorConfig:
    decision = {"decision": {"rules": [{"metric": "revenue", **rule}]}} if rule else {}
    return make_config(kpis=[{"name": "revenue", **kpi}], **decision)


def test_a_query_takes_the_place_of_the_expression() -> None:
    kpi = config_of({"sql": SQL, "below": 100}, below=50).kpis[0]
    assert kpi.sql is not None
    assert (kpi.expression, kpi.sql.query, kpi.sql.connection) == (None, QUERY, "sales")


@pytest.mark.parametrize(
    ("kpi", "message"),
    [
        ({}, "needs exactly one of 'expression'"),
        ({"expression": "count()", "sql": SQL}, "needs exactly one of 'expression'"),
        ({"sql": {"query": QUERY}}, "needs exactly one of 'connection'"),
        ({"sql": {**SQL, "url_env": "SALES_URL"}}, "needs exactly one of 'connection'"),
        ({"sql": {**SQL, "query": "SELECT 1 WHERE now() < :window_end"}}, "the query does not use :window_start"),
        ({"sql": {**SQL, "table": "sales"}}, "Extra inputs are not permitted"),
        ({"sql": SQL, "above": 1, "below": 0}, "has both above and below"),
    ],
)
def test_what_does_not_fit_is_refused_with_the_remedy(kpi: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        config_of(kpi)


@pytest.mark.parametrize("limit", ["above_reference", "below_reference"])
def test_a_query_has_no_reference_to_compare_with(limit: str) -> None:
    with pytest.raises(ValidationError, match=r"decision\.rules\[0\] compares the KPI revenue.*windows only; use above or below"):
        config_of({"sql": SQL}, **{limit: 1.5})


@pytest.mark.parametrize("name", ["mae", "estimated_mae", "residual_mean", "mae_gap", "selection_rate", "row_ratio", "multivariate_drift"])
def test_names_of_metrics_are_taken(name: str) -> None:
    with pytest.raises(ValidationError, match=rf"kpis\[0\]\.name '{name}' is already the name of a metric"):
        make_config(kpis=[{"name": name, "sql": SQL}])
