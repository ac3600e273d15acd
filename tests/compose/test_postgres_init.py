"""The init script on a real PostgreSQL: each role can do what its user needs and no more."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError

Address = Callable[[str, str], str]


def _run(uri: str, statement: str) -> list[tuple[object, ...]]:
    engine = create_engine(uri)
    try:
        with engine.begin() as connection:
            result = connection.execute(text(statement))
            return [tuple(row) for row in result] if result.returns_rows else []
    finally:
        engine.dispose()


def test_databases_belong_to_their_roles(prepared_postgres: Address) -> None:
    rows = _run(
        prepared_postgres("postgres", "postgres"),
        "SELECT datname, pg_get_userbyid(datdba) FROM pg_database WHERE datname IN ('airflow', 'mlflow', 'driftgate') ORDER BY 1",
    )
    assert rows == [("airflow", "airflow"), ("driftgate", "driftgate_owner"), ("mlflow", "mlflow")]


@pytest.mark.parametrize(
    ("role", "database", "allowed"),
    [
        ("airflow", "airflow", True), ("airflow", "mlflow", False), ("airflow", "driftgate", False), ("airflow", "postgres", False),
        ("mlflow", "mlflow", True), ("mlflow", "airflow", False), ("mlflow", "driftgate", False),
        ("driftgate_app", "driftgate", True), ("driftgate_app", "airflow", False),
        ("driftgate_reader", "driftgate", True), ("driftgate_reader", "mlflow", False), ("driftgate_reader", "postgres", False),
    ],
)  # fmt: skip
def test_each_role_enters_its_own_database_only(prepared_postgres: Address, role: str, database: str, allowed: bool) -> None:
    if allowed:
        assert _run(prepared_postgres(role, database), "SELECT current_user") == [(role,)]
    else:
        with pytest.raises(DBAPIError, match="permission denied for database"):
            _run(prepared_postgres(role, database), "SELECT 1")


def test_no_role_is_more_than_an_ordinary_login_and_passwords_are_hashed(prepared_postgres: Address) -> None:
    rows = _run(
        prepared_postgres("postgres", "postgres"),
        "SELECT rolname FROM pg_authid WHERE (rolname LIKE 'driftgate%' OR rolname IN ('airflow', 'mlflow')) AND rolcanlogin "
        "AND NOT (rolsuper OR rolcreatedb OR rolcreaterole OR rolreplication OR rolbypassrls) AND rolpassword LIKE 'SCRAM-SHA-256%'",
    )
    assert len(rows) == 5


def test_airflow_and_mlflow_can_make_tables(prepared_postgres: Address) -> None:
    for role in ("airflow", "mlflow"):
        _run(prepared_postgres(role, role), "CREATE TABLE IF NOT EXISTS probe (x int)")


def test_tasks_write_rows_but_cannot_change_tables(migrated_postgres: Address) -> None:
    app = migrated_postgres("driftgate_app", "driftgate")
    columns = "monitor, window_start, window_end, status"
    _run(app, f"INSERT INTO driftgate.batch ({columns}) VALUES ('rights', '2024-01-01', '2024-01-02', 'no_data')")
    _run(app, "UPDATE driftgate.batch SET note = 'x' WHERE monitor = 'rights'")
    _run(app, "DELETE FROM driftgate.batch WHERE monitor = 'rights'")
    for statement in ("CREATE TABLE driftgate.more (x int)", "DROP TABLE driftgate.batch", "CREATE TABLE public.more (x int)"):
        with pytest.raises(DBAPIError, match=r"permission denied|must be owner"):
            _run(app, statement)


def test_the_reader_reads_tables_and_views_and_nothing_else(migrated_postgres: Address) -> None:
    reader = migrated_postgres("driftgate_reader", "driftgate")
    for name in ("batch", "gate_result", "metric", "ml_metrics", "data_drift", "model_performance", "store_metrics"):
        _run(reader, f"SELECT * FROM {name}")
    for statement in ("DELETE FROM driftgate.batch", "CREATE TEMPORARY TABLE t (x int)"):
        with pytest.raises(DBAPIError, match=r"permission denied|read-only transaction"):
            _run(reader, statement)
        with pytest.raises(DBAPIError, match="permission denied"):
            _run(reader, f"SET default_transaction_read_only = off; COMMIT; {statement}")


def test_a_second_run_changes_passwords_and_keeps_the_data(
    migrated_postgres: Address,
    bare_postgres: str,
    init_postgres: Callable[..., subprocess.CompletedProcess[str]],
    passwords: dict[str, str],
) -> None:
    superuser = migrated_postgres("postgres", "postgres")
    query = "SELECT rolpassword FROM pg_authid WHERE rolname = 'driftgate_app'"
    before = _run(superuser, query)
    result = init_postgres(bare_postgres, {name: f"{name}-again" for name in passwords})
    assert result.returncode == 0, result.stderr
    assert _run(superuser, query) != before
    with pytest.raises(DBAPIError, match="password authentication failed"):
        _run(migrated_postgres("driftgate_reader", "driftgate"), "SELECT 1")
    assert init_postgres(bare_postgres, passwords).returncode == 0
    _run(migrated_postgres("driftgate_reader", "driftgate"), "SELECT * FROM driftgate.batch")


def test_a_missing_password_stops_the_script(
    prepared_postgres: Address, bare_postgres: str, init_postgres: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    result = init_postgres(bare_postgres, {})
    assert result.returncode != 0
