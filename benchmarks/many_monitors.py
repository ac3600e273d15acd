"""What many monitors cost on one machine: parsing their DAGs, the idle stack, and a run of the whole fleet on the real embedded stack.

Writes N monitor files over a small generated source into a temporary folder, measures how long the DAG files take to parse (in the
dag-processor, which builds every DAG, and in a task, which builds its own), starts a stack with a state folder of its own, and runs one
window of every monitor twice: the first round prepares references, the second is how every further day goes.

    python -m benchmarks.many_monitors [--monitors 200] [--rounds 2] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from sqlalchemy import create_engine, text

from driftgate.airflow_api import AirflowApi
from driftgate.settings import Settings, load
from driftgate.stack import commands
from driftgate.stack.layout import for_settings
from driftgate.stack.supervision import Supervisor

ROOT = Path(__file__).resolve().parents[1]
ROWS = 800
IDLE_SECONDS = 30.0
"""How long the idle stack is watched."""
FIRST_DAY = 5
"""Day of January 2024 of the first round; the days before are the reference."""
_POLL_SECONDS = 2.0
_MEMORY_SECONDS = 10.0
"""Time between two looks at the memory: adding up shared pages costs a noticeable share of a core."""
_TELL_SECONDS = 30.0
"""Time between two lines of progress."""
_SHARES = {"tenth": 0.1, "half": 0.5, "all": 1.0}
"""Of the windows of a round, for which is told after how many seconds they had their decision; reports are drawn later."""
_RUN_SECONDS = 60.0
"""Longest time per window before the benchmark gives up."""

_SOURCE = f"""\
import numpy as np
import pandas as pd

ROWS = {ROWS}


def read(window_start, window_end, columns, seed):
    rng = np.random.default_rng([seed, window_start.toordinal()])
    frame = pd.DataFrame(rng.normal(size=(ROWS, 8)), columns=[f"x{{number}}" for number in range(8)])
    for number in range(3):
        frame[f"c{{number}}"] = rng.choice(list("abcdefgh"), ROWS)
    frame["prediction"] = frame[["x0", "x1", "x2"]].sum(axis=1)
    frame["y"] = frame["prediction"] + rng.normal(size=ROWS)
    return frame.assign(ts=window_start + pd.to_timedelta(np.arange(ROWS), unit="min"))
"""

_MONITOR = """\
id: {id}
task: regression
source: {{kind: python, callable: "fleet_source:read", params: {{seed: {seed}}}}}
columns: {{timestamp: ts, target: y, numerical: [x0, x1, x2, x3, x4, x5, x6, x7], categorical: [c0, c1, c2]}}
schedule: {{cron: null}}
model: {{predictions: source}}
reference: {{kind: window, start: 2024-01-01, end: 2024-01-05}}
measures: {{thresholds: fixed}}
retrain: {{enabled: false}}
"""

_PARSE = """\
import resource, sys, time
from airflow.dag_processing.dagbag import DagBag
started, cpu = time.perf_counter(), time.process_time()
bag = DagBag(dag_folder=sys.argv[1])
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print("RESULT", len(bag.dags), time.perf_counter() - started, time.process_time() - cpu, peak)
"""


def run(count: int, rounds: int = 2) -> list[dict[str, Any]]:
    """Measure ``count`` monitors; return one row per measurement, each with ``what`` and numbers named with their unit."""
    with tempfile.TemporaryDirectory(prefix="driftgate-fleet-") as folder:
        base = Path(folder)
        ids = write_monitors(base, count)
        environ = _environment(base)
        return [*parsing(environ, ids), *fleet(environ, ids, rounds)]


def write_monitors(base: Path, count: int) -> list[str]:
    """Write the generated source and ``count`` monitor files below ``base``; return the monitors' ids."""
    (base / "monitors").mkdir()
    (base / "source").mkdir()
    (base / "source" / "fleet_source.py").write_text(_SOURCE, encoding="utf-8")
    ids = [f"fleet_{number:03d}" for number in range(count)]
    for seed, monitor in enumerate(ids):
        (base / "monitors" / f"{monitor}.yaml").write_text(_MONITOR.format(id=monitor, seed=seed), encoding="utf-8")
    return ids


def _environment(base: Path) -> dict[str, str]:
    """Return the environment of the stack and of the parsers; PYTHONDONTWRITEBYTECODE would double every import."""
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    paths = [str(base / "source"), str(ROOT / "include"), str(ROOT / "plugins"), str(ROOT), inherited.get("PYTHONPATH", "")]
    return {
        **inherited,
        "PYTHONPATH": os.pathsep.join(path for path in paths if path),
        "DRIFTGATE_PROJECT_ROOT": str(ROOT),
        "DRIFTGATE_HOME": str(base / "home"),
        "DRIFTGATE_MONITORS_DIR": str(base / "monitors"),
        "DRIFTGATE_EVIDENTLY": "off",
        # the listing of the pages of DAGs is not what is measured here
        "AIRFLOW__API__MAXIMUM_PAGE_LIMIT": "1000",
    }


def parsing(environ: Mapping[str, str], ids: list[str]) -> list[dict[str, Any]]:
    """Parse each DAG file as the dag-processor does, and the monitors' file as a task does."""
    home = Path(environ["DRIFTGATE_HOME"]).with_name("airflow-of-the-parser")
    quiet = {
        **environ,
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
    }
    rows = [_parse(quiet, path, f"dag-processor, {path.name}") for path in sorted((ROOT / "dags").glob("*.py"))]
    task = {**quiet, "_AIRFLOW_PARSING_CONTEXT_DAG_ID": f"monitor__{ids[-1]}", "_AIRFLOW_PARSING_CONTEXT_TASK_ID": "ingest"}
    return [*rows, _parse(task, ROOT / "dags" / "monitor.py", "task process, monitor.py")]


def _parse(environ: Mapping[str, str], path: Path, what: str) -> dict[str, Any]:
    command = [sys.executable, "-c", _PARSE, str(path)]
    done = subprocess.run(command, env=dict(environ), cwd=ROOT, capture_output=True, text=True, check=True)
    dags, wall, cpu, peak = next(line for line in done.stdout.splitlines() if line.startswith("RESULT")).split()[1:]
    return {"what": f"parse: {what}", "dags": int(dags), "wall_s": float(wall), "cpu_s": float(cpu), "peak_mb": float(peak)}


def fleet(environ: Mapping[str, str], ids: list[str], rounds: int) -> list[dict[str, Any]]:
    """Start a stack, watch it idle, and run every monitor once per round."""
    settings = load(environ)
    try:
        commands.up(settings, environ=environ, echo=lambda line: print(line, file=sys.stderr), port_base=18900)
        stack = Stack.of(settings, environ)
        stack.wait_for_dags(ids)
        rows = [_idle(stack)]
        rows += [_round(stack, ids, number) for number in range(rounds)]
        return [*rows, _stored(stack)]
    finally:
        commands.down(settings, echo=lambda line: print(line, file=sys.stderr))


@dataclass
class Stack:
    """The running stack as the benchmark sees it."""

    api: AirflowApi
    supervisor: psutil.Process
    records: Any

    @classmethod
    def of(cls, settings: Settings, environ: Mapping[str, str]) -> Stack:
        found = commands.status(settings)
        assert found.login is not None
        pid = Supervisor(for_settings(settings)).pid
        assert pid is not None
        uri = load(environ).require_database()
        api = AirflowApi(found.addresses["Airflow"], found.login.user, found.login.password)
        return cls(api, psutil.Process(pid), create_engine(uri))

    def wait_for_dags(self, ids: list[str]) -> None:
        limit = time.monotonic() + 600
        while not all(self.api.has_dag(f"monitor__{monitor}") for monitor in (ids[0], ids[-1])):
            assert time.monotonic() < limit, "the DAGs did not appear"
            time.sleep(_POLL_SECONDS)

    def cpu_seconds(self) -> float:
        """Processor time of everything below the supervisor, ended processes included."""
        total = 0.0
        for process in self.supervisor.children(recursive=True):
            with suppress(psutil.Error):
                used = process.cpu_times()
                total += used.user + used.system + used.children_user + used.children_system
        return total

    def memory_mb(self) -> float:
        """Proportional memory of everything below the supervisor: pages that processes share count once."""
        total = 0
        for process in self.supervisor.children(recursive=True):
            with suppress(psutil.Error):
                total += process.memory_full_info().pss
        return total / 2**20

    def sql(self, statement: str) -> float:
        with self.records.connect() as connection:
            return float(connection.execute(text(statement)).scalar() or 0)

    def runs(self, *states: str) -> int:
        """Count the runs in these states; one request, so that asking costs little."""
        return int(self.api.get("/dags/~/dagRuns", state=list(states), limit=1)["total_entries"])

    def decided(self, share: float, began: float) -> float:
        """Seconds from a moment until this share of the decisions since were stored."""
        last = f"percentile_disc({share}) WITHIN GROUP (ORDER BY extract(epoch FROM created_at))"
        return self.sql(f"SELECT {last} FROM driftgate.decision WHERE created_at >= to_timestamp({began})") - began  # noqa: S608 - numbers

    def connections(self) -> int:
        """Count the connections of tasks to the record, without this benchmark's own."""
        return int(self.sql("SELECT count(*) FROM pg_stat_activity WHERE usename = current_user")) - 1


def _idle(stack: Stack) -> dict[str, Any]:
    time.sleep(5)
    cpu, started = stack.cpu_seconds(), time.monotonic()
    time.sleep(IDLE_SECONDS)
    share = (stack.cpu_seconds() - cpu) / (time.monotonic() - started)
    return {"what": "idle", "cores": share, "memory_mb": stack.memory_mb(), "connections": stack.connections()}


def _round(stack: Stack, ids: list[str], number: int) -> dict[str, Any]:
    """Trigger one window of every monitor and wait until all have ended."""
    day = f"2024-01-{FIRST_DAY + number:02d}"
    cpu, started, began = stack.cpu_seconds(), time.monotonic(), time.time()
    for monitor in ids:
        stack.api.trigger(f"monitor__{monitor}", f"fleet__{day}", {"window_start": day})
    triggered = time.monotonic() - started
    connections, memory, sampled, told = 0, 0.0, 0.0, started
    limit = time.monotonic() + _RUN_SECONDS * len(ids)
    while left := stack.runs("running", "queued"):
        assert time.monotonic() < limit, f"{left} windows have not ended"
        time.sleep(_POLL_SECONDS)
        if time.monotonic() > told + _TELL_SECONDS:
            told = time.monotonic()
            print(f"round {number + 1}: {len(ids) - left} of {len(ids)} windows after {told - started:.0f} s", file=sys.stderr)
        connections = max(connections, stack.connections())
        if time.monotonic() > sampled + _MEMORY_SECONDS:
            sampled, memory = time.monotonic(), max(memory, stack.memory_mb())
    failed = stack.runs("failed")
    assert not failed, f"{failed} windows failed: see {stack.api.url}/dag_runs?state=failed"
    wall, used = time.monotonic() - started, stack.cpu_seconds() - cpu
    return {
        "what": f"fleet, round {number + 1}",
        "windows": len(ids),
        "wall_s": wall,
        "trigger_s": triggered,
        **{f"decided_{name}_s": stack.decided(share, began) for name, share in _SHARES.items()},
        "windows_per_hour": 3600 * len(ids) / wall,
        "cpu_s_per_window": used / len(ids),
        "cores": used / wall,
        "memory_mb": memory,
        "connections": connections,
    }


def _stored(stack: Stack) -> dict[str, Any]:
    """Return what a window leaves in PostgreSQL."""
    windows = stack.sql("SELECT count(*) FROM driftgate.batch")
    metrics = stack.sql("SELECT count(*) FROM driftgate.metric")
    size = stack.sql(
        "SELECT sum(pg_total_relation_size(c.oid)) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
        "WHERE n.nspname = 'driftgate' AND c.relkind = 'r'"
    )
    return {"what": "stored", "windows": int(windows), "metric_rows_per_window": metrics / windows, "kb_per_window": size / windows / 1024}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--monitors", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--json", type=Path, help="write the rows to this file too")
    arguments = parser.parse_args()
    rows = run(arguments.monitors, arguments.rounds)
    for row in rows:
        numbers = (
            f"{name} {value:.2f}" if isinstance(value, float) else f"{name} {value}" for name, value in row.items() if name != "what"
        )
        print(f"{row['what']:<40}{'  '.join(numbers)}")
    if arguments.json:
        arguments.json.write_text(json.dumps({"monitors": arguments.monitors, "rows": rows}, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
