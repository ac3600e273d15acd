"""Notifiers and the delivering operator: as Airflow calls them, to a real web server, with real records."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from airflow.sdk.exceptions import AirflowFailException

from driftgate.errors import ServiceError, SourceError
from driftgate.record.incidents import IncidentStore
from driftgate.record.messages import MessageStore
from driftgate.records import Cause, Comparison, MessageState, Retraining, RetrainVerdict, to_dict
from driftgate_airflow.notifiers.approval import ApprovalNotifier
from driftgate_airflow.notifiers.channels import DriftgateNotifier
from driftgate_airflow.notifiers.failure import FailureNotifier
from driftgate_airflow.operators.deliver_messages import DeliverMessagesOperator
from factories import make_config, make_window
from notifications.receivers import Hook, free_port, web_server


@pytest.fixture
def hook() -> Iterator[Hook]:
    with web_server() as found:
        yield found


@pytest.fixture
def installation(tmp_path: Path, records_connection: str, store: Any, hook: Hook, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The monitor `trips`, one channel, and its connection in the environment, as Airflow reads it."""
    (tmp_path / "monitors").mkdir()
    config = make_config().model_dump(mode="json", exclude_unset=True)
    (tmp_path / "monitors" / "trips.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    file = tmp_path / "notifications.yaml"
    file.write_text(yaml.safe_dump({"channels": {"pager": {"kind": "webhook", "connection": "pager"}}}), encoding="utf-8")
    monkeypatch.setenv("DRIFTGATE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DRIFTGATE_MONITORS_DIR", str(tmp_path / "monitors"))
    monkeypatch.setenv("DRIFTGATE_NOTIFICATIONS_FILE", str(file))
    monkeypatch.setenv("AIRFLOW_CONN_PAGER", hook.url)
    return file


@pytest.fixture
def failed(run_context: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    """Build the context of a task that failed."""

    def build(task_id: str, error: BaseException | None, dag_id: str = "monitor__trips", **pulls: Any) -> dict[str, Any]:
        context = run_context({"window_start": "2024-01-08"}, dag_id=dag_id)
        ti = context["ti"]
        ti.task_id, ti.dag_id, ti.run_id, ti.try_number = task_id, dag_id, "manual__1", 1
        ti.xcom_pull = lambda task_ids: pulls.get(task_ids)
        return {**context, "exception": error}

    return build


@pytest.mark.usefixtures("installation")
def test_a_failed_task_opens_one_incident_and_is_told_once(failed: Callable[..., Any], hook: Hook, store: Any) -> None:
    notifier = FailureNotifier(monitor_id="trips")
    for _ in range(2):
        notifier(failed("ingest", SourceError("data/2024-01-08.csv does not exist; write it\nmore")))
    (incident,) = IncidentStore(store.engine).list()
    assert (incident.cause, incident.count) == (Cause.RUN, 1)
    assert incident.detail == "task ingest: SourceError: data/2024-01-08.csv does not exist, write it"
    assert [request.json["subject"] for request in hook.requests] == [
        "[warning] trips: the run of 2024-01-08 failed (task ingest: SourceError: data/2024-01-08.csv does not exist, write it)"
    ]


@pytest.mark.usefixtures("installation")
def test_a_batch_that_the_gate_stopped_opens_no_second_incident(failed: Callable[..., Any], store: Any) -> None:
    FailureNotifier(monitor_id="trips")(failed("gate", AirflowFailException("5 of 8 expectations failed")))
    assert IncidentStore(store.engine).list() == []
    FailureNotifier(monitor_id="trips")(failed("gate", ServiceError("PostgreSQL does not answer")))
    assert [item.cause for item in IncidentStore(store.engine).list()] == [Cause.RUN]


@pytest.mark.usefixtures("installation")
def test_a_failed_retraining_is_an_incident_of_its_own(failed: Callable[..., Any], store: Any) -> None:
    FailureNotifier(monitor_id="trips")(failed("train_challenger", None, dag_id="retrain__trips"))
    (incident,) = IncidentStore(store.engine).list()
    assert incident.cause is Cause.RETRAIN
    assert incident.detail == "task train_challenger: the process ended before it could say why"


def test_a_callback_never_raises(failed: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_DRIFTGATE_DB", "postgres://nobody@127.0.0.1:1/nothing")
    FailureNotifier(monitor_id="trips")(failed("ingest", SourceError("x")))
    FailureNotifier(monitor_id="trips")({})
    ApprovalNotifier(monitor_id="trips")(failed("approve", None))


@pytest.mark.usefixtures("installation")
def test_people_hear_of_a_challenger_that_waits(failed: Callable[..., Any], hook: Hook, store: Any) -> None:
    comparison = Comparison("mae", 900, {"mae": 31.0}, {"mae": 11.0}, {}, {}, 20.0, 19.0, 21.0, True, "a gain of 20")
    retraining = Retraining("trips", make_window(0), RetrainVerdict.CHALLENGER_WINS, "1", "2", comparison, "run", dag_run="drift__1")
    store.save_retraining(retraining)
    ApprovalNotifier(monitor_id="trips")(failed("approve", None, dag_id="retrain__trips", compare=to_dict(retraining)))
    assert [request.json["event"] for request in hook.requests] == ["approval"]


@pytest.mark.usefixtures("installation")
def test_anybody_can_use_the_channels_from_a_dag_of_their_own(failed: Callable[..., Any], hook: Hook) -> None:
    DriftgateNotifier(subject="{{ ti.task_id }} failed", text="first\nsecond", severity="critical")(failed("load", None, dag_id="nightly"))
    content = hook.requests[0].json
    assert content["subject"] == "[critical] load failed"
    assert content["text"].startswith("first\n\nMore\n• second")
    assert content["links"] == {"Open in Airflow": "http://airflow.test:8080/dags/nightly/runs/manual__1/tasks/load"}
    hook.status = 404
    with pytest.raises(ServiceError, match="answered 404"):
        DriftgateNotifier(subject="x")(failed("load", None))


@pytest.mark.usefixtures("installation")
def test_the_operator_delivers_and_shows_what_did_not_arrive(
    run_context: Callable[..., Any], store: Any, hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    from driftgate.notifications import enqueue_opened
    from driftgate_airflow.common import open_context

    operator = DeliverMessagesOperator(task_id="deliver")
    assert operator.execute(run_context()) == "nothing was due"
    monitor = open_context("trips")
    enqueue_opened(monitor, monitor.incidents.open("trips", Cause.RUN, make_window(0), "x"))
    monkeypatch.setenv("AIRFLOW_CONN_PAGER", f"http://127.0.0.1:{free_port()}/secret-path")
    with pytest.raises(AirflowFailException, match=r"channel 'pager'.*was not reached") as caught:
        operator.execute(run_context())
    assert "secret-path" not in str(caught.value)
    outbox = MessageStore(store.engine)
    assert [message.state for message in outbox.recent()] == [MessageState.PENDING]
    monkeypatch.setenv("AIRFLOW_CONN_PAGER", hook.url)
    outbox.release(outbox.recent()[0], datetime.now(UTC) - timedelta(seconds=1))
    assert operator.execute(run_context()) == "1 sent"


@pytest.mark.parametrize(
    ("fields", "address"),
    [
        (
            {"conn_type": "http", "password": "https://hooks.slack.com/services/T0/B0/Xx?a=%2Fb"},
            "https://hooks.slack.com/services/T0/B0/Xx?a=%2Fb",
        ),
        ({"conn_type": "http", "host": "https://hooks.slack.com/services/T0/B0/Xx"}, "https://hooks.slack.com/services/T0/B0/Xx"),
        (
            {"conn_type": "slackwebhook", "host": "https://hooks.slack.com/services/", "password": "T0/B0/Xx"},
            "https://hooks.slack.com/services/T0/B0/Xx",
        ),
        ({"conn_type": "slackwebhook", "password": "T0/B0/Xx"}, "https://hooks.slack.com/services/T0/B0/Xx"),
        ({"conn_type": "http", "host": "hooks.example.com", "schema": "https", "port": 8443}, "https://hooks.example.com:8443"),
    ],
)
def test_what_airflow_gives_for_a_connection_is_read_back_whole(fields: dict[str, Any], address: str) -> None:
    from airflow.sdk import Connection

    from driftgate.notify.connections import read_connection, web_address

    connection = Connection(conn_id="x", **fields)
    assert web_address(read_connection(connection.get_uri())) == address
    assert web_address(read_connection(json.dumps(fields))) == address
