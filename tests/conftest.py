"""Fixtures shared by every test folder: a state folder, a real PostgreSQL, a real MLflow store."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from driftgate.settings import Settings, load

if TYPE_CHECKING:
    from receivers import Receivers
    from s3_server import S3Server
    from world import World

PROJECT_ROOT = Path(__file__).resolve().parents[1]

_OF_A_STACK = (
    *("DRIFTGATE_HOME", "DRIFTGATE_DATABASE_URI", "MLFLOW_TRACKING_URI", "DRIFTGATE_AIRFLOW_URL", "DRIFTGATE_NOTIFICATIONS_FILE"),
    *("PROMETHEUS_GATEWAY", "INFLUXDB_URL", "GRAFANA_URL", "DRIFTGATE_DATA_URL", "DRIFTGATE_EVIDENTLY_DIR"),
)
for name in _OF_A_STACK:
    os.environ.pop(name, None)  # a running stack must never be touched by unit tests
os.environ.setdefault("DO_NOT_TRACK", "1")
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
if "PYTEST_XDIST_WORKER" in os.environ:
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")  # as tasks of the stack have it: threads of two processes would wait for each other by spinning


@pytest.fixture
def project_root() -> Path:
    return PROJECT_ROOT


@pytest.fixture(scope="session")
def postgres_uri(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A private PostgreSQL with the migrated schema, shared by the session."""
    from driftgate.record.migrate import migrate
    from postgres_server import serve

    with serve(tmp_path_factory.mktemp("postgres") / "home") as address:
        migrate(address)
        yield address.render_as_string(hide_password=False)


@pytest.fixture
def store(postgres_uri: str) -> Iterator[Any]:
    """An empty RecordStore on the session's PostgreSQL."""
    from sqlalchemy import create_engine, text

    from driftgate.record.store import RecordStore
    from driftgate.record.tables import metadata

    engine = create_engine(postgres_uri)
    with engine.begin() as connection:
        names = ", ".join(f'"{table.schema}"."{table.name}"' for table in metadata.sorted_tables)
        connection.execute(text(f"TRUNCATE {names} RESTART IDENTITY CASCADE"))
    yield RecordStore(engine)
    engine.dispose()


@pytest.fixture(scope="session")
def mlflow_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated MLflow database (SQLite); making one takes seconds, copying it does not."""
    from mlflow import MlflowClient

    import sqlite_files

    sqlite_files.never_wait_for_the_disk()
    path = tmp_path_factory.mktemp("mlflow") / "template.db"
    MlflowClient(f"sqlite:///{path}").search_experiments()
    return path


@pytest.fixture
def mlflow_uri(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mlflow_database: Path) -> str:
    """A private MLflow tracking store and registry (SQLite) with artifacts beside it."""
    monkeypatch.chdir(tmp_path)
    shutil.copyfile(mlflow_database, tmp_path / "mlflow.db")
    return f"sqlite:///{tmp_path / 'mlflow.db'}"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings with an empty state folder; no server configured."""
    home = tmp_path / "home"
    home.mkdir()
    return Settings(
        project_root=PROJECT_ROOT,
        home=home,
        monitors_dir=PROJECT_ROOT / "include" / "monitors",
        gx_dir=PROJECT_ROOT / "great_expectations",
        database_uri=None,
        mlflow_uri=None,
        airflow_url=None,
    )


@pytest.fixture(scope="session")
def receivers() -> Iterator[Receivers]:
    """A real mail server and a real web server that keep what they get."""
    from receivers import Receivers

    made = Receivers()
    made.start()
    yield made
    made.stop()


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """A real S3 server with an empty bucket, shared by the session."""
    from s3_server import serve

    with serve(tmp_path_factory.mktemp("s3")) as running:
        yield running


@pytest.fixture
def s3(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Server]:
    """The S3 server, and the environment in which it is reached."""
    from driftgate import storage

    for name, value in s3_server.environment.items():
        monkeypatch.setenv(name, value)
    storage._store.cache_clear()
    yield s3_server
    storage._store.cache_clear()


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory, receivers: Receivers) -> Iterator[World]:
    """The stack after `driftgate demo`, with its own state folder, monitor files and ports, telling the receivers."""
    from world import NOTIFICATIONS, World

    base = tmp_path_factory.mktemp("world")
    monitors = base / "monitors"
    shutil.copytree(PROJECT_ROOT / "include" / "monitors", monitors)
    (base / "notifications.yaml").write_text(NOTIFICATIONS, encoding="utf-8")
    environ = {
        **{name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"},
        "DRIFTGATE_HOME": str(base / "home"),
        "DRIFTGATE_PROJECT_ROOT": str(PROJECT_ROOT),
        "DRIFTGATE_MONITORS_DIR": str(monitors),
        "DRIFTGATE_NOTIFICATIONS_FILE": str(base / "notifications.yaml"),
        **receivers.environment(),
        # a monitor file that is added or broken shows after seconds instead of half a minute; parsing all the time would take half a core
        "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "12",
        "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "12",
    }
    made = World(PROJECT_ROOT, base, environ)
    try:
        made.demo = made.run("demo", timeout=1500, check=False)
        made.settings = load(environ)
        yield made
    finally:
        subprocess.run([sys.executable, "-m", "driftgate.cli", "down"], env=environ, cwd=PROJECT_ROOT, check=False, timeout=300)
