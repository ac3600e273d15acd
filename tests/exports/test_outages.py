"""A sink that is down, hangs or says no: the record stays whole, the failure is noted, the gap is filled later."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from driftgate import exporting
from driftgate.context import Context
from driftgate.errors import ServiceError
from driftgate.record.exports import ExportStore
from driftgate.record.store import RecordStore
from driftgate.records import Sink
from export_servers import Server, Stub, pushgateway, victoria_metrics, wait_for
from exports.conftest import record
from exports.test_influx import days
from exports.test_prometheus import value
from factories import make_window

Make = Callable[..., Context]


@pytest.fixture
def own_influx(tmp_path: Path) -> Iterator[Server]:
    with victoria_metrics(tmp_path / "influx") as server:
        yield server


@pytest.fixture
def own_gateway(tmp_path: Path) -> Iterator[Server]:
    with pushgateway(tmp_path / "gateway") as server:
        yield server


def recorded(store: RecordStore) -> list[Any]:
    """Return everything that the record holds about windows, without the table of exports."""
    with store.engine.connect() as connection:
        queries = ("SELECT * FROM driftgate.batch ORDER BY id", "SELECT * FROM driftgate.metric ORDER BY 1, 2, 3, 4, 5, 6, 7, 8")
        return [connection.execute(text(query)).all() for query in queries]


def test_an_influxdb_that_goes_away_leaves_a_gap_that_is_filled_later(own_influx: Server, make_context: Make, store: RecordStore) -> None:
    context = make_context(influx=own_influx.url)
    for day in range(6):
        if day == 2:
            own_influx.stop()
        if day == 4:
            own_influx.start()
        record(store, day)
        before = recorded(store)
        if day in (2, 3):
            with pytest.raises(
                ServiceError, match=r"is recorded but was not exported to 1 of 1 sinks:\n  - influxdb: InfluxDB at .* did not answer"
            ):
                exporting.export_window(context, make_window(day), "1")
        else:
            exporting.export_window(context, make_window(day), "1")
        assert recorded(store) == before
    (state,) = ExportStore(store.engine).state()
    assert (state.sink, state.sent, state.waiting) == (Sink.INFLUXDB, 4, 2)
    assert state.last_error is not None
    assert "connection refused" in state.last_error
    assert set(days(own_influx)).isdisjoint({2, 3})
    (counts,) = exporting.export_since(context, make_window(1).start)
    assert (counts.sent, counts.complete) == (2, True)
    assert wait_for(lambda: days(own_influx) == list(range(6)))
    assert [(state.sent, state.waiting, state.last_error) for state in ExportStore(store.engine).state()] == [(6, 0, None)]


def test_a_pushgateway_that_is_killed_shows_the_latest_window_after_its_return(
    own_gateway: Server, make_context: Make, store: RecordStore
) -> None:
    context = make_context(gateway=own_gateway.url)
    own_gateway.kill()
    for day in (0, 1):
        record(store, day)
        with pytest.raises(ServiceError, match=r"prometheus: Pushgateway at .* did not answer: connection refused"):
            exporting.export_window(context, make_window(day), "1")
    assert [state.waiting for state in ExportStore(store.engine).state()] == [2]
    own_gateway.start()
    record(store, 2)
    exporting.export_window(context, make_window(2), "1")
    assert value(own_gateway, "driftgate_window_start_timestamp_seconds") == make_window(2).start.timestamp()
    assert value(own_gateway, "evidently_export_errors_total", type="prometheus") == 2
    assert [(state.sent, state.waiting) for state in ExportStore(store.engine).state()] == [(3, 0)]


def test_a_pushgateway_that_forgot_everything_is_filled_again(own_gateway: Server, make_context: Make, store: RecordStore) -> None:
    context = make_context(gateway=own_gateway.url)
    record(store, 0)
    exporting.export_window(context, make_window(), "1")
    own_gateway.kill()
    own_gateway.start()
    (counts,) = exporting.export_since(context)
    assert (counts.sent, counts.complete) == (1, True)
    assert value(own_gateway, "evidently_drift_share") == 0.5


def test_a_dead_sink_does_not_keep_the_other_one_back(gateway: Server, make_context: Make, store: RecordStore) -> None:
    context = make_context(gateway=gateway.url, influx="http://127.0.0.1:1")
    record(store, 0)
    with pytest.raises(ServiceError, match="not exported to 1 of 2 sinks") as caught:
        exporting.export_window(context, make_window(), "1")
    assert "prometheus" not in str(caught.value)
    assert "driftgate export trips --since 2024-01-01" in str(caught.value)
    assert value(gateway, "evidently_drift_share") == 0.5
    assert value(gateway, "evidently_export_errors_total", type="influxdb") == 1
    influx, prometheus = ExportStore(store.engine).state()
    assert (influx.waiting, prometheus.waiting) == (1, 0)


@pytest.mark.parametrize("status", [401, 404, 413, 429])
def test_a_refusal_is_noted_readably_and_without_the_token(make_context: Make, store: RecordStore, status: int) -> None:
    record(store, 0)
    with Stub(answers=[(status, {}, b"token topsecret")]) as stub, pytest.raises(ServiceError):
        exporting.export_window(make_context(influx=stub.url), make_window(), "1")
    noted = ExportStore(store.engine).find("trips", make_window(), Sink.INFLUXDB)
    assert noted is not None
    assert noted.error is not None
    assert str(status) in noted.error
    assert "topsecret" not in noted.error
    assert (noted.sent, noted.attempts) == (False, 1)


def test_sinks_that_hang_end_in_time(make_context: Make, store: RecordStore) -> None:
    record(store, 0)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        started = time.monotonic()
        with pytest.raises(ServiceError, match="2 of 2 sinks"):
            exporting.export_window(make_context(gateway=address, influx=address), make_window(), "1")
        assert time.monotonic() - started < 6  # two sinks with 2 s each here, 8 s each as shipped


def test_filling_a_gap_goes_on_where_it_was_cut_off(influx: Server, make_context: Make, store: RecordStore) -> None:
    record(store, *range(45))
    context = make_context(influx=influx.url)

    class CutOffError(Exception):
        pass

    def cut(sink: Sink, done: int, total: int) -> None:
        if done >= 20:
            raise CutOffError

    with pytest.raises(CutOffError):
        exporting.export_since(context, progress=cut)
    assert exporting.export_since(context)[0].sent == 25


def test_a_wrong_setting_is_noted_too(make_context: Make, store: RecordStore) -> None:
    record(store, 0)
    with pytest.raises(ServiceError, match="PROMETHEUS_GATEWAY is not an address"):
        exporting.export_window(make_context(gateway="http://me:topsecret@host:port"), make_window(), "1")
    assert [state.waiting for state in ExportStore(store.engine).state()] == [1]
