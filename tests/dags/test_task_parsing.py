"""What a task process pays for: it parses its DAG file again, and must build one DAG of it, whatever the number of monitors."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import DAG

from airflow_env import ROOT

MONITORS = 30


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """DAGs that are built and monitor files that are read, by name."""
    from driftgate.config import loader

    found: dict[str, list[str]] = {"dags": [], "files": []}
    build, read = DAG.__attrs_post_init__, loader.load_monitor

    def counting_build(dag: DAG) -> None:
        found["dags"].append(dag.dag_id)
        build(dag)

    def counting_read(path: Path) -> Any:
        found["files"].append(path.stem)
        return read(path)

    monkeypatch.setattr(DAG, "__attrs_post_init__", counting_build)
    monkeypatch.setattr(loader, "load_monitor", counting_read)
    return found


@pytest.fixture
def parse_as_task(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], Any]:
    """Parse one DAG file as Airflow's task runner does before each task; its own context manager would not restore the environment."""
    from airflow.sdk.definitions._internal.dag_parsing_context import _AIRFLOW_PARSING_CONTEXT_DAG_ID

    def run(dag_id: str, file: str) -> Any:
        from airflow.dag_processing.dagbag import DagBag

        monkeypatch.setenv(_AIRFLOW_PARSING_CONTEXT_DAG_ID, dag_id)
        return DagBag(dag_folder=str(ROOT / "dags" / file))

    return run


@pytest.mark.parametrize(
    ("dag_id", "file"), [("monitor__m_7", "monitor.py"), ("retrain__m_7", "retrain.py"), ("backfill__m_7", "backfill.py")]
)
def test_a_task_reads_one_monitor_file_and_builds_one_dag(
    write_monitor: Callable[..., Path], counted: dict[str, list[str]], parse_as_task: Callable[[str, str], Any], dag_id: str, file: str
) -> None:
    for number in range(MONITORS):
        write_monitor(f"m_{number}")
    assert list(parse_as_task(dag_id, file).dags) == [dag_id]
    assert counted == {"dags": [dag_id], "files": ["m_7"]}


def test_the_dag_processor_reads_and_builds_each_monitor_once_per_file(
    write_monitor: Callable[..., Path], counted: dict[str, list[str]], parse: Callable[[], Any]
) -> None:
    for number in range(MONITORS):
        write_monitor(f"m_{number}")
    expected = 3 * MONITORS + 1  # monitor, retrain, backfill; and the one that draws reports
    assert len(parse().dags) == expected
    assert len(counted["dags"]) == expected
    assert max(counted["files"].count(f"m_{number}") for number in range(MONITORS)) <= 5  # with performance and broken_monitors
