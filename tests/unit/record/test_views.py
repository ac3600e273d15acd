"""The dashboards' views show the metrics of the window under the names of those dashboards."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import text

from driftgate.record.store import RecordStore
from driftgate.records import Batch, BatchStatus, Direction, Family, Measures, Metric, MetricVerdict
from factories import make_window


def make_batch(day: int = 0, status: BatchStatus = BatchStatus.INGESTED, content: str = "x") -> Batch:
    return Batch("trips", make_window(day), status, 200, content_hash=content)


def make_metrics(shift: float = 0.0) -> tuple[Metric, ...]:
    return (
        Metric(
            Family.DATA_DRIFT,
            "drift_score",
            0.3 + shift,
            "distance",
            threshold=0.1,
            direction=Direction.ABOVE,
            verdict=MetricVerdict.ALARM,
            method="ws",
        ),
        Metric(
            Family.DATA_DRIFT, "drift_score", 0.4, "hour", threshold=0.05, direction=Direction.BELOW, verdict=MetricVerdict.OK, method="ks"
        ),
        Metric(Family.DATA_DRIFT, "drift_score", 0.9, "vendor", verdict=MetricVerdict.TOO_FEW_ROWS),
        Metric(Family.DATA_DRIFT, "drifted_columns", 1),
        Metric(Family.DATA_DRIFT, "drift_share", 1 / 3),
        Metric(Family.DATA_DRIFT, "dataset_drift", 0.0),
        Metric(Family.PREDICTION_DRIFT, "drift_score", 0.07, "prediction", verdict=MetricVerdict.OK),
        Metric(Family.TARGET_DRIFT, "drift_score", 0.08, "duration", verdict=MetricVerdict.OK),
        Metric(Family.DATA_QUALITY, "missing_share", 0.02),
        Metric(Family.DATA_QUALITY, "missing_share", 0.5, "vendor"),
        Metric(Family.DATA_QUALITY, "rows", 200),
        Metric(Family.PERFORMANCE, "mae", 1.5 + shift),
        Metric(Family.PERFORMANCE, "r2", 0.9),
        Metric(Family.PERFORMANCE, "mae", 7.0, segment="vendor=a"),
    )


def save(store: RecordStore, day: int = 0, version: str = "1", shift: float = 0.0) -> None:
    store.save_measures(make_batch(day), Measures("trips", make_window(day), version, 200, make_metrics(shift)))


def view(store: RecordStore, name: str) -> list[dict[str, Any]]:
    with store.engine.connect() as connection:
        return [dict(row) for row in connection.execute(text(f'SELECT * FROM driftgate.{name} ORDER BY "timestamp"')).mappings()]


def test_ml_metrics_has_one_row_per_window(store: RecordStore) -> None:
    save(store, 0)
    save(store, 1)
    first, second = view(store, "ml_metrics")
    assert list(first) == [
        "id", "timestamp", "prediction_drift", "num_drifted_columns", "share_missing_values", "dataset_drift", "drift_score",
        "model_name", "created_at",
    ]  # fmt: skip
    assert first["timestamp"] == make_window(0).start
    assert (first["prediction_drift"], first["num_drifted_columns"], first["share_missing_values"]) == (0.07, 1, 0.02)
    assert (first["dataset_drift"], first["drift_score"], first["model_name"]) == (False, pytest.approx(1 / 3), "trips")
    assert first["id"] != second["id"]


def test_an_id_stays_the_same_when_its_window_is_measured_again(store: RecordStore) -> None:
    save(store)
    before = view(store, "ml_metrics")[0]
    save(store, 1)
    save(store, 0, shift=0.1)
    again = view(store, "ml_metrics")[0]
    assert (again["id"], again["created_at"]) == (before["id"], before["created_at"])


def test_data_drift_has_one_row_per_window_and_column(store: RecordStore) -> None:
    save(store)
    rows = {row["column"]: row for row in view(store, "data_drift")}
    assert {name: row["drifted"] for name, row in rows.items()} == {
        "distance": True, "hour": False, "vendor": None, "prediction": False, "duration": False,
    }  # fmt: skip
    distance = rows["distance"]
    assert (distance["method"], distance["score"], distance["threshold"], distance["direction"]) == ("ws", 0.3, 0.1, "above")
    assert (distance["model_name"], distance["timestamp"]) == ("trips", make_window().start)


def test_model_performance_has_one_row_per_window_and_version_without_segments(store: RecordStore) -> None:
    save(store, version="1")
    save(store, version="2", shift=1.0)
    rows = {row["model_version"]: row for row in view(store, "model_performance")}
    assert list(rows["1"]) == [
        "timestamp", "model_name", "model_version", "me", "mae", "rmse", "mape", "r2",
        "accuracy", "precision", "recall", "f1", "roc_auc", "log_loss",
    ]  # fmt: skip
    assert {version: row["mae"] for version, row in rows.items()} == {"1": 1.5, "2": 2.5}
    assert (rows["1"]["r2"], rows["1"]["accuracy"]) == (0.9, None)


def test_the_views_show_the_version_that_was_measured_last(store: RecordStore) -> None:
    save(store, version="1")
    save(store, version="2", shift=1.0)
    assert len(view(store, "ml_metrics")) == len(view(store, "store_metrics")) == 1
    assert [row["score"] for row in view(store, "data_drift") if row["column"] == "distance"] == [1.3]
    save(store, version="1")
    assert [row["score"] for row in view(store, "data_drift") if row["column"] == "distance"] == [0.3]


def test_store_metrics_has_its_columns(store: RecordStore) -> None:
    save(store)
    assert view(store, "store_metrics") == [
        {
            "timestamp": make_window().start, "prediction_drift": 0.07, "num_drifted_columns": 1, "share_missing_values": 0.02,
            "model_name": "trips",
        }
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["ml_metrics", "store_metrics", "data_drift", "model_performance"])
def test_a_window_that_is_ingested_again_keeps_its_numbers_until_it_is_quarantined(store: RecordStore, name: str) -> None:
    save(store)
    store.save_batch(make_batch(content="other"))
    assert view(store, name)
    store.save_batch(make_batch(content="other", status=BatchStatus.QUARANTINED))
    assert view(store, name) == []
