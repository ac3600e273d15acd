"""Links on task instances: which task has which, and that one without an address is not shown."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

import factories
from driftgate.settings import Settings
from driftgate_airflow import links
from driftgate_airflow.operators.alert import AlertOperator
from driftgate_airflow.operators.decide import DecideOperator
from driftgate_airflow.operators.gate_window import GateWindowOperator
from driftgate_airflow.operators.log_mlflow import LogMlflowOperator
from driftgate_airflow.operators.render_report import RenderReportOperator
from driftgate_airflow.operators.store_postgres import StorePostgresOperator

KEY = "20240101T000000Z-20240102T000000Z"


@pytest.mark.parametrize(
    ("operator", "names"),
    [
        (GateWindowOperator, ["Data Docs", "Driftgate", "Grafana"]),
        (LogMlflowOperator, ["MLflow run"]),
        (RenderReportOperator, ["Evidently report", "MLflow run"]),
        (StorePostgresOperator, ["Driftgate", "Grafana"]),
        (DecideOperator, ["Driftgate", "Grafana"]),
        (AlertOperator, ["Driftgate", "Grafana"]),
    ],
)
def test_each_task_leads_to_what_it_made(operator: Any, names: list[str]) -> None:
    assert sorted(link.name for link in operator.operator_extra_links) == names


def found(operator: Any) -> dict[str, str]:
    """What Airflow is told when the task has ended."""
    return {link.name: link.get_link(operator, ti_key=None) for link in operator.operator_extra_links}


def shown(settings: Settings, grafana_url: str | None) -> dict[str, str]:
    operator = AlertOperator(task_id="alert", monitor_id="trips", decision={})
    monitor = SimpleNamespace(config=factories.make_config(), settings=replace(settings, grafana_url=grafana_url))
    links.remember_window(operator, monitor, factories.make_window())  # type: ignore[arg-type]
    return found(operator)


def test_the_addresses_are_about_exactly_that_window(settings: Settings) -> None:
    assert shown(settings, "https://grafana.test") == {
        "Driftgate": f"/plugin/driftgate/driftgate/pages/monitor.html?dag=monitor__trips&window={KEY}",
        "Grafana": "https://grafana.test/d/driftgate-model?var-monitor=trips&from=1704067200000&to=1704153600000",
    }


def test_a_link_without_an_address_is_empty_which_airflow_does_not_show(settings: Settings) -> None:
    assert shown(settings, None)["Grafana"] == ""
    assert found(AlertOperator(task_id="alert", monitor_id="trips", decision={})) == {"Driftgate": "", "Grafana": ""}


def test_what_one_task_remembers_no_other_shows(settings: Settings) -> None:
    one, other = (AlertOperator(task_id=name, monitor_id="trips", decision={}) for name in ("one", "other"))
    links.remember(one, links.MonitorLink.key, "/somewhere")
    assert (found(one)["Driftgate"], found(other)["Driftgate"]) == ("/somewhere", "")


def test_names_of_dags_cannot_add_to_an_address() -> None:
    assert links.monitor_address("a&window=x#y/../z").endswith("monitor.html?dag=a%26window%3Dx%23y%2F..%2Fz")
    assert links.dag_address("../admin") == "/dags/..%2Fadmin"


def test_addresses_respect_the_path_that_airflow_is_served_below(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "http://host/airflow")
    assert links.data_docs_address("a.html") == "/airflow/plugin/data-docs/airflow/driftgate/data-docs/a.html"
    assert (
        links.report_address("monitor__trips", KEY)
        == f"/airflow/plugin/driftgate/airflow/driftgate/reports/monitor__trips/{KEY}/evidently.html"
    )
    assert links.dag_address("d", "manual__2024-01-01T00:00:00+00:00") == "/airflow/dags/d/runs/manual__2024-01-01T00%3A00%3A00%2B00%3A00"
