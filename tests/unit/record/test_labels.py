"""Revisions of labels and metrics on a real PostgreSQL."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from driftgate.label_records import LabelBatch, LabelCounts
from driftgate.record.labels import LabelStore
from driftgate.record.store import RecordStore
from driftgate.records import Action, Batch, BatchStatus, Decision, Family, Measures, Metric, MetricVerdict
from factories import DAY, make_window

MAE = Metric(Family.PERFORMANCE, "mae", 1.5, low=1.25, high=1.75)
PART = Metric(Family.PERFORMANCE, "mae", float("nan"), segment="vendor=a")


@pytest.fixture
def labels(store: RecordStore) -> LabelStore:
    return LabelStore(store.engine)


def make_batch(store: RecordStore, day: int = 0, status: BatchStatus = BatchStatus.MEASURED) -> None:
    store.save_batch(Batch("trips", make_window(day), status, 200, content_hash="rows", path="/rows.parquet"))


def make_labels(revision: int = 1, day: int = 0, **changes: Any) -> LabelBatch:
    counts = LabelCounts(rows=200, labelled=100 + revision, unlabelled=99, unknown_ids=3)
    made = LabelBatch("trips", make_window(day), revision, "rows", "1", f"hash{revision}", f"/labels-{revision}.parquet", counts)
    return dataclasses.replace(made, **changes)


def make_measures(*metrics: Metric, day: int = 0) -> Measures:
    return Measures("trips", make_window(day), "1", 200, metrics)


def test_a_revision_comes_back_as_written_and_the_latest_is_the_highest(store: RecordStore, labels: LabelStore) -> None:
    make_batch(store)
    assert labels.latest("trips", make_window()) is None
    for revision in (1, 2):
        labels.append(make_labels(revision))
    found = labels.latest("trips", make_window())
    assert found is not None
    assert found.recorded_at is not None
    assert dataclasses.replace(found, recorded_at=None) == make_labels(2)
    assert [item.revision for item in labels.revisions("trips", make_window())] == [1, 2]
    assert labels.labelled_windows("trips") == [make_window()]


def test_adding_the_same_revision_again_changes_nothing(store: RecordStore, labels: LabelStore) -> None:
    make_batch(store)
    labels.append(make_labels())
    first = labels.revisions("trips", make_window())
    labels.append(make_labels(content_hash="other"))
    assert labels.revisions("trips", make_window()) == first


def test_the_metrics_of_a_revision_are_kept_beside_those_of_the_next(store: RecordStore, labels: LabelStore) -> None:
    make_batch(store)
    for revision, metric in ((1, MAE), (2, dataclasses.replace(MAE, value=9.0))):
        labels.append(make_labels(revision))
        for _ in range(2):  # done again, the same rows
            labels.restated(make_labels(revision), make_measures(metric, PART), [metric, PART])
    history = labels.history("trips", make_window())
    assert [(item.revision, item.metric.segment, item.metric.value, item.labelled_rows) for item in history] == [
        (1, "", 1.5, 101),
        (1, "vendor=a", None, 101),
        (2, "", 9.0, 102),
        (2, "vendor=a", None, 102),
    ]
    assert (history[0].metric.low, history[0].metric.high) == (1.25, 1.75)
    assert all(item.restated_at is not None for item in labels.revisions("trips", make_window()))


def test_revision_zero_is_dated_by_the_metrics_and_written_once(store: RecordStore, labels: LabelStore) -> None:
    make_batch(store)
    batch = store.find_batch("trips", make_window())
    assert batch is not None
    store.save_measures(batch, make_measures(MAE))
    with store.engine.begin() as connection:
        connection.execute(text("UPDATE driftgate.metric SET updated_at = '2024-01-02T03:00:00Z'"))
    first = make_labels(0, path=None, content_hash="")
    labels.append_first(first, make_measures(MAE), [MAE])
    labels.append_first(first, make_measures(PART), [PART])
    (known,) = labels.history("trips", make_window())
    assert (known.revision, known.metric.value, known.recorded_at) == (0, 1.5, DAY + timedelta(days=1, hours=3))
    assert labels.labelled_windows("trips") == [], "no label has arrived"


def test_revisions_go_with_their_batch(store: RecordStore, labels: LabelStore) -> None:
    make_batch(store)
    labels.append(make_labels())
    labels.restated(make_labels(), make_measures(MAE), [MAE])
    with store.engine.begin() as connection:
        connection.execute(text("DELETE FROM driftgate.batch"))
    assert (labels.revisions("trips", make_window()), labels.history("trips", make_window())) == ([], [])


def test_windows_are_looked_for_between_delay_and_horizon_once_measured(store: RecordStore, labels: LabelStore) -> None:
    for day, status in enumerate([BatchStatus.MEASURED, BatchStatus.QUARANTINED, BatchStatus.NO_DATA, BatchStatus.MEASURED]):
        make_batch(store, day, status)
    with store.engine.begin() as connection:
        connection.execute(text("UPDATE driftgate.batch SET created_at = window_end"))
    spans = timedelta(days=1), timedelta(days=5)
    assert labels.looked_for("trips", DAY + timedelta(days=1, hours=23), *spans) == []
    assert labels.looked_for("trips", DAY + timedelta(days=5), *spans) == [make_window(0), make_window(3)]
    assert labels.looked_for("trips", DAY + timedelta(days=6, hours=1), *spans) == [make_window(3)]
    assert labels.looked_for("other", DAY + timedelta(days=5), *spans) == []


@pytest.mark.parametrize(
    ("metrics", "expected"),
    [
        ([Metric(Family.PERFORMANCE, "mae", 1.0)], True),
        ([Metric(Family.PERFORMANCE, "mae", None)], False),
        ([Metric(Family.PERFORMANCE, "mae", 1.0, verdict=MetricVerdict.TOO_FEW_ROWS)], False),
        ([Metric(Family.PERFORMANCE, "mae", 1.0, segment="vendor=a")], False),
        ([Metric(Family.DATA_DRIFT, "drift_share", 0.1)], False),
        ([], True),
    ],
    ids=["measured", "no value", "too few rows", "only a segment", "another metric", "nothing on record"],
)
def test_only_a_window_that_could_judge_contradicts(store: RecordStore, labels: LabelStore, metrics: list[Metric], expected: bool) -> None:
    make_batch(store, 3)
    batch = store.find_batch("trips", make_window(3))
    assert batch is not None
    store.save_measures(batch, make_measures(*metrics, day=3))
    store.save_decision(Decision("trips", make_window(3), "1", Action.NO_ACTION))
    assert labels.contradicted_after("trips", make_window(1), [("mae", "")]) is expected
    assert not labels.contradicted_after("trips", make_window(3), [("mae", "")]), "it is not later than itself"
    store.save_decision(Decision("trips", make_window(3), "1", Action.ALERT, breached=True))
    assert not labels.contradicted_after("trips", make_window(1), [("mae", "")])
