"""DAG files: parsed by Airflow's own DagBag, from a temporary folder of monitor files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from airflow_env import ROOT, migrate, prepare
from factories import make_config

AIRFLOW_HOME = prepare()


@pytest.fixture(scope="session")
def airflow_db() -> Path:
    migrate(AIRFLOW_HOME)
    return AIRFLOW_HOME


@pytest.fixture
def monitors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of monitor files that Airflow's DAG files read; empty."""
    folder = tmp_path / "monitors"
    folder.mkdir()
    monkeypatch.setenv("DRIFTGATE_MONITORS_DIR", str(folder))
    return folder


@pytest.fixture
def write_monitor(monitors: Path) -> Callable[..., Path]:
    """Write one valid monitor file; keys given replace whole sections."""
    import yaml

    def write(monitor_id: str, **overrides: Any) -> Path:
        content = make_config(id=monitor_id).model_dump(mode="json", exclude_unset=True) | overrides
        path = monitors / f"{monitor_id}.yaml"
        path.write_text(yaml.safe_dump(content), encoding="utf-8")
        return path

    return write


@pytest.fixture
def parse() -> Callable[[], Any]:
    """Parse the project's DAG files as they are now."""

    def run() -> Any:
        from airflow.dag_processing.dagbag import DagBag

        return DagBag(dag_folder=str(ROOT / "dags"))

    return run
