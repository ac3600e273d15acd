"""One monitor: its series, heat map, windows and retrainings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from driftgate.records import (
    Action,
    Decision,
    Direction,
    Family,
    Metric,
    MetricVerdict,
    RetrainVerdict,
)
from driftgate.settings import Settings
from fleet_data import Size, fill
from page_data import NASTY, OWN, Get, drift, retraining, save_window
from ui_app import login, mounted


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
    assert page["may"] == {"acknowledge": False, "draw": False}
    assert get(OWN, role="user")["may"] == {"acknowledge": True, "draw": True}


def test_a_series_holds_every_window_with_its_threshold(get: Get, store: Any) -> None:
    save_window(store, 0, metrics=(drift(NASTY, 0.05), drift("hour", 0.3)))
    save_window(store, 1, metrics=(drift(NASTY, 0.2),))
    found = get(f"{OWN}/series", family="data_drift", metric="drift_score", column=[NASTY, "gone"])
    assert found["fields"] == ["start", "value", "threshold", "verdict", "model_version", "reference", "end", "low", "high"]
    first, gone = found["series"]
    assert first["column"] == NASTY
    assert first["points"] == [
        ["2024-01-01T00:00:00Z", 0.05, 0.1, "ok", "1", None, "2024-01-02T00:00:00Z", None, None],
        ["2024-01-02T00:00:00Z", 0.2, 0.1, "alarm", "1", None, "2024-01-03T00:00:00Z", None, None],
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


def test_a_score_of_too_few_rows_makes_no_column_look_bad(get: Get, store: Any) -> None:
    """A learned limit is known for small windows too; what they exceed it by is not news."""
    few = Metric(
        Family.DATA_DRIFT, "drift_score", 0.9, "small", threshold=0.1, direction=Direction.ABOVE, verdict=MetricVerdict.TOO_FEW_ROWS
    )
    save_window(store, 0, metrics=(few, drift("calm", 0.05)))
    save_window(store, 1, metrics=(drift("small", 0.025), drift("calm", 0.05)))
    found = get(f"{OWN}/heatmap")
    assert [(item["name"], item["worst"], item["too_few"]) for item in found["columns"]] == [("calm", 0.5, 0), ("small", 0.25, 1)]
    assert found["verdict"][1] == [2, 0]
    assert [window["rows"] for window in found["windows"]] == [200, 200]


def test_the_heat_map_shows_errors_and_what_all_columns_say_together(get: Get, store: Any) -> None:
    above = {"threshold": 1.0, "direction": Direction.ABOVE, "verdict": MetricVerdict.OK}
    save_window(
        store,
        0,
        metrics=(
            drift("hour", 0.05),
            Metric(Family.CONCEPT_DRIFT, "drift_score", 0.9, "residual", **above),
            Metric(Family.DATA_DRIFT, "multivariate_drift", 0.7, **above),
            Metric(Family.DATA_DRIFT, "slow_drift", 0.3, "hour", method="position", **above),
            Metric(Family.DATA_DRIFT, "slow_drift", 0.2, method="multivariate_drift", **above),
            Metric(Family.DATA_QUALITY, "missing_share", 0.2),
        ),
    )
    assert [(item["name"], item["family"], item["metric"]) for item in get(f"{OWN}/heatmap")["columns"]] == [
        ("residual", "concept_drift", "drift_score"),
        ("", "data_drift", "multivariate_drift"),
        ("hour", "data_drift", "drift_score"),
    ]
    slow = get(f"{OWN}/heatmap", metric="slow_drift")
    assert [(item["name"], item["method"]) for item in slow["columns"]] == [("hour", "position"), ("", "multivariate_drift")]
    assert slow["ratio"] == [[0.3], [0.2]]
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
