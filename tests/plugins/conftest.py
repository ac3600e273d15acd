"""Operators and pages: Airflow is imported, its database only where a test asks for it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_env import migrate, prepare

AIRFLOW_HOME = prepare()


class FakeTaskInstance:
    """Keeps what a task pushes; answers pulls from it."""

    map_index = -1

    def __init__(self) -> None:
        self.pushed: dict[str, Any] = {}

    def xcom_push(self, key: str, value: Any) -> None:
        self.pushed[key] = value


@pytest.fixture(scope="session")
def airflow_db() -> Path:
    migrate(AIRFLOW_HOME)
    return AIRFLOW_HOME


@pytest.fixture
def run_context() -> Callable[..., dict[str, Any]]:
    """Build the context of one task: ``run_context(params={...}, run_type="manual", ...)``."""
    from datetime import UTC, datetime

    def build(params: dict[str, Any] | None = None, **run: Any) -> dict[str, Any]:
        dag_run = SimpleNamespace(
            run_id="manual__1",
            run_type="manual",
            data_interval_start=None,
            data_interval_end=None,
            run_after=datetime(2024, 2, 1, 12, tzinfo=UTC),
        )
        vars(dag_run).update(run)
        return {"ti": FakeTaskInstance(), "params": params or {}, "dag_run": dag_run}

    return build


@pytest.fixture
def records_connection(postgres_uri: str) -> Iterator[str]:
    """Name the records' database as the Airflow connection that the operators use."""
    os.environ["AIRFLOW_CONN_DRIFTGATE_DB"] = postgres_uri.replace("postgresql+psycopg2://", "postgres://", 1)
    yield "driftgate_db"
    del os.environ["AIRFLOW_CONN_DRIFTGATE_DB"]
