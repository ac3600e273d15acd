"""Connections to the records: bounded waits, and faults of the server as readable errors without secrets."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError, DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from driftgate.errors import DriftgateError, ServiceError, SettingsError

CONNECT_TIMEOUT_S = 5
"""How long one attempt to connect may take."""
STATEMENT_LOCK_TIMEOUT_S = 60
"""How long one write may wait for a row that another run is writing."""

_MISSING_SCHEMA = frozenset({"42P01", "42703", "3F000"})  # undefined table, undefined column, undefined schema
_NOT_ALLOWED = "42501"
_NETWORK_DEFAULTS: dict[str, Any] = {
    "connect_timeout": CONNECT_TIMEOUT_S,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,
}


def parse_url(uri: str | URL) -> URL:
    """Read a database address; without a named driver psycopg2 is used.

    Raises
    ------
    SettingsError
        If the text is not an address of a PostgreSQL database.
    """
    try:
        url = make_url(uri)
    except (ArgumentError, ValueError):
        raise SettingsError("the database address cannot be read; write postgresql+psycopg2://user:password@host:port/name") from None
    if url.drivername in ("postgres", "postgresql"):
        url = url.set(drivername="postgresql+psycopg2")
    if url.get_backend_name() != "postgresql":
        raise SettingsError(f"the records need PostgreSQL, not {url.drivername}; write postgresql+psycopg2://user:password@host:port/name")
    return url


def make_engine(uri: str | URL) -> Engine:
    """Return an engine for the records with bounded waits; nothing is connected yet."""
    return bound_waits(create_engine(parse_url(uri), pool_pre_ping=True))


def bound_waits(engine: Engine) -> Engine:
    """Give every new connection of an engine limits in time, where its maker gave none; safe to call again."""
    for name, listener in (("do_connect", _default_network_limits), ("connect", _set_lock_timeout)):
        if not event.contains(engine, name, listener):
            event.listen(engine, name, listener)
    return engine


def _default_network_limits(dialect: Any, record: Any, arguments: Any, parameters: dict[str, Any]) -> None:
    for name, value in _NETWORK_DEFAULTS.items():
        parameters.setdefault(name, value)


def _set_lock_timeout(connection: Any, record: Any) -> None:
    cursor = connection.cursor()
    cursor.execute(f"SET lock_timeout = '{STATEMENT_LOCK_TIMEOUT_S}s'")
    cursor.close()
    connection.commit()


def describe(engine: Engine) -> str:
    """Name the server for people: host, port and database, never user or password."""
    url = engine.url
    host = url.host or url.query.get("host") or "local socket"
    return f"{host}{f':{url.port}' if url.port else ''}/{url.database}"


@contextmanager
def readable_faults(engine: Engine) -> Iterator[None]:
    """Turn what a server or driver says into errors of the library.

    Raises
    ------
    ServiceError
        If the server is down, broke the connection or did not give a lock in time: trying again may help.
    SettingsError
        If the tables are missing or the role may not use them.
    """
    try:
        yield
    except PoolTimeoutError as error:
        raise ServiceError(
            f"PostgreSQL at {describe(engine)}: no free connection in this process; run fewer tasks at once or try again"
        ) from error
    except DBAPIError as error:
        translated = _translate(engine, error)
        if translated is None:
            raise
        raise translated from error


@contextmanager
def transaction(engine: Engine) -> Iterator[Connection]:
    """Run statements as one transaction, with faults as :func:`readable_faults` makes them."""
    with readable_faults(engine), engine.begin() as connection:
        yield connection


def _translate(engine: Engine, error: DBAPIError) -> DriftgateError | None:
    state = getattr(error.orig, "sqlstate", None) or getattr(error.orig, "pgcode", None)
    first_line = (str(error.orig).strip().splitlines() or [type(error.orig).__name__])[0]
    where = f"PostgreSQL at {describe(engine)}"
    if state in _MISSING_SCHEMA:
        return SettingsError(f"{where}: {first_line}; the records are not set up for this version: run `driftgate migrate`")
    if state == _NOT_ALLOWED:
        return SettingsError(f"{where}: {first_line}; run `driftgate migrate` as the owner of the records, which also grants the rights")
    if isinstance(error, (OperationalError, InterfaceError)) or error.connection_invalidated:
        return ServiceError(f"{where} did not answer: {first_line}; check that it runs (`driftgate status`) and try again")
    return None
