"""What a backfill and the daily run leave behind, row by row and run by run, and the way back to the state before."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml
from sqlalchemy import text

import factories
from driftgate.context import Context
from driftgate.mlflow_client import client
from driftgate.record.tables import metadata
from driftgate.records import Window
from driftgate.settings import Settings

SUITE = {
    "name": "trips",
    "expectations": [{"type": "expect_column_values_to_be_between", "kwargs": {"column": "distance", "min_value": 0, "max_value": 100}}],
}
ROOT = Path(__file__).resolve().parents[1]
TABLES = ("batch", "gate_result", "metric", "decision", "incident")
CLOCK = {"id", "created_at", "updated_at"}
_SQLITE = "sqlite:///"


class Snapshot:
    """Folders, registry and records of a monitor as they are when this is made."""

    def __init__(self, context: Context, folder: Path) -> None:
        self._context, self._folder, self._times = context, folder, 0
        self._rows = every_row(context)
        shutil.copytree(context.settings.home, folder / "home")
        shutil.copyfile(str(context.settings.mlflow_uri).removeprefix(_SQLITE), folder / "mlflow.db")

    def restored(self) -> Context:
        """Put everything back as it was."""
        settings, self._times = self._context.settings, self._times + 1
        shutil.rmtree(settings.home)
        shutil.copytree(self._folder / "home", settings.home)
        tracking = settings.home.parent / f"mlflow-{self._times}.db"  # MLflow keeps its databases open
        shutil.copyfile(self._folder / "mlflow.db", tracking)
        restore(self._context, self._rows)
        return Context(self._context.monitor, replace(settings, mlflow_uri=f"{_SQLITE}{tracking}"), self._context.store)


def restore(context: Context, rows: Mapping[str, list[dict[str, Any]]]) -> None:
    """Let the tables hold these rows and no others."""
    names = ", ".join(f'"{table.schema}"."{table.name}"' for table in metadata.sorted_tables)
    with context.store.engine.begin() as connection:
        connection.execute(text(f"TRUNCATE {names} RESTART IDENTITY CASCADE"))
        for table in metadata.sorted_tables:
            for row in rows[table.name]:
                connection.execute(table.insert().values({name: value for name, value in row.items() if table.c[name].identity is None}))


def forget(context: Context) -> None:
    """Empty every table."""
    restore(context, {table.name: [] for table in metadata.sorted_tables})


def every_row(context: Context) -> dict[str, list[dict[str, Any]]]:
    with context.store.engine.connect() as connection:
        return {table.name: [dict(row) for row in connection.execute(table.select()).mappings()] for table in metadata.sorted_tables}


def records(context: Context, but: Collection[str] = ()) -> dict[str, list[str]]:
    """Return every row of the tables that are compared, without what the clock says and without some columns."""
    found = {}
    for name, rows in every_row(context).items():
        if name in TABLES:
            plain = [{key: value for key, value in row.items() if key not in CLOCK and key not in but} for row in rows]
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


def install_trips(settings: Settings, **sections: Any) -> Path:
    """Write the suite and the monitor of generated trips, with a folder for their files; return the monitor file."""
    for folder in (settings.home / "source", settings.monitors_dir, settings.gx_dir / "expectations"):
        folder.mkdir(parents=True)
    (settings.gx_dir / "expectations" / "trips.json").write_text(json.dumps(SUITE), encoding="utf-8")
    content = {
        "id": "trips",
        "task": "regression",
        "source": {"kind": "files", "path": "{home}/source/{window_start:%Y-%m-%d}.csv"},
        "columns": factories.make_config().columns.model_dump(),
        "model": {"predictions": "source"},
        "gate": {"suite": "trips"},
        "decision": {"rules": [{"metric": "mae", "above_reference": 1.5}], "consecutive": 2},
        "retrain": {"params": {"max_iter": 20}},
    }
    path = settings.monitors_dir / "trips.yaml"
    path.write_text(yaml.safe_dump(content | sections), encoding="utf-8")
    return path


def write_trips(folder: Path, window: Window, *, seed: int, rows: int = 150, **change: float) -> None:
    """Write the file of one window, its rows spread over it."""
    days = (window.end - window.start).days
    frame = factories.make_frame(rows, seed, (window.start - factories.DAY).days, **change)
    frame["ts"] = window.start + (frame["ts"] - window.start) * days
    frame.to_csv(folder / f"{window.start:%Y-%m-%d}.csv", index=False)


def environment(settings: Settings) -> dict[str, str]:
    """Return the environment in which a process of its own finds these settings; it tells nobody of anything."""
    own = {
        "DRIFTGATE_HOME": str(settings.home),
        "DRIFTGATE_PROJECT_ROOT": str(ROOT),
        "DRIFTGATE_MONITORS_DIR": str(settings.monitors_dir),
        "DRIFTGATE_GX_DIR": str(settings.gx_dir),
        "DRIFTGATE_DATABASE_URI": str(settings.database_uri),
        "MLFLOW_TRACKING_URI": str(settings.mlflow_uri),
        "DRIFTGATE_NOTIFICATIONS_FILE": str(settings.home / "no-notifications.yaml"),
        "PYTHONPATH": os.pathsep.join(str(ROOT / name) for name in ("include", "plugins", ".")),
    }
    return {**os.environ, **own, **({"DRIFTGATE_DATA_URL": settings.data_url} if settings.data_url else {})}


def backfill_command(monitor: str, first: str, last: str, *more: str) -> list[str]:
    return [sys.executable, "-m", "driftgate.cli", "backfill", monitor, "--from", first, "--to", last, *more]
