"""The store's reads and writes on a real PostgreSQL."""

from __future__ import annotations

import dataclasses
import math
import threading
import time
from datetime import datetime, timedelta

import pytest
from sqlalchemy import create_engine, event, text
from sqlalchemy.exc import IntegrityError

from driftgate.errors import MeasureError, ServiceError
from driftgate.record.locks import lock_key
from driftgate.record.store import RecordStore
from driftgate.records import (
    Action,
    Batch,
    BatchStatus,
    Comparison,
    Decision,
    Direction,
    FailedExpectation,
    Family,
    GateResult,
    GateVerdict,
    Measures,
    Metric,
    MetricVerdict,
    Retraining,
    RetrainVerdict,
)
from factories import DAY, make_window


def make_batch(day: int = 0, **changes: object) -> Batch:
    batch = Batch(
        "trips", make_window(day), BatchStatus.INGESTED, 200, 4096, "abc", "/data/batch.parquet", "1", "manual__1", "2 duplicates"
    )
    return dataclasses.replace(batch, **changes)


def make_gate(day: int = 0, verdict: GateVerdict = GateVerdict.PASS) -> GateResult:
    failed = (FailedExpectation("expect_column_values_to_be_between", "distance", "critical", "3 of 200 values outside [0, 50]"),)
    return GateResult(
        "trips", make_window(day), "trips_suite", verdict, 8, failed if verdict != GateVerdict.PASS else (), "a/b.html", "/g.json"
    )


def make_measures(day: int = 0, metrics: tuple[Metric, ...] | None = None, version: str = "1") -> Measures:
    drift = Metric(
        Family.DATA_DRIFT, "drift_score", 0.2, "distance", threshold=0.1, direction=Direction.ABOVE, verdict=MetricVerdict.ALARM,
        method="wasserstein", reference_value=0.0,
    )  # fmt: skip
    default = (drift, Metric(Family.PERFORMANCE, "mae", 1.5, segment="vendor=a"), Metric(Family.PERFORMANCE, "mae", 1.0))
    return Measures("trips", make_window(day), version, 200, default if metrics is None else metrics)


def make_retraining(day: int = 0, **changes: object) -> Retraining:
    segments = {"vendor=a": {"mae": 2.0}}
    comparison = Comparison("mae", 90, {"mae": 2.0}, {"mae": 1.0}, segments, segments, 1.0, 0.8, 1.2, True, "better beyond noise")
    retraining = Retraining("trips", make_window(day), RetrainVerdict.CHALLENGER_WINS, "1", "2", comparison, "run1", dag_run="r")
    return dataclasses.replace(retraining, **changes)


def by_address(measures: Measures) -> dict[tuple[str, str, str, str], Metric]:
    return {metric.address: metric for metric in measures.metrics}


def scalar(store: RecordStore, statement: str) -> object:
    with store.engine.connect() as connection:
        return connection.execute(text(statement)).scalar_one()


def test_a_batch_comes_back_as_written_and_later_values_win(store: RecordStore) -> None:
    assert store.find_batch("trips", make_window()) is None
    store.save_batch(make_batch())
    assert store.find_batch("trips", make_window()) == make_batch()
    changed = make_batch(rows=7, content_hash="def", status=BatchStatus.FAILED, note=None)
    store.save_batch(changed)
    assert store.find_batch("trips", make_window()) == changed
    assert scalar(store, "SELECT count(*) FROM driftgate.batch") == 1


def test_batches_are_those_within_the_span_oldest_first_and_of_the_asked_status(store: RecordStore) -> None:
    for day in (3, 1, 2, 0):
        store.save_batch(make_batch(day, status=BatchStatus.NO_DATA if day == 2 else BatchStatus.MEASURED))
    store.save_batch(make_batch(1, monitor="other"))
    span = (DAY + timedelta(days=1), DAY + timedelta(days=4))
    assert [batch.window for batch in store.batches("trips", *span)] == [make_window(day) for day in (1, 2, 3)]
    assert [batch.window for batch in store.batches("trips", *span, statuses=[BatchStatus.MEASURED])] == [make_window(1), make_window(3)]
    assert store.batches("trips", *span, statuses=[]) == []


@pytest.mark.parametrize("status", [BatchStatus.MEASURED, BatchStatus.QUARANTINED])
def test_ingesting_the_same_content_again_keeps_what_was_found_about_it(store: RecordStore, status: BatchStatus) -> None:
    store.save_batch(make_batch(status=status))
    store.save_batch(make_batch())
    assert store.find_batch("trips", make_window()).status == status


@pytest.mark.parametrize("change", [{"content_hash": "new"}, {"model_version": "2"}, {"model_version": None}], ids=str)
def test_ingesting_other_content_or_predictions_starts_again(store: RecordStore, change: dict[str, str | None]) -> None:
    store.save_batch(make_batch(status=BatchStatus.MEASURED))
    store.save_batch(make_batch(**change))
    assert store.find_batch("trips", make_window()).status == BatchStatus.INGESTED


def test_a_gate_result_is_written_with_its_batch(store: RecordStore) -> None:
    failed = make_gate(verdict=GateVerdict.FAIL)
    store.save_gate(make_batch(status=BatchStatus.QUARANTINED), failed)
    assert store.find_gate("trips", make_window()) == failed
    assert store.find_batch("trips", make_window()).status == BatchStatus.QUARANTINED
    store.save_gate(make_batch(), make_gate())
    assert store.find_gate("trips", make_window()) == make_gate()
    assert store.find_batch("trips", make_window()).status == BatchStatus.INGESTED
    assert store.find_gate("trips", make_window(1)) is None


def test_passed_batches_hold_data_and_were_let_through(store: RecordStore) -> None:
    store.save_gate(make_batch(0), make_gate(0))
    store.save_gate(make_batch(1, status=BatchStatus.QUARANTINED), make_gate(1, GateVerdict.FAIL))
    store.save_gate(make_batch(2), make_gate(2, GateVerdict.WARN))
    store.save_batch(make_batch(3))
    store.save_gate(make_batch(4), make_gate(4))
    store.save_batch(make_batch(4, status=BatchStatus.NO_DATA))
    store.save_gate(make_batch(5), make_gate(5))
    passed = store.passed_batches("trips", DAY, make_window(4).end)
    assert [batch.window for batch in passed] == [make_window(0), make_window(2)]
    assert store.passed_batches("other", DAY, make_window(5).end) == []


def test_new_content_never_counts_as_passed_on_the_answer_about_the_old(store: RecordStore) -> None:
    store.save_gate(make_batch(), make_gate())
    store.save_batch(make_batch())
    assert store.find_gate("trips", make_window()) == make_gate()
    assert len(store.passed_batches("trips", DAY, make_window().end)) == 1
    store.save_batch(make_batch(content_hash="new"))
    assert store.find_gate("trips", make_window()) is None
    assert store.passed_batches("trips", DAY, make_window().end) == []


def test_passing_the_gate_again_does_not_unmeasure_a_batch(store: RecordStore) -> None:
    store.save_measures(make_batch(), make_measures())
    store.save_gate(make_batch(), make_gate())
    assert store.find_batch("trips", make_window()).status == BatchStatus.MEASURED


def test_measures_come_back_and_the_batch_is_measured(store: RecordStore) -> None:
    store.save_measures(make_batch(), make_measures())
    loaded = store.load_measures("trips", make_window(), "1")
    assert by_address(loaded) == by_address(make_measures())
    assert loaded.rows == 200
    assert store.find_batch("trips", make_window()) == make_batch(status=BatchStatus.MEASURED)
    assert store.load_measures("trips", make_window(), "2") is None
    assert store.load_measures("trips", make_window(1), "1") is None


def test_metrics_that_are_no_longer_produced_go_and_other_keys_stay(store: RecordStore) -> None:
    store.save_measures(make_batch(), make_measures(version="0"))
    store.save_measures(make_batch(1), make_measures(1))
    store.save_measures(make_batch(), make_measures())
    store.save_measures(make_batch(), make_measures(metrics=(Metric(Family.PERFORMANCE, "mae", 9.0),)))
    assert store.load_measures("trips", make_window(), "1").metrics == (Metric(Family.PERFORMANCE, "mae", 9.0),)
    assert len(store.load_measures("trips", make_window(), "0").metrics) == 3
    assert len(store.load_measures("trips", make_window(1), "1").metrics) == 3
    store.save_measures(make_batch(), make_measures(metrics=()))
    assert store.load_measures("trips", make_window(), "1") is None


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, None], ids=str)
def test_values_that_are_not_finite_become_null(store: RecordStore, value: float | None) -> None:
    metric = Metric(Family.PERFORMANCE, "r2", value, threshold=value, reference_value=value)
    store.save_measures(make_batch(), make_measures(metrics=(metric,)))
    assert store.load_measures("trips", make_window(), "1").metrics == (Metric(Family.PERFORMANCE, "r2", None),)
    assert scalar(store, "SELECT count(*) FROM driftgate.metric WHERE value IS NULL AND threshold IS NULL") == 1


def test_five_hundred_metrics_take_a_handful_of_statements(store: RecordStore) -> None:
    metrics = tuple(Metric(Family.DATA_DRIFT, "drift_score", index / 7, f"c{index}") for index in range(500))
    store.save_batch(make_batch())  # the connection is open
    statements: list[str] = []
    event.listen(store.engine, "before_cursor_execute", lambda *arguments: statements.append(arguments[2]))
    store.save_measures(make_batch(), make_measures(metrics=metrics))
    assert 1 <= len(statements) <= 5
    assert scalar(store, "SELECT count(*) FROM driftgate.metric") == 500


def test_a_metric_named_twice_is_refused_before_anything_is_written(store: RecordStore) -> None:
    twice = (Metric(Family.PERFORMANCE, "mae", 1.0), Metric(Family.PERFORMANCE, "mae", 2.0))
    with pytest.raises(MeasureError, match=r"trips.*2024-01-01.*performance, mae.*twice"):
        store.save_measures(make_batch(), make_measures(metrics=twice))
    assert store.find_batch("trips", make_window()) is None


def test_names_with_quotes_and_other_scripts_survive(store: RecordStore) -> None:
    metrics = tuple(Metric(Family.DATA_DRIFT, "drift_score", 1.0, name) for name in ("a'b", 'c"d', "größe", "%(x)s", ":y", "z\\"))
    store.save_measures(make_batch(), make_measures(metrics=metrics))
    assert by_address(store.load_measures("trips", make_window(), "1")) == by_address(make_measures(metrics=metrics))


def test_the_database_refuses_values_outside_the_shared_language(store: RecordStore) -> None:
    store.save_batch(make_batch())
    with store.engine.connect() as connection, pytest.raises(IntegrityError, match="batch_status_check"):
        connection.execute(text("UPDATE driftgate.batch SET status = 'finished'"))


def test_past_decisions_are_of_one_model_version_before_the_moment_newest_first(store: RecordStore) -> None:
    decisions = {
        day: Decision("trips", make_window(day), "2" if day == 2 else "1", Action.ALERT, ("mae above 3",), ("cooldown",), day % 2 == 0)
        for day in range(5)
    }
    for decision in decisions.values():
        store.save_decision(decision)
        store.save_decision(decision)
    assert store.past_decisions("trips", "1", make_window(4).start, 10) == [decisions[day] for day in (3, 1, 0)]
    assert store.past_decisions("trips", "1", make_window(4).start, 2) == [decisions[3], decisions[1]]
    store.save_decision(dataclasses.replace(decisions[3], action=Action.RETRAIN, reasons=()))
    assert store.past_decisions("trips", "1", make_window(4).start, 1)[0].action == Action.RETRAIN
    assert scalar(store, "SELECT count(*) FROM driftgate.decision") == 5
    assert store.find_decision("trips", make_window(2)) == decisions[2]
    assert store.find_decision("trips", make_window(9)) is None


def test_windows_with_too_few_rows_are_no_past_for_a_decision(store: RecordStore) -> None:
    for day, rows in ((0, 500), (1, 20), (2, 500)):
        store.save_batch(Batch("trips", make_window(day), BatchStatus.INGESTED, rows=rows, content_hash=f"{day}", path="batch.parquet"))
        store.save_decision(Decision("trips", make_window(day), "1", Action.ALERT))
    found = store.past_decisions("trips", "1", make_window(3).start, 10, minimum_rows=100)
    assert [item.window for item in found] == [make_window(2), make_window(0)]


def test_retrainings_come_back_newest_first_with_both_scores(store: RecordStore) -> None:
    for day in (0, 5, 2):
        store.save_retraining(make_retraining(day))
    promoted = make_retraining(5, verdict=RetrainVerdict.PROMOTED, approver="ann", reason="looks good")
    store.save_retraining(promoted)
    assert store.retrainings("trips") == [promoted, make_retraining(2), make_retraining(0)]
    assert store.retrainings("trips", limit=1) == [promoted]
    assert store.find_retraining("trips", make_window(5)) == promoted
    assert store.find_retraining("trips", make_window(1)) is None
    assert (
        scalar(store, "SELECT (champion_scores->>'mae')::float - (challenger_scores->>'mae')::float FROM driftgate.retraining LIMIT 1")
        == 1.0
    )


def test_scores_that_are_not_finite_are_stored_as_null(store: RecordStore) -> None:
    comparison = dataclasses.replace(
        make_retraining().comparison, champion={"mae": math.nan}, gain=math.nan, gain_low=None, gain_high=math.inf
    )
    store.save_retraining(make_retraining(comparison=comparison))
    stored = store.find_retraining("trips", make_window()).comparison
    assert (stored.champion, stored.gain, stored.gain_high) == ({"mae": None}, None, None)


def test_the_last_retraining_before_a_moment_ignores_the_moment_itself(store: RecordStore) -> None:
    assert store.last_retraining_before("trips", make_window(5).start) is None
    store.save_retraining(make_retraining(2, verdict=RetrainVerdict.REJECTED))
    store.save_retraining(make_retraining(5))
    assert store.last_retraining_before("trips", make_window(5).start) == make_window(2)
    assert store.last_retraining_before("trips", make_window(6).start) == make_window(5)
    assert store.last_retraining_before("other", make_window(6).start) is None


def test_a_report_has_one_address_per_kind(store: RecordStore) -> None:
    for address in ("a.html", "b.html"):
        store.save_report("trips", make_window(), "evidently", address)
    assert scalar(store, "SELECT address FROM driftgate.report") == "b.html"


def test_bookkeeping_says_when_a_row_was_first_and_last_written(store: RecordStore) -> None:
    store.save_batch(make_batch())
    store.save_batch(make_batch(rows=3))
    assert scalar(store, "SELECT updated_at > created_at FROM driftgate.batch") is True


def test_keys_are_read_back_in_utc_whatever_the_session_says(store: RecordStore) -> None:
    store.save_batch(make_batch())
    with store.engine.connect() as connection:
        connection.execute(text("SET timezone = 'America/New_York'"))
        connection.commit()
    assert store.find_batch("trips", make_window()).window == make_window()


def test_a_window_lock_makes_a_second_run_wait(store: RecordStore) -> None:
    order: list[str] = []
    held = threading.Event()

    def first() -> None:
        with store.window_lock("trips", make_window(), "record"):
            held.set()
            time.sleep(0.5)
            order.append("first")

    thread = threading.Thread(target=first)
    thread.start()
    assert held.wait(10)
    with store.window_lock("trips", make_window(1), "record"), store.window_lock("trips", make_window(), "report"):
        order.append("others do not wait")
    with store.window_lock("trips", make_window(), "record"):
        order.append("second")
    thread.join(10)
    assert order == ["others do not wait", "first", "second"]


def test_waiting_for_a_lock_ends_with_a_clear_error(store: RecordStore) -> None:
    with store.window_lock("trips", make_window(), "record"):
        started = time.monotonic()
        with pytest.raises(ServiceError, match=r"monitor trips, 20240101T.*busy with 'record' for more than 0.2 s"):
            store.window_lock("trips", make_window(), "record", wait_s=0.2).__enter__()
        assert time.monotonic() - started < 5
    with store.window_lock("trips", make_window(), "record", wait_s=0.2):
        pass


def test_a_lock_is_released_when_its_block_fails_and_takes_no_place_in_the_pool(postgres_uri: str, store: RecordStore) -> None:
    engine = create_engine(postgres_uri, pool_size=1, max_overflow=0, pool_timeout=2)
    small = RecordStore(engine)

    def fail_while_locked() -> None:
        with small.window_lock("trips", "champion", "promote"):
            small.save_batch(make_batch())
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_while_locked()
    with small.window_lock("trips", "champion", "promote", wait_s=0.2):
        assert small.find_batch("trips", make_window()) == make_batch()
    engine.dispose()


def test_the_key_of_a_lock_never_changes() -> None:
    assert lock_key("trips", "20240101T000000Z-20240102T000000Z", "record") == lock_key("trips", make_window().key, "record")
    assert lock_key("trips", "a", "record") == 2022764763666759175
    assert lock_key("ab", "c", "x") != lock_key("a", "bc", "x")


@pytest.mark.parametrize(
    "call",
    [
        lambda store: store.find_batch("trips", make_window()),
        lambda store: store.save_measures(make_batch(), make_measures()),
        lambda store: store.window_lock("trips", make_window(), "record").__enter__(),
    ],
    ids=["read", "write", "lock"],
)
def test_a_server_that_is_down_is_a_service_error_within_seconds(call: object) -> None:
    store = RecordStore.open("postgresql://app:topsecret@127.0.0.1:1/records")
    started = time.monotonic()
    with pytest.raises(ServiceError, match=r"127.0.0.1:1/records did not answer.*try again") as caught:
        call(store)  # type: ignore[operator]
    assert time.monotonic() - started < 8
    assert "topsecret" not in str(caught.value)
    assert "app:" not in str(caught.value)


def test_a_broken_connection_is_replaced(store: RecordStore) -> None:
    opened = RecordStore.open(store.engine.url)
    opened.save_batch(make_batch())
    with store.engine.begin() as connection:
        connection.execute(
            text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND usename IS NOT NULL")
        )
    assert opened.find_batch("trips", make_window()) == make_batch()
    opened.engine.dispose()


def test_moments_with_other_offsets_are_the_same_moment(store: RecordStore) -> None:
    store.save_decision(Decision("trips", make_window(), "1", Action.NO_ACTION))
    before = datetime.fromisoformat("2024-01-02T05:00:00+05:00")  # 2 January, midnight UTC
    assert len(store.past_decisions("trips", "1", before, 5)) == 1
