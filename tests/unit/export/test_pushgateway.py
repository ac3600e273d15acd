"""What is pushed to Prometheus: names, types and labels, on a stub in place of the Pushgateway."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from driftgate.errors import ServiceError
from driftgate.export import delivery, pushgateway
from driftgate.export.figures import ColumnFigures, Figures, ScoreFigures
from driftgate.export.pushgateway import BUCKETS_S, Durations, MonitorState
from driftgate.records import Sink
from export_servers import Stub
from factories import make_window

WINDOW = make_window()
FIGURES = Figures(
    monitor="trips",
    model_version="3",
    window=WINDOW,
    rows=200,
    dataset_drift=1,
    drift_share=0.75,
    drifted_features=3,
    total_features=4,
    missing_percentage=2.0,
    missing_count=12,
    total_values=600,
    columns=(ColumnFigures("distance", 0.25, 0.1, True, 0.0), ColumnFigures('vendor "x"\\\n', None, None, None, 0.5)),
    columns_left_out=0,
    performance={"mae": ScoreFigures(1.5, 1.0, None)},
    kpis={"revenue": 10.0},
    alarms={"data_drift": 1, "performance": 0},
)
STATE = MonitorState(
    monitor="trips",
    exported_at=1_700_000_000.0,
    figures=FIGURES,
    windows={"measured": 3, "quarantined": 1},
    last_window=WINDOW,
    last_window_quarantined=False,
    overdue_after=1_800_000_000.0,
    export_errors={Sink.PROMETHEUS: 0, Sink.INFLUXDB: 4},
    report_durations=Durations((0, 1, 2, 2, 2, 2, 2, 2, 2), 3, 401.5),
)
PROMISED = {
    "evidently_dataset_drift": ("gauge", 1.0),
    "evidently_drift_share": ("gauge", 0.75),
    "evidently_drifted_features_count": ("gauge", 3.0),
    "evidently_missing_values_percentage": ("gauge", 2.0),
    "evidently_missing_values_count": ("gauge", 12.0),
    "evidently_last_export_timestamp": ("gauge", 1_700_000_000.0),
}


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stub]:
    monkeypatch.setattr(delivery, "PAUSES_S", (0.02, 0.05))
    with Stub(answers=[(200, {}, b"")]) as made:
        yield made


def pushed(stub: Stub, state: MonitorState = STATE) -> dict[str, Any]:
    pushgateway.push(stub.url, "test", state)
    return {family.name: family for family in text_string_to_metric_families(stub.received[-1].body.decode())}


def test_the_group_is_job_environment_and_monitor_and_is_replaced_as_a_whole(stub: Stub) -> None:
    pushed(stub)
    assert (stub.received[0].method, stub.received[0].path) == (
        "PUT",
        "/metrics/job/evidently_ml_monitoring/environment/test/monitor/trips",
    )


def test_the_promised_gauges_are_there_by_name_with_the_model_version(stub: Stub) -> None:
    families = pushed(stub)
    for name, (kind, value) in PROMISED.items():
        (sample,) = families[name].samples
        assert (families[name].type, sample.labels, sample.value) == (kind, {"model_version": "3"}, value), name


def test_export_errors_are_a_counter_by_type_that_starts_at_zero(stub: Stub) -> None:
    family = pushed(stub)["evidently_export_errors"]
    assert family.type == "counter"
    assert {(sample.name, sample.labels["type"]): sample.value for sample in family.samples} == {
        ("evidently_export_errors_total", "prometheus"): 0.0,
        ("evidently_export_errors_total", "influxdb"): 4.0,
    }


def test_report_durations_are_a_cumulative_histogram(stub: Stub) -> None:
    family = pushed(stub)["evidently_report_generation_seconds"]
    assert family.type == "histogram"
    buckets = {sample.labels["le"]: sample.value for sample in family.samples if sample.name.endswith("_bucket")}
    assert list(buckets) == [*map(str, BUCKETS_S), "+Inf"]
    assert (buckets["0.5"], buckets["1.0"], buckets["2.5"], buckets["+Inf"]) == (0, 1, 2, 3)
    assert {sample.name.rpartition("_")[2]: sample.value for sample in family.samples if "le" not in sample.labels} == {
        "count": 3,
        "sum": 401.5,
    }


def test_columns_are_labels_with_any_text_in_them(stub: Stub) -> None:
    families = pushed(stub)
    assert {sample.labels["column"]: sample.value for sample in families["driftgate_missing_share"].samples} == {
        "distance": 0.0,
        'vendor "x"\\\n': 0.5,
    }
    assert [sample.labels["column"] for sample in families["driftgate_column_drifted"].samples] == ["distance"]


def test_what_has_no_number_has_no_series(stub: Stub) -> None:
    few = replace(FIGURES, dataset_drift=None, drift_share=None, drifted_features=None, performance={}, kpis={}, columns=())
    families = pushed(stub, replace(STATE, figures=few, overdue_after=None))
    assert {
        "evidently_drift_share",
        "driftgate_performance",
        "driftgate_drift_score",
        "driftgate_window_overdue_timestamp_seconds",
    }.isdisjoint(families)
    assert "evidently_missing_values_count" in families


def test_a_monitor_whose_first_batch_is_quarantined_shows_that(stub: Stub) -> None:
    families = pushed(stub, replace(STATE, figures=None, last_window_quarantined=True, overdue_after=None))
    assert families["driftgate_last_window_quarantined"].samples[0].value == 1.0
    assert "evidently_dataset_drift" not in families


def test_pushing_the_same_state_twice_sends_the_same_bytes(stub: Stub) -> None:
    pushed(stub)
    pushed(stub)
    assert stub.received[0].body == stub.received[1].body


def test_the_number_of_series_has_the_stated_bound(stub: Stub) -> None:
    columns = tuple(ColumnFigures(f"c{index}", 0.1, 0.1, False, 0.0) for index in range(200))
    families = pushed(stub, replace(STATE, figures=replace(FIGURES, columns=columns)))
    assert sum(len(family.samples) for family in families.values()) < 4 * 200 + 60


def test_basic_authentication_comes_from_the_address_and_is_not_shown(stub: Stub) -> None:
    stub.answers = [(401, {}, b"no: top%secret")]
    address = stub.url.replace("://", "://me:top%25secret@")
    with pytest.raises(ServiceError, match="write user and password into PROMETHEUS_GATEWAY") as caught:
        pushgateway.push(address, "test", STATE)
    assert stub.received[0].headers["authorization"] == "Basic bWU6dG9wJXNlY3JldA=="
    assert "secret" not in str(caught.value).replace("***", "")


def test_only_gone_monitors_of_the_own_job_and_environment_are_removed(stub: Stub) -> None:
    def group(job: str, environment: str, monitor: str) -> dict[str, Any]:
        return {"labels": {"job": job, "environment": environment, "monitor": monitor}}

    own = pushgateway.JOB
    groups = [group(own, "test", "trips"), group(own, "test", "gone"), group(own, "other", "theirs"), group("backup", "test", "x")]
    stub.answers = [(200, {}, json.dumps({"status": "success", "data": [*groups, {"labels": {"job": own}}]}).encode())]
    assert pushgateway.prune(stub.url, "test", ["trips"]) == ["gone"]
    assert [(got.method, got.path) for got in stub.received] == [
        ("GET", "/api/v1/metrics"),
        ("DELETE", f"/metrics/job/{own}/environment/test/monitor/gone"),
    ]


def test_something_else_at_the_address_is_said_to_be_no_pushgateway(stub: Stub) -> None:
    stub.answers = [(200, {}, b"<html>hello</html>")]
    with pytest.raises(ServiceError, match="PROMETHEUS_GATEWAY is not a Pushgateway"):
        pushgateway.prune(stub.url, "test", [])
