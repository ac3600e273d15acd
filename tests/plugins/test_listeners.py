"""The fork server starts with the scheduler, and nowhere else."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

START = """
import multiprocessing, os, sys
from multiprocessing import forkserver
if {method!r}:
    multiprocessing.set_start_method({method!r})
multiprocessing.set_forkserver_preload(["driftgate_probe"])
from airflow.jobs.job import Job
Job()
{then}
"""


def run_python(*arguments: str, folder: Path | None = None) -> str:
    """Run a fresh interpreter that finds the same modules as this one."""
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run([sys.executable, *arguments], cwd=folder, env=environ, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def start_component(folder: Path, method: str | None, then: str) -> str:
    """Start a component of Airflow as its command does and return what it prints; the preloaded module leaves a file."""
    (folder / "driftgate_probe.py").write_text("import pathlib\npathlib.Path(__file__).with_name('preloaded').touch()\n", encoding="utf-8")
    script = folder / "component.py"
    script.write_text(START.format(method=method, then=then), encoding="utf-8")
    return run_python(str(script), folder=folder)


def test_the_libraries_are_loaded_before_the_first_task(tmp_path: Path, airflow_db: Path) -> None:
    wait = "import time, pathlib\nlimit = time.monotonic() + 60\n"
    wait += "while not pathlib.Path('preloaded').exists() and time.monotonic() < limit: time.sleep(0.05)\n"
    start_component(tmp_path, "forkserver", wait)
    assert (tmp_path / "preloaded").exists()


def test_the_libraries_wait_for_the_api_server(tmp_path: Path, airflow_db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        monkeypatch.setenv("AIRFLOW__CORE__EXECUTION_API_SERVER_URL", f"http://127.0.0.1:{server.getsockname()[1]}/execution/")
        printed = start_component(tmp_path, "forkserver", "import time; time.sleep(1.5); print(forkserver._forkserver._forkserver_pid)")
        assert printed.strip().endswith("None")
        server.listen()
        printed = start_component(tmp_path, "forkserver", "import time; time.sleep(1.5); print(forkserver._forkserver._forkserver_pid)")
        assert printed.split()[-1].isdecimal()


@pytest.mark.parametrize("method", [None, "fork"])
def test_other_components_start_no_fork_server(tmp_path: Path, airflow_db: Path, method: str | None) -> None:
    printed = start_component(tmp_path, method, "print('fork server:', forkserver._forkserver._forkserver_pid)")
    assert "fork server: None" in printed


def test_a_worker_starts_no_fork_server_of_its_own() -> None:
    script = (
        "import multiprocessing\n"
        "from driftgate_airflow.listeners import uses_fork_server\n"
        "if __name__ == '__main__':\n"
        "    multiprocessing.set_start_method('forkserver')\n"
        "    with multiprocessing.Pool(1) as pool:\n"
        "        print('in the worker:', pool.apply(uses_fork_server), 'in the parent:', uses_fork_server())\n"
    )
    assert run_python("-c", script).strip() == "in the worker: False in the parent: True"


def test_listening_costs_a_task_no_time() -> None:
    script = (
        "import airflow.plugins_manager, sys, time\n"
        "before, started = set(sys.modules), time.process_time()\n"
        "import driftgate_airflow.listeners\n"
        "print(round(time.process_time() - started, 3), [name for name in ('pandas', 'mlflow', 'evidently', 'airflow.listeners.listener')"
        " if name in set(sys.modules) - before])\n"
    )
    seconds, heavy = run_python("-c", script).splitlines()[-1].split(" ", 1)
    assert float(seconds) < 1
    assert heavy == "[]"
