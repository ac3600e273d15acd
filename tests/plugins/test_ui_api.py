"""The pages' data: who may read it, what it says, what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

import factories
from driftgate.record.incidents import IncidentStore
from driftgate.records import (
    Action,
    Batch,
    BatchStatus,
    Cause,
    Comparison,
    Decision,
    Direction,
    FailedExpectation,
    Family,
    GateResult,
    GateVerdict,
    LikelyCause,
    Measures,
    Metric,
    MetricVerdict,
    Retraining,
    RetrainVerdict,
    Severity,
    Window,
)
from driftgate.settings import Settings, load
from fleet_data import Size, fill
from ui_app import login, mounted, write_monitor

NASTY = """<img src=x onerror=alert(1)>'";DROP TABLE driftgate.metric;--"""
DAG = "monitor__trips"
API = "/driftgate/api"
OWN = f"{API}/monitors/{DAG}"
JSON = {"Content-Type": "application/json"}

Get = Callable[..., Any]


@pytest.fixture
def monitors(tmp_path: Path) -> Path:
    folder = tmp_path / "monitors"
    write_monitor(folder, "trips", owner=NASTY, schedule={"timezone": "Europe/Berlin"})
    write_monitor(folder, "taxis")
    return folder


@pytest.fixture
def pages(settings: Settings, monitors: Path, airflow_db: Path, store: Any, postgres_uri: str) -> Iterator[Any]:
    with mounted(settings, monitors_dir=monitors, database_uri=postgres_uri, mlflow_uri="http://mlflow.test:5000") as client:
        yield client


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, airflow_db: Path, postgres_uri: str) -> Iterator[Any]:
    """One client for the tests that neither write nor read any record."""
    folder = tmp_path_factory.mktemp("shared")
    write_monitor(folder / "monitors", "trips")
    settings = load(
        {"DRIFTGATE_HOME": str(folder), "DRIFTGATE_MONITORS_DIR": str(folder / "monitors"), "DRIFTGATE_DATABASE_URI": postgres_uri}
    )
    with mounted(settings) as client:
        yield client


@pytest.fixture
def get(pages: Any) -> Get:
    """Ask as a viewer: ``get("fleet")``; an answer that is not 200 fails the test unless ``status`` names it."""
    return asking(pages)


@pytest.fixture
def refused(shared: Any) -> Get:
    """Ask the shared application as a viewer."""
    return asking(shared)


def asking(client: Any) -> Get:
    def ask(path: str, status: int = 200, role: str = "viewer", **params: Any) -> Any:
        address = path if path.startswith("/") else f"{API}/{path}"
        answer = client.get(address, params=params, headers=login(role))
        assert answer.status_code == status, answer.text
        return answer.json()

    return ask


def save_window(
    store: Any, day: int = 0, monitor: str = "trips", *, metrics: tuple[Metric, ...] = (), version: str = "1", **more: Any
) -> Window:
    """Record one measured window that passed the gate."""
    window = factories.make_window(day)
    batch = Batch(monitor, window, BatchStatus.INGESTED, rows=200, model_version=version, dag_run=f"manual__{day}", **more)
    store.save_batch(batch)
    store.save_gate(batch, GateResult(monitor, window, "suite", GateVerdict.PASS, 18, data_docs=f"validations/{day}.html"))
    defaults = (
        Metric(Family.DATA_DRIFT, "drift_share", 0.25, threshold=0.5, direction=Direction.ABOVE, verdict=MetricVerdict.OK),
        Metric(Family.DATA_DRIFT, "drifted_columns", 1),
        Metric(Family.DATA_DRIFT, "judged_columns", 4),
        Metric(Family.PERFORMANCE, "mae", 3.0, threshold=1.5, direction=Direction.ABOVE, verdict=MetricVerdict.ALARM, reference_value=1.0),
    )
    store.save_measures(batch, Measures(monitor, window, version, 200, defaults + metrics))
    return window


def drift(column: str, value: float | None, threshold: float = 0.1, direction: Direction = Direction.ABOVE) -> Metric:
    beyond = value is not None and (value > threshold if direction is Direction.ABOVE else value < threshold)
    verdict = MetricVerdict.TOO_FEW_ROWS if value is None else MetricVerdict.ALARM if beyond else MetricVerdict.OK
    return Metric(
        Family.DATA_DRIFT, "drift_score", value, column, threshold=threshold, direction=direction, verdict=verdict, method="wasserstein"
    )


def open_incident(store: Any, monitor: str = "trips", day: int = 0, cause: Cause = Cause.POLICY, **more: Any) -> int:
    return IncidentStore(store.engine).open(monitor, cause, factories.make_window(day), NASTY, **more).id


# --- who may ----------------------------------------------------------------------------------------------------------

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


# --- the fleet --------------------------------------------------------------------------------------------------------


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


def retraining(day: int, verdict: RetrainVerdict, version: str) -> Retraining:
    comparison = Comparison("mae", 50, {"mae": 3.0}, {"mae": 1.0}, {f"vendor={NASTY}": {"mae": 3.0}}, {}, 2.0, 1.5, 2.5, True, "better")
    return Retraining("trips", factories.make_window(day), verdict, "1", version, comparison, "abc123", approver=NASTY)


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


# --- one monitor ------------------------------------------------------------------------------------------------------


def test_the_head_of_a_monitor_says_what_can_be_drawn(get: Get, store: Any) -> None:
    save_window(store, 0, metrics=(drift("distance", 0.05), Metric(Family.PERFORMANCE, "mae", 2.0, segment=f"vendor={NASTY}")))
    save_window(store, 1, metrics=(drift("distance", 0.05), Metric(Family.PERFORMANCE, "mae", 2.0, segment=f"vendor={NASTY}")), version="2")
    page = get(OWN)
    assert {"name": "vendor", "role": "categorical", "segment": True} in page["columns"]
    assert {"family": "data_drift", "metric": "drift_score", "columns": 1, "segments": 0} in page["metrics"]
    assert page["segments"] == [f"vendor={NASTY}"]
    assert [item["version"] for item in page["model_versions"]] == ["2", "1"]
    assert page["windows"] == {"count": 2, "first": "2024-01-01T00:00:00Z", "last": "2024-01-02T00:00:00Z"}
    assert page["policy"]["rules"] == ["mae above 1.5 x reference", "drift_share above 0.5"]
    assert page["may"] == {"acknowledge": False}
    assert get(OWN, role="user")["may"] == {"acknowledge": True}


def test_a_series_holds_every_window_with_its_threshold(get: Get, store: Any) -> None:
    save_window(store, 0, metrics=(drift(NASTY, 0.05), drift("hour", 0.3)))
    save_window(store, 1, metrics=(drift(NASTY, 0.2),))
    found = get(f"{OWN}/series", family="data_drift", metric="drift_score", column=[NASTY, "gone"])
    assert found["fields"] == ["start", "value", "threshold", "verdict", "model_version", "reference", "end"]
    first, gone = found["series"]
    assert first["column"] == NASTY
    assert first["points"] == [
        ["2024-01-01T00:00:00Z", 0.05, 0.1, "ok", "1", None, "2024-01-02T00:00:00Z"],
        ["2024-01-02T00:00:00Z", 0.2, 0.1, "alarm", "1", None, "2024-01-03T00:00:00Z"],
    ]
    assert (first["direction"], first["method"], first["sampling"]["sampled"]) == ("above", "wasserstein", False)
    assert gone["points"] == []
    segment = get(f"{OWN}/series", family="performance", metric="mae", segment=NASTY)
    assert segment["series"][0]["points"] == []


def test_a_series_shows_each_window_as_measured_last_or_by_one_version(get: Get, store: Any) -> None:
    for version, value in (("1", 0.1), ("2", 0.2)):
        save_window(store, 0, metrics=(drift("hour", value),), version=version)
    ask = {"family": "data_drift", "metric": "drift_score", "column": "hour"}
    assert [point[1] for point in get(f"{OWN}/series", **ask)["series"][0]["points"]] == [0.2]
    assert [point[1] for point in get(f"{OWN}/series", **ask, model_version="1")["series"][0]["points"]] == [0.1]


def test_ranges_are_read_in_the_monitors_time_zone(get: Get, store: Any) -> None:
    for day in range(4):
        save_window(store, day)

    def starts(**limits: Any) -> list[str]:
        points = get(f"{OWN}/series", family="batch", metric="rows", **limits)["series"][0]["points"]
        return [point[0][:10] for point in points]

    assert starts() == ["2024-01-01", "2024-01-02", "2024-01-03", "2024-01-04"]
    assert starts(last=2) == ["2024-01-03", "2024-01-04"]
    assert starts(**{"from": "2024-01-02", "to": "2024-01-04"}) == ["2024-01-02", "2024-01-03"]
    assert starts(**{"from": "2024-01-02T01:30"}) == ["2024-01-03", "2024-01-04"], "half past one in Berlin is after midnight UTC"
    assert starts(**{"from": "2024-01-02T00:30+00:00"}) == ["2024-01-03", "2024-01-04"]


CLIMBING = """
    UPDATE driftgate.metric SET monitor = 'trips', model_version = (SELECT measured_model_version FROM driftgate.batch b WHERE b.window_start = metric.window_start),
        value = v.value, verdict = v.verdict
    FROM (SELECT window_start, CASE WHEN day = 137 THEN 0.9 ELSE 0.01 + day / 100000.0 END AS value, CASE WHEN day = 137 THEN 'alarm' ELSE 'ok' END AS verdict
          FROM (SELECT window_start, row_number() OVER (ORDER BY window_start) - 1 AS day FROM driftgate.batch) AS days) AS v
    WHERE v.window_start = metric.window_start
"""


def test_a_long_series_is_thinned_but_no_alarm_is_lost(get: Get, store: Any) -> None:
    fill(store.engine, Size(monitors=1, columns=1, windows=400))
    with store.engine.begin() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        connection.execute(text("UPDATE driftgate.batch SET monitor = 'trips'"))
        connection.execute(text(CLIMBING))
    found = get(f"{OWN}/series", family="data_drift", metric="drift_score", column="feature_001", last="all", points=100)["series"][0]
    assert found["sampling"]["windows"] == 400
    assert found["sampling"]["sampled"] is True
    assert len(found["points"]) == found["sampling"]["points"] <= 100
    assert [point[1] for point in found["points"] if point[3] == "alarm"] == [0.9]
    assert found["points"] == sorted(found["points"])
    assert (found["points"][0][1], found["points"][-1][1]) == (0.01, pytest.approx(0.01399))


def test_the_heat_map_ranks_columns_by_their_alarms(get: Get, store: Any) -> None:
    below = Direction.BELOW
    save_window(store, 0, metrics=(drift("calm", 0.05), drift(NASTY, 0.2), drift("p", 0.0005, 0.05, below), drift("few", None)))
    save_window(store, 1, metrics=(drift("calm", 0.02), drift(NASTY, 0.4), drift("p", 0.5, 0.05, below), drift("few", None)))
    found = get(f"{OWN}/heatmap")
    assert [(item["name"], item["alarms"]) for item in found["columns"]] == [(NASTY, 2), ("p", 1), ("calm", 0), ("few", 0)]
    assert found["ratio"] == [[2.0, 4.0], [3.0, 0.0], [0.5, 0.2], [None, None]]
    assert found["verdict"] == [[1, 1], [1, 0], [0, 0], [2, 2]]
    assert found["value"][0] == [0.2, 0.4]
    assert [item["label"] for item in found["windows"]] == ["2024-01-01 01:00 to 2024-01-02 01:00", "2024-01-02 01:00 to 2024-01-03 01:00"]
    assert found["totals"] == {"columns": 4, "shown": 4, "windows": 2, "cells": 2, "windows_per_cell": 1}
    assert [item["name"] for item in get(f"{OWN}/heatmap", limit=1)["columns"]] == [NASTY]
    assert [item["name"] for item in get(f"{OWN}/heatmap", search="CAL")["columns"]] == ["calm"]
    assert get(f"{OWN}/heatmap", search="%")["columns"] == []
    assert get(f"{OWN}/heatmap", metric="missing_share")["columns"] == []


def test_many_windows_share_cells_that_show_the_worst(get: Get, store: Any) -> None:
    for day in range(25):
        save_window(store, day, metrics=(drift("hour", 0.5 if day == 4 else 0.05),))
    found = get(f"{OWN}/heatmap", last="all", windows=10)
    assert (found["totals"]["cells"], found["totals"]["windows_per_cell"]) == (9, 3)
    assert [item["count"] for item in found["windows"]] == [3] * 8 + [1]
    assert found["ratio"][0] == [0.5, 5.0] + [0.5] * 7
    assert found["at"][0][1] == "2024-01-05T00:00:00Z"
    assert "worst" in found["rule"]


def test_lists_are_paged_by_window(get: Get, store: Any) -> None:
    for day in range(5):
        window = save_window(store, day)
        store.save_decision(Decision("trips", window, "1", Action.ALERT if day % 2 else Action.NO_ACTION, (NASTY,), ()))
    seen, before = [], None
    while True:
        page = get(f"{OWN}/windows", limit=2, **({"before": before} if before else {}))
        seen += [item["window"]["start"][:10] for item in page["items"]]
        before = page["next_before"]
        if before is None:
            break
    assert seen == [f"2024-01-0{day}" for day in (5, 4, 3, 2, 1)]
    assert page["total"] == 5
    assert [item["reasons"] for item in get(f"{OWN}/decisions", only="alert")["items"]] == [[NASTY]] * 2
    assert get(f"{OWN}/gates", only="fail")["items"] == []
    assert get(f"{OWN}/windows", **{"from": "2024-01-04"})["total"] == 2


def test_a_window_leads_to_everything_that_was_made_of_it(get: Get, store: Any, pages: Any) -> None:
    window = save_window(store, 0)
    store.save_report("trips", window, "evidently", "/somewhere/evidently.html")
    store.save_report("trips", window, "mlflow", "http://mlflow.test:5000/#/experiments/1/runs/abc123")
    item = get(f"{OWN}/windows")["items"][0]
    assert item["links"] == {
        "page": f"/plugin/driftgate/driftgate/pages/monitor.html?dag=monitor__trips&window={window.key}",
        "dag_run": "/dags/monitor__trips/runs/manual__0",
        "data_docs": "/plugin/data-docs/driftgate/data-docs/validations/0.html",
        "evidently": f"/plugin/driftgate/driftgate/reports/monitor__trips/{window.key}/evidently.html",
        "mlflow": "http://mlflow.test:5000/#/experiments/1/runs/abc123",
        "grafana": None,
    }
    assert (item["drift"]["share"], item["performance"]["ratio"], item["gate"]["verdict"]) == (0.25, 3.0, "pass")


def test_grafana_is_linked_where_there_is_one(settings: Settings, monitors: Path, airflow_db: Path, store: Any, postgres_uri: str) -> None:
    save_window(store, 0)
    client = mounted(settings, monitors_dir=monitors, database_uri=postgres_uri, grafana_url="http://grafana.test")
    item = client.get(f"{OWN}/windows", headers=login("viewer")).json()["items"][0]
    assert item["links"]["grafana"] == "http://grafana.test/d/driftgate-model?var-monitor=trips&from=1704067200000&to=1704153600000"


def test_retrainings_show_both_models(get: Get, store: Any) -> None:
    store.save_retraining(retraining(3, RetrainVerdict.PROMOTED, "2"))
    item = get(f"{OWN}/retrainings")["items"][0]
    assert (item["champion"], item["challenger"], item["verdict"], item["approver"]) == ("1", "2", "promoted", NASTY)
    assert (item["champion_scores"], item["challenger_scores"], item["gain_low"]) == ({"mae": 3.0}, {"mae": 1.0}, 1.5)
    assert item["champion_segments"] == {f"vendor={NASTY}": {"mae": 3.0}}
    assert item["links"]["mlflow"] == "http://mlflow.test:5000/#/runs/abc123"


# --- incidents --------------------------------------------------------------------------------------------------------


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


# --- what cannot be answered ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dag_id", "hint"),
    [
        ("monitor__gone", "There is no monitor gone"),
        ("retrain__trips", "open monitor__trips"),
        ("somebody_elses_dag", "is not the DAG of a monitor"),
        ("monitor__..", "is not the DAG of a monitor"),
        ("monitor__x'; DROP TABLE driftgate.batch", "is not the DAG of a monitor"),
    ],
)
@pytest.mark.parametrize("rest", ["", "/heatmap", "/windows", "/incidents"])
def test_dags_that_are_no_monitors_are_told_apart(refused: Get, dag_id: str, hint: str, rest: str) -> None:
    assert hint in refused(f"{API}/monitors/{dag_id}{rest}", 404)["detail"]


@pytest.mark.parametrize(
    ("path", "params", "word"),
    [
        ("series", {"family": "data_drift"}, "metric"),
        ("series", {"family": "astrology", "metric": "x"}, "family"),
        ("series", {"family": "data_drift", "metric": "x", "points": "5"}, "points"),
        ("series", {"family": "data_drift", "metric": "x", "column": ["c"] * 13}, "column"),
        ("heatmap", {"from": "yesterday"}, "from"),
        ("heatmap", {"to": "2024-13-01"}, "to"),
        ("heatmap", {"from": "0001-01-01T00:00+14:00"}, "from"),
        ("heatmap", {"last": "0"}, "last"),
        ("heatmap", {"last": "1e9"}, "last"),
        ("heatmap", {"limit": "100000"}, "limit"),
        ("heatmap", {"metric": "x"}, "metric"),
        ("windows", {"before": "20240101"}, "before"),
        ("windows", {"before": "20241301T000000Z-20240102T000000Z"}, "before"),
        ("windows", {"limit": "0"}, "limit"),
        ("incidents", {"state": "x"}, "state"),
        ("incidents", {"before": "1; DROP TABLE"}, "before"),
    ],
)
def test_parameters_that_cannot_be_read_are_named(refused: Get, path: str, params: dict[str, Any], word: str) -> None:
    assert refused(f"{OWN}/{path}", 422, **params)["detail"].startswith(word)


def test_an_unknown_list_is_refused(refused: Get) -> None:
    refused(f"{OWN}/passwords", 422)


def test_text_with_a_nul_character_is_refused(get: Get, store: Any) -> None:
    save_window(store, 0, metrics=(drift("hour", 0.1),))
    assert "NUL" in get(f"{OWN}/heatmap", 422, search="a\0b")["detail"]
    assert "NUL" in get(f"{OWN}/series", 422, family="data_drift", metric="a\0", column="c")["detail"]


def test_a_database_that_is_down_is_said_to_be_down(settings: Settings, monitors: Path, airflow_db: Path) -> None:
    client = mounted(settings, monitors_dir=monitors, database_uri="postgresql+psycopg2://u:secret@127.0.0.1:9/x")
    answer = client.get(f"{API}/fleet", headers=login("viewer"))
    assert answer.status_code == 503
    assert "PostgreSQL at 127.0.0.1:9/x did not answer" in answer.json()["detail"]
    assert "secret" not in answer.text


def test_a_database_without_tables_names_the_command(
    settings: Settings, monitors: Path, airflow_db: Path, postgres_uri: str, store: Any
) -> None:
    with store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("CREATE DATABASE empty_records"))
        try:
            client = mounted(settings, monitors_dir=monitors, database_uri=postgres_uri.rpartition("/")[0] + "/empty_records")
            answer = client.get(f"{API}/fleet", headers=login("viewer"))
        finally:
            connection.execute(text("DROP DATABASE empty_records WITH (FORCE)"))
    assert (answer.status_code, "driftgate migrate" in answer.json()["detail"]) == (503, True)


def test_an_installation_without_a_database_says_what_to_set(settings: Settings, monitors: Path, airflow_db: Path) -> None:
    client = mounted(settings, monitors_dir=monitors)
    answer = client.get(f"{API}/fleet", headers=login("viewer"))
    assert (answer.status_code, "DRIFTGATE_DATABASE_URI" in answer.json()["detail"]) == (503, True)


def test_the_airflow_connection_leads_to_the_records_too(
    settings: Settings, monitors: Path, airflow_db: Path, records_connection: str, store: Any
) -> None:
    save_window(store, 0)
    fleet = mounted(settings, monitors_dir=monitors).get(f"{API}/fleet", headers=login("viewer")).json()
    assert fleet["monitors"][0]["window"]["rows"] == 200


def test_the_database_is_only_read(store: Any) -> None:
    from sqlalchemy.exc import InternalError

    from driftgate.record.overview import reading

    with pytest.raises(InternalError, match="read-only"), reading(store.engine) as connection:
        connection.execute(text("DELETE FROM driftgate.batch"))


# --- files ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def static(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of pages of the test's own."""
    from driftgate_airflow.ui import app

    folder = tmp_path / "static"
    (folder / "js").mkdir(parents=True)
    (folder / "index.html").write_text("<!doctype html>")
    (folder / "js" / "a.js").write_text("export {};")
    (tmp_path / "secret.txt").write_text("secret")
    monkeypatch.setattr(app, "PAGES_DIR", folder)
    return folder


@pytest.mark.parametrize(
    "path", ["..%2fsecret.txt", "../secret.txt", "%2e%2e/secret.txt", "js/..%2f..%2fsecret.txt", "/etc/passwd", "x%00.html"]
)
def test_paths_out_of_the_pages_are_refused(shared: Any, static: Path, path: str) -> None:
    assert shared.get(f"/driftgate/pages/{path}", headers=login("viewer")).status_code == 404


def test_pages_may_run_only_their_own_scripts(shared: Any, static: Path) -> None:
    answer = shared.get("/driftgate/pages/index.html", headers=login("viewer"))
    policy = answer.headers["content-security-policy"]
    for rule in ("default-src 'self'", "script-src 'self';", "connect-src 'self'", "frame-ancestors 'self'", "form-action 'none'"):
        assert rule in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert shared.get("/driftgate/pages/js/a.js", headers=login("viewer")).headers["content-type"].startswith("text/javascript")


def test_a_page_is_asked_for_again_but_sent_only_when_it_changed(shared: Any, static: Path) -> None:
    first = shared.get("/driftgate/pages/index.html", headers=login("viewer"))
    known = {**login("viewer"), "If-None-Match": first.headers["etag"]}
    assert shared.get("/driftgate/pages/index.html", headers=known).status_code == 304
    assert shared.get("/driftgate/pages/index.html", headers={"If-None-Match": first.headers["etag"]}).status_code == 401
    (static / "index.html").write_text("<!doctype html><title>new</title>")
    assert shared.get("/driftgate/pages/index.html", headers=known).status_code == 200


def test_data_is_never_kept_by_the_browser(shared: Any) -> None:
    assert shared.get(f"{API}/fleet", headers=login("viewer")).headers["cache-control"] == "no-store"


# --- the plugin and the schedule --------------------------------------------------------------------------------------


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
