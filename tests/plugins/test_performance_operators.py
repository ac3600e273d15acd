"""The operators of `performance__<id>` on real files, PostgreSQL and MLflow."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

import factories
from driftgate.errors import SourceError
from driftgate.record.incidents import IncidentStore
from driftgate.record.labels import LabelStore
from driftgate.records import Action, Cause, Decision, to_dict
from driftgate_airflow.notifiers.label_failure import LabelFailureNotifier
from driftgate_airflow.operators.check_labels import CheckLabelsOperator
from driftgate_airflow.operators.decide import DecideOperator
from driftgate_airflow.operators.export_restated import ExportRestatedOperator
from driftgate_airflow.operators.gate_window import GateWindowOperator
from driftgate_airflow.operators.ingest_window import IngestWindowOperator
from driftgate_airflow.operators.log_mlflow import LogMlflowOperator
from driftgate_airflow.operators.measure_window import MeasureWindowOperator
from driftgate_airflow.operators.restate_performance import RestatePerformanceOperator
from driftgate_airflow.operators.route_performance import RoutePerformanceOperator
from driftgate_airflow.operators.store_postgres import StorePostgresOperator

pytestmark = [
    pytest.mark.usefixtures("installation"),
    pytest.mark.filterwarnings(r"ignore:\s*The `airflow\..*deprecated"),
]
EMPTY = {"restated": [], "looked_at": 0, "left": 0, "problems": [], "decision": None}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def installation(
    home: Path, tmp_path: Path, store: Any, records_connection: str, mlflow_uri: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """A monitor whose labels come later, found by the operators through the environment."""
    suites = tmp_path / "gx" / "expectations"
    for folder in (home / "source", home / "labels", tmp_path / "monitors", suites):
        folder.mkdir(parents=True)
    (suites / "trips.json").write_text(json.dumps({"name": "trips", "expectations": []}), encoding="utf-8")
    content = factories.make_config().model_dump(mode="json", exclude_unset=True) | {
        "source": {"kind": "files", "path": "{home}/source/{window_start:%Y-%m-%d}.csv"},
        "model": {"predictions": "source"},
        "reference": {"kind": "window", "start": "2024-01-01", "end": "2024-01-02"},
        "gate": {"suite": None},
        "labels": {"source": {"kind": "files", "path": "{home}/labels/{window_start:%Y-%m-%d}.csv"}},
        "decision": {"rules": [{"metric": "mae", "above_reference": 1.5}], "consecutive": 2},
    }
    (tmp_path / "monitors" / "trips.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    for name, value in {
        "DRIFTGATE_HOME": home,
        "DRIFTGATE_MONITORS_DIR": tmp_path / "monitors",
        "DRIFTGATE_GX_DIR": tmp_path / "gx",
        "MLFLOW_TRACKING_URI": mlflow_uri,
    }.items():
        monkeypatch.setenv(name, str(value))
    factories.make_frame(150, seed=0).to_csv(home / "source" / "2024-01-01.csv", index=False)
    import mlflow

    mlflow.set_tracking_uri(mlflow_uri)
    yield
    mlflow.set_tracking_uri(None)


def step(operator: type, context: dict[str, Any], **arguments: Any) -> Any:
    return operator(task_id="step", monitor_id="trips", **arguments).execute(context)


@pytest.fixture
def run_day(home: Path, run_context: Callable[..., Any]) -> Callable[..., Any]:
    """Take a day without labels through the monitor's steps; return a function that delivers its labels."""

    def run(day: int, **shape: Any) -> Callable[[], None]:
        name = f"{factories.make_window(day).start:%Y-%m-%d}"
        rows = factories.make_frame(150, seed=day, day=day, **shape)
        rows.drop(columns=["duration"]).to_csv(home / "source" / f"{name}.csv", index=False)
        context = run_context({"window_start": name})
        batch = step(IngestWindowOperator, context)
        gate = step(GateWindowOperator, context, batch=batch)
        measures = step(MeasureWindowOperator, context, batch=batch)
        step(StorePostgresOperator, context, batch=batch, measures=measures)
        step(LogMlflowOperator, context, batch=batch, gate_result=gate, measures=measures)
        DecideOperator(task_id="decide", monitor_id="trips", measures=measures).choose_branch(context)
        return lambda: rows[["trip_id", "duration"]].to_csv(home / "labels" / f"{name}.csv", index=False)

    return run


def route(restated: dict[str, Any], context: dict[str, Any]) -> list[str]:
    return RoutePerformanceOperator(task_id="route", monitor_id="trips", restated=restated).choose_branch(context)


def test_every_due_window_is_looked_at_and_the_newest_breach_is_followed(run_day: Any, run_context: Any, store: Any) -> None:
    for deliver in [run_day(day, slope=9.0) for day in (6, 7)]:
        deliver()
    run_day(8)
    context = run_context()
    restated = step(RestatePerformanceOperator, context, fingerprint="abc")
    assert [item["window"]["start"][:10] for item in restated["restated"]] == ["2024-01-07", "2024-01-08"]
    assert (restated["looked_at"], restated["left"], restated["problems"]) == (3, 0, [])
    assert route(restated, context) == ["trigger_retrain", "alert"]
    assert context["ti"].pushed["window_key"] == factories.make_window(7).key
    assert Decision.from_dict(context["ti"].pushed["decision"]).action is Action.RETRAIN
    assert step(ExportRestatedOperator, context, restated=restated) == 2
    step(CheckLabelsOperator, context, restated=restated)
    again = step(RestatePerformanceOperator, run_context())
    assert again == {**EMPTY, "looked_at": 3}
    assert route(again, run_context()) == ["no_action"]
    assert len(json.dumps(restated)) < 2000


def test_one_window_by_hand(run_day: Any, run_context: Any, store: Any) -> None:
    for day in (6, 7):
        run_day(day)()
    restated = step(RestatePerformanceOperator, run_context({"window_start": "2024-01-07"}))
    assert restated["looked_at"] == len(restated["restated"]) == 1
    assert LabelStore(store.engine).labelled_windows("trips") == [factories.make_window(6)]
    assert route(restated, run_context()) == ["no_action"]


def test_dates_that_make_no_window_fail_without_retry(run_context: Any) -> None:
    from airflow.sdk.exceptions import AirflowFailException

    with pytest.raises(AirflowFailException, match="window_end='2024-01-07'"):
        step(RestatePerformanceOperator, run_context({"window_start": "2024-01-08", "window_end": "2024-01-07"}))


def test_labels_that_cannot_be_read_show_after_the_others_were_restated(run_day: Any, run_context: Any, home: Path, store: Any) -> None:
    run_day(6)
    run_day(7)()
    broken = home / "labels" / "2024-01-07.csv"
    broken.write_text("trip_id,minutes\n1,2\n", encoding="utf-8")
    context = run_context()
    restated = step(RestatePerformanceOperator, context)
    assert len(restated["restated"]) == 1
    with pytest.raises(SourceError, match=r"(?s)1 windows could not be restated.*has no column 'duration'") as failure:
        step(CheckLabelsOperator, context, restated=restated)
    context["exception"] = failure.value
    context["ti"].task_id = "check"
    context["dag_run"].dag_id = "performance__trips"
    LabelFailureNotifier(monitor_id="trips")(context)
    (incident,) = IncidentStore(store.engine).list("trips")
    assert (incident.cause, incident.last_seen) == (Cause.RUN, factories.make_window(7))
    broken.unlink()
    step(CheckLabelsOperator, context, restated=step(RestatePerformanceOperator, run_context()))
    assert IncidentStore(store.engine).list("trips") == []


def test_airflow_and_the_command_line_leave_the_same_rows(run_day: Any, run_context: Any, store: Any, postgres_uri: str) -> None:
    from dataclasses import replace

    from sqlalchemy import text

    from driftgate.context import open_context
    from driftgate.late_labels import restate
    from driftgate.settings import load

    run_day(7)()
    step(RestatePerformanceOperator, run_context({"window_start": "2024-01-08"}))
    first = (store.load_measures("trips", factories.make_window(7), "source"), store.find_decision("trips", factories.make_window(7)))
    kept = LabelStore(store.engine).history("trips", factories.make_window(7))
    with store.engine.begin() as connection:
        connection.execute(text("TRUNCATE driftgate.label_batch CASCADE"))
    restate(open_context("trips", replace(load(), database_uri=postgres_uri)), factories.make_window(7))
    assert (
        store.load_measures("trips", factories.make_window(7), "source"),
        store.find_decision("trips", factories.make_window(7)),
    ) == first
    again = [item for item in LabelStore(store.engine).history("trips", factories.make_window(7)) if item.revision == 1]
    assert [to_dict(item.metric) for item in again] == [to_dict(item.metric) for item in kept if item.revision == 1]
