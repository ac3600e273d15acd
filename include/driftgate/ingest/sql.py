"""Source kind ``sql``: rows from a query with the window's ends as bound parameters."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pandas as pd
import sqlalchemy as sa
from sqlalchemy.pool import NullPool

from driftgate.config.models import MonitorConfig
from driftgate.config.sources import SqlQuery
from driftgate.errors import ServiceError, SourceError
from driftgate.ingest.connections import environment_uri, to_sqlalchemy
from driftgate.ingest.placeholders import variable
from driftgate.records import Window

_CONNECT_SECONDS = 10
_PIECE_ROWS = 100_000
"""Rows that are fetched at a time."""


def read_query(
    config: MonitorConfig,
    source: SqlQuery,
    window: Window,
    columns: list[str],
    *,
    connection_uri: Callable[[str], str] | None = None,
) -> pd.DataFrame:
    """Run the query for this window and fetch the needed columns only.

    ``:window_start`` and ``:window_end`` are date-times with a zone on PostgreSQL, whose session has the monitor's time zone
    so that columns without a zone compare in it too; elsewhere they are local date-times without a zone; on SQLite, which
    stores text, ``YYYY-MM-DD HH:MM:SS``.

    Raises
    ------
    SourceError
        If the address is missing or wrong, or the query fails.
    ServiceError
        If the server does not answer.
    """
    return pd.concat(query_pieces(config, source, window, columns, connection_uri=connection_uri), ignore_index=True)


def query_pieces(
    config: MonitorConfig,
    source: SqlQuery,
    window: Window,
    columns: list[str],
    *,
    connection_uri: Callable[[str], str] | None = None,
) -> Iterator[pd.DataFrame]:
    """Run the query and yield its rows in pieces, one at least; the server keeps the rest. See :func:`read_query`."""
    where = f"monitor {config.id}, window {window}"
    url = _address(source, where, connection_uri)
    engine = _engine(url, config, where)
    try:
        with engine.connect() as connection:
            yield from _fetch(connection, source.query, _bounds(config, window, url), columns)
    except sa.exc.DBAPIError as error:
        raise _database_error(error, url, where) from error
    except sa.exc.SQLAlchemyError as error:
        raise SourceError(f"{where}: source.query cannot be run: {error}; correct it in the monitor file") from error
    finally:
        engine.dispose()


def _address(source: SqlQuery, where: str, connection_uri: Callable[[str], str] | None) -> sa.URL:
    if source.connection is None:
        return to_sqlalchemy(variable(str(source.url_env), f"{where}, source.url_env"), f"{where}, variable {source.url_env}")
    find = connection_uri or (lambda name: environment_uri(name, where))
    return to_sqlalchemy(find(source.connection), f"{where}, connection {source.connection}")


def _engine(url: sa.URL, config: MonitorConfig, where: str) -> sa.Engine:
    arguments: dict[str, Any] = {}
    if url.get_backend_name() == "postgresql":
        arguments = {"options": f"-c timezone={config.schedule.timezone}"}
        if "connect_timeout" not in url.query:
            arguments["connect_timeout"] = _CONNECT_SECONDS
    try:
        return sa.create_engine(url, poolclass=NullPool, connect_args=arguments)
    except (ImportError, sa.exc.ArgumentError) as error:
        raise SourceError(f"{where}: no driver for {url.drivername!r} ({error}); install it or use another address") from error


def _bounds(config: MonitorConfig, window: Window, url: sa.URL) -> dict[str, Any]:
    ends = {"window_start": window.start, "window_end": window.end}
    if url.get_backend_name() == "postgresql":
        return dict(ends)
    local = {name: moment.astimezone(config.schedule.zone).replace(tzinfo=None) for name, moment in ends.items()}
    if url.get_backend_name() == "sqlite":
        return {name: moment.strftime("%Y-%m-%d %H:%M:%S") for name, moment in local.items()}
    return dict(local)


def _fetch(connection: sa.Connection, query: str, bounds: dict[str, Any], columns: list[str]) -> Iterator[pd.DataFrame]:
    text = query.strip().rstrip(";").rstrip()
    present = _present_columns(connection, text, bounds, columns)
    if present:
        names = ", ".join(connection.dialect.identifier_preparer.quote_identifier(name) for name in present)
        text = f"SELECT {names} FROM (\n{text}\n) AS driftgate_rows"  # noqa: S608 - the query is the user's own, names are quoted
    result = connection.execution_options(stream_results=True, max_row_buffer=_PIECE_ROWS).execute(sa.text(text), bounds)
    labels = list(result.keys())
    rows = result.fetchmany(_PIECE_ROWS)
    yield pd.DataFrame.from_records([tuple(row) for row in rows], columns=labels)
    while rows := result.fetchmany(_PIECE_ROWS):
        yield pd.DataFrame.from_records([tuple(row) for row in rows], columns=labels)


def _present_columns(connection: sa.Connection, text: str, bounds: dict[str, Any], columns: list[str]) -> list[str]:
    """Ask the database which of the columns the query has; empty when it does not take the query as a subquery."""
    probe = sa.text(f"SELECT * FROM (\n{text}\n) AS driftgate_rows WHERE 1 = 0")  # noqa: S608 - the user's own query
    try:
        known = set(connection.execute(probe, bounds).keys())
    except sa.exc.DBAPIError:
        connection.rollback()
        return []
    return [name for name in columns if name in known]


def _database_error(error: sa.exc.DBAPIError, url: sa.URL, where: str) -> SourceError | ServiceError:
    shown = url.render_as_string(hide_password=True)
    detail = " ".join(str(error.orig).split())
    unreachable = isinstance(error, (sa.exc.OperationalError, sa.exc.InterfaceError)) and url.get_backend_name() != "sqlite"
    if unreachable or error.connection_invalidated:
        return ServiceError(f"{where}: the database {shown} did not answer: {detail}; check that it runs and try again")
    return SourceError(f"{where}: source.query fails on {shown}: {detail}; correct it in the monitor file")
