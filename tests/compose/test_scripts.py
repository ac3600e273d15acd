"""The helpers beside the compose file: secrets, first preparation, health."""

from __future__ import annotations

import base64
import http.server
import json
import os
import re
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

import redis_server

ROOT = Path(__file__).resolve().parents[2]
MAKE_ENV = ROOT / "include" / "compose" / "make_env.py"
Loader = Callable[[str], ModuleType]


def _read_env(path: Path) -> dict[str, str]:
    pairs = (line.partition("=") for line in path.read_text().splitlines() if line and not line.startswith("#"))
    return {name: value for name, _, value in pairs}


def _make_env(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-I", str(MAKE_ENV), *arguments], capture_output=True, text=True, check=False)


def test_make_env_fills_every_secret_privately_and_with_different_values(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    result = _make_env(str(path))
    assert result.returncode == 0, result.stderr
    values = _read_env(path)
    assert set(values) == set(_read_env(ROOT / ".env.example"))
    assert len(set(values.values())) == len(values)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    for name, value in values.items():
        assert re.fullmatch(r"[A-Za-z0-9_-]{24,}=?", value), name
        assert value not in result.stdout + result.stderr


def test_make_env_writes_a_key_that_fernet_accepts(tmp_path: Path) -> None:
    _make_env(str(tmp_path / ".env"))
    assert len(base64.urlsafe_b64decode(_read_env(tmp_path / ".env")["AIRFLOW_FERNET_KEY"])) == 32


def test_make_env_never_changes_a_file_in_use(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text("POSTGRES_PASSWORD=in-use\n")
    result = _make_env(str(path))
    assert result.returncode == 1
    assert "kept" in result.stderr
    assert path.read_text() == "POSTGRES_PASSWORD=in-use\n"


def test_make_env_names_a_path_that_cannot_be_written(tmp_path: Path) -> None:
    result = _make_env(str(tmp_path / "missing" / ".env"))
    assert result.returncode == 1
    assert "cannot be written" in result.stderr


def test_the_example_has_no_secret_that_works() -> None:
    assert set(_read_env(ROOT / ".env.example").values()) == {""}


def test_the_password_file_is_private_and_replaced(tmp_path: Path, script: Loader) -> None:
    path = tmp_path / "auth" / "passwords.json"
    init = script("airflow_init")
    init.write_password(path, 'first"quote')
    init.write_password(path, "second")
    assert json.loads(path.read_text()) == {"admin": "second"}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert os.listdir(path.parent) == ["passwords.json"]


def _init(tmp_path: Path, airflow_status: int, *arguments: str, **extra: str) -> subprocess.CompletedProcess[str]:
    """Run the init script with stand-ins for both commands that leave their arguments in a file; no pool is there."""
    bin_dir = tmp_path / "bin"
    bin_dir.mkdir()
    for name, status in (("airflow", airflow_status), ("driftgate", 0)):
        command = bin_dir / name
        command.write_text(f'#!/bin/sh\necho {name} "$@" >> {tmp_path}/calls\n[ "$2" = get ] && exit 1\nexit {status}\n')
        command.chmod(0o755)
    env = {
        "PATH": f"{bin_dir}:/usr/bin:/bin",
        "DRIFTGATE_HOME": str(tmp_path / "state"),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(tmp_path / "passwords.json"),
        "AIRFLOW_ADMIN_PASSWORD": "pw",
        **extra,
    }
    command_line = [sys.executable, str(ROOT / "include" / "compose" / "airflow_init.py"), *arguments]
    return subprocess.run(command_line, env=env, capture_output=True, text=True, check=False)


def test_init_prepares_folders_and_runs_both_migrations_in_order(tmp_path: Path) -> None:
    result = _init(tmp_path, 0)
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "calls").read_text().splitlines() == ["airflow db migrate", "driftgate migrate"]
    assert (tmp_path / "state" / "gx" / "data_docs").is_dir()
    assert "pw" not in result.stdout.split()


def test_init_makes_the_pools_that_are_named_and_missing(tmp_path: Path) -> None:
    result = _init(tmp_path, 0, DRIFTGATE_HEAVY_POOL="rows", DRIFTGATE_HEAVY_POOL_SLOTS="2", DRIFTGATE_LIGHT_POOL="")
    assert result.returncode == 0, result.stderr
    calls = (tmp_path / "calls").read_text().splitlines()
    assert calls[2:] == ["airflow pools get rows", "airflow pools set rows 2 Driftgate: heavy tasks"]


def test_init_without_login_takes_the_owner_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "uri").write_text("postgresql+psycopg2://owner@host/driftgate\n")
    result = _init(tmp_path, 0, "--without-login", AIRFLOW_ADMIN_PASSWORD="", DRIFTGATE_OWNER_URI_FILE=str(tmp_path / "uri"))
    assert result.returncode == 0, result.stderr
    assert not (tmp_path / "passwords.json").exists()


def test_init_stops_at_the_first_failing_command_and_says_which(tmp_path: Path) -> None:
    result = _init(tmp_path, 3)
    assert result.returncode == 1
    assert "`airflow db migrate` ended with status 3" in result.stderr
    assert (tmp_path / "calls").read_text().splitlines() == ["airflow db migrate"]


def test_init_names_a_missing_variable(tmp_path: Path) -> None:
    result = _init(tmp_path, 0, AIRFLOW_ADMIN_PASSWORD="")
    assert result.returncode == 1
    assert "AIRFLOW_ADMIN_PASSWORD is not set" in result.stderr


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(503 if self.path == "/down" else 200)
        self.end_headers()
        self.wfile.write(json.dumps({"triggerer": {"status": "healthy"}, "dag_processor": {"status": None}}).encode())

    def log_message(self, *_: object) -> None:
        """Keep the output of the tests quiet."""


@pytest.fixture
def server() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as http_server:
        threading.Thread(target=http_server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{http_server.server_address[1]}"
        http_server.shutdown()


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["http", "/up", "/also-up"], 0),
        (["http", "/up", "/down"], 1),
        (["component", "triggerer", "/health"], 0),
        (["component", "dag_processor", "/health"], 1),
        (["component", "scheduler", "/health"], 1),
        (["component", "triggerer", "/down"], 1),
    ],
)
def test_health_follows_the_answer(server: str, script: Loader, arguments: list[str], status: int) -> None:
    full = [f"{server}{item}" if item.startswith("/") else item for item in arguments]
    assert script("healthcheck").main(full) == status


def test_a_server_that_is_not_there_is_unhealthy(script: Loader, capsys: pytest.CaptureFixture[str]) -> None:
    assert script("healthcheck").main(["http", "http://127.0.0.1:9/"]) == 1
    assert "127.0.0.1:9" in capsys.readouterr().out


@pytest.mark.skipif(not redis_server.is_installed(), reason="redis-server is not installed")
def test_a_worker_that_is_not_there_is_not_healthy(tmp_path: Path, script: Loader, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("celery", reason="the packages of requirements-cluster.txt are not installed")
    check = script("healthcheck")
    monkeypatch.setattr(check, "_PING", 0.5)
    with redis_server.serve(tmp_path) as address:
        monkeypatch.setenv("AIRFLOW__CELERY__BROKER_URL", address)
        assert check.main(["worker"]) == 1
