"""What holds for both sinks, as for the record itself: twice is once, the later write wins, faults are bounded and hide secrets."""

from __future__ import annotations

import dataclasses
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from driftgate import exporting
from driftgate.context import Context
from driftgate.errors import ServiceError
from driftgate.record.store import RecordStore
from driftgate.records import Batch, BatchStatus, Measures
from export_servers import Server
from exports.conftest import record, window_measures
from exports.test_influx import series
from exports.test_prometheus import shown
from factories import make_window

Make = Callable[..., Context]


@dataclass
class Subject:
    """A sink under contract: where it is, and what a reader finds there."""

    kind: str
    server: Server
    make: Make

    def export(self, address: str | None = None) -> None:
        exporting.export_window(self.make(**{self.kind: address or self.server.url}), make_window(), "1")

    def scores(self) -> Mapping[str, float]:
        if self.kind == "gateway":
            return {labels["column"]: value for labels, value in shown(self.server, "driftgate_drift_score")}
        return {item["metric"]["column"]: item["values"][-1] for item in series(self.server, "ml_column_drift_drift_score")}


@pytest.fixture(params=["gateway", "influx"])
def subject(request: pytest.FixtureRequest, make_context: Make) -> Subject:
    return Subject(request.param, request.getfixturevalue(request.param), make_context)


def save(store: RecordStore, measures: Measures) -> None:
    store.save_measures(Batch("trips", measures.window, BatchStatus.MEASURED, 200, model_version="1"), measures)


def test_exporting_twice_leaves_the_same_state_as_once(subject: Subject, store: RecordStore) -> None:
    record(store, 0)
    subject.export()
    once = subject.scores()
    subject.export()
    assert subject.scores() == once == {"distance": 0.25, "hour": 0.01}


def test_a_window_without_any_judged_metric_is_fine(subject: Subject, store: RecordStore) -> None:
    rows_only = tuple(item for item in window_measures().metrics if item.metric == "missing_share" and item.column == "duration")
    save(store, dataclasses.replace(window_measures(), metrics=rows_only))
    subject.export()
    assert subject.scores() == {}


@pytest.mark.parametrize(
    "column", ['quote " back \\ slash', "new\nline", "comma, equals = space", "<b>html</b>", "straße €", "' OR 1=1 --", "end\\"]
)
def test_any_name_of_a_column_arrives(subject: Subject, store: RecordStore, column: str) -> None:
    measures = window_measures()
    named = tuple(dataclasses.replace(item, column=column) if item.column == "distance" else item for item in measures.metrics)
    save(store, dataclasses.replace(measures, metrics=named))
    subject.export()
    scores: dict[str, Any] = dict(subject.scores())
    assert scores.pop("hour") == 0.01
    assert list(scores.values()) == [0.25]
    shown_as = column if subject.kind == "gateway" else column.replace("\n", " ").replace("\\", "/")
    assert list(scores) == [shown_as]


def test_a_server_that_is_down_is_a_retryable_error_in_time_that_hides_the_password(subject: Subject, store: RecordStore) -> None:
    record(store, 0)
    address = "http://me:topsecret@127.0.0.1:1" if subject.kind == "gateway" else "http://127.0.0.1:1"
    started = time.monotonic()
    with pytest.raises(ServiceError, match=r"127\.0\.0\.1:1\S* did not answer") as caught:
        subject.export(address)
    assert time.monotonic() - started < 5
    assert caught.value.retryable
    assert "topsecret" not in str(caught.value)


def test_a_server_that_accepts_and_never_answers_is_an_error_in_time(subject: Subject, store: RecordStore) -> None:
    record(store, 0)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        started = time.monotonic()
        with pytest.raises(ServiceError, match="did not answer"):
            subject.export(f"http://127.0.0.1:{silent.getsockname()[1]}")
        assert time.monotonic() - started < 5
