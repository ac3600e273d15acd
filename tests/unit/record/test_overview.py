"""What the pages' queries answer where windows overlap, values are missing or history is empty."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

import factories
from driftgate.errors import ServiceError
from driftgate.record import overview, overview_lists, overview_series
from driftgate.record.connection import make_engine
from driftgate.record.overview import Span
from driftgate.record.rows import window_of
from driftgate.records import (
    Batch,
    BatchStatus,
    Comparison,
    Direction,
    Family,
    Measures,
    Metric,
    MetricVerdict,
    Retraining,
    RetrainVerdict,
    Window,
)


def save(store: Any, window: Window, *metrics: Metric, version: str = "1", status: BatchStatus = BatchStatus.INGESTED) -> Window:
    batch = Batch("trips", window, status, rows=10, model_version=version)
    store.save_batch(batch)
    if status is BatchStatus.INGESTED:
        store.save_measures(batch, Measures("trips", window, version, 10, metrics))
    return window


def score(value: float | None, threshold: float | None, direction: Direction | None = Direction.ABOVE, column: str = "distance") -> Metric:
    return Metric(Family.DATA_DRIFT, "drift_score", value, column, threshold=threshold, direction=direction, verdict=MetricVerdict.OK)


def ask(store: Any, question: Any, *arguments: Any, span: Span | None = None, **more: Any) -> Any:
    with overview.reading(store.engine) as connection:
        where = overview.bounds(connection, "trips", span) if span is not None else ()
        return question(connection, "trips", *where, *arguments, **more)


@pytest.mark.parametrize(
    ("metric", "ratio"),
    [
        (score(0.05, 0.1), 0.5),
        (score(0.3, 0.1), 3.0),
        (score(99.0, 0.1), 10.0),
        (score(0.0, 0.0), 0.0),
        (score(0.1, 0.0), 10.0),
        (score(None, 0.1), None),
        (score(0.3, None), None),
        (score(0.05, 0.05, Direction.BELOW), 1.0),
        (score(0.0005, 0.05, Direction.BELOW), 3.0),
        (score(0.9, 0.05, Direction.BELOW), 0.0),
        (score(0.0, 0.05, Direction.BELOW), 10.0),
        (score(None, 0.05, Direction.BELOW), None),
    ],
)
def test_the_ratio_is_above_one_exactly_beyond_the_threshold(store: Any, metric: Metric, ratio: float | None) -> None:
    save(store, factories.make_window(), metric)
    _, cells = ask(store, overview_series.heatmap, overview_series.HeatmapQuery("drift_score"), span=Span())
    assert cells[0]["ratio"] == (None if ratio is None else pytest.approx(ratio))


def test_pages_go_on_between_windows_that_start_together(store: Any) -> None:
    start = factories.make_window().start
    windows = [save(store, Window(start, start + timedelta(days=days))) for days in (1, 7, 30)]
    seen: list[Window] = []
    page = overview_lists.Page(limit=1)
    for _ in windows:
        found = ask(store, lambda connection, *rest: overview_lists.listing(connection, "windows", *rest), page)
        seen += [window_of(row) for row in found.rows]
        page = overview_lists.Page(limit=1, before=seen[-1])
    assert seen == windows[::-1]
    assert (found.more, found.total) == (False, 3)


def test_the_newest_windows_bound_a_range(store: Any) -> None:
    windows = [save(store, factories.make_window(day)) for day in range(4)]
    assert ask(store, overview.bounds, Span(last=2))[0] == windows[2].start
    assert ask(store, overview.bounds, Span(last=99))[0] == windows[0].start
    assert ask(store, overview.bounds, Span()) == (overview.FIRST, overview.LAST)
    assert ask(store, overview.bounds, Span(end=windows[1].start)) == (overview.FIRST, windows[1].start)


def test_a_window_that_is_not_measured_leaves_a_gap(store: Any) -> None:
    save(store, factories.make_window(0), score(0.1, 0.2))
    save(store, factories.make_window(1), status=BatchStatus.QUARANTINED)
    assert len(ask(store, overview.windows, span=Span())) == 2
    columns, cells = ask(store, overview_series.heatmap, overview_series.HeatmapQuery("drift_score"), span=Span())
    assert [row["column"] for row in columns] == ["distance"]
    assert [row["cell"] for row in cells] == [0]


def test_a_thinned_series_keeps_the_extremes_and_the_first_alarm_of_each_bucket(store: Any) -> None:
    for day in range(12):
        alarm = MetricVerdict.ALARM if day in (5, 6) else MetricVerdict.OK
        metric = Metric(Family.DATA_DRIFT, "drift_score", float(day % 6), "distance", threshold=9, direction=Direction.ABOVE, verdict=alarm)
        save(store, factories.make_window(day), metric)
    query = overview_series.SeriesQuery("data_drift", "drift_score", ["distance"], points=6)
    rows = ask(store, overview_series.series, query, span=Span())
    assert [(row["window_start"].day - 1, row["verdict"]) for row in rows] == [(0, "ok"), (5, "alarm"), (6, "alarm"), (11, "ok")]
    assert {row["total"] for row in rows} == {12}


def test_a_rolled_back_champion_gives_way_to_the_one_before(store: Any) -> None:
    comparison = Comparison("mae", 5, {}, {}, {}, {}, None, None, None, True, "")
    for day, version, verdict in ((0, "2", RetrainVerdict.PROMOTED), (1, "3", RetrainVerdict.ROLLED_BACK)):
        store.save_retraining(Retraining("trips", factories.make_window(day), verdict, "1", version, comparison, "run"))
    with overview.reading(store.engine) as connection:
        found = overview.fleet(connection, {"trips": "mae"})
    assert found.champions["trips"]["version"] == "2"
    assert found.retrainings["trips"]["challenger_version"] == "3"


def test_a_fleet_of_none_is_empty(store: Any) -> None:
    with overview.reading(store.engine) as connection:
        assert overview.fleet(connection, {}).windows == {}
        assert overview_lists.incidents(connection, [], open_only=True, limit=5) == []
        assert overview_lists.incident_counts(connection, [])["total"] == 0
        assert overview_lists.messages(connection, []) == {}


def test_marks_are_the_newest_when_there_are_too_many(store: Any) -> None:
    for day in range(5):
        save(store, factories.make_window(day), status=BatchStatus.NO_DATA)
    rows = ask(store, overview_series.marks, 2, span=Span())
    assert [row["window_start"] for row in rows] == [datetime(2024, 1, day, tzinfo=UTC) for day in (5, 4)]


def test_a_database_that_does_not_answer_is_a_service_error() -> None:
    with pytest.raises(ServiceError, match="did not answer"), overview.reading(make_engine("postgresql://u:p@127.0.0.1:9/x")):
        pass
