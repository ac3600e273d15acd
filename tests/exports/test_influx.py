"""Exports on a real server with InfluxDB's v2 write interface, read back from it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from driftgate import exporting
from driftgate.context import Context
from driftgate.record.exports import ExportStore
from driftgate.record.store import RecordStore
from driftgate.records import Export, Sink
from export_servers import Server, Stub, wait_for
from exports.conftest import record
from factories import make_window

Make = Callable[..., Context]
FIELDS = {
    "ml_data_drift_dataset_drift": 1,
    "ml_data_drift_drift_share": 0.5,
    "ml_data_drift_drifted_features_count": 1,
    "ml_data_drift_total_features": 2,
    "ml_data_quality_missing_values_percentage": 2,
    "ml_data_quality_missing_values_count": 12,
    "ml_data_quality_total_values": 600,
    "ml_model_performance_mae": 1,
}
TAGS = {"monitor": "trips", "model_version": "1", "environment": "test"}


def series(server: Server, name: str = "ml_.*", **tags: str) -> list[dict[str, Any]]:
    """Read back every series: name, tags, values, times in milliseconds."""
    server.get("/internal/force_flush")
    wanted = ",".join([f'__name__=~"{name}"', *(f'{key}="{text}"' for key, text in tags.items())])
    found = server.get("/api/v1/export", **{"match[]": f"{{{wanted}}}", "reduce_mem_usage": "0"})
    return [json.loads(line) for line in found.text.splitlines()]


def days(server: Server, name: str = "ml_data_drift_drift_share") -> list[int]:
    """Return for which days a series has values."""
    first = make_window().start.timestamp() * 1000
    return sorted({round((moment - first) / 86_400_000) for item in series(server, name) for moment in item["timestamps"]})


def test_a_window_is_read_back_as_it_was_recorded_at_its_own_time(influx: Server, make_context: Make, store: RecordStore) -> None:
    record(store, 0)
    assert exporting.export_window(make_context(influx=influx.url), make_window(), "1") == (
        Export("trips", make_window(), Sink.INFLUXDB, sent=True),
    )
    found = wait_for(lambda: {item["metric"]["__name__"]: item for item in series(influx)})
    for name, expected in FIELDS.items():
        item = found[name]
        assert (item["values"], item["timestamps"]) == ([expected], [1704067200000]), name
        assert TAGS.items() <= item["metric"].items(), name
    assert found["ml_monitoring_performance_export_duration"]["values"][0] > 0
    scores = {item["metric"]["column"]: item["values"] for item in series(influx, "ml_column_drift_drift_score")}
    assert scores == {"distance": [0.25], "hour": [0.01]}


def test_a_window_sent_twice_is_one_point(influx: Server, make_context: Make, store: RecordStore) -> None:
    context = make_context(influx=influx.url)
    record(store, 0)
    for _ in range(2):
        exporting.export_window(context, make_window(), "1")
    (score,) = wait_for(lambda: series(influx, "ml_column_drift_drift_score", column="distance"))
    assert (score["values"], score["timestamps"]) == ([0.25], [1704067200000])


def test_other_values_of_a_window_have_the_same_key_and_time_so_that_influxdb_overwrites_them(
    make_context: Make, store: RecordStore
) -> None:
    sent = []
    for score in (0.25, 0.75):
        record(store, 0, score=score)
        with Stub() as stub:
            exporting.export_window(make_context(influx=stub.url), make_window(), "1")
        sent.append([line.split(" ") for line in stub.received[0].text.splitlines()])
    before, after = sent
    assert [(key, moment) for key, _, moment in before] == [(key, moment) for key, _, moment in after]
    assert before != after


def test_every_window_that_is_missing_is_sent_and_none_twice(influx: Server, make_context: Make, store: RecordStore) -> None:
    record(store, *range(45))
    context = make_context(influx=influx.url)
    told: list[Any] = []
    (counts,) = exporting.export_since(context, make_window(3).start, progress=lambda *step: told.append(step))
    assert (counts.sent, counts.failed, counts.left, counts.complete) == (42, 0, 0, True)
    assert [done for _, done, _ in told] == [20, 40, 42]
    assert {total for _, _, total in told} == {42}
    assert wait_for(lambda: days(influx)) == list(range(3, 45))
    assert exporting.export_since(context, "2024-01-04")[0].sent == 0
    assert exporting.export_since(context)[0].sent == 3
    assert exporting.export_since(context, again=True)[0].sent == 45


def test_a_window_that_the_server_refuses_does_not_keep_the_others_back(make_context: Make, store: RecordStore) -> None:
    record(store, 0, 1, 2)
    refused = (422, {}, b'{"code":"unprocessable entity","message":"points beyond retention policy dropped=1"}')
    with Stub(answers=[refused, (204, {}, b""), refused, (204, {}, b"")]) as stub:
        (counts,) = exporting.export_since(make_context(influx=stub.url))
        assert (counts.sent, counts.failed, counts.left) == (2, 1, 0)
        assert counts.error is not None
        assert "beyond retention policy" in counts.error
        (state,) = ExportStore(store.engine).state()
        assert (state.sent, state.waiting) == (2, 1)
        assert exporting.export_since(make_context(influx=stub.url))[0].sent == 1


@pytest.mark.parametrize("status", [401, 404, 503])
def test_a_server_that_does_not_work_is_asked_once_and_the_rest_is_left(make_context: Make, store: RecordStore, status: int) -> None:
    record(store, *range(30))
    with Stub(answers=[(status, {}, b"no")]) as stub:
        (counts,) = exporting.export_since(make_context(influx=stub.url))
    assert (counts.sent, counts.failed, counts.left, counts.complete) == (0, 20, 10, False)
    assert len(stub.received) == (3 if status == 503 else 1)
