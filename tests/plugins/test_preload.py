"""What the fork server has in memory before the first task."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PROBE = """
import gc, json, sys, threading
import driftgate_airflow.preload as preload
print(json.dumps({
    "own": list(preload.own_modules()),
    "modules": [name for name in sys.modules if name.split(".")[0].startswith("driftgate")],
    "frozen": gc.get_freeze_count(),
    "threads": [thread.name for thread in threading.enumerate()],
}))
"""


@pytest.fixture(scope="module")
def loaded(airflow_db: Path) -> tuple[dict, str]:
    """What a fresh interpreter holds after the preload, and what it reported."""
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run([sys.executable, "-c", PROBE], env=environ, capture_output=True, text=True, timeout=300, check=True)
    return json.loads(done.stdout.splitlines()[-1]), done.stderr


def test_nothing_is_left_out(loaded: tuple[dict, str]) -> None:
    _, report = loaded
    assert "0 parts left out" in report, report[-2000:]


def test_the_steps_are_there_and_the_stack_is_not(loaded: tuple[dict, str]) -> None:
    found, _ = loaded
    steps = {"driftgate.gate.checkpoint", "driftgate.measure.measures", "driftgate.record.store", "driftgate.serve.registry"}
    operators = {"driftgate_airflow.operators.gate_window", "driftgate_airflow.dag_parts", "driftgate_airflow.hooks.records"}
    assert steps | operators <= set(found["own"]) <= set(found["modules"])
    assert not [name for name in found["own"] if {"cli", "stack", "demo", "ui", "preload"} & set(name.split("."))]


def test_a_fork_of_it_is_safe_and_cheap(loaded: tuple[dict, str]) -> None:
    """A lock that another thread holds would stay locked in the fork; memory that the collector goes through would be copied."""
    found, _ = loaded
    assert found["threads"] == ["MainThread"]
    assert found["frozen"] > 100_000
