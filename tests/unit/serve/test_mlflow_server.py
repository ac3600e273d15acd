"""The MLflow server becomes its own web server instead of waiting for one."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from driftgate.serve import mlflow_server


def test_mlflow_starts_its_web_server_the_way_that_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    """With another MLflow this fails: then the server has a parent again that costs memory."""
    import mlflow.server

    seen = []

    def instead(command: list[str], *, extra_env: dict[str, str], **_: object) -> None:
        seen.append((command, extra_env))
        raise SystemExit(0)

    monkeypatch.setattr(mlflow.server, "_exec_cmd", instead)
    monkeypatch.setattr(mlflow_server, "become", instead)
    monkeypatch.setattr(sys, "argv", ["x", "--port", "1", "--workers", "1", "--backend-store-uri", "sqlite:///:memory:"])
    monkeypatch.setenv("MLFLOW_SERVER_ENABLE_JOB_EXECUTION", "false")
    with pytest.raises(SystemExit) as ended:
        mlflow_server.main()
    assert ended.value.code == 0
    command, environ = seen[0]
    assert "uvicorn" in command
    assert environ


def test_the_process_is_replaced_and_knows_the_added_variables() -> None:
    script = (
        "import os, sys\nfrom driftgate.serve.mlflow_server import become\n"
        "print(os.getpid())\n"
        "become([sys.executable, '-c', 'import os; print(os.getpid(), os.environ[\"ADDED\"])'], extra_env={'ADDED': 7}, synchronous=False)"
    )
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run([sys.executable, "-c", script], env=environ, capture_output=True, text=True, check=True, timeout=60)
    before, after, added = done.stdout.split()
    assert (before, added) == (after, "7")
