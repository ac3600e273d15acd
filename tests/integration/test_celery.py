"""Tasks on two Celery workers behind a real Redis: work is shared, and a worker that dies takes nothing with it."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

import redis_server
from driftgate.records import Window
from driftgate.settings import load
from world import World

pytestmark = pytest.mark.integration

ROOT = Path(__file__).resolve().parents[2]
SOURCE = """\
import time
from pathlib import Path

import numpy as np
import pandas as pd

HERE = Path(__file__).parent


def read(window_start, window_end, columns):
    hold = HERE / f"hold-{window_start:%Y-%m-%d}"
    if hold.exists():
        hold.with_name("inside").touch()
        while hold.exists():
            time.sleep(0.1)
    rng = np.random.default_rng(window_start.day)
    x = rng.normal(size=300)
    minutes = [window_start + pd.Timedelta(minutes=number) for number in range(300)]
    return pd.DataFrame({"ts": minutes, "x": x, "y": 2 * x + rng.normal(size=300), "prediction": 2 * x})
"""
"""Rows of a window; reading waits while the test holds it, so that a worker can be killed in the middle of a task."""
MONITOR = """\
id: {id}
task: regression
source: {{kind: python, callable: "celery_rows:read"}}
columns: {{timestamp: ts, target: y, numerical: [x]}}
schedule: {{cron: null}}
model: {{predictions: source}}
reference: {{kind: window, start: 2024-01-01, end: 2024-01-03}}
measures: {{thresholds: fixed}}
retrain: {{enabled: false}}
"""
MONITORS = ("first", "second")
ALL, KILLED = "2024-02-01", "2024-02-02"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A stack of its own whose tasks run on two Celery workers."""
    if not redis_server.is_installed():
        pytest.skip("redis-server is not installed: as root, apt-get install --no-install-recommends redis-server")
    if importlib.util.find_spec("airflow.providers.celery") is None:
        pytest.skip("the packages of requirements-cluster.txt are not installed")
    base = tmp_path_factory.mktemp("celery")
    for name in ("redis", "source", "monitors"):
        (base / name).mkdir()
    (base / "source" / "celery_rows.py").write_text(SOURCE, encoding="utf-8")
    for name in MONITORS:
        (base / "monitors" / f"{name}.yaml").write_text(MONITOR.format(id=name), encoding="utf-8")
    with redis_server.serve(base / "redis") as broker:
        made = World(ROOT, base, environment(base, broker))
        try:
            made.run("up", timeout=500)
            made.settings = load(made.environ)
            made.wait_for(lambda: all(made.api.has_dag(f"monitor__{name}") for name in MONITORS), 120, "the DAGs")
            yield made
        finally:
            subprocess.run([sys.executable, "-m", "driftgate.cli", "down"], env=made.environ, cwd=ROOT, check=False, timeout=300)


def environment(base: Path, broker: str) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {
        **inherited,
        "PYTHONPATH": os.pathsep.join([str(base / "source"), inherited.get("PYTHONPATH", "")]),
        "DRIFTGATE_HOME": str(base / "home"),
        "DRIFTGATE_PROJECT_ROOT": str(ROOT),
        "DRIFTGATE_MONITORS_DIR": str(base / "monitors"),
        "DRIFTGATE_EVIDENTLY": "off",
        "DRIFTGATE_EXECUTOR": "celery",
        "DRIFTGATE_CELERY_BROKER_URL": broker,
        "DRIFTGATE_HEAVY_QUEUE": "heavy",
        "DRIFTGATE_HEAVY_POOL": "rows",
        # a dead worker is noticed after seconds, and what it had not finished is delivered again while the test looks
        "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "12",
        "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "2",
        "AIRFLOW__CELERY_BROKER_TRANSPORT_OPTIONS__VISIBILITY_TIMEOUT": "15",
    }


def log_of(world: World, worker: str) -> str:
    return (world.base / "home" / "logs" / f"{worker}.log").read_text(encoding="utf-8", errors="replace")


def task(world: World, run_id: str, name: str) -> dict[str, object]:
    found: dict[str, object] = world.api.get(f"/dags/monitor__first/dagRuns/{run_id}/taskInstances/{name}")
    return found


def windows(world: World, day: str) -> dict[str, list[dict[str, object]]]:
    """Rows of the record of one day of the monitor `first`, by table."""
    wanted = "WHERE monitor = 'first' AND window_start = cast(:day AS timestamptz)"
    return {
        name: world.sql(f"SELECT * FROM driftgate.{name} {wanted}", day=f"{day}T00:00Z")
        for name in ("batch", "gate_result", "metric", "decision")
    }


def test_the_stack_runs_two_workers_and_no_fork_server(cluster: World) -> None:
    status = json.loads(cluster.run("status", "--json").stdout)
    states = {process["name"]: process["healthy"] for process in status["processes"]}
    assert states["airflow-worker-1"] is states["airflow-worker-2"] is True
    for worker in ("airflow-worker-1", "airflow-worker-2"):
        text = log_of(cluster, worker)
        assert "driftgate preload: " in text
        assert text.index("driftgate preload: ") < text.index(f"{worker}@")  # before the pool is made: its processes inherit
    assert "driftgate preload: " not in log_of(cluster, "airflow-scheduler")


def test_windows_complete_and_both_workers_have_a_part(cluster: World) -> None:
    for name in MONITORS:
        cluster.api.trigger(f"monitor__{name}", "all", {"window_start": ALL})
    assert {cluster.api.wait(f"monitor__{name}", "all", 240) for name in MONITORS} == {"success"}
    done = [log_of(cluster, worker).count("] succeeded in ") for worker in ("airflow-worker-1", "airflow-worker-2")]
    assert min(done) >= 1
    assert sum(done) >= 14  # seven tasks of each run do work
    assert [row["status"] for row in windows(cluster, ALL)["batch"]] == ["measured"]
    assert (task(cluster, "all", "measure")["queue"], task(cluster, "all", "measure")["pool"]) == ("heavy", "rows")
    assert (task(cluster, "all", "decide")["queue"], task(cluster, "all", "decide")["pool"]) == ("default", "default_pool")


def test_a_window_whose_worker_is_killed_completes_exactly_once(cluster: World) -> None:
    """The killed worker's message comes back too; by then the task is a later attempt, and Airflow refuses the old one."""
    source = cluster.base / "source"
    (source / f"hold-{KILLED}").touch()
    cluster.api.trigger("monitor__first", "killed", {"window_start": KILLED})
    cluster.wait_for((source / "inside").exists, 120, "ingest on a worker")
    kill_worker_of(int(str(task(cluster, "killed", "ingest")["pid"])))
    (source / f"hold-{KILLED}").unlink()
    assert cluster.api.wait("monitor__first", "killed", 240) == "success"
    assert task(cluster, "killed", "ingest")["try_number"] == 2
    refused = "raised unexpected: ServerResponseError"
    cluster.wait_for(
        lambda: any(refused in log_of(cluster, worker) for worker in ("airflow-worker-1", "airflow-worker-2")), 90, "the old message"
    )
    time.sleep(1)
    found, ordinary = windows(cluster, KILLED), windows(cluster, ALL)
    assert {name: len(rows) for name, rows in found.items()} == {name: len(rows) for name, rows in ordinary.items()}
    addresses = [tuple(row[key] for key in ("model_version", "family", "metric", "column", "segment")) for row in found["metric"]]
    assert len(set(addresses)) == len(addresses) > 10
    batch = found["batch"][0]
    key = Window(batch["window_start"], batch["window_end"]).key  # type: ignore[arg-type]
    assert len(cluster.mlflow_runs("first", key)) == 1
    cluster.wait_for(lambda: cluster.run("status", check=False).returncode == 0, 240, "the killed worker, started again")


def kill_worker_of(pid: int) -> None:
    """End the worker above a task with everything below it, as when its machine is lost."""
    worker = next(process for process in psutil.Process(pid).parents() if ":MainProcess]" in " ".join(process.cmdline()))
    for process in [worker, *worker.children(recursive=True)]:
        process.kill()
