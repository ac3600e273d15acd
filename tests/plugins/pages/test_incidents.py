"""Incidents, their messages, and the one thing that a person changes."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import text

import factories
from driftgate.record.incidents import IncidentStore
from driftgate.records import (
    Cause,
    LikelyCause,
    Severity,
)
from page_data import API, DAG, JSON, NASTY, OWN, Get, open_incident, save_window
from ui_app import login


def test_incidents_come_with_their_likely_causes_and_messages(get: Get, store: Any) -> None:
    cause = LikelyCause(NASTY, "drift_score", 0.4, 0.1, 4.0, 0.3, "far beyond")
    number = open_incident(store, severity=Severity.CRITICAL, likely_causes=[cause], model_version="1")
    save_message(store, number)
    item = get("incidents")["items"][0]
    assert (item["id"], item["cause"], item["severity"], item["detail"], item["owner"]) == (number, "policy", "critical", NASTY, NASTY)
    assert item["likely_causes"][0]["column"] == NASTY
    assert [(sent["channel"], sent["state"], sent["error"]) for sent in item["messages"]] == [("ops", "failed", "550 no such user")]
    assert item["may"] == {"acknowledge": False}
    assert get(f"{OWN}/incidents")["items"][0]["id"] == number
    health = get("health")
    assert (health["messages"]["failed"], health["messages"]["last_error"]) == (1, "550 no such user")
    assert health["sinks"] == []


def save_message(store: Any, incident: int) -> None:
    with store.engine.begin() as connection:
        connection.execute(
            text("""INSERT INTO driftgate.message (key, incident_id, monitor, event, channel, state, attempts, last_error)
                    VALUES ('k', :id, 'trips', 'opened', 'ops', 'failed', 5, '550 no such user')"""),
            {"id": incident},
        )


def test_a_sink_that_lacks_windows_is_named(get: Get, store: Any) -> None:
    window = save_window(store, 0)
    with store.engine.begin() as connection:
        connection.execute(
            text("""INSERT INTO driftgate.export (monitor, window_start, window_end, sink, state, error)
                    VALUES ('trips', :start, :end, 'influxdb', 'failed', 'timed out'), ('gone', :start, :end, 'influxdb', 'failed', 'other')"""),
            {"start": window.start, "end": window.end},
        )
    sink = get("health")["sinks"][0]
    assert (sink["sink"], sink["failed"], sink["last_error"], sink["last_failed"]["monitor"]) == ("influxdb", 1, "timed out", "trips")


def test_the_worst_open_incident_comes_first_and_resolved_ones_are_kept(get: Get, store: Any) -> None:
    critical = open_incident(store, "trips", severity=Severity.CRITICAL)
    warning = open_incident(store, "taxis")
    resolved = open_incident(store, "taxis", cause=Cause.GATE)
    IncidentStore(store.engine).resolve("taxis", [Cause.GATE], factories.make_window(1))
    assert [item["id"] for item in get("incidents")["items"]] == [critical, warning]
    everything = get("incidents", state="all", limit=2)
    assert [item["id"] for item in everything["items"]] == [resolved, warning]
    assert (everything["total"], everything["open"]) == (3, 2)
    assert everything["items"][0]["resolved_window"]["start"] == "2024-01-02T00:00:00Z"
    assert [item["id"] for item in get("incidents", state="all", before=everything["next_before"])["items"]] == [critical]


def acknowledge(pages: Any, number: Any, role: str = "user", dag_id: str = DAG, **headers: str) -> Any:
    address = f"{API}/monitors/{dag_id}/incidents/{number}/acknowledge"
    return pages.post(address, content="{}", headers={**JSON, **login(role, name="anna"), **headers})


def test_a_person_acknowledges_an_incident_by_name(pages: Any, store: Any) -> None:
    number = open_incident(store)
    answer = acknowledge(pages, number)
    assert answer.status_code == 200
    assert (answer.json()["acknowledged_by"], answer.json()["resolved"]) == ("anna", None)
    assert IncidentStore(store.engine).find(number).acknowledged_by == "anna"
    assert acknowledge(pages, number, role="admin").status_code == 200


def test_a_viewer_acknowledges_nothing(pages: Any, store: Any) -> None:
    number = open_incident(store)
    assert acknowledge(pages, number, role="viewer").status_code == 403
    assert pages.post(f"{OWN}/incidents/{number}/acknowledge", content="{}", headers=JSON).status_code == 401
    assert IncidentStore(store.engine).find(number).acknowledged is None


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Content-Type": "application/x-www-form-urlencoded"}, 415),
        ({"Content-Type": "text/plain"}, 415),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
    ],
)
def test_only_the_pages_own_requests_change_anything(pages: Any, store: Any, headers: dict[str, str], status: int) -> None:
    number = open_incident(store)
    assert acknowledge(pages, number, **headers).status_code == status
    assert (IncidentStore(store.engine).find(number).acknowledged is None) == (status != 200)


def test_an_incident_of_another_monitor_or_a_resolved_one_is_not_acknowledged(pages: Any, store: Any) -> None:
    number = open_incident(store, "taxis")
    assert acknowledge(pages, number).status_code == 404
    assert acknowledge(pages, 999_999).status_code == 404
    assert acknowledge(pages, 10**30).status_code in (404, 422)
    assert acknowledge(pages, "x").status_code == 422
    IncidentStore(store.engine).resolve("taxis", [Cause.POLICY], factories.make_window(1))
    answer = acknowledge(pages, number, dag_id="monitor__taxis")
    assert (answer.status_code, "resolved" in answer.json()["detail"]) == (409, True)
    assert IncidentStore(store.engine).find(number).acknowledged is None
