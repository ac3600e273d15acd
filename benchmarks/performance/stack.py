"""A real stack with a state folder of its own, watched from outside: when rows are committed, what a run and idling cost."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from sqlalchemy import Engine, create_engine, text

from benchmarks.performance.results import ROOT
from driftgate.airflow_api import AirflowApi
from driftgate.settings import load
from driftgate.stack import commands, environment
from driftgate.stack import state as states
from driftgate.stack.layout import for_settings
from driftgate.stack.supervision import Supervisor

PORTS = 19300
PLAIN_AIRFLOW = {
    "AIRFLOW__SCHEDULER__MP_START_METHOD": "fork",
    "AIRFLOW__CORE__MP_FORKSERVER_PRELOAD": "",
    "AIRFLOW__CORE__PARALLELISM": "32",
    "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "1",
    "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "5",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "300",
    "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "300",
}
"""Airflow's own defaults in place of the stack's settings (:data:`driftgate.stack.environment.AIRFLOW_TUNING`)."""
_TIMEOUT_S = 300.0
_LOOK_S = 0.02


@dataclass(frozen=True)
class Timing:
    """One run, in seconds from the moment it was triggered."""

    row_s: float
    """Until the metric rows of the window were committed: seen by another connection."""
    run_s: float
    """Until the end of the DAG run."""
    cpu_s: float
    """Processor time of the whole stack meanwhile."""
    tasks: dict[str, tuple[float, float, float]]
    """Per task: queued, started, ended."""


@dataclass
class Stack:
    """The running stack."""

    api: AirflowApi
    records: Engine
    airflow: Engine
    supervisor: psutil.Process
    environ: Mapping[str, str]

    def measure_run(self, dag_id: str, window_start: str) -> Timing:
        """Run one window that was never run before and watch it."""
        run_id, cpu, began = f"bench__{window_start}__{time.time_ns()}", self.cpu_seconds(), time.time()
        self.api.trigger(dag_id, run_id, {"window_start": window_start})
        row = self._wait(lambda: self._rows_since(began), "the rows", dag_id, run_id) - began
        self._wait(lambda: self._state(run_id) in ("success", "failed"), "the end of the run", dag_id, run_id)
        with self.airflow.connect() as connection:
            run = connection.execute(text("SELECT state, end_date FROM dag_run WHERE run_id = :run"), {"run": run_id}).one()
            query = text(
                "SELECT task_id, queued_dttm, start_date, end_date FROM task_instance WHERE run_id = :run AND queued_dttm IS NOT NULL"
            )
            tasks = {
                name: tuple(moment.timestamp() - began for moment in moments)
                for name, *moments in connection.execute(query, {"run": run_id})
            }
        if run.state != "success":
            raise RuntimeError(f"{run_id} of {dag_id} ended as {run.state}: {self.api.task_states(dag_id, run_id)}")
        return Timing(row, run.end_date.timestamp() - began, self.cpu_seconds() - cpu, tasks)  # type: ignore[arg-type]

    def _rows_since(self, began: float) -> bool:
        with self.records.connect() as connection:
            found = connection.execute(text("SELECT 1 FROM driftgate.metric WHERE updated_at > to_timestamp(:t) LIMIT 1"), {"t": began})
            return found.first() is not None

    def _state(self, run_id: str) -> str:
        with self.airflow.connect() as connection:
            return str(connection.execute(text("SELECT state FROM dag_run WHERE run_id = :run"), {"run": run_id}).scalar())

    def _wait(self, condition: Any, what: str, dag_id: str, run_id: str) -> float:
        limit = time.monotonic() + _TIMEOUT_S
        while not condition():
            if time.monotonic() > limit or self._state(run_id) == "failed":
                raise RuntimeError(f"{what} of {run_id} did not come: {self.api.task_states(dag_id, run_id)}")
            time.sleep(_LOOK_S)
        return time.time()

    def cpu_seconds(self) -> float:
        """Return the processor time of everything below the supervisor, ended children included."""
        return sum(sum(used[:4]) for used in self._each(lambda process: process.cpu_times()))

    def memory_mb(self) -> float:
        """Return the proportional memory (PSS): pages that processes share count once."""
        return sum(self._each(lambda process: process.memory_full_info().pss)) / 2**20

    def _each(self, look: Any) -> Iterator[Any]:
        for process in [self.supervisor, *self.supervisor.children(recursive=True)]:
            with suppress(psutil.Error):
                yield look(process)

    def wait_for_dag(self, dag_id: str) -> None:
        limit = time.monotonic() + _TIMEOUT_S
        while not self.api.has_dag(dag_id):
            if time.monotonic() > limit:
                raise RuntimeError(f"Airflow does not show {dag_id}")
            time.sleep(0.5)

    def settle(self, seconds: float) -> float:
        """Wait until nothing runs and return which share of one core the idle stack uses."""
        time.sleep(seconds)
        before, began = self.cpu_seconds(), time.monotonic()
        time.sleep(seconds)
        return (self.cpu_seconds() - before) / (time.monotonic() - began)


@contextmanager
def running(home: Path, overrides: Mapping[str, str] | None = None) -> Iterator[Stack]:
    """Start a stack whose state is in ``home``, with other settings for Airflow where ``overrides`` names them; stop it at the end."""
    environ = environment_of(home) | dict(overrides or {})
    settings = load(environ)
    try:
        commands.up(settings, environ=environ, echo=_tell, port_base=PORTS)
        status, state = commands.status(settings), states.load(for_settings(settings))
        pid = Supervisor(for_settings(settings)).pid
        assert state is not None
        assert status.login is not None
        assert pid is not None
        stack = Stack(
            AirflowApi(status.addresses["Airflow"], status.login.user, status.login.password),
            create_engine(state.app_uri),
            create_engine(state.database_uri("airflow", "airflow")),
            psutil.Process(pid),
            environ,
        )
        yield stack
        stack.api.close()
    finally:
        commands.down(settings, echo=_tell)


def environment_of(home: Path) -> dict[str, str]:
    """Return this process's environment with a state folder of its own and none of the variables that tune a stack."""
    left_out = {"PYTHONDONTWRITEBYTECODE", *environment.AIRFLOW_TUNING, *environment.DROPPED}
    inherited = {
        name: value
        for name, value in os.environ.items()
        if name not in left_out and not (name.startswith("DRIFTGATE_") and name.endswith("_PORT"))
    }
    paths = [str(ROOT / "include"), str(ROOT / "plugins"), str(ROOT), inherited.get("PYTHONPATH", "")]
    return inherited | {
        "PYTHONPATH": os.pathsep.join(path for path in paths if path),
        "DRIFTGATE_PROJECT_ROOT": str(ROOT),
        "DRIFTGATE_HOME": str(home),
    }


def _tell(line: str) -> None:
    print(f"  {line}", file=sys.stderr, flush=True)
