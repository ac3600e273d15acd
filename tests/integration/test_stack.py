"""The embedded stack itself, in a state folder of its own: start, kill, restart, stop."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from driftgate import settings as settings_module
from driftgate.settings import Settings
from driftgate.stack import commands, postgres, programs
from driftgate.stack import state as states
from driftgate.stack.layout import Layout, for_settings
from driftgate.stack.processes import members_of_session
from driftgate.stack.status import StackStatus

pytestmark = pytest.mark.integration

PROJECT_ROOT = Path(__file__).resolve().parents[2]
RECOVERY_SECONDS = 240.0


class Stack:
    """A stack of its own, with what it said while starting."""

    def __init__(self, home: Path) -> None:
        self.settings: Settings = settings_module.load({"DRIFTGATE_PROJECT_ROOT": str(PROJECT_ROOT), "DRIFTGATE_HOME": str(home)})
        self.layout: Layout = for_settings(self.settings)
        self.said: list[str] = []

    def up(self) -> StackStatus:
        self.said.clear()
        return commands.up(self.settings, port_base=28_300, echo=self.said.append, environ=dict(os.environ))

    def down(self) -> None:
        commands.down(self.settings, echo=self.said.append)

    def pid(self, name: str) -> int:
        found = {process.name: process.pid for process in commands.status(self.settings).processes}[name]
        assert found is not None, f"{name} does not run"
        return found

    def session(self) -> int:
        return int(json.loads(self.layout.session.read_text())["session"])


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    made = Stack(tmp_path_factory.mktemp("stack") / "home")
    try:
        made.up()
        yield made
    finally:
        made.down()


def _wait_until(condition: Callable[[], bool], seconds: float = RECOVERY_SECONDS) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(1)
    return False


def _secrets_on_command_lines(secrets: list[str]) -> list[str]:
    found = []
    for process in psutil.process_iter():
        try:
            line = " ".join(process.cmdline())
        except psutil.Error:
            continue
        found += [line for secret in secrets if secret in line]
    return found


def test_everything_is_healthy_after_up(stack: Stack) -> None:
    status = commands.status(stack.settings)
    assert {process.name for process in status.processes if not process.healthy} <= {programs.EVIDENTLY}
    assert status.exit_code == 0
    assert _wait_until(lambda: all(process.healthy for process in commands.status(stack.settings).processes))


def test_up_of_a_running_stack_changes_nothing(stack: Stack) -> None:
    before = [process.pid for process in commands.status(stack.settings).processes]
    status = stack.up()
    assert stack.said == ["the stack is already running"]
    assert [process.pid for process in status.processes] == before


def test_every_server_listens_on_the_loopback_address_only(stack: Stack) -> None:
    members = members_of_session(stack.session())
    members += psutil.Process(stack.pid(programs.POSTGRES)).children()
    listening = [link.laddr.ip for process in members for link in process.net_connections("inet") if link.status == psutil.CONN_LISTEN]
    assert set(listening) == {"127.0.0.1"}


def test_no_secret_is_on_any_command_line(stack: Stack) -> None:
    state = states.load(stack.layout)
    assert state is not None
    assert _secrets_on_command_lines(list(state.secrets.values())) == []


def test_psql_reads_the_records_and_cannot_change_them(stack: Stack, capfd: pytest.CaptureFixture[str]) -> None:
    assert commands.psql(stack.settings, "select current_user, count(*) as batches from driftgate.batch") == 0
    assert "driftgate_reader" in capfd.readouterr().out
    assert commands.psql(stack.settings, "set transaction_read_only = off; delete from driftgate.batch") != 0
    assert "permission denied" in capfd.readouterr().err


def test_what_is_killed_comes_back(stack: Stack) -> None:
    killed = {name: stack.pid(name) for name in (programs.POSTGRES, programs.MLFLOW, programs.SCHEDULER, programs.EVIDENTLY)}
    for pid in killed.values():
        os.kill(pid, signal.SIGKILL)
    assert _wait_until(lambda: commands.status(stack.settings).healthy), commands.render_status(commands.status(stack.settings))
    after = {process.name: process for process in commands.status(stack.settings).processes}
    for name, pid in killed.items():
        assert after[name].pid != pid
        assert after[name].restarts >= 1


def test_the_evidently_ui_is_left_out_and_put_back_while_the_rest_runs(stack: Stack) -> None:
    before = {process.name: process.pid for process in commands.status(stack.settings).processes}
    stack.said.clear()
    status = commands.up(stack.settings, echo=stack.said.append, evidently=False)
    assert stack.said == ["evidently-ui: stopped", "the stack is already running"]
    assert (status.healthy, "Evidently" in status.addresses) == (True, False)
    assert {process.name for process in status.processes if process.pid is None} == {programs.EVIDENTLY}
    stack.up()
    assert _wait_until(lambda: all(process.healthy for process in commands.status(stack.settings).processes))
    after = {process.name: process.pid for process in commands.status(stack.settings).processes}
    assert {name for name in before if before[name] != after[name]} == {programs.EVIDENTLY}


def test_a_stack_whose_supervisor_was_killed_is_completed_by_up(stack: Stack) -> None:
    session = stack.session()
    os.kill(session, signal.SIGKILL)
    assert _wait_until(lambda: not psutil.pid_exists(session) or psutil.Process(session).status() == psutil.STATUS_ZOMBIE, 10)
    assert stack.up().healthy
    assert any("interrupted stack left behind" in line for line in stack.said)
    assert members_of_session(session) == []


def test_down_leaves_nothing_running_and_loses_nothing(stack: Stack) -> None:
    state = states.load(stack.layout)
    assert state is not None
    session = stack.session()
    _execute(state.owner_uri, "create table driftgate.kept (id int); insert into driftgate.kept values (7)")
    stack.down()
    assert members_of_session(session) == []
    assert postgres.server_pid(stack.layout.postgres_data) is None
    assert commands.status(stack.settings).exit_code == 1
    stack.down()
    assert stack.said[-1] == "the stack is not running"
    assert stack.up().healthy
    assert states.load(stack.layout) == state
    _execute(state.owner_uri, "drop table driftgate.kept")


def test_up_reports_the_program_that_does_not_start_with_the_end_of_its_log(stack: Stack) -> None:
    stack.down()
    with (stack.layout.postgres_data / "postgresql.auto.conf").open("a") as stream:
        stream.write("no_such_setting = 1\n")
    try:
        with pytest.raises(commands.StackError, match=r"(?s)postgres .*Last lines of .*no_such_setting.*driftgate up"):
            commands.up(stack.settings, echo=stack.said.append)
    finally:
        stack.down()


def _execute(uri: str, statement: str) -> None:
    command = [str(postgres.binaries() / "psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1", uri.replace("+psycopg2", ""), "-c", statement]
    subprocess.run(command, check=True, capture_output=True)
