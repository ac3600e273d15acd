"""Exports on a real Pushgateway: what is shown, what replaces what, what is removed."""

from __future__ import annotations

import dataclasses
import shutil
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from driftgate import exporting
from driftgate.context import Context
from driftgate.errors import MeasureError, SettingsError
from driftgate.housekeeping import prune_pushgateway
from driftgate.record.exports import ExportStore
from driftgate.record.store import RecordStore
from driftgate.records import Batch, BatchStatus, Export, Family, Sink
from export_servers import Server
from exports.conftest import record, window_measures
from factories import make_config, make_window

Make = Callable[..., Context]
ROOT = Path(__file__).resolve().parents[2]
GAUGES = {
    "evidently_dataset_drift": 1.0,
    "evidently_drift_share": 0.5,
    "evidently_drifted_features_count": 1.0,
    "evidently_missing_values_percentage": 2.0,
    "evidently_missing_values_count": 12.0,
}


def shown(gateway: Server, name: str, **labels: str) -> list[tuple[dict[str, str], float]]:
    """Return what the Pushgateway's page of metrics holds under a name."""
    samples = [sample for family in text_string_to_metric_families(gateway.get("/metrics").text) for sample in family.samples]
    return [(dict(item.labels), item.value) for item in samples if item.name == name and labels.items() <= item.labels.items()]


def value(gateway: Server, name: str, **labels: str) -> float:
    (found,) = shown(gateway, name, **labels)
    return found[1]


def test_a_recorded_window_is_shown_under_the_promised_names_and_labels(gateway: Server, make_context: Make, store: RecordStore) -> None:
    record(store, 0)
    assert exporting.export_window(make_context(gateway=gateway.url), make_window(), "1") == (
        Export("trips", make_window(), Sink.PROMETHEUS, sent=True),
    )
    for name, expected in GAUGES.items():
        (found,) = shown(gateway, name)
        labels = {key: text for key, text in found[0].items() if key != "instance"}
        assert labels == {"job": "evidently_ml_monitoring", "environment": "test", "monitor": "trips", "model_version": "1"}, name
        assert found[1] == expected, name
    assert value(gateway, "evidently_last_export_timestamp") == pytest.approx(datetime.now(UTC).timestamp(), abs=60)
    assert value(gateway, "evidently_export_errors_total", type="influxdb") == 0
    assert value(gateway, "evidently_report_generation_seconds_count") == 0
    assert value(gateway, "driftgate_drift_score", column="distance") == 0.25
    assert value(gateway, "driftgate_window_end_timestamp_seconds") == make_window().end.timestamp()


def test_a_new_model_version_leaves_no_series_of_the_old_one(gateway: Server, make_context: Make, store: RecordStore) -> None:
    context = make_context(gateway=gateway.url)
    record(store, 0, version="1")
    exporting.export_window(context, make_window(0), "1")
    unlabelled = window_measures(1, version="2")
    unlabelled = dataclasses.replace(
        unlabelled, metrics=tuple(item for item in unlabelled.metrics if item.family is not Family.PERFORMANCE)
    )
    store.save_measures(Batch("trips", make_window(1), BatchStatus.MEASURED, 200, model_version="2"), unlabelled)
    exporting.export_window(context, make_window(1), "2")
    versions = {
        sample.labels["model_version"]
        for family in text_string_to_metric_families(gateway.get("/metrics").text)
        for sample in family.samples
        if "model_version" in sample.labels
    }
    assert versions == {"2"}
    assert shown(gateway, "driftgate_performance") == []


def test_an_older_window_exported_later_does_not_replace_a_newer_one(gateway: Server, make_context: Make, store: RecordStore) -> None:
    context = make_context(gateway=gateway.url)
    record(store, 5)
    exporting.export_window(context, make_window(5), "1")
    record(store, 2)
    (export,) = exporting.export_window(context, make_window(2), "1")
    assert export.sent
    assert value(gateway, "driftgate_window_start_timestamp_seconds") == make_window(5).start.timestamp()
    assert value(gateway, "driftgate_windows", status="measured") == 2


def test_runs_at_once_leave_the_latest_window(gateway: Server, make_context: Make, store: RecordStore) -> None:
    context = make_context(gateway=gateway.url)
    errors: list[BaseException] = []

    def run(day: int) -> None:
        try:
            record(store, day)
            exporting.export_window(context, make_window(day), "1")
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(day,)) for day in (3, 1, 4, 0, 2, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert errors == []
    assert value(gateway, "driftgate_window_start_timestamp_seconds") == make_window(5).start.timestamp()
    assert value(gateway, "driftgate_windows", status="measured") == 6


def test_a_quarantined_batch_shows_beside_the_last_measured_window(gateway: Server, make_context: Make, store: RecordStore) -> None:
    context = make_context(gateway=gateway.url)
    record(store, 0)
    store.save_batch(Batch("trips", make_window(1), BatchStatus.QUARANTINED))
    exporting.refresh(context)
    assert value(gateway, "driftgate_last_window_quarantined") == 1
    assert value(gateway, "driftgate_windows", status="quarantined") == 1
    assert value(gateway, "driftgate_window_start_timestamp_seconds") == make_window(0).start.timestamp()
    record(store, 2)
    exporting.refresh(context)
    assert value(gateway, "driftgate_last_window_quarantined") == 0


def test_monitors_that_went_away_are_removed_and_the_others_stay(gateway: Server, make_context: Make, store: RecordStore) -> None:
    for name in ("trips", "gone"):
        record(store, 0, monitor=name)
        exporting.refresh(make_context(gateway=gateway.url, id=name))
    settings = make_context(gateway=gateway.url).settings
    assert exporting.prune(settings, ["trips", "not_yet_run"]) == ["gone"]
    assert {labels["monitor"] for labels, _ in shown(gateway, "evidently_drift_share")} == {"trips"}
    assert exporting.prune(settings, ["trips"]) == []


def test_what_belongs_to_a_monitor_without_a_file_is_removed_but_not_while_a_file_is_broken(
    gateway: Server, make_context: Make, store: RecordStore, tmp_path: Path
) -> None:
    for name in ("flights", "gone"):
        record(store, 0, monitor=name)
        exporting.refresh(make_context(gateway=gateway.url, id=name))
    shutil.copy(ROOT / "include" / "monitors" / "flights.yaml", tmp_path)
    settings = dataclasses.replace(make_context(gateway=gateway.url).settings, monitors_dir=tmp_path)
    (tmp_path / "gone.yaml").write_text("id: gone\n", encoding="utf-8")
    assert prune_pushgateway(settings) == []
    (tmp_path / "gone.yaml").unlink()
    assert prune_pushgateway(settings) == ["gone"]
    assert {labels["monitor"] for labels, _ in shown(gateway, "evidently_drift_share")} == {"flights"}


def test_a_gap_is_filled_with_the_latest_window_only(gateway: Server, make_context: Make, store: RecordStore) -> None:
    context = make_context(gateway=gateway.url)
    record(store, 0, 1, 2)
    told: list[Any] = []
    (counts,) = exporting.export_since(context, progress=lambda *step: told.append(step))
    assert (counts.sink, counts.sent, counts.superseded, counts.complete) == (Sink.PROMETHEUS, 1, 2, True)
    assert told == [(Sink.PROMETHEUS, 1, 1)]
    assert value(gateway, "driftgate_window_start_timestamp_seconds") == make_window(2).start.timestamp()
    assert [state.waiting for state in ExportStore(store.engine).state()] == [0]


def test_a_window_that_is_not_in_the_record_is_refused(gateway: Server, make_context: Make, store: RecordStore) -> None:
    with pytest.raises(MeasureError, match="run the window first"):
        exporting.export_window(make_context(gateway=gateway.url), make_window(), "1")
    assert ExportStore(store.engine).state() == []


def test_nothing_happens_where_no_sink_is_configured_or_the_monitor_file_says_no(
    gateway: Server, make_context: Make, store: RecordStore
) -> None:
    assert exporting.export_window(make_context(), make_window(), "1") == ()
    off = make_context(gateway=gateway.url, sinks={"prometheus": False})
    assert exporting.export_window(off, make_window(), "1") == ()
    assert exporting.prune(make_context().settings, []) == []
    with pytest.raises(SettingsError, match="set INFLUXDB_URL"):
        exporting.export_since(off, sinks=[Sink.INFLUXDB])


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ({"cron": "0 0 * * *"}, datetime(2024, 1, 4, tzinfo=UTC)),
        ({"cron": "0 6 * * MON"}, datetime(2024, 1, 15, 6, tzinfo=UTC)),
        ({"cron": "0 0 * * *", "timezone": "America/New_York"}, datetime(2024, 1, 3, 5, tzinfo=UTC)),
        ({"cron": None}, None),
        ({"cron": "0 0 * * *", "end": "2024-01-02"}, None),
        ({"cron": "0 0 * * *", "end": "2024-05-01"}, None),
        ({"cron": "0 0 * * *", "end": "2025-05-01"}, datetime(2024, 1, 4, tzinfo=UTC)),
    ],
    ids=["daily", "weekly", "zone", "by hand", "last window seen", "schedule over", "schedule goes on"],
)
def test_the_next_window_is_overdue_when_two_runs_have_passed(schedule: dict[str, Any], expected: datetime | None) -> None:
    end, now = datetime(2024, 1, 2, tzinfo=UTC), datetime(2024, 6, 1, tzinfo=UTC)
    assert exporting.overdue_after(make_config(schedule=schedule), end, now) == expected
