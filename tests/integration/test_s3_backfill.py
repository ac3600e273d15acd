"""A backfill whose source and data lie in an object store, beside one in folders: real S3 server, PostgreSQL and processes; no Airflow."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine

import factories
from backfill_lab import ROOT, TABLES, backfill_command, environment, forget, install_trips, records, runs, write_trips
from driftgate.backfill_run import Workers, run
from driftgate.config.loader import load_monitor
from driftgate.context import Context
from driftgate.record.store import RecordStore
from driftgate.records import BatchStatus
from driftgate.settings import Settings
from driftgate.storage import locate
from s3_server import BUCKET, S3Server

pytestmark = pytest.mark.integration

LEARNED, DAYS = 9, 18
"""Days of the fixed reference, and the end of those that are taken through the pipeline after it."""
SPOILED, EMPTY = 12, 14
INCOMING = f"s3://{BUCKET}/incoming"
WINDOWS = [factories.make_window(day) for day in range(LEARNED, DAYS)]
ELSEWHERE = ("path", "result_path")
"""Columns that say where files lie."""


@pytest.fixture
def near(tmp_path: Path, postgres_uri: str, mlflow_uri: str) -> Iterator[Context]:
    """A monitor of generated trips with its source and its data in folders."""
    settings = Settings(
        project_root=ROOT,
        home=tmp_path / "home",
        monitors_dir=tmp_path / "monitors",
        gx_dir=tmp_path / "gx",
        database_uri=postgres_uri,
        mlflow_uri=mlflow_uri,
        airflow_url=None,
        notifications_file=tmp_path / "none.yaml",
    )
    engine = create_engine(postgres_uri)
    context = install(settings, RecordStore(engine), "{home}/source/*.csv")
    for day in range(DAYS):
        change = {SPOILED: {"shift": 1000.0}, EMPTY: {"rows": 0}}.get(day, {})
        write_trips(settings.home / "source", factories.make_window(day), seed=day, **change)
    forget(context)
    yield context
    engine.dispose()


def install(settings: Settings, store: RecordStore, source: str) -> Context:
    reference = {"kind": "window", "start": "2024-01-01", "end": f"{factories.make_window(LEARNED).start:%Y-%m-%d}"}
    path = install_trips(settings, source={"kind": "files", "path": source}, reference=reference)
    return Context(load_monitor(path), settings, store)


@pytest.fixture
def moved(near: Context, s3: S3Server) -> Settings:
    """The same place with its data on S3, where the files of the source are too."""
    for file in sorted((near.settings.home / "source").iterdir()):
        s3.request("PUT", f"/{BUCKET}/incoming/{file.name}", file.read_bytes())
    return replace(near.settings, data_url=f"s3://{BUCKET}/past")


def backfill(context: Context) -> str:
    """Run the command with two workers, in processes that know the place by their environment alone."""
    first, last = WINDOWS[0].start, WINDOWS[-1].end
    command = backfill_command("trips", f"{first:%Y-%m-%d}", f"{last:%Y-%m-%d}", "--workers", "2")
    home = context.settings.home
    done = subprocess.run(command, env=environment(context.settings), cwd=home.parent, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def left(context: Context) -> tuple[dict[str, list[str]], dict[str, Any]]:
    """Return the rows, and of each MLflow run what does not tell which monitor file it was."""
    found = {}
    for key, (name, status, params, metrics, times, *_) in runs(context, WINDOWS).items():
        found[key] = (name, status, {param: value for param, value in params.items() if param != "config_fingerprint"}, metrics, times)
    return records(context, but=ELSEWHERE), found


def test_a_backfill_on_s3_leaves_the_rows_and_runs_of_one_in_folders(near: Context, moved: Settings, mlflow_database: Path) -> None:
    with Workers(1, "trips", near.settings) as workers:
        outcome = run(near, WINDOWS[0].start, WINDOWS[-1].end, workers)
    assert outcome.summary.counts == {"measured": 7, "quarantined": 1, "no_data": 1}
    expected = left(near)
    shutil.rmtree(near.settings.home)
    shutil.rmtree(near.settings.monitors_dir)
    shutil.rmtree(near.settings.gx_dir)
    forget(near)
    tracking = near.settings.home.parent / "other.db"
    shutil.copyfile(mlflow_database, tracking)

    far = install(replace(moved, mlflow_uri=f"sqlite:///{tracking}"), near.store, f"{INCOMING}/*.csv")
    assert "7 measured" in backfill(far)
    found = left(far)
    for name in TABLES:
        assert found[0][name] == expected[0][name], name
    assert found[1] == expected[1]

    batches = {batch.window: batch for batch in far.store.batches("trips", WINDOWS[0].start, WINDOWS[-1].end)}
    assert {status.value for status in (batch.status for batch in batches.values())} == {"measured", "quarantined", "no_data"}
    for window, batch in batches.items():
        if batch.status is not BatchStatus.NO_DATA:
            folder = f"s3://{BUCKET}/past/batches/trips/{window.key}"
            assert str(batch.path).startswith(f"{folder}/batch-")
            files = {path.name for path in locate(folder).rglob("*")}
            assert {"gate.json", Path(str(batch.path)).name} <= files
            assert "prepared.json" not in files
            assert ("measures.json" in files) == (batch.status is BatchStatus.MEASURED)
    assert not list(near.settings.home.rglob("batch-*")), "the machine keeps a cache, nothing else"
    assert not list(near.settings.home.rglob("*.json"))
