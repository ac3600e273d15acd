"""What holds for every sink: twice is once, all or nothing, a later run completes."""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, text

from contracts.sinks import BATCH, GATE, IN_THE_MIDDLE, WINDOW, MlflowSink, PostgresSink, at, make_measures
from driftgate.errors import ServiceError
from driftgate.record.store import RecordStore
from driftgate.records import BatchStatus, Family, Metric

TESTS = Path(__file__).resolve().parents[1]


def expected(offset: float = 0.0, count: int = 40) -> dict[str, float]:
    return {f"c{index}": index + offset for index in range(count)}


def run_at_once(*works: Any) -> list[BaseException]:
    errors: list[BaseException] = []

    def guarded(work: Any) -> None:
        try:
            work()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    return errors


def test_writing_twice_leaves_the_same_state_as_once(sink: Any) -> None:
    sink.write(make_measures())
    once = (sink.values(), sink.count())
    sink.write(make_measures())
    assert (sink.values(), sink.count()) == once
    assert once[0] == expected()


def test_a_later_write_wins_completely(sink: Any) -> None:
    sink.write(make_measures())
    sink.write(make_measures(offset=5.0, count=30))
    assert sink.values() == expected(5.0, 30)
    sink.write(make_measures())
    assert sink.values() == expected()


def test_a_window_without_metrics_is_fine(sink: Any) -> None:
    sink.write(make_measures(count=0))
    count = sink.count()
    sink.write(make_measures(count=0))
    assert sink.values() == {}
    assert sink.count() == count == 1


def test_two_runs_of_one_window_at_once_leave_what_one_leaves(sink: Any, record_store: RecordStore) -> None:
    sink.write(make_measures())
    alone = sink.count()

    def run(offset: float) -> None:
        with record_store.window_lock("trips", WINDOW, "record"):
            sink.write(make_measures(offset))

    assert run_at_once(lambda: run(0.0), lambda: run(5.0), lambda: run(0.0), lambda: run(5.0)) == []
    assert sink.count() == alone
    assert sink.values() in (expected(), expected(5.0))


@pytest.mark.parametrize("existing", [False, True], ids=["first write", "rewrite"])
def test_a_worker_killed_in_the_middle_leaves_what_was_there_and_a_rerun_completes(
    sink: Any, record_store: RecordStore, postgres_uri: str, existing: bool
) -> None:
    if existing:
        sink.write(make_measures())
    kind = "postgres" if isinstance(sink, PostgresSink) else "mlflow"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS), str(TESTS.parent / "include")])}
    with subprocess.Popen(
        [sys.executable, str(TESTS / "contracts" / "sinks.py"), kind, sink.address, postgres_uri],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    ) as worker:
        assert worker.stdout is not None
        assert worker.stdout.readline().strip() == IN_THE_MIDDLE
        worker.send_signal(signal.SIGKILL)
        assert worker.wait(30) == -signal.SIGKILL
    assert sink.values() == (expected() if existing else None)
    with record_store.window_lock("trips", WINDOW, "record", wait_s=10):
        sink.write(make_measures(offset=1000.0, count=50))
    assert sink.values() == expected(1000.0, 50)
    assert sink.count() == (51 if kind == "postgres" else 1)


def test_a_server_that_is_down_is_a_retryable_error_in_time_that_hides_the_password(sink: Any) -> None:
    started = time.monotonic()
    with pytest.raises(ServiceError, match=r"127\.0\.0\.1:1\S* (did|does) not answer") as caught:
        at(sink, sink.down).write(make_measures())
    assert time.monotonic() - started < 15
    assert caught.value.retryable
    assert "topsecret" not in str(caught.value)


def test_a_server_that_accepts_and_never_answers_is_an_error_in_time(sink: Any) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = sink.down.replace("127.0.0.1:1", f"127.0.0.1:{silent.getsockname()[1]}")
        started = time.monotonic()
        with pytest.raises(ServiceError, match=r"(did|does) not answer"):
            at(sink, address).write(make_measures())
        assert time.monotonic() - started < 20


def test_a_row_that_postgresql_refuses_takes_the_whole_window_back(postgres_uri: str, record_store: RecordStore) -> None:
    sink = PostgresSink(postgres_uri)
    sink.write(make_measures())
    before = record_store.find_batch("trips", WINDOW)
    unstorable = Metric(Family.DATA_DRIFT, "drift_score", 1.0, "null\x00byte")
    broken = dataclasses.replace(make_measures(5.0), metrics=(*make_measures(5.0).metrics, unstorable))
    with pytest.raises(Exception, match=r"NUL|u0000"):
        record_store.save_measures(dataclasses.replace(BATCH, rows=7), broken)
    assert sink.values() == expected()
    assert record_store.find_batch("trips", WINDOW) == before
    sink.store.engine.dispose()


def test_a_gate_result_that_postgresql_refuses_does_not_quarantine(record_store: RecordStore) -> None:
    record_store.save_batch(BATCH)
    with pytest.raises(Exception, match=r"NUL|u0000"):
        record_store.save_gate(dataclasses.replace(BATCH, status=BatchStatus.QUARANTINED), dataclasses.replace(GATE, suite="\x00"))
    assert record_store.find_batch("trips", WINDOW) == BATCH
    assert record_store.find_gate("trips", WINDOW) is None


def test_a_connection_cut_in_the_middle_leaves_nothing_and_the_next_try_completes(postgres_uri: str, record_store: RecordStore) -> None:
    sink = PostgresSink(postgres_uri)
    cut = iter([True])

    @event.listens_for(sink.store.engine, "after_cursor_execute")
    def cut_once(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        if statement.startswith("INSERT INTO driftgate.metric") and next(cut, False):
            with record_store.engine.connect() as other:
                other.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": cursor.connection.info.backend_pid})

    with pytest.raises(ServiceError, match="try again"):
        sink.write(make_measures())
    assert (sink.values(), sink.count()) == (None, 0)
    sink.write(make_measures())
    assert (sink.values(), sink.count()) == (expected(), 41)
    sink.store.engine.dispose()


def test_two_writers_without_the_lock_still_leave_one_complete_set_of_rows(postgres_uri: str, record_store: RecordStore) -> None:
    def run(offset: float, count: int) -> None:
        for _ in range(5):
            record_store.save_measures(BATCH, make_measures(offset, count))

    assert run_at_once(lambda: run(0.0, 40), lambda: run(5.0, 30), lambda: run(9.0, 35)) == []
    sink = PostgresSink(postgres_uri)
    assert sink.values() in (expected(), expected(5.0, 30), expected(9.0, 35))
    sink.store.engine.dispose()


def test_an_unfinished_mlflow_run_is_not_shown_as_the_windows_run(mlflow_uri: str) -> None:
    sink = MlflowSink(mlflow_uri)
    not_text = Path("gate.json").absolute()
    not_text.write_bytes(b"\xff\xfe\x00")
    broken = dataclasses.replace(GATE, result_path=str(not_text))
    from driftgate.record.mlflow_runs import log_window

    with pytest.raises(UnicodeDecodeError):
        log_window(sink.config, mlflow_uri, BATCH, broken, make_measures(), config_fingerprint="f00", dag_run=None)
    assert sink.values() is None
    sink.write(make_measures())
    assert (sink.values(), sink.count()) == (expected(), 1)
