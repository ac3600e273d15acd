from __future__ import annotations

import json
import re
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from driftgate.errors import StackError
from driftgate.settings import Settings
from driftgate.stack import commands, health, logs, programs
from driftgate.stack import state as states
from driftgate.stack import status as statuses
from driftgate.stack.layout import for_settings
from driftgate.stack.state import StackState
from driftgate.stack.status import ProcessStatus, StackStatus
from driftgate.stack.supervision import ProcessInfo, Supervisor


@pytest.fixture
def stopped(settings: Settings) -> Settings:
    """Settings of a stack that was started once and is stopped now."""
    layout = for_settings(settings)
    layout.create()
    states.save(layout, StackState({"airflow": 1, "mlflow": 2, "postgres": 3, "evidently": 4}, states.generate_secrets()))
    return settings


def test_status_before_the_first_start_says_how_to_start(settings: Settings) -> None:
    status = commands.status(settings)
    assert status.exit_code == 1
    assert not settings.home.exists() or not (settings.home / "stack.json").exists()
    assert "driftgate up" in commands.render_status(status)


def test_status_shows_every_program_with_addresses_and_login(stopped: Settings) -> None:
    text = commands.render_status(commands.status(stopped))
    state = states.load(for_settings(stopped))
    assert state is not None
    assert all(name in text for name in programs.NAMES)
    assert "http://127.0.0.1:1" in text
    assert f"password {state.secrets['airflow_admin']}" in text


def test_json_status_hides_the_password_unless_asked(stopped: Settings) -> None:
    status = commands.status(stopped)
    assert "password" not in json.loads(commands.status_json(status))["login"]
    assert json.loads(commands.status_json(status, show_password=True))["login"]["password"]
    assert json.loads(commands.status_json(status))["processes"][0]["name"] == "postgres"


def _process(**changes: Any) -> ProcessStatus:
    base = ProcessStatus(programs.EVIDENTLY, "RUNNING", 1, 4, False, 0, 5, Path("log"))
    return replace(base, **changes)


@pytest.mark.parametrize(
    ("changes", "in_order", "shown"),
    [
        ({"healthy": True}, True, "healthy"),
        ({"starting": True}, True, "starting"),
        ({"wanted": False, "pid": None}, True, "off"),
        ({}, False, "NOT HEALTHY"),
        ({"pid": None}, False, "-"),
    ],
)
def test_a_program_is_in_order_when_nobody_has_to_do_anything(changes: dict[str, Any], in_order: bool, shown: str) -> None:
    process = _process(**changes)
    assert StackStatus((process,), {}, None).healthy is in_order
    row = commands.render_status(StackStatus((process,), {}, None)).splitlines()[1]
    assert re.search(rf"\s{re.escape(shown)}\s", row)


@pytest.mark.parametrize(
    ("name", "seconds", "starts", "starting"),
    [
        (programs.EVIDENTLY, 5, 1, True),
        (programs.EVIDENTLY, 5, 2, False),
        (programs.EVIDENTLY, 500, 1, False),
        (programs.MLFLOW, 5, 1, False),
    ],
)
def test_only_what_nothing_waits_for_may_be_starting(stopped: Settings, name: str, seconds: int, starts: int, starting: bool) -> None:
    layout = for_settings(stopped)
    layout.run_file(name).write_text(json.dumps({"starts": starts}))
    info = ProcessInfo(name, "RUNNING", 1, time.time() - seconds, "")
    assert statuses._process(layout, states.load(layout), name, info, False).starting is starting


def test_the_evidently_ui_that_is_left_out_is_off_and_has_no_address(stopped: Settings) -> None:
    layout = for_settings(stopped)
    known = states.load(layout)
    assert known is not None
    assert commands.status(stopped).addresses["Evidently"] == "http://127.0.0.1:4"
    states.save(layout, replace(known, evidently=False))
    status = commands.status(stopped)
    assert "Evidently" not in status.addresses
    assert [process.name for process in status.processes if not process.wanted] == [programs.EVIDENTLY]


@pytest.mark.parametrize(("value", "wanted"), [(None, True), ("on", True), ("off", False), ("OFF", False)])
def test_the_environment_says_whether_the_evidently_ui_is_wanted(value: str | None, wanted: bool) -> None:
    assert commands._evidently_wanted({} if value is None else {"DRIFTGATE_EVIDENTLY": value}) is wanted


def test_a_value_that_is_neither_on_nor_off_is_refused(settings: Settings) -> None:
    with pytest.raises(StackError, match=r"DRIFTGATE_EVIDENTLY='maybe' is neither on nor off"):
        commands.up(settings, echo=lambda _: None, environ={"DRIFTGATE_EVIDENTLY": "maybe"})


def test_down_of_a_stack_that_is_not_running_says_so(settings: Settings, stopped: Settings) -> None:
    said: list[str] = []
    commands.down(stopped, echo=said.append)
    assert said == ["the stack is not running"]


def test_psql_without_a_stack_says_how_to_get_one(settings: Settings) -> None:
    with pytest.raises(StackError, match="never started here: run `driftgate up`"):
        commands.psql(settings, "select 1")


def test_a_state_folder_that_cannot_be_made_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    settings = Settings(tmp_path, tmp_path / "file" / "home", tmp_path, tmp_path, None, None, None)
    with pytest.raises(StackError, match="set DRIFTGATE_HOME"):
        commands.up(settings, echo=lambda _: None)


def test_an_unknown_log_name_lists_the_known_ones(stopped: Settings) -> None:
    with pytest.raises(StackError, match=r"no log named 'nginx': choose one of postgres, mlflow, airflow-api-server"):
        commands.logs(stopped, "nginx")


def test_logs_of_one_program_are_its_last_lines(stopped: Settings) -> None:
    path = for_settings(stopped).log_file("mlflow")
    path.write_text("".join(f"line {number}\n" for number in range(50_000)))
    said: list[str] = []
    commands.logs(stopped, "mlflow", lines=3, echo=said.append)
    assert said == ["line 49997", "line 49998", "line 49999"]


def test_a_followed_log_goes_on_after_rotation(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_text("old\n")
    seen: list[str] = []
    steps = iter(["append", "rotate", "partial", "end"])

    def step() -> bool:
        match next(steps, "stop"):
            case "append":
                with path.open("a") as stream:
                    stream.write("new\n")
            case "rotate":
                path.rename(tmp_path / "a.log.1")
                path.write_text("after rotation\nhalf")
            case "partial":
                with path.open("a") as stream:
                    stream.write(" a line\n")
            case "stop":
                return True
        return False

    logs.follow([path], lambda _, line: seen.append(line), until=step)
    assert seen == ["new", "after rotation", "half a line"]


def _info(started: float) -> ProcessInfo:
    return ProcessInfo("airflow-scheduler", "RUNNING", 1, started, "")


def test_a_heartbeat_of_a_dead_predecessor_is_not_health() -> None:
    monitor = {"scheduler": {"status": "healthy", "latest_scheduler_heartbeat": "2026-01-01T00:00:10+00:00"}}
    at_ten_seconds = 1_767_225_610.0
    assert health._beats(monitor, programs.SCHEDULER, _info(at_ten_seconds - 5))
    assert not health._beats(monitor, programs.SCHEDULER, _info(at_ten_seconds + 5))
    assert not health._beats({}, programs.SCHEDULER, _info(0))


def test_nothing_is_healthy_when_nothing_runs(stopped: Settings) -> None:
    state = states.load(for_settings(stopped))
    assert state is not None
    assert not any(health.check(state, {}).values())


def test_the_socket_of_a_long_folder_is_in_a_private_temporary_folder(tmp_path: Path) -> None:
    home = tmp_path / ("long" * 30)
    settings = Settings(tmp_path, home, tmp_path, tmp_path, None, None, None)
    layout = for_settings(settings)
    layout.create()
    first = Supervisor(layout).socket_path()
    assert len(str(first)) < 90
    assert oct(first.parent.stat().st_mode)[-3:] == "700"
    assert Supervisor(layout).socket_path() == first
    first.parent.rmdir()
    replaced = Supervisor(layout).socket_path()
    assert re.search(r"driftgate-\w+/supervisor\.sock$", str(replaced))
    replaced.parent.rmdir()


def test_two_commands_that_change_the_stack_wait_for_each_other(stopped: Settings) -> None:
    layout = for_settings(stopped)
    said: list[str] = []
    with commands._exclusive(layout, said.append):
        waiting = threading.Thread(target=commands.down, args=(stopped, said.append))
        waiting.start()
        waiting.join(1.0)
        assert said == ["another `driftgate up` or `down` is at work: waiting for it"]
    waiting.join(10)
    assert said[-1] == "the stack is not running"
