"""The DAG that restates performance: where it exists, its tasks, its schedule, what it triggers."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import factories
from airflow_env import ROOT
from driftgate.records import Action

LABELS = {"source": {"kind": "files", "path": "labels/{window_start:%Y-%m-%d}.csv"}}
PERFORMANCE = {
    "restate": {"route", "export_metrics", "check"},
    "route": {"trigger_retrain", "alert", "no_action"},
    "trigger_retrain": set(),
    "alert": {"finish"},
    "no_action": set(),
    "export_metrics": {"finish"},
    "check": set(),
    "finish": set(),
}


@pytest.fixture
def dag(write_monitor: Callable[..., Path], parse: Callable[[], Any]) -> Callable[..., Any]:
    def build(**labels: Any) -> Any:
        write_monitor("trips", labels={**LABELS, **labels})
        bag = parse()
        assert bag.import_errors == {}
        return bag.dags["performance__trips"]

    return build


def test_only_a_monitor_with_labels_has_one(write_monitor: Callable[..., Path], parse: Callable[[], Any]) -> None:
    write_monitor("with_labels", labels=LABELS)
    write_monitor("without")
    bag = parse()
    assert bag.import_errors == {}
    assert {name for name in bag.dags if name.startswith("performance__")} == {"performance__with_labels"}


def test_the_dag_has_its_steps(dag: Callable[..., Any]) -> None:
    assert {task.task_id: set(task.downstream_task_ids) for task in dag().tasks} == PERFORMANCE


def test_it_follows_the_policy_of_every_dag(dag: Callable[..., Any]) -> None:
    from airflow.serialization.serialized_objects import DagSerialization

    made = dag()
    assert {"driftgate", "performance", "regression"} == set(made.tags)
    assert (made.catchup, made.max_active_runs, made.is_paused_upon_creation) == (False, 1, False)
    assert "**Triage**" in made.doc_md
    assert "configuration `" in made.doc_md
    assert "by the schedule `30 * * * *` (UTC)" in made.doc_md
    for task in made.tasks:
        assert task.retries == (0 if task.task_id in ("alert", "export_metrics") else 3)
        assert task.retry_policy is not None
    DagSerialization.to_dict(made)


def test_it_runs_by_cron_in_the_monitors_time_zone(write_monitor: Callable[..., Path], parse: Callable[[], Any]) -> None:
    from airflow.serialization.serialized_objects import DagSerialization

    write_monitor("trips", labels={**LABELS, "schedule": "0 6 * * *"}, schedule={"timezone": "America/New_York"})
    stored = DagSerialization.from_dict(DagSerialization.to_dict(parse().dags["performance__trips"])).timetable.serialize()
    assert (stored["expression"], stored["timezone"]) == ("0 6 * * *", "America/New_York")


def test_it_can_wait_for_people(dag: Callable[..., Any]) -> None:
    made = dag(schedule=None)
    assert made.timetable.can_be_scheduled is False
    assert "looked for only by hand" in made.doc_md


@pytest.mark.parametrize(
    ("asset", "expected"),
    [
        ("trip_labels", ("trip_labels", "trip_labels")),
        ("s3://lake/labels", ("s3://lake/labels", "s3://lake/labels")),
        ({"name": "trip_labels", "uri": "s3://lake/labels"}, ("trip_labels", "s3://lake/labels")),
    ],
)
def test_it_runs_when_the_asset_is_updated(dag: Callable[..., Any], asset: Any, expected: tuple[str, str]) -> None:
    made = dag(asset=asset)
    assert [(found.name, found.uri) for found in made.timetable.asset_condition.objects] == [expected]
    assert type(made.timetable).__name__ == "AssetTriggeredTimetable"


def test_an_asset_and_a_schedule_go_together(dag: Callable[..., Any]) -> None:
    from airflow.serialization.serialized_objects import DagSerialization

    made = dag(asset="trip_labels", schedule="0 6 * * *")
    assert type(made.timetable).__name__ == "AssetOrTimeSchedule"
    DagSerialization.to_dict(made)


def test_the_form_asks_for_a_window_or_none(dag: Callable[..., Any]) -> None:
    params = dag().params
    assert {name: params.get_param(name).value for name in params} == {"window_start": None, "window_end": None}
    assert all(params.get_param(name).schema["title"] and params.get_param(name).description for name in params)


def test_a_window_starts_one_retraining_whoever_asks(dag: Callable[..., Any], parse: Callable[[], Any]) -> None:
    """The run id is that of the monitor's DAG, so that the second request is skipped."""
    mine = dag().get_task("trigger_retrain")
    monitors = parse().dags["monitor__trips"].get_task("trigger_retrain")
    pulled = {
        "return_value": {"window": {"start": "2024-01-08T00:00:00+00:00", "end": "2024-01-09T00:00:00+00:00"}},
        "window_key": "20240108T000000Z-20240109T000000Z",
        "decision": {
            "reasons": ["mae is high", "3 windows in a row"],
            "window": {"start": "2024-01-08T00:00:00+00:00", "end": "2024-01-09T00:00:00+00:00"},
        },
    }

    class Ti:
        def xcom_pull(self, task_ids: str, key: str = "return_value") -> Any:
            return pulled[key]

    for task in (mine, monitors):
        task.render_template_fields({"ti": Ti()})
    assert (mine.trigger_dag_id, mine.trigger_run_id, mine.conf) == (monitors.trigger_dag_id, monitors.trigger_run_id, monitors.conf)
    assert (mine.logical_date, mine.skip_when_already_exists, mine.fail_when_dag_is_paused) == (None, True, True)


def test_only_the_running_tasks_own_dag_is_built(
    write_monitor: Callable[..., Path], parse: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("one", "two"):
        write_monitor(name, labels=LABELS)
    monkeypatch.setenv("_AIRFLOW_PARSING_CONTEXT_DAG_ID", "performance__two")
    bag = parse()
    assert (set(bag.dags), bag.import_errors) == ({"performance__two"}, {})


@pytest.fixture
def run_dag(
    airflow_db: Path,
    write_monitor: Callable[..., Path],
    tmp_path: Path,
    store: Any,
    postgres_uri: str,
    mlflow_uri: str,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Callable[..., dict[str, str]]]:
    """Run a DAG of an installation in a temporary folder, in this process; return the state of each task."""
    import mlflow
    from airflow.dag_processing.bundles.manager import DagBundlesManager
    from airflow.dag_processing.dagbag import DagBag, sync_bag_to_db
    from airflow.utils.session import create_session

    for folder in ("source", "labels"):
        (tmp_path / "home" / folder).mkdir(parents=True)
    write_monitor(
        "trips",
        source={"kind": "files", "path": "{home}/source/{window_start:%Y-%m-%d}.csv"},
        labels={"source": {"kind": "files", "path": "{home}/labels/{window_start:%Y-%m-%d}.csv"}},
        model={"predictions": "source"},
        reference={"kind": "window", "start": "2024-01-01", "end": "2024-01-02"},
        decision={"rules": [{"metric": "mae", "above_reference": 1.5}], "consecutive": 2},
    )
    monkeypatch.setenv("AIRFLOW_CONN_DRIFTGATE_DB", postgres_uri.replace("postgresql+psycopg2://", "postgres://", 1))
    monkeypatch.setenv("DRIFTGATE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", mlflow_uri)
    mlflow.set_tracking_uri(mlflow_uri)
    with create_session() as session:
        DagBundlesManager().sync_bundles_to_db(session=session)

    def run(dag_id: str, **conf: Any) -> dict[str, str]:
        bag = DagBag(dag_folder=str(ROOT / "dags"), bundle_path=ROOT / "dags", bundle_name="dags-folder")
        sync_bag_to_db(bag, "dags-folder", None)
        done = bag.dags[dag_id].test(run_conf=conf)
        return {item.task_id: str(item.state) for item in done.get_task_instances()}

    yield run
    mlflow.set_tracking_uri(None)
    os.environ.pop("_AIRFLOW_PROCESS_CONTEXT", None)


@pytest.mark.filterwarnings(r"ignore:\s*The `airflow\..*deprecated")
def test_labels_that_arrive_after_the_run_of_the_monitor_raise_the_alert(
    run_dag: Callable[..., dict[str, str]], tmp_path: Path, store: Any
) -> None:
    home, window = tmp_path / "home", factories.make_window(7)
    factories.make_frame(150).to_csv(home / "source" / "2024-01-01.csv", index=False)
    rows = factories.make_frame(150, seed=7, day=7, slope=9.0)
    rows.drop(columns=["duration"]).to_csv(home / "source" / "2024-01-08.csv", index=False)
    before = run_dag("monitor__trips", window_start="2024-01-08")
    assert (before["no_action"], before["alert"]) == ("success", "skipped")
    waiting = run_dag("performance__trips")
    assert waiting == {task: "skipped" if task in ("alert", "trigger_retrain") else "success" for task in PERFORMANCE}
    rows[["trip_id", "duration"]].to_csv(home / "labels" / "2024-01-08.csv", index=False)
    after = run_dag("performance__trips")
    assert after == {task: "skipped" if task in ("no_action", "trigger_retrain") else "success" for task in PERFORMANCE}
    assert store.find_decision("trips", window).action is Action.ALERT
    error = (rows["prediction"] - rows["duration"]).abs().mean()
    assert store.load_measures("trips", window, "source").find("mae").value == pytest.approx(error, rel=1e-9)
