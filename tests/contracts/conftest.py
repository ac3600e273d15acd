"""Sinks for the contract tests, each on a real server or store."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from driftgate.record.store import RecordStore


@pytest.fixture
def record_store(store: RecordStore) -> RecordStore:
    """The emptied records, whichever sink is under test: its locks are what keeps two runs apart."""
    return store


@pytest.fixture(params=["postgres", "mlflow"])
def sink(request: pytest.FixtureRequest, postgres_uri: str, record_store: RecordStore) -> Iterator[Any]:
    from contracts.sinks import SINKS

    address = postgres_uri if request.param == "postgres" else request.getfixturevalue("mlflow_uri")
    made = SINKS[request.param](address)
    yield made
    if request.param == "postgres":
        made.store.engine.dispose()
