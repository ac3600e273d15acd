"""A monitor after its first training, made once for the tests of a file: each test starts from a copy, without training again."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, make_url, text

from driftgate.context import Context
from driftgate.record.store import RecordStore
from driftgate.record.tables import metadata
from driftgate.settings import Settings, load


@dataclass(frozen=True)
class Trained:
    """Folders, registry and records after the training."""

    home: Path
    mlflow: Path
    rows: Mapping[str, list[dict[str, Any]]]


def prepare(base: Path, postgres_uri: str, mlflow_database: Path, train: Callable[[Path, Settings, RecordStore, str], None]) -> Trained:
    """Let ``train`` fill a folder, empty records and an empty registry, and keep what it left."""
    home, tracking = base / "home", base / "mlflow.db"
    shutil.copyfile(mlflow_database, tracking)
    home.mkdir()
    settings = load({"DRIFTGATE_PROJECT_ROOT": str(Path(__file__).parents[1]), "DRIFTGATE_HOME": str(home)})
    engine = create_engine(postgres_uri)
    _empty(engine)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(base)  # the artifacts of MLflow lie there
        train(base, settings, RecordStore(engine), f"sqlite:///{tracking}")
    with engine.connect() as connection:
        rows = {table.name: [dict(row) for row in connection.execute(table.select()).mappings()] for table in metadata.sorted_tables}
    engine.dispose()
    return Trained(home, tracking, rows)


def copy_into(context: Context, trained: Trained) -> None:
    """Fill the empty folders, registry and records of a test."""
    home, tracking = context.settings.home, make_url(context.settings.require_mlflow()).database
    shutil.copytree(trained.home, home, dirs_exist_ok=True)
    shutil.copyfile(trained.mlflow, str(tracking))
    with context.store.engine.begin() as connection:
        for table in metadata.sorted_tables:
            for row in trained.rows[table.name]:
                kept = {name: value for name, value in row.items() if table.c[name].identity is None}
                moved = {
                    name: str(home / Path(value).relative_to(trained.home))
                    for name, value in kept.items()
                    if _is_below(value, trained.home)
                }
                connection.execute(table.insert().values({**kept, **moved}))


def _is_below(value: Any, folder: Path) -> bool:
    return isinstance(value, str) and value.startswith(f"{folder}/")


def _empty(engine: Engine) -> None:
    names = ", ".join(f'"{table.schema}"."{table.name}"' for table in metadata.sorted_tables)
    with engine.begin() as connection:
        connection.execute(text(f"TRUNCATE {names} RESTART IDENTITY CASCADE"))
