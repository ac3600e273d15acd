"""How Airflow shows the pages, and when a window is late."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

import factories
from page_data import OWN, Get, drift, open_incident, save_window
from ui_app import login


def test_airflow_shows_the_pages_first_and_a_tab_on_each_dag() -> None:
    from driftgate_plugin import DriftgatePlugin

    views = DriftgatePlugin.external_views
    assert [(view["name"], view["destination"]) for view in views] == [("Driftgate", "nav"), ("Data Docs", "nav"), ("Driftgate", "dag")]
    assert len({view["url_route"] for view in views}) == len(views), "Airflow drops a view whose route is taken"
    assert views[0]["href"] == "/driftgate/pages/index.html"
    assert views[2]["href"] == "/driftgate/pages/monitor.html?dag={DAG_ID}"


@pytest.mark.parametrize("icon", ["icon", "icon_dark_mode"])
def test_the_icon_is_served(shared: Any, icon: str) -> None:
    from driftgate_plugin import DriftgatePlugin

    answer = shared.get(DriftgatePlugin.external_views[0][icon], headers=login("viewer"))
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/svg+xml")


NOW = datetime(2024, 3, 10, 12, tzinfo=UTC)
MIDNIGHT = datetime(2024, 3, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("schedule", "end", "paused", "expected"),
    [
        ({}, MIDNIGHT, False, ("on_time", 0)),
        ({}, MIDNIGHT - timedelta(days=2), False, ("late", 2)),
        ({}, MIDNIGHT - timedelta(days=2), True, ("paused", 2)),
        ({}, None, False, ("no_window", 0)),
        ({"cron": None}, None, False, ("manual", 0)),
        ({"end": "2024-02-01"}, MIDNIGHT - timedelta(days=50), False, ("finished", 12)),
        ({"start": "2024-03-10"}, None, False, ("on_time", 0)),
        ({"cron": "30 11 * * *"}, MIDNIGHT - timedelta(hours=12.5), False, ("on_time", 0)),
    ],
    ids=["there", "two days missing", "paused", "never ran", "no schedule", "schedule is over", "not begun", "within the grace"],
)
def test_freshness_compares_the_newest_window_with_the_schedule(
    schedule: dict[str, Any], end: datetime | None, paused: bool, expected: tuple[str, int]
) -> None:
    from driftgate_airflow.ui.schedule import freshness

    config = factories.make_config(schedule=schedule)
    found = freshness(config, end, NOW, is_paused=paused)
    assert (found.state, found.windows) == expected


def test_every_answer_is_plain_json(get: Get, store: Any) -> None:
    save_window(store, 0, metrics=(drift("hour", 0.1),))
    open_incident(store)
    for path in ("fleet", "incidents", OWN, f"{OWN}/heatmap", f"{OWN}/windows"):
        json.dumps(get(path), allow_nan=False)
