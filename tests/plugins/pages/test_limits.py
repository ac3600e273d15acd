"""What limits rest on, the ranges of values, and the numbers of one window."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from driftgate.config.rule import Rule
from driftgate.record.calibrations import CalibrationStore
from driftgate.records import Direction, Family, Metric, MetricVerdict
from driftgate.settings import Settings
from driftgate_airflow.ui.known import sentence
from page_data import OWN, Get, asking, calibration, save_window
from ui_app import mounted, write_monitor

BANDED = Metric(Family.PERFORMANCE_ESTIMATED, "estimated_mae", 3.1, low=2.0, high=4.5, method="dle", reference_value=1.0)
SYSTEM = (Metric(Family.SYSTEM, "freshness_seconds", 600.0), Metric(Family.SYSTEM, "row_ratio", 0.98, reference_value=1.0))
GAPS = (Metric(Family.FAIRNESS, "mae_gap", 1.2, "vendor"), Metric(Family.FAIRNESS, "group_mae", 3.0, "vendor", "vendor=a"))


def save(store: Any, version: str, **changes: Any) -> None:
    content = {"settings": "x", "calibration": calibration(**changes).to_dict(), "steady": None, "usual_rows": 200.0}
    CalibrationStore(store.engine).save("trips", version, content)


def test_the_head_of_a_monitor_says_what_its_limits_rest_on(get: Get, store: Any) -> None:
    save(store, "1")
    limits = get(OWN)["limits"]
    (found,) = limits["versions"]
    assert (limits["thresholds"], limits["minimum_rows"]) == ("calibrated", 30)
    assert (found["version"], found["budget"], found["windows"], found["usual_rows"]) == ("1", "1 false alarm per 91d", 62, 200.0)
    assert (found["first"][:10], found["last"][:10], found["notes"]) == ("2023-10-01", "2023-12-02", ["nothing of note"])
    columns = {item["column"]: item for item in found["columns"]}
    assert (columns["distance"]["regime"], columns["distance"]["minimum_rows"], columns["distance"]["needed"]) == ("sampling", 64, 64)
    assert columns["hour"]["needed"] == 30, "the monitor file asks for more rows than the test needs"
    assert (columns["vendor"]["minimum_rows"], columns["vendor"]["needed"]) == (None, 800), "in no size that was tried"
    assert found["values"] == [{"family": "performance", "metric": "mae", "column": "", "usual": 1.0, "low": None, "high": 1.8}]
    assert [(item["metric"], item["column"], item["limit"]) for item in found["slow"]] == [("position", "distance", 4.6)]


def test_every_model_version_has_its_own_limits_the_latest_first(get: Get, store: Any) -> None:
    save(store, "1")
    save(store, "2", windows=40)
    assert [(item["version"], item["windows"]) for item in get(OWN)["limits"]["versions"]] == [("2", 40), ("1", 62)]


def test_a_reference_that_taught_nothing_shows_nothing(get: Get, store: Any) -> None:
    CalibrationStore(store.engine).save("trips", "1", {"settings": "x", "calibration": None, "steady": None, "usual_rows": None})
    assert get(OWN)["limits"]["versions"] == []


def test_fixed_limits_rest_on_nothing(settings: Settings, tmp_path: Path, airflow_db: Path, store: Any, postgres_uri: str) -> None:
    save(store, "1")
    write_monitor(tmp_path / "monitors", "trips", measures={"thresholds": "fixed"})
    with mounted(settings, monitors_dir=tmp_path / "monitors", database_uri=postgres_uri) as client:
        limits = asking(client)(OWN)["limits"]
    assert (limits["thresholds"], limits["versions"]) == ("fixed", [])


def test_a_series_has_the_range_of_its_values(get: Get, store: Any) -> None:
    save_window(store, 0, metrics=(BANDED,))
    (series,) = get(f"{OWN}/series", family="performance_estimated", metric="estimated_mae")["series"]
    assert series["points"][0][-2:] == [2.0, 4.5]


def test_the_numbers_of_a_window_are_those_of_the_families_asked_for(get: Get, store: Any) -> None:
    save_window(store, 0, metrics=(BANDED, *SYSTEM))
    window = save_window(store, 1, metrics=(BANDED, *SYSTEM, *GAPS))
    found = get(f"{OWN}/numbers", window=window.key, family=["performance_estimated", "fairness", "system"])
    assert found["window"]["key"] == window.key
    names = [(item["metric"], item["column"], item["segment"], item["value"]) for item in found["items"]]
    assert names == [
        ("group_mae", "vendor", "vendor=a", 3.0),
        ("mae_gap", "vendor", "", 1.2),
        ("estimated_mae", "", "", 3.1),
        ("freshness_seconds", "", "", 600.0),
        ("row_ratio", "", "", 0.98),
    ]
    estimated = found["items"][2]
    assert (estimated["low"], estimated["high"], estimated["reference"], estimated["method"]) == (2.0, 4.5, 1.0, "dle")
    assert get(f"{OWN}/numbers", window="20200101T000000Z-20200102T000000Z", family="system")["items"] == []


def test_the_numbers_are_of_the_version_that_measured_the_window_last(get: Get, store: Any) -> None:
    for version, value in (("1", 0.5), ("2", 0.7)):
        window = save_window(store, 0, metrics=(Metric(Family.SYSTEM, "row_ratio", value),), version=version)
    assert [item["value"] for item in get(f"{OWN}/numbers", window=window.key, family="system")["items"]] == [0.7]


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"window": "yesterday", "family": "system"}, "not the key of a window"),
        ({"window": "20200101T000000Z-20200102T000000Z", "family": "weather"}, "'weather' is unknown"),
        ({"window": "20200101T000000Z-20200102T000000Z"}, "family"),
    ],
)
def test_a_question_about_numbers_that_cannot_be_read_is_refused(refused: Get, asked: Any, says: str) -> None:
    assert says in str(refused(f"{OWN}/numbers", 422, **asked)["detail"])


def test_the_page_of_the_monitor_names_the_gaps_that_can_be_drawn(
    settings: Settings, tmp_path: Path, airflow_db: Path, postgres_uri: str
) -> None:
    write_monitor(tmp_path / "monitors", "trips", fairness={"columns": ["vendor"]})
    with mounted(settings, monitors_dir=tmp_path / "monitors", database_uri=postgres_uri) as client:
        assert asking(client)(OWN)["fairness"] == {"columns": ["vendor"], "gaps": ["mae_gap", "mean_error_gap"]}


def test_one_alarm_of_many_columns_is_drift_of_the_window(get: Get, store: Any) -> None:
    """With learned limits the share of drifted columns has no limit of its own: the data set's verdict counts."""
    alarm = Metric(Family.DATA_DRIFT, "dataset_drift", 1.0, threshold=0.5, direction=Direction.ABOVE, verdict=MetricVerdict.ALARM)
    save_window(store, 0, metrics=(alarm,))
    assert get(OWN)["drift"]["verdict"] == "alarm"
    assert get("fleet")["monitors"][0]["trend"]["drift_verdict"][-1] == "alarm"
    assert get(f"{OWN}/windows")["items"][0]["drift"]["verdict"] == "alarm"


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (Rule(metric="mae", calibrated=True), "mae beyond its learned limit"),
        (Rule(metric="estimated_mae", calibrated=True), "estimated_mae beyond its learned limit"),
        (
            Rule(metric="slow_drift", column="residual", calibrated=True),
            "the model's error over several windows beyond its learned limit",
        ),
        (Rule(metric="steady_residual", column="residual", calibrated=True), "steady error beyond its learned limit"),
        (Rule(metric="slow_drift", column="hour", above=5), "change of hour over several windows above 5"),
        (Rule(metric="mae", above_reference=1.5), "mae above 1.5 x reference"),
        (Rule(metric="drift_score", column="hour", below=0.05), "drift_score of hour below 0.05"),
    ],
)
def test_rules_read_as_sentences(rule: Rule, words: str) -> None:
    assert sentence(rule) == words
