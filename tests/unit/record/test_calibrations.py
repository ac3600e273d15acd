"""Calibrations in the records, and the numbers of recent windows, on a real PostgreSQL."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import event

from driftgate.record.calibrations import CalibrationStore
from driftgate.record.store import RecordStore
from driftgate.records import Batch, BatchStatus, Family, GateResult, GateVerdict, Measures, Metric, Window
from factories import make_window

POSITION = ("concept_drift", "position", "residual")
SCORE = ("data_drift", "drift_score", "vendor")
NOW = make_window(20).start


@pytest.fixture
def kept(store: RecordStore) -> CalibrationStore:
    return CalibrationStore(store.engine)


def save(store: RecordStore, window: Window | int, value: float | None, *, version: str = "1", **batch: Any) -> None:
    window = make_window(window) if isinstance(window, int) else window
    made = Batch("trips", window, BatchStatus.MEASURED, rows=100, content_hash=str(window), path="/x", model_version=version)
    store.save_batch(made)
    metrics = (
        Metric(Family.CONCEPT_DRIFT, "position", value, column="residual"),
        Metric(Family.DATA_DRIFT, "drift_score", 0.25, column="vendor"),
        Metric(Family.DATA_DRIFT, "drift_score", 0.5, column="distance"),
        Metric(Family.CONCEPT_DRIFT, "position", 0.9, column="residual", segment="vendor=a"),
    )
    store.save_measures(replace(made, **batch), Measures("trips", window, version, made.rows, metrics))


def positions(kept: CalibrationStore, limit: int = 13, version: str = "1") -> list[tuple[float, int]]:
    return kept.history("trips", version, NOW, [POSITION], limit).get(POSITION, [])


def test_a_calibration_comes_back_and_a_later_one_replaces_it(kept: CalibrationStore) -> None:
    assert kept.find("trips", "1") is None
    kept.save("trips", "1", {"calibration": {"windows": 60, "notes": ["ä"]}, "steady": None})
    kept.save("trips", "2", {"calibration": None})
    assert kept.find("trips", "1") == {"calibration": {"windows": 60, "notes": ["ä"]}, "steady": None}
    kept.save("trips", "1", {"calibration": {"windows": 61}})
    assert kept.find("trips", "1") == {"calibration": {"windows": 61}}
    assert kept.find("trips", "2") == {"calibration": None}
    assert kept.find("other", "1") is None


def test_the_former_version_is_the_latest_before_by_number(kept: CalibrationStore) -> None:
    for version in ("2", "9", "10", "source"):
        kept.save("trips", version, {"version": version})
    kept.save("other", "4", {"version": "other"})
    found = {version: kept.former("trips", version) for version in ("2", "9", "10", "11", "source")}
    assert found == {"2": None, "9": {"version": "2"}, "10": {"version": "9"}, "11": {"version": "10"}, "source": None}


def test_history_is_the_latest_windows_oldest_first(store: RecordStore, kept: CalibrationStore) -> None:
    for day in (3, 1, 2, 5):
        save(store, day, day / 10, rows=100 + day)
    assert positions(kept) == [(0.1, 101), (0.2, 102), (0.3, 103), (0.5, 105)]
    assert positions(kept, limit=2) == [(0.3, 103), (0.5, 105)]


def test_every_number_that_is_followed_has_a_list_of_its_own(store: RecordStore, kept: CalibrationStore) -> None:
    save(store, 1, None)
    save(store, 2, 0.2)
    found = kept.history("trips", "1", NOW, [POSITION, SCORE, ("data_drift", "position", "gone")], 13)
    assert found == {POSITION: [(0.2, 100)], SCORE: [(0.25, 100), (0.25, 100)]}


def test_only_earlier_measured_windows_of_the_version_count(store: RecordStore, kept: CalibrationStore) -> None:
    save(store, 1, 0.1)
    save(store, 2, 0.2, version="2")
    save(store, 3, 0.3)
    stopped = replace(store.find_batch("trips", make_window(3)), status=BatchStatus.QUARANTINED)
    store.save_gate(stopped, GateResult("trips", stopped.window, "trips", GateVerdict.FAIL, 1))
    save(store, 20, 0.4)
    save(store, 21, 0.5)
    save(store, Window(make_window(18).start, make_window(22).start), 0.6)  # a longer window that holds the asking one
    assert positions(kept) == [(0.1, 100)]
    assert positions(kept, version="2") == [(0.2, 100)]
    assert kept.history("other", "1", NOW, [POSITION], 13) == {}


def test_a_window_measured_again_with_another_version_belongs_to_that_one(store: RecordStore, kept: CalibrationStore) -> None:
    save(store, 1, 0.1)
    save(store, 1, 0.7, version="2")
    assert positions(kept) == []
    assert positions(kept, version="2") == [(0.7, 100)]


def test_history_is_one_statement_and_none_where_nothing_is_followed(store: RecordStore, kept: CalibrationStore) -> None:
    for day in range(6):
        save(store, day, 0.5)
    statements: list[str] = []
    event.listen(store.engine, "before_cursor_execute", lambda *call: statements.append(call[2]))
    kept.history("trips", "1", NOW, [POSITION, SCORE], 13)
    assert len(statements) == 1
    assert kept.history("trips", "1", NOW, [], 13) == {}
    assert len(statements) == 1
