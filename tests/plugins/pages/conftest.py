"""The pages with records, with none, and ways to ask them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from driftgate.settings import Settings, load
from page_data import NASTY, Get, asking
from ui_app import mounted, write_monitor


@pytest.fixture
def monitors(tmp_path: Path) -> Path:
    folder = tmp_path / "monitors"
    write_monitor(folder, "trips", owner=NASTY, schedule={"timezone": "Europe/Berlin"})
    write_monitor(folder, "taxis")
    return folder


@pytest.fixture
def pages(settings: Settings, monitors: Path, airflow_db: Path, store: Any, postgres_uri: str) -> Iterator[Any]:
    with mounted(settings, monitors_dir=monitors, database_uri=postgres_uri, mlflow_uri="http://mlflow.test:5000") as client:
        yield client


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, airflow_db: Path, postgres_uri: str) -> Iterator[Any]:
    """One client for the tests that neither write nor read any record."""
    folder = tmp_path_factory.mktemp("shared")
    write_monitor(folder / "monitors", "trips")
    settings = load(
        {"DRIFTGATE_HOME": str(folder), "DRIFTGATE_MONITORS_DIR": str(folder / "monitors"), "DRIFTGATE_DATABASE_URI": postgres_uri}
    )
    with mounted(settings) as client:
        yield client


@pytest.fixture
def get(pages: Any) -> Get:
    """Ask as a viewer: ``get("fleet")``; an answer that is not 200 fails the test unless ``status`` names it."""
    return asking(pages)


@pytest.fixture
def refused(shared: Any) -> Get:
    """Ask the shared application as a viewer."""
    return asking(shared)
