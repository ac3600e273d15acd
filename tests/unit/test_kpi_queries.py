"""KPIs from real databases: what is asked, what counts as an answer, and what a person reads when something is wrong."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import sqlalchemy as sa

from driftgate.config.models import MonitorConfig
from driftgate.errors import ServiceError, SourceError
from driftgate.kpi_queries import read_kpis
from driftgate.measure.kpis import kpi_metrics
from driftgate.records import Direction, MetricVerdict
from factories import make_config, make_frame, make_window

WHERE = "FROM kpi_sales WHERE ts >= :window_start AND ts < :window_end"


def config_of(query: str, *, timezone: str = "UTC", address: dict[str, str] | None = None, **kpi: Any) -> MonitorConfig:
    sql = {"query": query, **(address or {"url_env": "SALES_URL"})}
    return make_config(
        kpis=[{"name": "rows_seen", "expression": "count()"}, {"name": "revenue", "sql": sql, **kpi}], schedule={"timezone": timezone}
    )


@pytest.fixture(params=["postgresql", "sqlite"])
def database(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    uri = request.getfixturevalue("postgres_uri") if request.param == "postgresql" else f"sqlite:///{tmp_path}/sales.db"
    engine = sa.create_engine(uri)
    hours = pd.date_range("2024-01-01", periods=72, freq="h", tz="UTC")
    sales = pd.DataFrame({"ts": hours if request.param == "postgresql" else hours.strftime("%Y-%m-%d %H:%M:%S"), "amount": range(72)})
    sales.to_sql("kpi_sales", engine, index=False, if_exists="replace")
    monkeypatch.setenv("SALES_URL", uri)
    yield uri
    with engine.begin() as connection:
        connection.execute(sa.text("DROP TABLE kpi_sales"))
    engine.dispose()


@pytest.mark.parametrize(("day", "total"), [(0, sum(range(24))), (2, sum(range(48, 72)))])
def test_the_window_is_bound(database: str, day: int, total: int) -> None:
    assert read_kpis(config_of(f"SELECT sum(amount) {WHERE}"), make_window(day)) == {"revenue": float(total)}


def test_a_day_is_a_local_day(database: str) -> None:
    """A database without time zones holds local moments, as for rows from SQL."""
    found = read_kpis(config_of(f"SELECT min(amount) {WHERE};", timezone="America/New_York"), make_window(1))
    assert found == {"revenue": 24.0 if database.startswith("postgresql") else 19.0}


@pytest.mark.parametrize(
    ("select", "value"),
    [("sum(amount)", None), ("amount", None), ("count(*)", 0.0), ("CAST(avg(amount) AS numeric)", None)],
    ids=["null", "no row", "zero", "null decimal"],
)
def test_a_window_without_rows(database: str, select: str, value: float | None) -> None:
    assert read_kpis(config_of(f"SELECT {select} {WHERE}"), make_window(9)) == {"revenue": value}


def test_decimals_and_truths_are_numbers(database: str) -> None:
    assert read_kpis(config_of(f"SELECT CAST(sum(amount) AS numeric) / 8 {WHERE}"), make_window(0))["revenue"] == pytest.approx(
        34.5, abs=0.5
    )
    assert read_kpis(config_of(f"SELECT sum(amount) > 10 {WHERE}"), make_window(0)) == {"revenue": 1.0}


@pytest.mark.parametrize(
    ("query", "message"),
    [
        (f"SELECT missing_column {WHERE}", r"kpis\[1\]\.sql\.query fails on .*missing_column.*correct it in the monitor file"),
        (f"SELECT amount {WHERE}", r"kpis\[1\]\.sql\.query answers with 24 rows of 1 columns; it must give one number"),
        (f"SELECT min(amount), max(amount) {WHERE}", r"answers with 1 rows of 2 columns"),
        (f"SELECT max('many') {WHERE}", r"answers with 'many', which is not a number; cast it"),
    ],
)
def test_what_is_wrong_names_monitor_kpi_and_query(database: str, query: str, message: str) -> None:
    with pytest.raises(SourceError, match=message) as caught:
        read_kpis(config_of(query), make_window(0))
    assert "KPI revenue" in str(caught.value)
    assert "monitor trips, window [2024-01-01" in str(caught.value)
    assert "source." not in str(caught.value)


def test_an_address_that_is_not_set_is_named() -> None:
    with pytest.raises(SourceError, match=r"KPI revenue: monitor trips.*kpis\[1\]\.sql\.url_env.*NOWHERE_URL is not set"):
        read_kpis(config_of(f"SELECT 1 {WHERE}", address={"url_env": "NOWHERE_URL"}), make_window())


def test_a_server_that_does_not_answer_can_be_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        monkeypatch.setenv("SALES_URL", f"postgresql+psycopg2://user:secret@127.0.0.1:{closed.getsockname()[1]}/sales")
        with pytest.raises(ServiceError, match=r"KPI revenue: monitor trips.*did not answer") as caught:
            read_kpis(config_of(f"SELECT 1 {WHERE}"), make_window())
    assert "secret" not in str(caught.value)


def test_an_airflow_connection_is_resolved(database: str) -> None:
    config = config_of(f"SELECT count(*) {WHERE}", address={"connection": "sales"})
    assert read_kpis(config, make_window(), connection_uri=lambda name: {"sales": database}[name]) == {"revenue": 24.0}


def test_monitors_without_queries_ask_nobody() -> None:
    assert read_kpis(make_config(), make_window()) == {}


QUERY = f"SELECT  sum(amount)\n {WHERE}"


@pytest.mark.parametrize(
    ("answers", "value", "verdict", "method"),
    [
        ({"revenue": 7.0}, 7.0, MetricVerdict.ALARM, "sql: SELECT sum(amount) FROM"),
        ({"revenue": 11.0}, 11.0, MetricVerdict.OK, "sql: SELECT sum(amount) FROM"),
        ({"revenue": None}, None, None, "has no value: the query's answer is null"),
        ({}, None, None, "has no value: the query was not asked"),
        (None, None, None, "has no value: the query was not asked"),
    ],
)
@pytest.mark.parametrize("rows", [0, 5, 200])
def test_the_answer_becomes_a_metric_however_many_rows_the_window_has(
    answers: dict[str, float | None] | None, value: float | None, verdict: MetricVerdict | None, method: str, rows: int
) -> None:
    frame = make_frame(200).head(rows)
    first, metric = kpi_metrics(config_of(QUERY, below=10), frame, make_frame(100), answers)
    assert (first.metric, first.value) == ("rows_seen", float(rows))
    assert (metric.value, metric.verdict, metric.threshold, metric.direction) == (value, verdict, 10.0, Direction.BELOW)
    assert metric.reference_value is None
    assert metric.method is not None
    assert method in metric.method


def test_a_long_query_is_cut_where_it_is_recorded() -> None:
    _, metric = kpi_metrics(config_of(QUERY + " AND 1 = 1" * 50), make_frame(50), make_frame(50), {"revenue": 1.0})
    assert metric.method is not None
    assert len(metric.method) == 200
