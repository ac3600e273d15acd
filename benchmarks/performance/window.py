"""A window in Airflow: from the trigger to the committed rows and to the end of the run; the idle stack; beside Airflow's defaults."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.performance.stack import PLAIN_AIRFLOW, Stack, Timing, running

MONITOR = "flights"
DAG_ID = f"monitor__{MONITOR}"
OURS, DEFAULTS, IDLE = "Driftgate's stack", "the same DAG, Airflow's defaults", "idle stack"
FIRST = date(2013, 4, 1)
WARM_UP = 2
PATH = ("ingest", "gate", "measure", "store_postgres")
"""The tasks on the way to the rows."""


def run(quick: bool) -> Iterator[dict[str, Any]]:
    """Measure days of about 900 flights; each run is a day of its own, the first of each stack are not counted."""
    days = (str(FIRST + timedelta(days=number)) for number in range(91))
    ours, plain = (2, 1) if quick else (9, 4)
    train_from = "2013-03-10" if quick else "2013-01-01"
    with tempfile.TemporaryDirectory(prefix="driftgate-bench-") as folder:
        home = Path(folder)
        with running(home) as stack:
            train(stack, train_from)
            stack.wait_for_dag(DAG_ID)
            found = [stack.measure_run(DAG_ID, next(days)) for _ in range(WARM_UP + ours)]
            yield _row(OURS, found[WARM_UP:], WARM_UP)
            yield _idle(stack, 5 if quick else 15)
        with running(home, PLAIN_AIRFLOW) as stack:
            stack.wait_for_dag(DAG_ID)
            others = [stack.measure_run(DAG_ID, next(days)) for _ in range(1 + plain)]
            yield _row(DEFAULTS, others[1:], 1)


def train(stack: Stack, start: str) -> None:
    """Train the first champion as the demonstration does."""
    import subprocess
    import sys

    command = [sys.executable, "-m", "driftgate.cli", "train", MONITOR, "--from", start, "--to", str(FIRST)]
    done = subprocess.run(command, env=dict(stack.environ), capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"the champion could not be trained: {done.stdout[-500:]}{done.stderr[-1500:]}")


def _idle(stack: Stack, seconds: float) -> dict[str, Any]:
    share = stack.settle(seconds)
    return {"what": IDLE, "memory_mb": stack.memory_mb(), "core_share": share}


def _row(what: str, found: Sequence[Timing], warm_up: int) -> dict[str, Any]:
    return {
        "what": what,
        "row_s": [item.row_s for item in found],
        "run_s": [item.run_s for item in found],
        "cpu_s": [item.cpu_s for item in found],
        "warm_up": warm_up,
        "tasks": _tasks([item.tasks for item in found]),
    }


def _tasks(found: Sequence[Mapping[str, tuple[float, float, float]]]) -> dict[str, dict[str, float]]:
    """Return medians per task: the gap since the task before it on the way to the rows had ended, the wait in the queue, its own time."""
    shown: dict[str, dict[str, float]] = {}
    for name in found[0]:
        before = PATH[PATH.index(name) - 1] if name in PATH[1:] else None
        runs = [item for item in found if name in item]
        shown[name] = {
            "gap_s": median(item[name][0] - (item[before][2] if before else 0.0) for item in runs) if before or name == PATH[0] else 0.0,
            "queue_s": median(item[name][1] - item[name][0] for item in runs),
            "own_s": median(item[name][2] - item[name][1] for item in runs),
            "begins_s": median(item[name][1] for item in runs),
        }
    return shown
