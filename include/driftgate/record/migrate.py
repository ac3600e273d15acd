"""Bring the schema ``driftgate`` to the version of this code; safe to call at any time and by several processes at once."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, inspect, text
from sqlalchemy.engine import URL
from sqlalchemy.sql.ddl import CreateSchema

from driftgate.errors import SettingsError
from driftgate.record.connection import bound_waits, describe, make_engine, readable_faults
from driftgate.record.tables import SCHEMA, metadata

APP_ROLE = "driftgate_app"
"""Role of the tasks: reads and writes rows."""
READER_ROLE = "driftgate_reader"
"""Role of dashboards and `driftgate psql`: reads."""

_SCRIPTS = Path(__file__).parent / "migrations"
_LOCK_KEY = 5_493_217_006_118_042
_LOCK_TIMEOUT_S = 120


def migrate(uri: str | URL) -> None:
    """Create or upgrade the tables and views, then grant the rights of the roles that exist; one transaction, all or nothing.

    Parameters
    ----------
    uri
        Address of the database for the role that owns the schema.

    Raises
    ------
    ServiceError
        If the server does not answer, or if another migration holds the lock for longer than two minutes.
    SettingsError
        If the address is wrong, the role may not create the schema, or the database is newer than this code.
    """
    engine = make_engine(uri)
    try:
        with readable_faults(engine), engine.begin() as connection:
            connection.execute(text(f"SET LOCAL lock_timeout = '{_LOCK_TIMEOUT_S}s'"))
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK_KEY})
            _refuse_newer(engine, connection)
            if not inspect(connection).has_schema(SCHEMA):
                connection.execute(CreateSchema(SCHEMA))
            command.upgrade(_config(connection), "head")
            _grant(connection)
    finally:
        engine.dispose()


def check_migrated(engine: Engine) -> None:
    """Check that the database has the schema of this code.

    Raises
    ------
    SettingsError
        If it is missing, older or newer; says what to run.
    ServiceError
        If the server does not answer.
    """
    with readable_faults(engine), bound_waits(engine).connect() as connection:
        _refuse_newer(engine, connection)
        current = _current(connection)
    if current != _head():
        state = "has no records yet" if current is None else f"has the records at version {current}, this code needs {_head()}"
        raise SettingsError(f"PostgreSQL at {describe(engine)} {state}; run `driftgate migrate`")


def _refuse_newer(engine: Engine, connection: Connection) -> None:
    current = _current(connection)
    known = {script.revision for script in _scripts().walk_revisions()}
    if current is not None and current not in known:
        raise SettingsError(
            f"PostgreSQL at {describe(engine)} has the records at version {current}, which this code does not know "
            f"(its newest is {_head()}); update Driftgate, or use a database of its own"
        )


def _current(connection: Connection) -> str | None:
    context = MigrationContext.configure(connection, opts={"version_table_schema": SCHEMA})
    return context.get_current_revision()


def _scripts() -> ScriptDirectory:
    return ScriptDirectory(str(_SCRIPTS))


def _head() -> str | None:
    return _scripts().get_current_head()


def _config(connection: Connection) -> Config:
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def _grant(connection: Connection) -> None:
    """Let the task role write rows and the reader role read, where these roles exist; neither may change the schema."""
    found = connection.execute(
        text("SELECT rolname FROM pg_roles WHERE rolname IN (:app, :reader)"), {"app": APP_ROLE, "reader": READER_ROLE}
    )
    roles = sorted(found.scalars())
    for role in roles:
        connection.execute(text(f"GRANT USAGE ON SCHEMA {SCHEMA} TO {role}"))
        connection.execute(text(f"GRANT SELECT ON ALL TABLES IN SCHEMA {SCHEMA} TO {role}"))
    if APP_ROLE in roles:
        tables = ", ".join(f"{SCHEMA}.{table.name}" for table in metadata.sorted_tables)
        connection.execute(text(f"GRANT INSERT, UPDATE, DELETE ON {tables} TO {APP_ROLE}"))
