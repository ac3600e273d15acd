"""SQLite files of MLflow and Airflow in the process that runs the tests."""

from __future__ import annotations

import sqlite3
from typing import Any

from sqlalchemy import Engine, event


def never_wait_for_the_disk() -> None:
    """Write without waiting for the disk from now on: what is lost when the machine stops is only a test."""
    if not event.contains(Engine, "connect", _hurry):
        event.listen(Engine, "connect", _hurry)


def _hurry(connection: Any, record: Any) -> None:
    if isinstance(connection, sqlite3.Connection):
        connection.execute("PRAGMA synchronous=OFF")
