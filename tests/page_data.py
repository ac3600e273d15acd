"""Windows, incidents and requests for the tests of the pages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import factories
from driftgate.calibrate.calibration import Calibration
from driftgate.calibrate.drift_limit import DriftLimit
from driftgate.calibrate.slow import SlowLimit
from driftgate.calibrate.value_limit import ValueLimit
from driftgate.record.incidents import IncidentStore
from driftgate.records import (
    Batch,
    BatchStatus,
    Cause,
    Comparison,
    Direction,
    Family,
    GateResult,
    GateVerdict,
    Measures,
    Metric,
    MetricVerdict,
    Retraining,
    RetrainVerdict,
    Window,
)
from ui_app import login

NASTY = """<img src=x onerror=alert(1)>'";DROP TABLE driftgate.metric;--"""
DAG = "monitor__trips"
API = "/driftgate/api"
OWN = f"{API}/monitors/{DAG}"
JSON = {"Content-Type": "application/json"}

Get = Callable[..., Any]


def asking(client: Any) -> Get:
    def ask(path: str, status: int = 200, role: str = "viewer", **params: Any) -> Any:
        address = path if path.startswith("/") else f"{API}/{path}"
        answer = client.get(address, params=params, headers=login(role))
        assert answer.status_code == status, answer.text
        return answer.json()

    return ask


def save_window(
    store: Any, day: int = 0, monitor: str = "trips", *, metrics: tuple[Metric, ...] = (), version: str = "1", **more: Any
) -> Window:
    """Record one measured window that passed the gate."""
    window = factories.make_window(day)
    batch = Batch(monitor, window, BatchStatus.INGESTED, rows=200, model_version=version, dag_run=f"manual__{day}", **more)
    store.save_batch(batch)
    store.save_gate(batch, GateResult(monitor, window, "suite", GateVerdict.PASS, 18, data_docs=f"validations/{day}.html"))
    defaults = (
        Metric(Family.DATA_DRIFT, "drift_share", 0.25, threshold=0.5, direction=Direction.ABOVE, verdict=MetricVerdict.OK),
        Metric(Family.DATA_DRIFT, "drifted_columns", 1),
        Metric(Family.DATA_DRIFT, "judged_columns", 4),
        Metric(Family.PERFORMANCE, "mae", 3.0, threshold=1.5, direction=Direction.ABOVE, verdict=MetricVerdict.ALARM, reference_value=1.0),
    )
    store.save_measures(batch, Measures(monitor, window, version, 200, defaults + metrics))
    return window


def drift(column: str, value: float | None, threshold: float = 0.1, direction: Direction = Direction.ABOVE) -> Metric:
    beyond = value is not None and (value > threshold if direction is Direction.ABOVE else value < threshold)
    verdict = MetricVerdict.TOO_FEW_ROWS if value is None else MetricVerdict.ALARM if beyond else MetricVerdict.OK
    return Metric(
        Family.DATA_DRIFT, "drift_score", value, column, threshold=threshold, direction=direction, verdict=verdict, method="wasserstein"
    )


def _drift_limit(method: str, regime: str, minimum_rows: int | None) -> DriftLimit:
    sizes = [100, 200, 800]
    return DriftLimit(
        method, False, regime, sizes, [0.1, 0.07, 0.04], [0.4, 0.3, 0.15], windows=62, usual_rows=200.0, minimum_rows=minimum_rows
    )


def calibration(**changes: Any) -> Calibration:
    """What was learned for a model version of the monitor ``trips``."""
    drift_limits = {
        ("data_drift", "drift_score", "distance"): _drift_limit("wasserstein", "sampling", 64),
        ("data_drift", "drift_score", "hour"): _drift_limit("wasserstein", "windows", 12),
        ("data_drift", "drift_score", "vendor"): _drift_limit("jensenshannon", "windows", None),
    }
    values: dict[str, Any] = {
        "budget": "1 false alarm per 91d",
        "chance_per_window": 1 / 91,
        "windows": 62,
        "usual_rows": 200.0,
        "first": "2023-10-01T00:00:00+00:00",
        "last": "2023-12-02T00:00:00+00:00",
        "notes": ("nothing of note",),
        "drift": drift_limits,
        "values": {("performance", "mae", ""): ValueLimit(1.0, 0.1, None, 1.8, 62, 200.0)},
        "slow": {("data_drift", "position", "distance"): SlowLimit(0.5, 0.03, 0.2, 200.0, 0.3, True, 62, 4.6)},
    }
    return Calibration(**{**values, **changes})


def open_incident(store: Any, monitor: str = "trips", day: int = 0, cause: Cause = Cause.POLICY, **more: Any) -> int:
    return IncidentStore(store.engine).open(monitor, cause, factories.make_window(day), NASTY, **more).id


def retraining(day: int, verdict: RetrainVerdict, version: str) -> Retraining:
    comparison = Comparison("mae", 50, {"mae": 3.0}, {"mae": 1.0}, {f"vendor={NASTY}": {"mae": 3.0}}, {}, 2.0, 1.5, 2.5, True, "better")
    return Retraining("trips", factories.make_window(day), verdict, "1", version, comparison, "abc123", approver=NASTY)
