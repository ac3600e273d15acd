"""The pages stay quick however long the history is: a fixed number of statements, each through an index."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, event

from driftgate.record import overview, overview_lists, overview_numbers, overview_series
from driftgate.record.overview import Span
from driftgate.records import Window
from fleet_data import Size, clear, fill

SIZE = Size(monitors=50, columns=12, windows=200)
WATCHED = {"batch", "metric", "gate_result", "decision"}


@pytest.fixture(scope="module")
def engine(postgres_uri: str) -> Iterator[Engine]:
    """The session's server with generated records; the tests here only read."""
    made = create_engine(postgres_uri)
    clear(made)
    fill(made, SIZE)
    yield made
    clear(made)
    made.dispose()


def statements(engine: Engine, ask: Callable[[Any], Any]) -> list[tuple[str, Any]]:
    """Every statement that a look into the records sends, with its values."""
    sent: list[tuple[str, Any]] = []

    def note(connection: Any, cursor: Any, statement: str, parameters: Any, *rest: Any) -> None:
        sent.append((statement, parameters))

    event.listen(engine, "before_cursor_execute", note)
    try:
        with overview.reading(engine) as connection:
            ask(connection)
    finally:
        event.remove(engine, "before_cursor_execute", note)
    return [item for item in sent if not item[0].startswith("SET")]


def scanned(engine: Engine, statement: str, parameters: Any) -> set[str]:
    """Tables that the plan of a statement reads from end to end."""
    with engine.connect() as connection, connection.connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (FORMAT JSON) {statement}", parameters)
        plan = cursor.fetchone()[0]
    found: set[str] = set()

    def walk(node: dict[str, Any]) -> None:
        if node["Node Type"] == "Seq Scan":
            found.add(node["Relation Name"])
        for child in node.get("Plans", ()):
            walk(child)

    walk((json.loads(plan) if isinstance(plan, str) else plan)[0]["Plan"])
    return found


def fleet(names: list[str]) -> Callable[[Any], Any]:
    return lambda connection: overview.fleet(connection, dict.fromkeys(names, "mae"))


def on_range(ask: Callable[..., Any], last: int | None = 90) -> Callable[[Any], Any]:
    return lambda connection: ask(connection, "m007", *overview.bounds(connection, "m007", Span(last=last)))


SERIES = overview_series.SeriesQuery("data_drift", "drift_score", ["feature_001", "feature_002"])
PAGE_START = datetime(2023, 5, 1, tzinfo=UTC)
LOOKS = {
    "fleet": fleet(SIZE.names),
    "head of a monitor": lambda connection: overview.contents(connection, "m007"),
    "series": on_range(lambda *where: overview_series.series(*where, SERIES)),
    "series over everything": on_range(lambda *where: overview_series.series(*where, SERIES), last=None),
    "rows": on_range(lambda *where: overview_series.series(*where, overview_series.SeriesQuery("batch", "rows", [""]))),
    "heat map": on_range(lambda *where: overview_series.heatmap(*where, overview_series.HeatmapQuery("drift_score"))),
    "heat map of one version": on_range(
        lambda *where: overview_series.heatmap(*where, overview_series.HeatmapQuery("missing_share", search="1", model_version="2"))
    ),
    "windows of the heat map": on_range(overview.windows),
    "marks": on_range(overview_series.marks),
    "calibrations": lambda connection: overview_numbers.calibrations(connection, "m007"),
    "numbers of a window": lambda connection: overview_numbers.numbers(
        connection, "m007", Window(PAGE_START, PAGE_START + timedelta(days=1)), ["system"]
    ),
    "list of windows": lambda connection: overview_lists.listing(connection, "windows", "m007", overview_lists.Page(), "mae"),
    "list of gates": lambda connection: overview_lists.listing(connection, "gates", "m007", overview_lists.Page(start=PAGE_START)),
    "list of decisions": lambda connection: overview_lists.listing(connection, "decisions", "m007", overview_lists.Page(only="alert")),
}


@pytest.mark.parametrize("look", LOOKS)
def test_a_page_never_reads_a_table_from_end_to_end(engine: Engine, look: str) -> None:
    sent = statements(engine, LOOKS[look])
    assert sent
    for statement, parameters in sent:
        assert not scanned(engine, statement, parameters) & WATCHED, statement


def test_the_check_sees_a_table_that_is_read_from_end_to_end(engine: Engine) -> None:
    assert scanned(engine, "SELECT sum(value) FROM driftgate.metric", None) == {"metric"}


def test_the_fleet_takes_as_many_statements_for_fifty_monitors_as_for_one(engine: Engine) -> None:
    assert len(statements(engine, fleet(SIZE.names))) == len(statements(engine, fleet(SIZE.names[:1]))) == 6


def test_every_monitor_of_the_fleet_is_there_with_its_newest_windows(engine: Engine) -> None:
    with overview.reading(engine) as connection:
        found = overview.fleet(connection, dict.fromkeys(SIZE.names, "mae"))
    assert len(found.windows) == len(found.measured) == len(found.decisions) == len(found.champions) == SIZE.monitors
    assert {len(rows) for rows in found.windows.values()} == {overview.TREND_WINDOWS}
    assert found.windows["m007"][-1]["window_start"] == datetime(2023, 7, 19, tzinfo=UTC)
    assert found.measured["m050"]["performance"] == 11
    assert found.incidents["m001"] == {"monitor": "m001", "open": 1, "acknowledged": 0, "worst": "critical"}
