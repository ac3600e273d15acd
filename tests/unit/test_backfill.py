"""A backfill leaves the rows that the daily run leaves: real flights, real parts, every table compared."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, event, text

from driftgate import backfill, pipeline, retraining
from driftgate.backfill_run import Workers, run
from driftgate.config.loader import load_monitor
from driftgate.config.windows import window_at, windows_between
from driftgate.context import Context
from driftgate.demo import plan as demo
from driftgate.mlflow_client import client
from driftgate.record.store import RecordStore
from driftgate.record.tables import metadata
from driftgate.records import BatchStatus, Window
from driftgate.settings import Settings
from driftgate.settling import Settler
from driftgate.windows_together import WindowsTogether, prepared_path

ROOT = Path(__file__).resolve().parents[2]
TABLES = ("batch", "gate_result", "metric", "decision", "incident")
CLOCK = {"id", "created_at", "updated_at"}
FIRST, LAST = "2013-01-29", "2013-02-16"
SPOILED, EMPTY = date(2013, 2, 5), date(2013, 2, 7)
SHIFTED = tuple(date(2013, 2, day) for day in (9, 10, 11, 12))
THERE = (date(2013, 2, 2), date(2013, 2, 14))
"""Days that had a run of their own before."""


@dataclass
class Lab:
    """A monitor after its first training, and the way back to that state."""

    context: Context
    kept: Path
    rows: Mapping[str, list[dict[str, Any]]]
    resets: int = 0

    def day(self, day: date) -> Window:
        return window_at(self.context.config, day)

    @property
    def windows(self) -> list[Window]:
        return list(windows_between(self.context.config, FIRST, LAST))

    def reset(self) -> None:
        """Put folders, registry and records back, and run the days that are there before anything else."""
        settings, self.resets = self.context.settings, self.resets + 1
        shutil.rmtree(settings.home)
        shutil.copytree(self.kept / "home", settings.home)
        tracking = settings.home.parent / f"mlflow-{self.resets}.db"  # MLflow keeps its databases open
        shutil.copyfile(self.kept / "mlflow.db", tracking)
        self.context = Context(self.context.monitor, replace(settings, mlflow_uri=f"sqlite:///{tracking}"), self.context.store)
        restore(self.context, self.rows)
        for day in THERE:
            pipeline.run_window(self.context, self.day(day))


def restore(context: Context, rows: Mapping[str, list[dict[str, Any]]]) -> None:
    names = ", ".join(f'"{table.schema}"."{table.name}"' for table in metadata.sorted_tables)
    with context.store.engine.begin() as connection:
        connection.execute(text(f"TRUNCATE {names} RESTART IDENTITY CASCADE"))
        for table in metadata.sorted_tables:
            for row in rows[table.name]:
                connection.execute(table.insert().values({name: value for name, value in row.items() if table.c[name].identity is None}))


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
        restore(context, {table.name: [] for table in metadata.sorted_tables})
        write_landing(settings)
        retraining.bootstrap(context, "2013-01-01", "2013-01-22", approver="test")
        shutil.copytree(base, kept, dirs_exist_ok=True)
        yield Lab(context, kept, every_row(context))
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


def every_row(context: Context) -> dict[str, list[dict[str, Any]]]:
    with context.store.engine.connect() as connection:
        return {table.name: [dict(row) for row in connection.execute(table.select()).mappings()] for table in metadata.sorted_tables}


def records(context: Context) -> dict[str, list[str]]:
    """Return every row of the tables that are compared, without what the clock says."""
    found = {}
    for name, rows in every_row(context).items():
        if name in TABLES:
            plain = [{key: value for key, value in row.items() if key not in CLOCK} for row in rows]
            found[name] = sorted(repr({**row, "resolved": row["resolved"] is not None} if name == "incident" else row) for row in plain)
    return found


def runs(context: Context, windows: list[Window]) -> dict[str, Any]:
    """Return what MLflow holds of each window: name, parameters, metrics, tags, artifacts."""
    store = client(context.settings.require_mlflow())
    experiment = store.get_experiment_by_name(f"driftgate/{context.config.id}")
    found = {}
    for item in store.search_runs([experiment.experiment_id]):
        key = item.data.tags["driftgate.window"]
        if key in {window.key for window in windows}:
            assert key not in found, "two runs of one window"
            artifacts = {file.path: artifact(store, item.info.run_id, file.path) for file in store.list_artifacts(item.info.run_id)}
            times = {entry.timestamp for entry in store.get_metric_history(item.info.run_id, "data_quality.rows")}
            plain = (item.info.run_name, item.info.status, item.data.params, item.data.metrics, times, artifacts)
            found[key] = (*plain, {name: value for name, value in item.data.tags.items() if name.startswith("driftgate.")})
    return found


def artifact(store: Any, run: str, path: str) -> Any:
    content = json.loads(Path(store.download_artifacts(run, path)).read_text())
    return without_ids(content) if path == "gate.json" else content


def without_ids(content: Any) -> Any:
    """Leave out what Great Expectations makes up in each context, and when it loaded the rows."""
    made_up = ("id", "checkpoint_id", "validation_id", "batch_markers")
    if isinstance(content, dict):
        return {name: without_ids(value) for name, value in content.items() if name not in made_up}
    return [without_ids(item) for item in content] if isinstance(content, list) else content


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
    assert outcome.summary.counts == {"measured": len(lab.windows) - len(THERE) - 2, "quarantined": 1, "no_data": 1}
    assert outcome.summary.retraining is not None, "the drifted stretch asks for a retraining"
    assert any("'cause': 'policy'" in row for row in found["incident"])
