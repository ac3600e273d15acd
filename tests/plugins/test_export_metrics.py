"""The operator that exports a window: thin, and red when a sink fails."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from driftgate.config.models import LoadedMonitor
from driftgate.context import Context
from driftgate.errors import ServiceError
from driftgate.record.store import RecordStore
from driftgate.records import Batch, BatchStatus, to_dict
from driftgate.settings import InfluxSettings, Settings
from driftgate_airflow.operators.export_metrics import ExportMetricsOperator
from export_servers import Stub
from factories import make_config, make_measures

MEASURES = make_measures()
BATCH = Batch("trips", MEASURES.window, BatchStatus.MEASURED, 200, model_version="1")


@pytest.fixture
def stub() -> Iterator[Stub]:
    with Stub() as made:
        yield made


def run(settings: Settings, store: RecordStore, influx: str | None) -> Any:
    addresses = replace(settings, influxdb=InfluxSettings(influx, "topsecret", "mlops", "ml_monitoring") if influx else None)
    monitor = LoadedMonitor(config=make_config(), path=Path("trips.yaml"), fingerprint="f00")

    class Operator(ExportMetricsOperator):
        def open_context(self) -> Context:
            return Context(monitor, addresses, store)

    store.save_measures(BATCH, MEASURES)
    operator = Operator(
        task_id="export_metrics", monitor_id="trips", batch=to_dict(BATCH), measures={"model_version": "1", "path": "unused"}
    )
    return operator.execute({})  # type: ignore[typeddict-item]


def test_the_recorded_window_is_sent_and_the_sinks_are_returned(settings: Settings, store: RecordStore, stub: Stub) -> None:
    assert run(settings, store, stub.url) == ["influxdb"]
    assert "ml_data_drift,environment=production,model_version=1,monitor=trips" in stub.received[0].text


def test_a_sink_that_refuses_makes_the_task_fail_with_a_readable_error(settings: Settings, store: RecordStore, stub: Stub) -> None:
    stub.answers = [(401, {}, b"")]
    with pytest.raises(ServiceError, match=r"is recorded but was not exported.*\n.*check INFLUXDB_TOKEN"):
        run(settings, store, stub.url)


def test_nothing_is_done_where_no_sink_is_configured(settings: Settings, store: RecordStore) -> None:
    assert run(settings, store, None) == []
