"""One writer per window: advisory locks of PostgreSQL, which vanish with the process that held them."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from driftgate.errors import ServiceError
from driftgate.record.connection import describe, readable_faults

log = logging.getLogger(__name__)

LOCK_WAIT_S = 600.0
_LOCK_NOT_AVAILABLE = "55P03"


def lock_key(monitor: str, name: str, purpose: str) -> int:
    """Return the same signed 64-bit number for the same names in every process, version and machine."""
    digest = hashlib.sha256("\x1f".join((monitor, name, purpose)).encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)


@contextmanager
def hold(engine: Engine, monitor: str, name: str, purpose: str, wait_s: float = LOCK_WAIT_S) -> Iterator[None]:
    """Hold the lock of these names while the block runs.

    The lock lives on a connection of its own, outside the pool, so that it neither takes a place from the writes inside the
    block nor survives them.

    Raises
    ------
    ServiceError
        If another run holds the lock for longer than ``wait_s`` seconds, or if the server does not answer.
    """
    with hold_all(engine, monitor, [name], purpose, wait_s):
        yield


@contextmanager
def hold_all(engine: Engine, monitor: str, names: Sequence[str], purpose: str, wait_s: float = LOCK_WAIT_S) -> Iterator[None]:
    """Hold the locks of many names over one connection; they are taken in a fixed order, so that two holders never wait for each other.

    Raises
    ------
    ServiceError
        If another run holds one of them for longer than ``wait_s`` seconds, or if the server does not answer.
    """
    with readable_faults(engine):
        connection = engine.connect()
    try:
        with readable_faults(engine):
            connection.execution_options(isolation_level="AUTOCOMMIT")
            connection.detach()
            connection.execute(text(f"SET lock_timeout = {max(1, int(wait_s * 1000))}"))
            for name in sorted(names):
                _acquire(engine, connection, (monitor, name, purpose), wait_s)
        yield
    finally:
        _close(connection)


def _acquire(engine: Engine, connection: Connection, names: tuple[str, str, str], wait_s: float) -> None:
    try:
        connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": lock_key(*names)})
    except DBAPIError as error:
        if (getattr(error.orig, "sqlstate", None) or getattr(error.orig, "pgcode", None)) != _LOCK_NOT_AVAILABLE:
            raise
        monitor, name, purpose = names
        raise ServiceError(
            f"monitor {monitor}, {name}: another run has been busy with '{purpose}' for more than {wait_s:g} s "
            f"(advisory lock in PostgreSQL at {describe(engine)}); wait for that run or stop it, then try again"
        ) from error


def _close(connection: Connection) -> None:
    """Close the connection, which releases the lock; a connection that broke has released it already."""
    try:
        connection.close()
    except DBAPIError as error:
        log.warning("the connection that held a lock was already broken: %s", type(error.orig).__name__)
