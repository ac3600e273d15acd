"""A backfill leaves the rows that the daily run leaves: real flights, real parts, every table compared."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, event

from backfill_lab import ROOT, TABLES, Snapshot, backfill_command, environment, forget, records, runs
from driftgate import backfill, pipeline, retraining
from driftgate.backfill_run import Workers, run
from driftgate.config.loader import load_monitor
from driftgate.config.windows import window_at, windows_between
from driftgate.context import Context
from driftgate.demo import plan as demo
from driftgate.ingest.source import read_pieces
from driftgate.record.store import RecordStore
from driftgate.records import BatchStatus, Window
from driftgate.settings import Settings
from driftgate.settling import Settler
from driftgate.windows_together import WindowsTogether, prepared_path

FIRST, LAST = "2013-01-29", "2013-02-16"
SPOILED, EMPTY = date(2013, 2, 5), date(2013, 2, 7)
SHIFTED = tuple(date(2013, 2, day) for day in (9, 10, 11, 12))
THERE = (date(2013, 2, 2), date(2013, 2, 4))
"""Days that had a run of their own before."""


@dataclass
class Lab:
    """A monitor after its first training, and the way back to that state."""

    context: Context
    first: Snapshot

    def day(self, day: date) -> Window:
        return window_at(self.context.config, day)

    @property
    def windows(self) -> list[Window]:
        return list(windows_between(self.context.config, FIRST, LAST))

    def reset(self) -> None:
        """Put folders, registry and records back, and run the days that are there before anything else."""
        self.context = self.first.restored()
        for day in THERE:
            pipeline.run_window(self.context, self.day(day))


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory, postgres_uri: str, mlflow_database: Path) -> Iterator[Lab]:
    base, kept = tmp_path_factory.mktemp("lab"), tmp_path_factory.mktemp("kept")
    shutil.copyfile(mlflow_database, base / "mlflow.db")
    settings = Settings(
        project_root=ROOT,
        home=base / "home",
        monitors_dir=ROOT / "include" / "monitors",
        gx_dir=ROOT / "great_expectations",
        database_uri=postgres_uri,
        mlflow_uri=f"sqlite:///{base / 'mlflow.db'}",
        airflow_url=None,
    )
    engine = create_engine(postgres_uri)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(base)  # MLflow's artifacts lie there
        patch.setattr(pipeline, "render_report", lambda *_: None)  # drawing takes longest and writes no row that is compared
        context = Context(load_monitor(settings.monitors_dir / "flights.yaml"), settings, RecordStore(engine))
        forget(context)
        write_landing(settings)
        retraining.bootstrap(context, "2013-01-01", "2013-01-22", approver="test")
        yield Lab(context, Snapshot(context, kept))
    engine.dispose()


def write_landing(settings: Settings) -> None:
    from include.examples.flights import day_file

    folder = demo.landing_folder(settings)
    folder.mkdir(parents=True)
    changes: dict[date, Callable[[Any], Any]] = {
        SPOILED: demo.corrupt,
        EMPTY: lambda rows: rows.head(0),
        **dict.fromkeys(SHIFTED, demo.shift),
    }
    for day, change in changes.items():
        change(day_file(day)).to_csv(folder / f"flights-{day:%Y-%m-%d}.csv", index=False)


def daily(lab: Lab, windows: list[Window], **options: Any) -> None:
    for window in windows:
        pipeline.run_window(lab.context, window, **options)


def together(lab: Lab, first: str = FIRST, last: str = LAST, **options: Any) -> Any:
    with Workers(1, "flights", lab.context.settings) as workers:
        return run(lab.context, first, last, workers, **options)


@pytest.fixture(scope="module")
def by_day(lab: Lab) -> tuple[dict[str, list[str]], dict[str, Any]]:
    """What the daily run leaves of the whole stretch."""
    lab.reset()
    daily(lab, [window for window in lab.windows if window not in {lab.day(day) for day in THERE}])
    return records(lab.context), runs(lab.context, lab.windows)


def test_a_backfill_leaves_the_rows_and_runs_of_the_daily_run(lab: Lab, by_day: Any) -> None:
    lab.reset()
    outcome = together(lab)
    found = records(lab.context)
    for name in TABLES:
        assert found[name] == by_day[0][name], name
    assert runs(lab.context, lab.windows) == by_day[1]
    assert (outcome.plan.skipped, outcome.problems) == (len(THERE), ())
    assert sum(outcome.summary.counts.values()) == len(lab.windows) - len(THERE)
    assert set(outcome.summary.counts) == {"measured", "quarantined", "no_data"}
    asked = [row for row in found["decision"] if "'action': 'trigger_retrain'" in row]
    assert (outcome.retraining is not None) == bool(asked), "the newest decision that asks for a retraining is named"
    assert any("'cause': 'policy'" in row for row in found["incident"])


def test_reprocessed_windows_are_those_of_a_daily_run_that_reprocesses(lab: Lab, by_day: Any) -> None:
    last = lab.windows[-6:]
    first = f"{last[0].start.astimezone(lab.context.config.schedule.zone):%Y-%m-%d}"
    lab.reset()
    daily(lab, lab.windows[-9:])
    daily(lab, last, reprocess=True)
    expected = records(lab.context)
    lab.reset()
    daily(lab, lab.windows[-9:])
    outcome = together(lab, first, reprocess=True)
    found = records(lab.context)
    for name in TABLES:
        assert found[name] == expected[name], name
    assert outcome.summary.counts == {"measured": 6}
    assert len(runs(lab.context, last)) == len(last), "one run per window, the former ones are gone"


def test_a_killed_backfill_goes_on_where_it_ended(lab: Lab, by_day: Any) -> None:
    lab.reset()
    settings = lab.context.settings
    environ = environment(settings)
    command = backfill_command("flights", FIRST, LAST, "--workers", "2")
    known = len(lab.context.store.batches("flights", lab.windows[0].start, lab.windows[-1].end))

    def settled() -> int:
        return len(lab.context.store.batches("flights", lab.windows[0].start, lab.windows[-1].end)) - known

    process = subprocess.Popen(command, env=environ, cwd=settings.home.parent, start_new_session=True, stdout=subprocess.DEVNULL)
    limit = time.monotonic() + 300
    while not settled() and process.poll() is None:
        assert time.monotonic() < limit
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert 0 < settled() < len(lab.windows) - len(THERE), "killed in the middle"
    again = subprocess.run(command, env=environ, cwd=settings.home.parent, capture_output=True, text=True, check=False)
    assert again.returncode == 0, again.stderr
    assert "were done before" in again.stdout
    assert "\r" not in again.stderr, "no progress line where nobody watches"
    assert records(lab.context) == by_day[0]
    assert runs(lab.context, lab.windows) == by_day[1]


def test_statements_and_reads_do_not_grow_with_windows_and_metrics(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    reads: list[Window] = []

    def counted(config: Any, window: Window, *arguments: Any, **named: Any) -> Any:
        reads.append(window)
        return read_pieces(config, window, *arguments, **named)

    for module in ("driftgate.ingest.source", "driftgate.ingest.together"):
        monkeypatch.setattr(f"{module}.read_pieces", counted)
    lab.reset()
    reads.clear()
    windows = lab.windows[-10:]
    together_ = WindowsTogether(lab.context, windows)
    prepared = together_.run()
    assert len(reads) == 1, "one read of the source for the chunk"
    assert all(prepared_path(lab.context, window).is_file() for window in windows)

    seen: list[str] = []

    def note(*arguments: Any) -> None:
        seen.append(arguments[2])

    def statements(count: int) -> tuple[int, int]:
        seen.clear()
        list(Settler(lab.context).settle(prepared[:count]))
        others = [statement for statement in seen if "driftgate.incident" not in statement]
        reads = sum(statement.startswith("SELECT") for statement in others)
        return len(others) - reads, reads

    event.listen(lab.context.store.engine, "before_cursor_execute", note)
    try:
        two, ten = statements(2), statements(10)
    finally:
        event.remove(lab.context.store.engine, "before_cursor_execute", note)
    assert ten[0] <= two[0] + 2, f"{two[0]} writes for two windows, {ten[0]} for ten of some 900 metrics together"
    assert ten[1] <= two[1] + 2 * 8, "a window in alarm asks what is known about it; the others ask nothing"
    assert not any(prepared_path(lab.context, window).exists() for window in windows)


def test_a_window_that_cannot_be_read_does_not_hold_up_the_others(lab: Lab) -> None:
    lab.reset()
    broken = demo.landing_folder(lab.context.settings) / "flights-2013-02-13.csv"
    broken.write_text("year,month\n2013,2\n")
    try:
        outcome = together(lab, "2013-02-12", "2013-02-14")
    finally:
        broken.unlink()
    assert outcome.summary.failed == 1
    assert "flights-2013-02-13.csv" in outcome.summary.problems[0]
    statuses = {batch.window: batch.status for batch in lab.context.store.batches("flights", *ends(lab, "2013-02-12", "2013-02-14"))}
    assert list(statuses.values()) == [BatchStatus.MEASURED, BatchStatus.FAILED]


def ends(lab: Lab, first: str, last: str) -> tuple[Any, Any]:
    windows = list(windows_between(lab.context.config, first, last))
    return windows[0].start, windows[-1].end


def test_a_month_is_cut_into_chunks_for_the_workers(lab: Lab) -> None:
    windows = list(windows_between(lab.context.config, "2013-01-01", "2013-02-01"))
    found = backfill.chunks(lab.context.config, windows, 2)
    assert [window for chunk in found for window in chunk.windows] == windows
    assert (len(found), found[0].name) == (4, "2013-01-01 to 2013-01-08")
    assert backfill.chunks(lab.context.config, [], 2) == []
    year = list(windows_between(lab.context.config, "2012-01-01", "2013-01-01"))
    assert max(len(chunk.windows) for chunk in backfill.chunks(lab.context.config, year, 1)) <= backfill.LARGEST_CHUNK
