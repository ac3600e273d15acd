"""Migrations build exactly the tables of the Python code, from nothing and again."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import create_engine, inspect, text
from sqlalchemy.engine import URL, make_url

from driftgate.errors import DriftgateError, ServiceError, SettingsError
from driftgate.record.migrate import check_migrated, migrate
from driftgate.record.store import RecordStore
from driftgate.record.tables import SCHEMA, metadata

_numbers = itertools.count()
HEAD = "0005"


@pytest.fixture
def empty_database(postgres_uri: str) -> Iterator[URL]:
    name = f"empty_{next(_numbers)}"
    admin = create_engine(postgres_uri, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    yield make_url(postgres_uri).set(database=name)
    with admin.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    admin.dispose()


@pytest.fixture
def run_sql(empty_database: URL) -> Iterator[Callable[[str], list[tuple[object, ...]]]]:
    engine = create_engine(empty_database)

    def run(statement: str) -> list[tuple[object, ...]]:
        with engine.begin() as connection:
            result = connection.execute(text(statement))
            return [tuple(row) for row in result] if result.returns_rows else []

    yield run
    engine.dispose()


def test_migrations_and_tables_in_code_are_the_same(empty_database: URL) -> None:
    migrate(empty_database)
    engine = create_engine(empty_database)
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={
                "include_schemas": True,
                "version_table_schema": SCHEMA,
                "compare_type": True,
                "compare_server_default": True,
                "include_name": lambda name, kind, parents: kind != "schema" or name == SCHEMA,
            },
        )
        differences = compare_metadata(context, metadata)
        checks = {
            (table.name, check["name"])
            for table in metadata.sorted_tables
            for check in inspect(connection).get_check_constraints(table.name, SCHEMA)
        }
    engine.dispose()
    expected = {
        (table.name, constraint.name)
        for table in metadata.sorted_tables
        for constraint in table.constraints
        if type(constraint).__name__ == "CheckConstraint"
    }
    assert differences == []
    assert {(table, str(name)) for table, name in expected} == checks


@pytest.mark.parametrize("table", metadata.sorted_tables, ids=lambda table: table.name)
def test_check_constraints_allow_the_same_values_in_migrations_and_code(empty_database: URL, table: object) -> None:
    """PostgreSQL rewrites conditions, so both are compared after its own rewriting."""
    migrate(empty_database)
    migrated = create_engine(empty_database)
    with migrated.connect() as connection:
        wanted = {check["name"]: check["sqltext"] for check in inspect(connection).get_check_constraints(table.name, SCHEMA)}  # type: ignore[attr-defined]
    with migrated.begin() as connection:
        connection.execute(text(f"DROP SCHEMA {SCHEMA} CASCADE"))
        connection.execute(text(f"CREATE SCHEMA {SCHEMA}"))
        metadata.create_all(connection)
        built = {check["name"]: check["sqltext"] for check in inspect(connection).get_check_constraints(table.name, SCHEMA)}  # type: ignore[attr-defined]
    migrated.dispose()
    assert built == wanted


def test_migrating_again_changes_nothing_and_keeps_rows(empty_database: URL, run_sql: Callable[[str], list[tuple[object, ...]]]) -> None:
    migrate(empty_database)
    run_sql("INSERT INTO driftgate.report VALUES ('m', '2024-01-01Z', '2024-01-02Z', 'html', 'a')")
    before = run_sql("SELECT version_num FROM driftgate.alembic_version")
    migrate(empty_database)
    assert run_sql("SELECT version_num FROM driftgate.alembic_version") == before == [(HEAD,)]
    assert run_sql("SELECT count(*) FROM driftgate.report") == [(1,)]


def test_several_migrations_at_once_all_succeed(empty_database: URL, run_sql: Callable[[str], list[tuple[object, ...]]]) -> None:
    errors: list[BaseException] = []

    def work() -> None:
        try:
            migrate(empty_database)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert errors == []
    assert run_sql("SELECT version_num FROM driftgate.alembic_version") == [(HEAD,)]


def test_migrating_works_from_any_folder(empty_database: URL, tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(str(tmp_path))
    migrate(empty_database.render_as_string(hide_password=False).replace("postgresql+psycopg2://", "postgresql://"))
    engine = create_engine(empty_database)
    check_migrated(engine)
    engine.dispose()


def test_an_unmigrated_database_says_what_to_run(empty_database: URL) -> None:
    engine = create_engine(empty_database)
    with pytest.raises(SettingsError, match=r"has no records yet; run `driftgate migrate`"):
        check_migrated(engine)
    with pytest.raises(SettingsError, match=r"does not exist.*run `driftgate migrate`"):
        RecordStore(engine).retrainings("trips")
    engine.dispose()


def test_an_older_and_a_newer_schema_are_told_apart(empty_database: URL, run_sql: Callable[[str], list[tuple[object, ...]]]) -> None:
    migrate(empty_database)
    engine = create_engine(empty_database)
    run_sql("UPDATE driftgate.alembic_version SET version_num = '0001'")
    with pytest.raises(SettingsError, match=rf"at version 0001, this code needs {HEAD}; run `driftgate migrate`"):
        check_migrated(engine)
    run_sql("UPDATE driftgate.alembic_version SET version_num = '9999'")
    for call in (lambda: check_migrated(engine), lambda: migrate(empty_database)):
        with pytest.raises(SettingsError, match=r"at version 9999, which this code does not know.*update Driftgate"):
            call()
    engine.dispose()


def test_roles_get_what_they_need_and_nothing_more(empty_database: URL, run_sql: Callable[[str], list[tuple[object, ...]]]) -> None:
    for role in ("driftgate_app", "driftgate_reader"):
        run_sql(f"DO $$ BEGIN CREATE ROLE {role} LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$")
    try:
        migrate(empty_database)
        rights = "SELECT has_table_privilege('{role}', 'driftgate.{table}', '{right}')"

        def may(role: str, table: str, right: str) -> object:
            return run_sql(rights.format(role=role, table=table, right=right))[0][0]

        for table in metadata.sorted_tables:
            assert all(may("driftgate_app", table.name, right) for right in ("SELECT", "INSERT", "UPDATE", "DELETE"))
            assert may("driftgate_reader", table.name, "SELECT")
            assert not any(may("driftgate_reader", table.name, right) for right in ("INSERT", "UPDATE", "DELETE"))
        for view in ("ml_metrics", "model_performance", "data_drift", "store_metrics", "alembic_version"):
            assert may("driftgate_app", view, "SELECT")
            assert may("driftgate_reader", view, "SELECT")
            assert not may("driftgate_app", view, "INSERT")
        assert run_sql("SELECT has_schema_privilege('driftgate_app', 'driftgate', 'CREATE')") == [(False,)]
        with_insert = "SET ROLE driftgate_app; INSERT INTO driftgate.batch (monitor, window_start, window_end, status) "
        run_sql(with_insert + "VALUES ('m', '2024-01-01Z', '2024-01-02Z', 'no_data'); RESET ROLE")
    finally:
        for role in ("driftgate_app", "driftgate_reader"):
            run_sql(f"DROP OWNED BY {role}")
            run_sql(f"DROP ROLE {role}")


@pytest.mark.parametrize(
    ("uri", "error"),
    [
        ("sqlite:///x.db", SettingsError),
        ("not an address", SettingsError),
        ("postgresql+psycopg2://u:topsecret@127.0.0.1:1/records", ServiceError),
    ],
    ids=["other database", "unreadable", "server down"],
)
def test_a_wrong_address_is_a_clear_error_without_the_password(uri: str, error: type[DriftgateError]) -> None:
    with pytest.raises(error) as caught:
        migrate(uri)
    assert "topsecret" not in str(caught.value)
    assert "x.db" not in str(caught.value)
