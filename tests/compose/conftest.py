"""Fixtures of the compose tests: the parsed files, and a real PostgreSQL prepared by the script of the container."""

from __future__ import annotations

import importlib.util
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
INIT_SQL = ROOT / "include" / "compose" / "postgres" / "10-roles.sql"
PASSWORDS = {
    "AIRFLOW_DB_PASSWORD": "air'flow\\pass",  # quoting must not depend on harmless characters
    "MLFLOW_DB_PASSWORD": "mlflow-pass",
    "DRIFTGATE_OWNER_PASSWORD": "owner-pass",
    "DRIFTGATE_APP_PASSWORD": "app-pass",
    "DRIFTGATE_READER_PASSWORD": "reader-pass",
}
PASSWORD_OF = {
    "airflow": "AIRFLOW_DB_PASSWORD",
    "mlflow": "MLFLOW_DB_PASSWORD",
    "driftgate_owner": "DRIFTGATE_OWNER_PASSWORD",
    "driftgate_app": "DRIFTGATE_APP_PASSWORD",
    "driftgate_reader": "DRIFTGATE_READER_PASSWORD",
}
"""Role to the variable that holds its password."""


@pytest.fixture(scope="session")
def compose() -> dict[str, Any]:
    """The compose file as compose reads it, merge keys resolved, variables not."""
    content: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return content


@pytest.fixture(scope="session")
def services(compose: dict[str, Any]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = compose["services"]
    return found


@pytest.fixture
def script() -> Callable[[str], ModuleType]:
    """Load one of the scripts in include/compose as a module."""

    def load(name: str) -> ModuleType:
        spec = importlib.util.spec_from_file_location(f"compose_{name}", ROOT / "include" / "compose" / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return load


@pytest.fixture(scope="session")
def passwords() -> dict[str, str]:
    """What a person wrote into `.env`."""
    return dict(PASSWORDS)


@pytest.fixture(scope="session")
def init_postgres(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run the init script as the image's entrypoint does: psql as superuser, passwords in the environment."""
    from driftgate.stack.postgres import binaries

    passfile = tmp_path_factory.mktemp("psql") / "empty"
    passfile.touch(mode=0o600)

    def run(uri: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
        command = [str(binaries() / "psql"), "-v", "ON_ERROR_STOP=1", "--no-password", "--no-psqlrc", "-d", uri, "-f", str(INIT_SQL)]
        env = {"PATH": os.environ["PATH"], "PGPASSFILE": str(passfile), **environment}
        return subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=60)

    return run


@pytest.fixture(scope="session")
def bare_postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of an empty server of its own: roles belong to the whole server, so the shared one cannot be used."""
    from postgres_server import serve

    with serve(tmp_path_factory.mktemp("bare") / "home") as address:
        yield address.set(drivername="postgresql").render_as_string(hide_password=False)


@pytest.fixture(scope="session")
def prepared_postgres(bare_postgres: str, init_postgres: Callable[..., subprocess.CompletedProcess[str]]) -> Callable[[str, str], str]:
    """The server after the init script; call with role and database for an SQLAlchemy address."""
    result = init_postgres(bare_postgres, PASSWORDS)
    assert result.returncode == 0, result.stderr

    from sqlalchemy import make_url

    base = make_url(bare_postgres).set(drivername="postgresql+psycopg2")

    def address(role: str, database: str) -> str:
        password = PASSWORDS[PASSWORD_OF[role]] if role in PASSWORD_OF else base.password
        return base.set(username=role, password=password, database=database).render_as_string(hide_password=False)

    return address


@pytest.fixture(scope="session")
def migrated_postgres(prepared_postgres: Callable[[str, str], str]) -> Callable[[str, str], str]:
    """The same after `driftgate migrate` by the owner, as the init container does it."""
    from driftgate.record.migrate import migrate

    migrate(prepared_postgres("driftgate_owner", "driftgate"))
    return prepared_postgres
