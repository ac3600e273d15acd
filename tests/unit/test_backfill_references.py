"""A backfill leaves the rows and runs of the daily run also where windows are compared with windows before them."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine

import factories
from backfill_lab import ROOT, TABLES, Snapshot, backfill_command, environment, every_row, forget, install_trips, records, runs, write_trips
from driftgate import pipeline, retraining
from driftgate.config.loader import load_monitor
from driftgate.context import Context
from driftgate.record.store import RecordStore
from driftgate.records import Window
from driftgate.settings import Settings

SPOILED, WORSE = {"shift": 1000.0}, {"slope": 9.0}
EMPTY = {"rows": 0}
ROWS = 150
LONG = 56
"""Days of windows of which few make a year; they lie across the calendar's months."""


@dataclass(frozen=True)
class Case:
    """A monitor and a stretch of time, in windows counted from the first of January 2024."""

    reference: Mapping[str, Any]
    windows: int
    """Windows of the stretch."""
    first: int = 0
    """The source begins so many windows before the stretch."""
    days: int = 1
    champion: bool = False
    changed: Mapping[int, Mapping[str, float]] = field(default_factory=dict)
    """Windows that are not like the others."""
    there: tuple[int, ...] = ()
    """Windows that had a run of their own before."""

    def window(self, number: int) -> Window:
        return factories.make_window(number * self.days, self.days)


TRAILING = Case({"kind": "trailing", "length": "14d"}, 12, changed={3: SPOILED, 5: WORSE, 6: EMPTY}, there=(2, 8))
CHAMPION = Case({"kind": "trailing", "length": "4d", "gap": "1d"}, 8, first=-8, champion=True, changed={1: SPOILED, 3: WORSE}, there=(4,))
LAST_YEAR = Case({"kind": "last_year"}, 9, first=-1, days=LONG, changed={2: SPOILED, 3: EMPTY, 7: WORSE}, there=(5,))


@pytest.fixture
def make(tmp_path: Path, postgres_uri: str, mlflow_uri: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Case], Context]]:
    """Install a case: its monitor, its suite and its source."""
    monkeypatch.setattr(pipeline, "render_report", lambda *_: None)
    engine = create_engine(postgres_uri)
    settings = Settings(
        project_root=ROOT,
        home=tmp_path / "home",
        monitors_dir=tmp_path / "monitors",
        gx_dir=tmp_path / "gx",
        database_uri=postgres_uri,
        mlflow_uri=mlflow_uri,
        airflow_url=None,
    )

    def build(case: Case) -> Context:
        monitor = install_trips(
            settings,
            window={"size": f"{case.days}d"},
            model={"predictions": "champion" if case.champion else "source"},
            reference=dict(case.reference),
        )
        for number in range(case.first, case.windows):
            change: Mapping[str, Any] = case.changed.get(number, {})
            write_trips(settings.home / "source", case.window(number), seed=number + 100, **change)
        context = Context(load_monitor(monitor), settings, RecordStore(engine))
        forget(context)
        if case.champion:
            retraining.bootstrap(context, case.window(case.first).start, case.window(0).start, approver="test")
        return context

    yield build
    engine.dispose()


@dataclass(frozen=True)
class Left:
    """What is there after a stretch was done."""

    records: Mapping[str, list[str]]
    runs: Mapping[str, Any]
    references: Mapping[int, Any]
    """What each window was compared with."""
    limits: Sequence[Any]


def left(context: Context, case: Case) -> Left:
    references = {}
    for number in range(case.windows):
        path = pipeline.reference_path(context, case.window(number))
        if path.is_file():
            references[number] = json.loads(path.read_text(encoding="utf-8"))
    limits = [(row["model_version"], row["content"]) for row in every_row(context)["calibration"]]
    return Left(records(context), runs(context, [case.window(number) for number in range(case.windows)]), references, limits)


def by_day(context: Context, case: Case) -> Left:
    for number in (*case.there, *(number for number in range(case.windows) if number not in case.there)):
        pipeline.run_window(context, case.window(number))
    return left(context, case)


def by_backfill(context: Context, case: Case) -> Left:
    for number in case.there:
        pipeline.run_window(context, case.window(number))
    first, last = case.window(0).start, case.window(case.windows - 1).end
    command = backfill_command("trips", f"{first:%Y-%m-%d}", f"{last:%Y-%m-%d}", "--workers", "2")
    done = subprocess.run(command, env=environment(context.settings), cwd=context.settings.home.parent, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert f"{len(case.there)} of {case.windows} were done before" in done.stdout
    return left(context, case)


def assert_same(found: Left, expected: Left) -> None:
    for name in TABLES:
        assert found.records[name] == expected.records[name], name
    assert found.references == expected.references
    assert found.runs == expected.runs
    assert found.limits == expected.limits


def made_of(case: Case, described: Mapping[str, Any]) -> set[int]:
    """Return the windows whose kept rows a reference is made of."""
    starts = {case.window(number).start.isoformat(): number for number in range(case.first, case.windows)}
    return {starts[batch["window"]["start"]] for batch in described["history"]["batches"]}


@pytest.mark.parametrize("case", [pytest.param(TRAILING, id="trailing"), pytest.param(CHAMPION, id="trailing, scored by a champion")])
def test_windows_compared_with_those_before_them(case: Case, make: Callable[[Case], Context], tmp_path: Path) -> None:
    before = Snapshot(make(case), tmp_path / "kept")
    expected = by_day(before.restored(), case)
    assert_same(by_backfill(before.restored(), case), expected)
    later = max(expected.references)
    assert expected.references[later]["kind"] == "trailing"
    used = made_of(case, expected.references[later])
    assert not used & case.changed.keys(), "what was quarantined, alarmed or empty is in no reference"
    assert used & set(case.there)
    assert expected.limits


def test_windows_compared_with_the_year_before(make: Callable[[Case], Context], tmp_path: Path) -> None:
    case = LAST_YEAR
    before = Snapshot(make(case), tmp_path / "kept")
    expected = by_day(before.restored(), case)
    assert_same(by_backfill(before.restored(), case), expected)
    assert made_of(case, expected.references[7]) == {0, 1}
    assert made_of(case, expected.references[8]) == {1}, "the third window was quarantined"
    assert made_of(case, expected.references[6]) == set(), "the records do not know all of it"
    assert expected.references[6]["rows"] > 0, "so it is read from the source"
    assert any("alert" in row for row in expected.records["decision"])
