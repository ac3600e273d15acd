"""The DAG that sends messages: there only where there is a channel, and broken only by its own file."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_env import ROOT
from driftgate.record.incidents import IncidentStore
from driftgate.records import Cause
from factories import make_window
from notifications.receivers import Hook, web_server

CHANNEL = "channels:\n  pager: {kind: webhook, connection: pager}\n"


@pytest.fixture
def write_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    path = tmp_path / "notifications.yaml"
    monkeypatch.setenv("DRIFTGATE_NOTIFICATIONS_FILE", str(path))
    return lambda text: path.write_text(text, encoding="utf-8") and None


@pytest.mark.usefixtures("monitors")
def test_without_a_channel_it_does_not_exist(write_file: Callable[[str], None], parse: Callable[[], Any]) -> None:
    write_file("# nothing\n")
    bag = parse()
    assert (set(bag.dags), bag.import_errors) == (set(), {})


@pytest.mark.usefixtures("monitors")
def test_with_a_channel_it_runs_every_five_minutes_one_at_a_time(write_file: Callable[[str], None], parse: Callable[[], Any]) -> None:
    write_file(CHANNEL)
    dag = parse().dags["driftgate__notify"]
    assert dag.schedule == "*/5 * * * *"
    assert (dag.catchup, dag.max_active_runs, dag.is_paused_upon_creation) == (False, 1, False)
    assert {"driftgate"} < set(dag.tags)
    assert "**Triage**" in dag.doc_md
    assert "configuration `" in dag.doc_md
    assert [(task.task_id, task.retries) for task in dag.tasks] == [("deliver", 0)]
    assert [(task.priority_weight, str(task.weight_rule)) for task in dag.tasks] == [(100, "absolute")]  # never behind a burst of windows


def test_a_broken_file_is_an_import_error_of_this_dag_alone(
    write_file: Callable[[str], None], write_monitor: Callable[..., Path], parse: Callable[[], Any]
) -> None:
    write_monitor("trips")
    write_file("chanels: {}\n")
    bag = parse()
    assert [Path(path).name for path in bag.import_errors] == ["notify.py"]
    assert "did you mean 'channels'" in next(iter(bag.import_errors.values()))
    assert {"monitor__trips", "retrain__trips"} <= set(bag.dags)


# --- in Airflow's own runner ------------------------------------------------------------------------------------------

FAILING = """
from airflow.sdk import DAG, BaseOperator
from driftgate_airflow.notifiers.channels import DriftgateNotifier
from driftgate_airflow.notifiers.failure import FailureNotifier


class Broken(BaseOperator):
    def execute(self, context):
        raise OSError("no space left on device")


with DAG(dag_id="monitor__trips", schedule=None, params={"window_start": "2024-01-08"}):
    Broken(
        task_id="ingest",
        on_failure_callback=[FailureNotifier(monitor_id="trips"), DriftgateNotifier(subject="{{ ti.task_id }} of {{ dag.dag_id }} failed")],
    )
"""
Run = Callable[..., dict[str, str]]


@pytest.fixture
def hook() -> Iterator[Hook]:
    with web_server() as found:
        yield found


@pytest.fixture
def run_dag(
    airflow_db: Path,
    write_file: Callable[[str], None],
    write_monitor: Callable[..., Path],
    tmp_path: Path,
    store: Any,
    postgres_uri: str,
    hook: Hook,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Run]:
    """Run a DAG of a folder with one channel whose connection is kept in Airflow's database; return the state of each task."""
    from airflow.dag_processing.bundles.manager import DagBundlesManager
    from airflow.dag_processing.dagbag import DagBag, sync_bag_to_db
    from airflow.models import Connection
    from airflow.utils.session import create_session

    write_file(CHANNEL)
    write_monitor("trips")
    monkeypatch.setenv("AIRFLOW_CONN_DRIFTGATE_DB", postgres_uri.replace("postgresql+psycopg2://", "postgres://", 1))
    monkeypatch.setenv("DRIFTGATE_HOME", str(tmp_path / "home"))
    with create_session() as session:
        DagBundlesManager().sync_bundles_to_db(session=session)
        session.query(Connection).filter(Connection.conn_id == "pager").delete()  # noqa: AIR311 - the model, not the task's view
        session.add(Connection(conn_id="pager", conn_type="http", password=hook.url))  # noqa: AIR311

    def run(dag_id: str, folder: Path) -> dict[str, str]:
        bag = DagBag(dag_folder=str(folder), bundle_path=folder, bundle_name="dags-folder")
        sync_bag_to_db(bag, "dags-folder", None)
        done = bag.dags[dag_id].test()
        return {item.task_id: str(item.state) for item in done.get_task_instances()}

    yield run
    os.environ.pop("_AIRFLOW_PROCESS_CONTEXT", None)


def test_a_run_sends_what_is_due_through_connections_that_airflow_keeps(run_dag: Run, store: Any, hook: Hook) -> None:
    from driftgate.record.messages import MessageStore
    from driftgate.records import Event, Message

    incident = IncidentStore(store.engine).open("trips", Cause.POLICY, make_window(0), "mae 4 is above 3")
    MessageStore(store.engine).enqueue([Message("incident:1:opened:pager", Event.OPENED, "pager", "trips", incident_id=incident.id)])
    assert run_dag("driftgate__notify", ROOT / "dags") == {"deliver": "success"}
    assert [request.json["incident"]["detail"] for request in hook.requests] == ["mae 4 is above 3"]
    hook.status = 503
    other = IncidentStore(store.engine).open("trips", Cause.GATE, make_window(0), "x")
    MessageStore(store.engine).enqueue([Message("incident:2:opened:pager", Event.OPENED, "pager", "trips", incident_id=other.id)])
    assert run_dag("driftgate__notify", ROOT / "dags") == {"deliver": "failed"}


def test_a_task_that_fails_in_airflow_opens_an_incident_and_tells(run_dag: Run, store: Any, hook: Hook, tmp_path: Path) -> None:
    folder = tmp_path / "dags"
    folder.mkdir()
    (folder / "failing.py").write_text(FAILING, encoding="utf-8")
    assert run_dag("monitor__trips", folder) == {"ingest": "failed"}
    (incident,) = IncidentStore(store.engine).list()
    assert (incident.cause, incident.detail) == (Cause.RUN, "task ingest: OSError: no space left on device")
    assert [request.json["subject"].partition(" (")[0] for request in hook.requests] == [
        "[warning] trips: the run of 2024-01-08 failed",
        "[info] ingest of monitor__trips failed",
    ]
