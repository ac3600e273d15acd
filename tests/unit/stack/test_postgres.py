"""The real server from the wheel: data folder, roles, rights."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest

from driftgate.errors import StackError
from driftgate.stack import ports, postgres, provision
from driftgate.stack import state as states
from driftgate.stack.layout import Layout
from driftgate.stack.postgres import RunAs
from driftgate.stack.state import StackState


class Server:
    """A server in a folder that nobody else may enter (mode 0700)."""

    def __init__(self, home: Path) -> None:
        self.layout = Layout(project_root=home, home=home)
        self.layout.create()
        home.chmod(0o700)
        chosen = ports.choose({}, {}, port_base=27_400, echo=lambda _: None)
        self.state = StackState(chosen, states.generate_secrets())
        self.runner: RunAs = postgres.run_as(self.layout)
        self.made = postgres.initialise(self.layout, self.state.secrets["postgres"], self.runner)

    def start(self) -> None:
        command = postgres.server_command(self.layout, self.state.ports["postgres"], self.runner)
        self._process = subprocess.Popen(command, stderr=subprocess.DEVNULL, cwd="/")
        deadline = time.monotonic() + 20
        while not provision.accepts_connections(self.state):
            assert time.monotonic() < deadline, "the server did not start"
            time.sleep(0.05)

    def stop(self) -> None:
        self._process.send_signal(2)
        self._process.wait(20)

    def run(self, role: str, statement: str, database: str = "driftgate") -> list[tuple[object, ...]]:
        link = psycopg2.connect(self.state.database_uri(role, database, driver="postgresql"), connect_timeout=5)
        try:
            with link, link.cursor() as cur:
                cur.execute(statement)
                return cur.fetchall() if cur.description else []
        finally:
            link.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    made = Server(tmp_path_factory.mktemp("server") / "home")
    made.start()
    provision.provision(made.state)
    made.run("driftgate_owner", "create table driftgate.probe (id int generated always as identity, name text)")
    yield made
    made.stop()


def test_a_second_initialisation_keeps_the_data(server: Server) -> None:
    assert server.made
    assert not postgres.initialise(server.layout, "another", server.runner)


def test_the_application_role_writes_rows_but_does_not_change_tables(server: Server) -> None:
    server.run("driftgate_app", "insert into driftgate.probe (name) values ('a')")
    server.run("driftgate_app", "update driftgate.probe set name = 'b'; delete from driftgate.probe")
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        server.run("driftgate_app", "drop table driftgate.probe")
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        server.run("driftgate_app", "create table driftgate.own (id int)")


def test_the_reader_reads_and_cannot_write_even_when_it_unsets_read_only(server: Server) -> None:
    assert server.run("driftgate_reader", "select count(*) from probe") == [(0,)]
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        server.run("driftgate_reader", "set transaction_read_only = off; insert into driftgate.probe (name) values ('x')")


@pytest.mark.parametrize(
    ("role", "database"),
    [
        ("mlflow", "airflow"),
        ("airflow", "mlflow"),
        ("airflow", "driftgate"),
        ("driftgate_app", "airflow"),
        ("driftgate_reader", "postgres"),
    ],
)
def test_a_role_cannot_enter_the_database_of_another(server: Server, role: str, database: str) -> None:
    with pytest.raises(psycopg2.OperationalError, match="permission denied for database"):
        server.run(role, "select 1", database)


def test_a_wrong_password_is_refused_on_the_loopback_address_too(server: Server) -> None:
    wrong = StackState(server.state.ports, {**server.state.secrets, "postgres": "wrong"})
    with pytest.raises(StackError, match="refuses the recorded password"):
        provision.accepts_connections(wrong)


def test_provisioning_again_changes_nothing_and_repairs_a_lost_right(server: Server) -> None:
    server.run("driftgate_owner", "revoke select on driftgate.probe from driftgate_reader")
    provision.provision(server.state)
    assert server.run("driftgate_reader", "select count(*) from probe") == [(0,)]


def test_the_mark_of_the_last_migration_lives_with_the_database(server: Server) -> None:
    assert provision.database_comment(server.state, "airflow") is None
    provision.set_database_comment(server.state, "airflow", "airflow 'x'")
    assert provision.database_comment(server.state, "airflow") == "airflow 'x'"


def test_a_lost_superuser_password_is_replaced_while_the_server_is_stopped(tmp_path: Path) -> None:
    made = Server(tmp_path / "home")
    fresh = StackState(made.state.ports, states.generate_secrets())
    postgres.reset_superuser_password(made.layout, fresh.secrets["postgres"], made.runner)
    made.state = fresh
    made.start()
    try:
        assert provision.accepts_connections(fresh)
    finally:
        made.stop()


def test_a_pid_file_of_a_dead_server_is_removed_though_its_number_lives_on(tmp_path: Path) -> None:
    layout = Layout(project_root=tmp_path, home=tmp_path)
    layout.postgres_data.mkdir(parents=True)
    pid_file = layout.postgres_data / "postmaster.pid"
    pid_file.write_text(f"{os.getpid()}\n{layout.postgres_data}\n")
    postgres.clear_stale_pid(layout)
    assert not pid_file.exists()


def test_a_folder_that_is_not_a_database_is_not_overwritten(tmp_path: Path) -> None:
    layout = Layout(project_root=tmp_path, home=tmp_path)
    layout.postgres_data.mkdir(parents=True)
    (layout.postgres_data / "thesis.txt").write_text("mine")
    with pytest.raises(StackError, match="not a PostgreSQL data folder"):
        postgres.initialise(layout, "secret", RunAs())
    assert (layout.postgres_data / "thesis.txt").read_text() == "mine"


def test_data_of_another_major_version_is_an_error_that_names_both(tmp_path: Path) -> None:
    layout = Layout(project_root=tmp_path, home=tmp_path)
    layout.postgres_data.mkdir(parents=True)
    (layout.postgres_data / "PG_VERSION").write_text("12\n")
    with pytest.raises(StackError, match=r"made by PostgreSQL 12, but version 1\d is installed"):
        postgres.initialise(layout, "secret", RunAs())
