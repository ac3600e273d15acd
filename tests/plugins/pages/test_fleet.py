"""The fleet: who may read it, and how each monitor is doing."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import factories
from driftgate.records import (
    Action,
    Batch,
    BatchStatus,
    Decision,
    FailedExpectation,
    Family,
    GateResult,
    GateVerdict,
    Measures,
    Metric,
    RetrainVerdict,
    Severity,
)
from page_data import API, NASTY, OWN, Get, open_incident, retraining, save_window
from ui_app import login, write_monitor

ADDRESSES = [
    f"{API}/fleet",
    f"{API}/incidents",
    f"{API}/health",
    OWN,
    f"{OWN}/series?family=data_drift&metric=drift_score",
    f"{OWN}/heatmap",
    f"{OWN}/marks",
    f"{OWN}/windows",
    f"{OWN}/gates",
    f"{OWN}/decisions",
    f"{OWN}/retrainings",
    f"{OWN}/incidents",
    "/driftgate/pages/index.html",
    "/driftgate/pages/",
    "/driftgate/icons/driftgate.svg",
]


@pytest.mark.parametrize("address", ADDRESSES)
def test_nothing_is_answered_without_a_login(shared: Any, address: str) -> None:
    assert shared.get(address).status_code == 401
    assert shared.get(address, headers=login(None)).status_code == 403


def test_a_browser_without_a_login_is_led_to_airflows_login_page(shared: Any) -> None:
    answer = shared.get("/driftgate/pages/monitor.html?dag=monitor__trips", headers={"Accept": "text/html"})
    assert answer.status_code == 302
    assert answer.headers["location"] == "/auth/login?next=%2Fdriftgate%2Fpages%2Fmonitor.html%3Fdag%3Dmonitor__trips"
    assert shared.get(f"{API}/fleet", headers={"Accept": "text/html"}).status_code == 401


def test_lists_hold_only_what_a_user_may_read(pages: Any, store: Any, monitors: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow.api_fastapi.app import get_auth_manager

    write_monitor(monitors, "broken", task="astrology")
    for name in ("trips", "taxis"):
        open_incident(store, name)
    hidden = {"monitor__taxis", "monitor__broken"}
    allow = type(get_auth_manager()).is_authorized_dag

    def is_allowed(self: Any, **request: Any) -> bool:
        return request["details"].id not in hidden and allow(self, **request)

    monkeypatch.setattr(type(get_auth_manager()), "is_authorized_dag", is_allowed)
    fleet = pages.get(f"{API}/fleet", headers=login("viewer")).json()
    assert [item["id"] for item in fleet["monitors"]] == ["trips"]
    assert fleet["broken"] == []
    incidents = pages.get(f"{API}/incidents", headers=login("viewer")).json()
    assert ([item["monitor"] for item in incidents["items"]], incidents["total"], incidents["open"]) == (["trips"], 1, 1)
    for address in (f"{API}/monitors/monitor__taxis", f"{API}/monitors/monitor__taxis/incidents", f"{API}/monitors/monitor__taxis/heatmap"):
        assert pages.get(address, headers=login("viewer")).status_code == 403


def test_a_fleet_without_records_shows_every_monitor(get: Get) -> None:
    fleet = get("fleet")
    assert [item["id"] for item in fleet["monitors"]] == ["taxis", "trips"]
    taxis = fleet["monitors"][0]
    assert (taxis["state"], taxis["window"], taxis["drift"], taxis["champion"]) == ("unknown", None, None, None)
    assert taxis["incidents"] == {"open": 0, "acknowledged": 0, "worst": None}
    assert taxis["next_run"] is taxis["paused"] is None, "Airflow does not know the DAG, which is no error"
    assert taxis["trend"]["start"] == []


def test_the_fleet_tells_how_each_monitor_is_doing(get: Get, store: Any) -> None:
    save_window(store, 0)
    window = save_window(store, 1)
    store.save_decision(Decision("trips", window, "1", Action.ALERT, ("mae is above its limit",), (), breached=True))
    open_incident(store, day=1, severity=Severity.CRITICAL)
    fleet = get("fleet")
    trips = fleet["monitors"][0]
    assert (trips["id"], trips["state"], trips["owner"]) == ("trips", "critical", NASTY)
    assert trips["state_reasons"][:2] == ["1 open incident", "mae is beyond its limit"]
    assert trips["window"] == {
        "start": "2024-01-02T00:00:00Z",
        "end": "2024-01-03T00:00:00Z",
        "key": window.key,
        "label": "2024-01-02 01:00 to 2024-01-03 01:00",
        "status": "measured",
        "rows": 200,
        "note": None,
    }
    assert trips["gate"] == {
        "verdict": "pass",
        "failed": 0,
        "evaluated": 18,
        "link": "/plugin/data-docs/driftgate/data-docs/validations/1.html",
    }
    assert trips["drift"] == {"share": 0.25, "threshold": 0.5, "verdict": "ok", "drifted_columns": 1, "judged_columns": 4}
    assert trips["performance"] == {
        "metric": "mae",
        "higher_is_better": False,
        "value": 3.0,
        "reference": 1.0,
        "ratio": 3.0,
        "threshold": 1.5,
        "verdict": "alarm",
        "window": trips["measured"],
    }
    assert trips["incidents"] == {"open": 1, "acknowledged": 0, "worst": "critical"}
    assert (trips["decision"]["action"], trips["decision"]["reasons"]) == ("alert", ["mae is above its limit"])
    assert trips["champion"] == {"version": "1", "since": None, "source": "measured"}
    assert trips["trend"]["drift_share"] == [0.25, 0.25]
    assert trips["trend"]["gate"] == ["pass", "pass"]
    assert trips["links"]["page"] == "/plugin/driftgate/driftgate/pages/monitor.html?dag=monitor__trips"


def test_a_quarantined_window_is_critical_and_leaves_the_last_numbers_in_sight(get: Get, store: Any) -> None:
    save_window(store, 0)
    batch = Batch("trips", factories.make_window(1), BatchStatus.QUARANTINED, rows=990)
    failed = (FailedExpectation("expect_column_values_to_not_be_null", NASTY, "critical", "3 of 9"),)
    store.save_gate(batch, GateResult("trips", batch.window, "suite", GateVerdict.FAIL, 18, failed))
    trips = get("fleet")["monitors"][0]
    assert (trips["state"], trips["window"]["status"], trips["gate"]["verdict"]) == ("critical", "quarantined", "fail")
    assert trips["measured"]["start"] == "2024-01-01T00:00:00Z"
    assert trips["performance"]["value"] == 3.0
    assert get(f"{OWN}/gates")["items"][0]["failed"][0]["column"] == NASTY
    assert [(mark["kind"], mark["text"]) for mark in get(f"{OWN}/marks", last="all")["marks"]] == [
        ("quarantine", "the gate stopped 990 rows")
    ]


def test_where_targets_come_late_the_newest_known_performance_is_shown(get: Get, store: Any) -> None:
    save_window(store, 0)
    late = Batch("trips", factories.make_window(1), BatchStatus.INGESTED, rows=200, model_version="1")
    store.save_batch(late)
    store.save_measures(late, Measures("trips", late.window, "1", 200, (Metric(Family.DATA_DRIFT, "drift_share", 0.5),)))
    trips = get("fleet")["monitors"][0]
    assert (trips["measured"]["start"], trips["drift"]["share"]) == ("2024-01-02T00:00:00Z", 0.5)
    assert (trips["performance"]["value"], trips["performance"]["window"]["start"]) == (3.0, "2024-01-01T00:00:00Z")
    assert trips["trend"]["performance"] == [3.0, None]


def test_the_champion_is_the_version_that_was_promoted_last(get: Get, store: Any) -> None:
    save_window(store, 0)
    for day, verdict, version in ((1, RetrainVerdict.PROMOTED, "2"), (2, RetrainVerdict.CHAMPION_STAYS, "3")):
        store.save_retraining(retraining(day, verdict, version))
    trips = get("fleet")["monitors"][0]
    assert (trips["champion"]["version"], trips["champion"]["source"]) == ("2", "promoted")
    assert (trips["retraining"]["challenger"], trips["retraining"]["verdict"]) == ("3", "champion_stays")


def test_broken_monitor_files_are_named(get: Get, monitors: Path) -> None:
    (monitors / "broken.yaml").write_text("id: broken\ntask: astrology\n")
    broken = get("fleet")["broken"]
    assert [(item["name"], item["file"]) for item in broken] == [("broken", "broken.yaml")]
    assert any("astrology" in problem for problem in broken[0]["problems"])
    assert "is not valid" in get(f"{API}/monitors/monitor__broken", 404)["detail"]


def test_a_changed_monitor_file_shows_at_once(get: Get, monitors: Path) -> None:
    get("fleet")
    write_monitor(monitors, "trips", owner="somebody else")
    assert get(OWN)["owner"] == "somebody else"


def test_the_fleet_asks_as_many_questions_for_twelve_monitors_as_for_two(pages: Any, monitors: Path) -> None:
    from sqlalchemy import Engine, event

    sent: list[str] = []

    def note(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        sent.append(statement)

    def count() -> int:
        sent.clear()
        assert pages.get(f"{API}/fleet", headers=login("viewer")).status_code == 200
        return len(sent)

    count()
    event.listen(Engine, "before_cursor_execute", note)
    try:
        few = count()
        for number in range(10):
            write_monitor(monitors, f"more_{number}")
        assert count() == few <= 10, "of both databases together"
    finally:
        event.remove(Engine, "before_cursor_execute", note)


def test_what_airflow_knows_of_a_dag_is_shown(get: Get, monitors: Path) -> None:
    from airflow.models.dag import DagModel
    from airflow.models.dagbundle import DagBundleModel
    from airflow.utils.session import create_session

    following = datetime(2030, 1, 1, tzinfo=UTC)
    names = ("monitor__taxis", "monitor__ferries")
    write_monitor(monitors, "ferries")
    with create_session() as session:
        session.merge(DagBundleModel(name="tests"))
        session.flush()
        for name, paused in zip(names, (False, True), strict=True):
            session.merge(DagModel(dag_id=name, bundle_name="tests", is_paused=paused, is_stale=False, next_dagrun_create_after=following))
    try:
        found = {item["id"]: item for item in get("fleet")["monitors"]}
    finally:
        with create_session() as session:
            for name in names:
                session.delete(session.get(DagModel, name))
    assert (found["taxis"]["next_run"], found["taxis"]["paused"]) == ("2030-01-01T00:00:00Z", False)
    assert (found["ferries"]["next_run"], found["ferries"]["paused"]) == (None, True)
