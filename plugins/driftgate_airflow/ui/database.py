"""The pages' own connections to the records: one small pool per process of the web server."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from driftgate.errors import SettingsError
from driftgate.settings import Settings
from driftgate_airflow.common import DRIFTGATE_CONN_ID

if TYPE_CHECKING:
    from sqlalchemy import Engine

POOL = {"pool_size": 4, "max_overflow": 4, "pool_timeout": 10, "pool_recycle": 1800, "pool_pre_ping": True}


def records_engine(settings: Settings) -> Engine:
    """Return the engine of the records; the same one for every request.

    Raises
    ------
    SettingsError
        If neither a setting nor the Airflow connection names a database.
    """
    return _engine(settings.database_uri or _connection_uri() or settings.require_database())


@lru_cache(maxsize=4)
def _engine(uri: str) -> Engine:
    from sqlalchemy import create_engine

    from driftgate.record.connection import bound_waits, parse_url

    return bound_waits(create_engine(parse_url(uri), **POOL))


def _connection_uri() -> str | None:
    """Read the Airflow connection of the records, as the operators use it."""
    from airflow.exceptions import AirflowNotFoundException
    from airflow.models.connection import Connection

    try:
        connection = Connection.get_connection_from_secrets(DRIFTGATE_CONN_ID)
    except AirflowNotFoundException:
        return None
    if connection.conn_type not in ("postgres", "postgresql"):
        raise SettingsError(f"the Airflow connection {DRIFTGATE_CONN_ID!r} is of type {connection.conn_type!r}; make it type postgres")
    uri: str = connection.get_uri()
    return uri
