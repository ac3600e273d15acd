"""Exports in the record: what was sent, what waits, and the counts that sinks show."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from driftgate.record.exports import ExportStore
from driftgate.record.store import RecordStore
from driftgate.records import Batch, BatchStatus, Export, Sink
from factories import make_measures, make_window

INFLUX, PROMETHEUS = Sink.INFLUXDB, Sink.PROMETHEUS


@pytest.fixture
def exports(store: RecordStore) -> ExportStore:
    return ExportStore(store.engine)


def measure(store: RecordStore, *days: int, version: str = "1", monitor: str = "trips") -> None:
    for day in days:
        measures = make_measures(day, model_version=version)
        batch = Batch(monitor, measures.window, BatchStatus.MEASURED, 200, content_hash=f"h{day}", model_version=version)
        store.save_measures(
            batch, measures if monitor == "trips" else type(measures)(monitor, measures.window, version, 200, measures.metrics)
        )


def export(day: int, sink: Sink = INFLUX, *, sent: bool, error: str | None = None) -> Export:
    return Export("trips", make_window(day), sink, sent, error=error)


def days(windows: Iterable[Any]) -> list[int]:
    return [(item.window.start - make_window().start).days for item in windows]


def test_a_window_waits_until_it_was_sent_and_counts_per_sink(store: RecordStore, exports: ExportStore) -> None:
    measure(store, 0, 1, 2)
    exports.save(export(1, sent=True), export(2, sent=False, error="down"))
    assert days(exports.unsent("trips", INFLUX)) == [0, 2]
    assert exports.count_unsent("trips", INFLUX) == 2
    assert days(exports.unsent("trips", PROMETHEUS)) == [0, 1, 2]
    assert days(exports.unsent("other", INFLUX)) == []


def test_only_measured_windows_from_the_date_on_are_sent(store: RecordStore, exports: ExportStore) -> None:
    measure(store, 0, 1, 2)
    store.save_batch(Batch("trips", make_window(3), BatchStatus.NO_DATA))
    assert days(exports.unsent("trips", INFLUX, since=make_window(1).start)) == [1, 2]
    assert days(exports.unsent("trips", INFLUX, since=make_window(1).start + timedelta(seconds=1))) == [2]


def test_again_means_every_measured_window(store: RecordStore, exports: ExportStore) -> None:
    measure(store, 0, 1)
    exports.save(export(0, sent=True))
    assert days(exports.unsent("trips", INFLUX, again=True)) == [0, 1]
    assert exports.count_unsent("trips", INFLUX, again=True) == 2


def test_a_window_that_was_measured_anew_is_sent_anew(store: RecordStore, exports: ExportStore) -> None:
    measure(store, 0, 1)
    exports.save(export(0, sent=True), export(1, sent=True))
    measure(store, 1, version="2")
    assert [(item.window, item.model_version) for item in exports.unsent("trips", INFLUX)] == [(make_window(1), "2")]


def test_windows_come_page_by_page_in_order_while_others_are_marked_as_sent(
    store: RecordStore, exports: ExportStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("driftgate.record.exports._PAGE", 2)
    measure(store, 4, 0, 3, 1, 2)
    seen = []
    for item in exports.unsent("trips", INFLUX):
        exports.save(Export("trips", item.window, INFLUX, sent=True))
        seen.append(item)
    assert days(seen) == [0, 1, 2, 3, 4]
    assert list(exports.unsent("trips", INFLUX)) == []


def test_failures_add_up_and_sending_again_adds_nothing(store: RecordStore, exports: ExportStore) -> None:
    measure(store, 0)

    def after(*, sent: bool) -> tuple[int, int]:
        exports.save(export(0, sent=sent, error=None if sent else "down"))
        found = exports.find("trips", make_window(), INFLUX)
        assert found is not None
        assert found.sent is sent
        return found.attempts, exports.failures("trips", "1")[INFLUX]

    assert [after(sent=sent) for sent in (False, False, True, True, False, True)] == [(1, 1), (2, 2), (3, 2), (3, 2), (3, 3), (4, 3)]


def test_failures_count_per_model_version_and_name_every_sink(store: RecordStore, exports: ExportStore) -> None:
    measure(store, 0)
    measure(store, 1, version="2")
    exports.save(export(0, sent=False), export(1, PROMETHEUS, sent=False))
    assert exports.failures("trips", "1") == {INFLUX: 1, PROMETHEUS: 0, Sink.EVIDENTLY: 0}
    assert exports.failures("trips", "2")[PROMETHEUS] == 1


def test_a_later_window_settles_the_earlier_ones_of_a_sink_that_shows_one(store: RecordStore, exports: ExportStore) -> None:
    measure(store, 0, 1, 2)
    exports.save(*(export(day, PROMETHEUS, sent=False, error="down") for day in (0, 1, 2)), export(0, sent=False))
    assert exports.supersede("trips", PROMETHEUS, make_window(1)) == 2
    assert days(exports.unsent("trips", PROMETHEUS)) == [2]
    assert days(exports.unsent("trips", INFLUX)) == [0, 1, 2]
    settled = exports.find("trips", make_window(), PROMETHEUS)
    assert settled is not None
    assert settled.error is not None
    assert settled.error.startswith("superseded by window [2024-01-02")
    assert exports.failures("trips", "1")[PROMETHEUS] == 3


def test_the_latest_measured_window_is_found_whatever_order_they_came_in(store: RecordStore, exports: ExportStore) -> None:
    assert exports.latest("trips") is None
    measure(store, 5, 2)
    store.save_batch(Batch("trips", make_window(9), BatchStatus.QUARANTINED))
    latest = exports.latest("trips")
    assert latest is not None
    assert (latest.window, latest.model_version) == (make_window(5), "1")
    assert exports.last_window("trips") == (make_window(9), BatchStatus.QUARANTINED)
    assert exports.windows_by_status("trips")[BatchStatus.MEASURED] == 2


def test_the_state_of_every_sink_shows_last_success_waiting_windows_and_the_last_error(store: RecordStore, exports: ExportStore) -> None:
    assert exports.state() == []
    measure(store, 0, 1, 2)
    exports.save(export(0, sent=True), export(1, sent=False, error="first"))
    exports.save(export(2, sent=False, error="second"), export(0, PROMETHEUS, sent=True))
    influx, prometheus = exports.state()
    assert (influx.sink, influx.sent, influx.waiting, influx.last_error, influx.last_error_monitor) == (INFLUX, 1, 2, "second", "trips")
    assert influx.last_success is not None
    assert (prometheus.waiting, prometheus.last_error) == (0, None)


def test_reading_the_waiting_windows_uses_an_index(store: RecordStore, exports: ExportStore) -> None:
    measure(store, *range(3))
    with store.engine.connect() as connection:
        connection.execute(text("SET enable_seqscan = off"))
        plan = (
            connection.execute(text("EXPLAIN SELECT 1 FROM driftgate.export WHERE state = 'failed' AND sink = 'influxdb'")).scalars().all()
        )
    assert "export_failed_idx" in "\n".join(plan)


@pytest.mark.skipif(
    "seconds" not in __import__("driftgate.record.tables", fromlist=["report"]).report.c, reason="reports carry no duration yet"
)
def test_report_durations_are_counted_by_bound(store: RecordStore, exports: ExportStore) -> None:
    measure(store, 0, 1, 2)
    with store.engine.begin() as connection:
        for day, seconds in ((0, 0.4), (1, 2.0), (2, 400.0)):
            row = {"start": make_window(day).start, "end": make_window(day).end, "seconds": seconds}
            connection.execute(
                text(
                    "INSERT INTO driftgate.report (monitor, window_start, window_end, kind, address, seconds) VALUES ('trips', :start, :end, 'evidently', 'x', :seconds)"
                ),
                row,
            )
    assert exports.report_durations("trips", "1", (0.5, 5.0)) == ((1, 2), 3, pytest.approx(402.4))
    assert exports.report_seconds("trips", make_window(1)) == 2.0
