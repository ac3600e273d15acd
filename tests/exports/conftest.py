"""Real servers for the exports - Pushgateway, an InfluxDB stand-in - and a monitor whose record is filled."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from driftgate.config.models import LoadedMonitor
from driftgate.context import Context
from driftgate.export import delivery
from driftgate.record.store import RecordStore
from driftgate.records import Batch, BatchStatus, Direction, Family, Measures, Metric, MetricVerdict
from driftgate.settings import InfluxSettings, Settings
from export_servers import Server, missing_programs, pushgateway, victoria_metrics
from factories import make_config, make_window


@pytest.fixture(scope="session", autouse=True)
def programs() -> None:
    reason = missing_programs()
    if reason is not None:
        pytest.skip(reason)


@pytest.fixture(autouse=True)
def quick_tries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "PAUSES_S", (0.02, 0.05))
    monkeypatch.setattr(delivery, "DEADLINE_S", 2.0)


@pytest.fixture(scope="session")
def shared_gateway(programs: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with pushgateway(tmp_path_factory.mktemp("pushgateway"), "--web.enable-admin-api") as server:
        yield server


@pytest.fixture
def gateway(shared_gateway: Server) -> Server:
    """An empty Pushgateway."""
    httpx.put(f"{shared_gateway.url}/api/v1/admin/wipe").raise_for_status()
    return shared_gateway


@pytest.fixture(scope="session")
def shared_victoria(programs: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with victoria_metrics(tmp_path_factory.mktemp("victoria")) as server:
        yield server


@pytest.fixture
def influx(shared_victoria: Server) -> Server:
    """An empty InfluxDB stand-in."""
    clear(shared_victoria)
    return shared_victoria


def clear(server: Server) -> None:
    """Forget everything; points that were just written are made visible first, else they would outlive the deletion."""
    httpx.get(f"{server.url}/internal/force_flush").raise_for_status()
    httpx.post(f"{server.url}/api/v1/admin/tsdb/delete_series", data={"match[]": '{__name__!=""}'}).raise_for_status()


@pytest.fixture
def make_context(settings: Settings, store: RecordStore) -> Callable[..., Context]:
    """Build a monitor's context with sinks at these addresses."""

    def make(*, gateway: str | None = None, influx: str | None = None, **config: Any) -> Context:
        addresses = replace(
            settings,
            prometheus_gateway=gateway,
            influxdb=None if influx is None else InfluxSettings(influx, "topsecret", "mlops", "ml_monitoring"),
            environment="test",
        )
        monitor = LoadedMonitor(config=make_config(**config), path=Path("trips.yaml"), fingerprint="f00")
        return Context(monitor, addresses, store)

    return make


def window_measures(day: int = 0, *, version: str = "1", score: float = 0.25, monitor: str = "trips", drifted: bool = True) -> Measures:
    """Return what a window of 200 rows measures: one of two columns drifted, 12 of 600 values missing."""
    judged = {"threshold": 0.1, "direction": Direction.ABOVE}
    metrics = (
        Metric(Family.DATA_DRIFT, "dataset_drift", float(drifted)),
        Metric(Family.DATA_DRIFT, "drift_share", 0.5, threshold=0.5, verdict=MetricVerdict.ALARM),
        Metric(Family.DATA_DRIFT, "drifted_columns", 1.0),
        Metric(Family.DATA_DRIFT, "judged_columns", 2.0),
        Metric(Family.DATA_DRIFT, "drift_score", score, "distance", verdict=MetricVerdict.ALARM, **judged),
        Metric(Family.DATA_DRIFT, "drift_score", 0.01, "hour", verdict=MetricVerdict.OK, **judged),
        Metric(Family.DATA_QUALITY, "missing_share", 0.02),
        *(
            Metric(Family.DATA_QUALITY, "missing_share", share, name)
            for name, share in (("distance", 0.06), ("hour", 0.0), ("vendor", 0.0))
        ),
        Metric(Family.DATA_QUALITY, "missing_share", 1.0, "duration"),
        Metric(Family.PERFORMANCE, "mae", 1.0 + day, reference_value=1.0, threshold=1.5, verdict=MetricVerdict.OK),
    )
    return Measures(monitor, make_window(day), version, 200, metrics)


def record(store: RecordStore, *days: int, **options: Any) -> None:
    """Write windows into the record, as the task before the export does."""
    for day in days:
        measures = window_measures(day, **options)
        batch = Batch(
            measures.monitor, measures.window, BatchStatus.MEASURED, 200, content_hash=f"h{day}", model_version=measures.model_version
        )
        store.save_measures(batch, measures)
