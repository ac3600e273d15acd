"""How long a year takes: ``driftgate backfill`` of flights on the embedded stack, with processor time of every program.

    DRIFTGATE_HOME=/somewhere python -m benchmarks.backfill_year 365

Needs a running stack (``driftgate up``) whose monitor ``flights`` has a champion
(``driftgate train flights --from 2013-01-01 --to 2013-04-01``).
Every window is done anew, so it can be run again.
"""

from __future__ import annotations

import json
import os
import re
import resource
import subprocess
import sys
import time
from datetime import date, timedelta
from pathlib import Path

MONITOR = "flights"
FIRST = date(2013, 1, 1)
_TICKS = os.sysconf("SC_CLK_TCK")
_COUNTS = re.compile(r"(\d+) (measured|quarantined|no_data|failed)")


def run(days: int, workers: int | None = None) -> dict[str, float]:
    """Backfill so many days from the first of January and return what it took.

    Returns
    -------
    dict
        ``windows``; ``seconds`` (wall); ``cpu_seconds`` of the command and its workers; ``mlflow_cpu_seconds`` and
        ``postgres_cpu_seconds`` of the servers; ``windows_per_second``.

    Raises
    ------
    RuntimeError
        If the backfill did not end well.
    """
    last = FIRST + timedelta(days=days)
    command = [sys.executable, "-m", "driftgate.cli", "backfill", MONITOR, "--from", str(FIRST), "--to", str(last), "--reprocess"]
    command += ["--workers", str(workers)] if workers else []
    servers = {name: _pids(name) for name in ("mlflow", "postgres")}
    before = {name: _cpu(pids) for name, pids in servers.items()}
    used, started = _children(), time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    seconds = time.monotonic() - started
    if done.returncode:
        raise RuntimeError(f"the backfill ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    windows = sum(int(count) for count, _ in _COUNTS.findall(done.stdout))
    return {
        "windows": windows,
        "seconds": round(seconds, 1),
        "cpu_seconds": round(_children() - used, 1),
        **{f"{name}_cpu_seconds": round(_cpu(pids) - before[name], 1) for name, pids in servers.items()},
        "windows_per_second": round(windows / seconds, 2),
    }


def _children() -> float:
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


def _pids(program: str) -> list[int]:
    """Return the process of the stack and those below it, as far as they are there now."""
    status = subprocess.run([sys.executable, "-m", "driftgate.cli", "status", "--json"], capture_output=True, text=True, check=False)
    found = [item["pid"] for item in json.loads(status.stdout)["processes"] if item["name"] == program and item["pid"]]
    parents = {int(path.parent.name): _stat(path)[1] for path in Path("/proc").glob("[0-9]*/stat")}
    for _ in range(4):
        found += [pid for pid, parent in parents.items() if int(parent) in found and pid not in found]
    return found


def _stat(path: Path) -> list[str]:
    """Return the fields after the program's name: state, parent, ..."""
    try:
        return path.read_text().rsplit(")", 1)[1].split()
    except OSError:  # it ended meanwhile
        return ["", "0", *["0"] * 20]


def _cpu(pids: list[int]) -> float:
    """Processor time of processes and of those of their children that ended."""
    fields = [_stat(Path(f"/proc/{pid}/stat")) for pid in pids]
    return sum(int(value) for stat in fields for value in stat[11:15]) / _TICKS


if __name__ == "__main__":
    print(json.dumps(run(int(sys.argv[1]) if len(sys.argv) > 1 else 365), indent=1))
