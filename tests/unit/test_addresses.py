"""Whole addresses for messages, at the root of a host and below a path."""

from __future__ import annotations

from dataclasses import replace

import pytest

from driftgate.addresses import Addresses
from driftgate.settings import Settings
from factories import make_window

KEY = "20240101T000000Z-20240102T000000Z"


@pytest.mark.parametrize(("url", "base"), [("http://airflow.test:8080", ""), ("https://host.test/team/airflow/", "/team/airflow")])
def test_the_frame_of_airflow_opens_the_page_wherever_airflow_is_served(settings: Settings, url: str, base: str) -> None:
    found = Addresses(replace(settings, airflow_url=url))
    root = url.rstrip("/")
    page = f"{root}/plugin/driftgate{base}/driftgate/pages/monitor.html?dag=monitor__trips&window={KEY}"
    assert found.monitor_page("trips", make_window()) == page
    assert found.incidents_page() == f"{root}/plugin/driftgate{base}/driftgate/pages/incidents.html"
    assert found.data_docs("validations/a b.html") == f"{root}/plugin/data-docs{base}/driftgate/data-docs/validations/a%20b.html"
    assert found.evidently_report("trips", make_window()) == f"{root}/driftgate/reports/monitor__trips/{KEY}/evidently.html"
    assert found.dag("monitor__trips", "manual__1+2") == f"{root}/dags/monitor__trips/runs/manual__1%2B2"
    assert found.required_action("retrain__trips", "r", "approve") == (
        f"{root}/dags/retrain__trips/runs/r/tasks/approve/required_actions?map_index=-1"
    )


def test_what_is_not_configured_has_no_address(settings: Settings) -> None:
    found = Addresses(settings)
    assert [found.monitor_page("trips"), found.dag("d"), found.data_docs("x.html"), found.dashboard("trips", make_window())] == [None] * 4
