"""Roles, databases and rights inside the embedded PostgreSQL; safe to repeat, repairs what is missing.

Each role can do what its user needs and no more: Airflow and MLflow own their database, ``driftgate_owner`` migrates,
``driftgate_app`` reads and writes rows, ``driftgate_reader`` reads.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import ISOLATION_LEVEL_AUTOCOMMIT, connection, cursor, encrypt_password

from driftgate.errors import StackError
from driftgate.stack.ports import HOST
from driftgate.stack.state import ROLES, SUPERUSER, StackState

DATABASES = {"airflow": "airflow", "mlflow": "mlflow", "driftgate": "driftgate_owner"}
"""Database to the role that owns it."""

SCHEMA = "driftgate"
_CONNECT_TIMEOUT = 5

_SCHEMA_STATEMENTS = (
    "CREATE SCHEMA IF NOT EXISTS driftgate AUTHORIZATION driftgate_owner",
    "REVOKE ALL ON SCHEMA public FROM PUBLIC",
    "GRANT USAGE ON SCHEMA driftgate TO driftgate_app, driftgate_reader",
    "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA driftgate TO driftgate_app",
    "GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA driftgate TO driftgate_app",
    "GRANT SELECT ON ALL TABLES IN SCHEMA driftgate TO driftgate_reader",
    "ALTER DEFAULT PRIVILEGES FOR ROLE driftgate_owner IN SCHEMA driftgate GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO driftgate_app",
    "ALTER DEFAULT PRIVILEGES FOR ROLE driftgate_owner IN SCHEMA driftgate GRANT USAGE, SELECT ON SEQUENCES TO driftgate_app",
    "ALTER DEFAULT PRIVILEGES FOR ROLE driftgate_owner IN SCHEMA driftgate GRANT SELECT ON TABLES TO driftgate_reader",
    "ALTER ROLE driftgate_reader IN DATABASE driftgate SET search_path = driftgate",
    "ALTER ROLE driftgate_reader SET default_transaction_read_only = on",
)


def provision(state: StackState) -> None:
    """Create or repair roles, databases, the schema and every grant."""
    with _connect(state, "postgres") as link, link.cursor() as cur:
        for role in ROLES:
            _ensure_role(link, cur, role, state.secrets[role])
        for database, owner in DATABASES.items():
            _ensure_database(cur, database, owner)
        cur.execute("REVOKE CONNECT ON DATABASE postgres FROM PUBLIC")
        cur.execute("REVOKE CONNECT ON DATABASE template1 FROM PUBLIC")
        cur.execute("GRANT CONNECT ON DATABASE driftgate TO driftgate_app, driftgate_reader")
    with _connect(state, "driftgate") as link, link.cursor() as cur:
        for statement in _SCHEMA_STATEMENTS:
            cur.execute(statement)


def accepts_connections(state: StackState) -> bool:
    """Whether the server answers ``select 1`` with the recorded password; a wrong password is an error, not a wait."""
    try:
        with _connect(state, "postgres") as link, link.cursor() as cur:
            cur.execute("select 1")
            return bool(cur.fetchone() == (1,))
    except psycopg2.OperationalError as error:
        if "password authentication failed" in str(error):
            raise StackError(
                f"the server on {HOST}:{state.ports['postgres']} refuses the recorded password: another PostgreSQL answers there, "
                "or stack.json belongs to another data folder; `driftgate down`, remove stack.json and `driftgate up` makes new passwords"
            ) from error
        return False


def database_comment(state: StackState, database: str) -> str | None:
    """Read the comment on a database: there the stack keeps which version migrated it last, so that both live and die together."""
    with _connect(state, "postgres") as link, link.cursor() as cur:
        cur.execute("select shobj_description(oid, 'pg_database') from pg_database where datname = %s", (database,))
        row = cur.fetchone()
        return str(row[0]) if row and row[0] else None


def set_database_comment(state: StackState, database: str, comment: str) -> None:
    with _connect(state, "postgres") as link, link.cursor() as cur:
        cur.execute(sql.SQL("COMMENT ON DATABASE {} IS {}").format(sql.Identifier(database), sql.Literal(comment)))


@contextmanager
def _connect(state: StackState, database: str) -> Iterator[connection]:
    link = psycopg2.connect(
        host=HOST,
        port=state.ports["postgres"],
        user=SUPERUSER,
        password=state.secrets[SUPERUSER],
        dbname=database,
        connect_timeout=_CONNECT_TIMEOUT,
        application_name="driftgate stack",
    )
    try:
        link.set_isolation_level(ISOLATION_LEVEL_AUTOCOMMIT)
        yield link
    finally:
        link.close()


def _ensure_role(link: connection, cur: cursor, role: str, password: str) -> None:
    """Create the role or set its password; only the hash travels, so that no password reaches the server's log."""
    verifier = encrypt_password(password, role, scope=link, algorithm="scram-sha-256")
    cur.execute("select 1 from pg_roles where rolname = %s", (role,))
    verb = "ALTER" if cur.fetchone() else "CREATE"
    statement = sql.SQL("{} ROLE {} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION PASSWORD {}")
    cur.execute(statement.format(sql.SQL(verb), sql.Identifier(role), sql.Literal(verifier)))


def _ensure_database(cur: cursor, database: str, owner: str) -> None:
    cur.execute("select 1 from pg_database where datname = %s", (database,))
    if not cur.fetchone():
        cur.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(database), sql.Identifier(owner)))
    cur.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(sql.Identifier(database)))
