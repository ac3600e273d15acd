"""Operators on real parts: CSV files, Great Expectations, Evidently, MLflow, PostgreSQL through the Airflow connection."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

import factories
from driftgate.errors import ServiceError, SettingsError, SourceError
from driftgate.record.incidents import IncidentStore
from driftgate.records import Action, Batch, BatchStatus, Cause, Comparison, Decision, Retraining, RetrainVerdict, Window, to_dict
from driftgate_airflow.operators.alert import AlertOperator
from driftgate_airflow.operators.approve_challenger import NOBODY, ApproveChallengerOperator
from driftgate_airflow.operators.build_training_set import BuildTrainingSetOperator
from driftgate_airflow.operators.compare_models import CompareModelsOperator
from driftgate_airflow.operators.decide import DecideOperator
from driftgate_airflow.operators.gate_window import GateWindowOperator
from driftgate_airflow.operators.ingest_window import IngestWindowOperator
from driftgate_airflow.operators.keep_champion import KeepChampionOperator
from driftgate_airflow.operators.log_mlflow import LogMlflowOperator
from driftgate_airflow.operators.measure_window import MeasureWindowOperator
from driftgate_airflow.operators.promote_challenger import PromoteChallengerOperator
from driftgate_airflow.operators.render_report import RenderReportOperator
from driftgate_airflow.operators.route_challenger import RouteChallengerOperator
from driftgate_airflow.operators.store_postgres import StorePostgresOperator
from driftgate_airflow.operators.train_challenger import TrainChallengerOperator

SUITE = {
    "name": "trips",
    "expectations": [
        {"type": "expect_column_values_to_be_between", "kwargs": {"column": "distance", "min_value": 0, "max_value": 100, "mostly": 0.98}}
    ],
}
DAY = {"window_start": "2024-01-08"}

pytestmark = [
    pytest.mark.usefixtures("installation"),
    # MLflow's model writer asks every imported module for names, Airflow's deprecated ones too.
    pytest.mark.filterwarnings(r"ignore:\s*The `airflow\..*deprecated"),
]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def installation(
    home: Path, tmp_path: Path, store: Any, records_connection: str, mlflow_uri: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """An installation in a temporary folder, found by the operators as always: through the environment."""
    suites = tmp_path / "gx" / "expectations"
    for folder in (home / "source", tmp_path / "monitors", suites):
        folder.mkdir(parents=True)
    (suites / "trips.json").write_text(json.dumps(SUITE), encoding="utf-8")
    monkeypatch.setenv("DRIFTGATE_HOME", str(home))
    monkeypatch.setenv("DRIFTGATE_MONITORS_DIR", str(tmp_path / "monitors"))
    monkeypatch.setenv("DRIFTGATE_GX_DIR", str(tmp_path / "gx"))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", mlflow_uri)
    write_monitor(tmp_path)
    for day in range(5, 9):
        write_day(home, day)
    import mlflow

    mlflow.set_tracking_uri(mlflow_uri)  # MLflow keeps the address of the process's first store; each test has its own
    yield
    mlflow.set_tracking_uri(None)


def write_monitor(tmp_path: Path, **overrides: Any) -> None:
    """Write a monitor whose rows bring their predictions, so that no champion is needed."""
    columns = {
        "timestamp": "ts",
        "id": ["trip_id"],
        "target": "duration",
        "numerical": ["distance", "hour"],
        "categorical": ["vendor"],
        "segments": ["vendor"],
    }
    content = {
        "id": "trips",
        "owner": "tests",
        "task": "regression",
        "source": {"kind": "files", "path": "{home}/source/{window_start:%Y-%m-%d}.csv"},
        "columns": columns,
        "model": {"predictions": "source"},
        "reference": {"kind": "window", "start": "2024-01-06", "end": "2024-01-07"},
        "gate": {"suite": "trips"},
        "decision": {"rules": [{"metric": "mae", "above_reference": 1.5}], "consecutive": 2},
        "retrain": {"params": {"max_iter": 30}},
    }
    (tmp_path / "monitors" / "trips.yaml").write_text(yaml.safe_dump(content | overrides), encoding="utf-8")


def write_day(home: Path, day: int, rows: int = 150, **change: Any) -> None:
    frame = factories.make_frame(rows, seed=day, day=day, **change)
    frame.to_csv(home / "source" / f"{factories.make_window(day).start:%Y-%m-%d}.csv", index=False)


def step(operator: type, context: dict[str, Any], **arguments: Any) -> Any:
    return operator(task_id="step", monitor_id="trips", **arguments).execute(context)


def linked(operator: type, context: dict[str, Any], **arguments: Any) -> tuple[Any, dict[str, str]]:
    """Run a step as Airflow does; its result and the links that Airflow asks for at the end."""
    task = operator(task_id="step", monitor_id="trips", **arguments).prepare_for_execution()
    result = task.execute(context)
    return result, {link.name: link.get_link(task, ti_key=None) for link in task.operator_extra_links}


def test_one_window_goes_through_the_steps(run_context: Callable[..., Any], store: Any) -> None:
    context = run_context(DAY)
    batch = step(IngestWindowOperator, context, fingerprint="abc")
    assert context["ti"].pushed["window_key"] == factories.make_window(7).key
    gate, links = linked(GateWindowOperator, context, batch=batch)
    assert links["Data Docs"].startswith("/plugin/data-docs/driftgate/data-docs/validations/")
    measures = step(MeasureWindowOperator, context, batch=batch)
    assert Path(measures["path"]).is_file()
    run, links = linked(LogMlflowOperator, context, batch=batch, gate_result=gate, measures=measures)
    assert links == {"MLflow run": run["address"]}
    written = step(StorePostgresOperator, context, batch=batch, measures=measures)
    assert written == measures["metrics"] > 10
    decide = DecideOperator(task_id="decide", monitor_id="trips", measures=measures)
    assert decide.choose_branch(context) == ["no_action"]
    assert Decision.from_dict(context["ti"].pushed["decision"]).action is Action.NO_ACTION
    report = step(RenderReportOperator, context, batch=batch, measures=measures, mlflow_run=run)
    assert report["address"] == f"/plugin/driftgate/driftgate/reports/monitor__trips/{factories.make_window(7).key}/evidently.html"
    stored = store.find_batch("trips", factories.make_window(7))
    assert (stored.status, stored.dag_run) == (BatchStatus.MEASURED, "manual__1")


def test_what_travels_between_tasks_is_small_and_json(run_context: Callable[..., Any]) -> None:
    context = run_context(DAY)
    batch = step(IngestWindowOperator, context)
    gate = step(GateWindowOperator, context, batch=batch)
    measures = step(MeasureWindowOperator, context, batch=batch)
    for value in (batch, gate, measures, *context["ti"].pushed.values()):
        assert len(json.dumps(value)) < 2000


def test_an_empty_window_is_recorded_and_the_rest_is_skipped(run_context: Callable[..., Any], home: Path, store: Any) -> None:
    from airflow.providers.standard.operators.empty import EmptyOperator
    from airflow.sdk import DAG
    from airflow.sdk.exceptions import DownstreamTasksSkipped

    write_day(home, 7, rows=0)
    context = run_context(DAY)
    with DAG("monitor__trips", schedule=None):
        ingest = IngestWindowOperator(task_id="ingest", monitor_id="trips")
        ingest >> EmptyOperator(task_id="gate")
    with pytest.raises(DownstreamTasksSkipped) as skipped:
        ingest.execute(context)
    assert list(skipped.value.tasks) == ["gate"]
    assert Batch.from_dict(context["ti"].pushed["return_value"]).status is BatchStatus.NO_DATA
    assert store.find_batch("trips", factories.make_window(7)).status is BatchStatus.NO_DATA


def test_a_failed_gate_records_first_and_then_fails_without_retry(run_context: Callable[..., Any], home: Path, store: Any) -> None:
    from airflow.sdk.exceptions import AirflowFailException

    write_day(home, 7, shift=1000.0)
    context = run_context(DAY)
    batch = step(IngestWindowOperator, context)
    with pytest.raises(AirflowFailException) as failure:
        step(GateWindowOperator, context, batch=batch)
    assert "expect_column_values_to_be_between(distance)" in str(failure.value)
    assert "Data Docs: http://airflow.test:8080/plugin/data-docs/driftgate/data-docs/validations/" in str(failure.value)
    assert store.find_batch("trips", factories.make_window(7)).status is BatchStatus.QUARANTINED
    assert store.find_gate("trips", factories.make_window(7)).failed
    assert context["ti"].pushed["return_value"]["verdict"] == "fail"


def test_inverted_dates_fail_without_retry_and_name_both(run_context: Callable[..., Any]) -> None:
    from airflow.sdk.exceptions import AirflowFailException

    with pytest.raises(AirflowFailException, match=r"window_start='2024-01-08' and window_end='2024-01-07'"):
        step(IngestWindowOperator, run_context({"window_start": "2024-01-08", "window_end": "2024-01-07"}))


def test_a_missing_file_names_the_path(run_context: Callable[..., Any]) -> None:
    with pytest.raises(SourceError, match=r"2024-01-20\.csv"):
        step(IngestWindowOperator, run_context({"window_start": "2024-01-20"}))


def test_reprocess_reads_the_source_again(run_context: Callable[..., Any], home: Path) -> None:
    first = step(IngestWindowOperator, run_context(DAY))
    write_day(home, 7, rows=60)
    assert step(IngestWindowOperator, run_context(DAY))["content_hash"] == first["content_hash"]
    assert step(IngestWindowOperator, run_context({**DAY, "reprocess": True}))["rows"] == 60


def test_a_database_that_is_down_is_worth_a_retry(run_context: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_DRIFTGATE_DB", "postgresql://somebody:secret@127.0.0.1:1/driftgate")
    with pytest.raises(ServiceError) as failure:
        step(IngestWindowOperator, run_context(DAY))
    assert "secret" not in str(failure.value)


def test_a_missing_connection_says_how_to_add_it(run_context: Callable[..., Any], airflow_db: Path) -> None:
    with pytest.raises(SettingsError, match="AIRFLOW_CONN_NOWHERE="):
        step(IngestWindowOperator, run_context(DAY), driftgate_conn_id="nowhere")


def test_the_worse_model_is_an_alert_and_an_incident(run_context: Callable[..., Any], home: Path, store: Any) -> None:
    write_day(home, 7, slope=9.0)
    context = run_context(DAY)
    batch = step(IngestWindowOperator, context)
    step(GateWindowOperator, context, batch=batch)
    measures = step(MeasureWindowOperator, context, batch=batch)
    assert measures["alarms"] >= 1
    assert any("mae" in name for name in measures["first_alarms"])
    step(StorePostgresOperator, context, batch=batch, measures=measures)
    assert DecideOperator(task_id="decide", monitor_id="trips", measures=measures).choose_branch(context) == ["alert"]
    (incident,) = IncidentStore(store.engine).list("trips")
    assert (incident.cause, incident.count) == (Cause.POLICY, 1)
    assert step(AlertOperator, context, decision=context["ti"].pushed["decision"]) == "nothing was due", "no channel is configured"


@pytest.fixture
def plan(run_context: Callable[..., Any]) -> dict[str, Any]:
    """A training set of three measured days."""
    for day in ("2024-01-06", "2024-01-07", "2024-01-08"):
        context = run_context({"window_start": day})
        batch = step(IngestWindowOperator, context)
        step(GateWindowOperator, context, batch=batch)
        step(StorePostgresOperator, context, batch=batch, measures=step(MeasureWindowOperator, context, batch=batch))
    plan: dict[str, Any] = step(BuildTrainingSetOperator, run_context({"reason": "started by hand"}))
    return plan


def compared(plan: dict[str, Any], context: dict[str, Any]) -> dict[str, Any]:
    challenger = step(TrainChallengerOperator, context, plan=plan)
    done: dict[str, Any] = step(CompareModelsOperator, context, plan=plan, challenger=challenger)
    return done


def test_a_retraining_by_hand_is_about_the_newest_measured_window(plan: dict[str, Any]) -> None:
    assert Window.from_dict(plan["trigger_window"]) == factories.make_window(7)


def test_a_first_challenger_wins_and_is_promoted(plan: dict[str, Any], run_context: Callable[..., Any], store: Any) -> None:
    context = run_context({"reason": "mae is too high"})
    done = compared(plan, context)
    assert done["verdict"] == RetrainVerdict.CHALLENGER_WINS
    summary = context["ti"].pushed["summary"]
    for expected in ("mae is too high", "| mae |", "vendor=a: mae", "challenger (version 1)"):
        assert expected in summary
    step(PromoteChallengerOperator, context, retraining=done)
    recorded = store.find_retraining("trips", factories.make_window(7))
    assert (recorded.verdict, recorded.approver) == (RetrainVerdict.PROMOTED, "auto")


@pytest.mark.parametrize(
    ("user", "approver"),
    [({"id": "7", "name": "Ada"}, "Ada"), ({"id": "7", "name": ""}, "7"), (None, NOBODY)],
    ids=["name", "id", "timeout"],
)
def test_a_rejection_is_recorded_with_the_name(
    plan: dict[str, Any], run_context: Callable[..., Any], store: Any, user: dict[str, str] | None, approver: str
) -> None:
    context = run_context()
    done = compared(plan, context)
    response = answer("Reject", user, context)
    step(KeepChampionOperator, context, retraining=done, response=response)
    recorded = store.find_retraining("trips", factories.make_window(7))
    assert (recorded.verdict, recorded.approver) == (RetrainVerdict.REJECTED, approver)


def answer(option: str, user: dict[str, str] | None, context: dict[str, Any]) -> dict[str, Any]:
    """Let the approval resume with an answer, the way the scheduler does; return what it hands on."""
    from airflow.providers.standard.operators.empty import EmptyOperator
    from airflow.sdk import DAG
    from airflow.sdk.exceptions import DownstreamTasksSkipped

    with DAG("retrain__trips", schedule=None):
        approve = ApproveChallengerOperator(task_id="approve", subject="?", body="!", if_approved="promote", if_rejected="keep_champion")
        approve >> [EmptyOperator(task_id="promote"), EmptyOperator(task_id="keep_champion")]
    context["ti"].task = approve
    event = {"chosen_options": [option], "params_input": {"comment": ""}, "responded_at": datetime.now(UTC), "responded_by_user": user}
    with pytest.raises(DownstreamTasksSkipped) as skipped:
        approve.execute_complete(context, event)
    followed = {"Approve": "keep_champion", "Reject": "promote"}[option]
    assert [task if isinstance(task, str) else task[0] for task in skipped.value.tasks] == [followed]
    response: dict[str, Any] = context["ti"].pushed["return_value"]
    return response


def test_the_approval_asks_for_a_comment_and_nothing_else() -> None:
    from airflow.sdk import DAG, Param

    with DAG("retrain__trips", schedule=None, params={"reason": Param("by hand", type="string")}):
        approve = ApproveChallengerOperator(task_id="approve", subject="?", if_approved="promote", if_rejected="keep_champion")
    assert list(approve.serialized_params) == ["comment"]
    assert (approve.options, approve.defaults) == (["Approve", "Reject"], ["Reject"])


def test_an_approval_names_the_person(run_context: Callable[..., Any]) -> None:
    response = answer("Approve", {"id": "7", "name": "Ada"}, run_context())
    assert response == {"answer": "Approve", "approver": "Ada", "comment": ""}


@pytest.mark.parametrize(
    ("verdict", "branch"),
    [
        (RetrainVerdict.CHALLENGER_WINS, "approve"),
        (RetrainVerdict.PROMOTED, "promote"),
        (RetrainVerdict.CHAMPION_STAYS, "keep_champion"),
        (RetrainVerdict.REJECTED, "keep_champion"),
    ],
)
def test_the_comparison_chooses_the_way(run_context: Callable[..., Any], verdict: RetrainVerdict, branch: str) -> None:
    comparison = Comparison("mae", 10, {"mae": 2.0}, {"mae": 1.0}, {}, {}, 1.0, 0.5, 1.5, True, "better")
    done = to_dict(Retraining("trips", factories.make_window(7), verdict, "1", "2", comparison, "run"))
    route = RouteChallengerOperator(task_id="route", retraining=done, if_wins="approve", if_promoted="promote", if_loses="keep_champion")
    assert route.choose_branch(run_context()) == branch


def test_a_retraining_by_hand_needs_a_measured_window(run_context: Callable[..., Any]) -> None:
    from airflow.sdk.exceptions import AirflowFailException

    with pytest.raises(AirflowFailException, match="no window has been measured yet; run monitor__trips first"):
        step(BuildTrainingSetOperator, run_context({}))
