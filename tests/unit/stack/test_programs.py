from __future__ import annotations

import configparser
import json
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from driftgate.settings import Settings
from driftgate.stack import environment, programs
from driftgate.stack import state as states
from driftgate.stack.executors import WORKERS
from driftgate.stack.layout import Layout, for_settings
from driftgate.stack.postgres import RunAs
from driftgate.stack.programs import Program
from driftgate.stack.state import StackState

INHERITED = {
    "PATH": "/usr/bin",
    "PYTHONDONTWRITEBYTECODE": "1",
    "AIRFLOW__CORE__PARALLELISM": "3",
    "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": "sqlite:////tmp/other.db",
    "SOURCE_PASSWORD": "of-a-data-source",
    "http_proxy": "http://proxy:3128",
    "no_proxy": "example.org",
}


@pytest.fixture
def state() -> StackState:
    return StackState({"airflow": 18080, "mlflow": 15000, "postgres": 15433, "evidently": 18000}, states.generate_secrets())


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    root = tmp_path / "a project; 100 % 'odd'"
    root.mkdir()
    return Settings(root, root / ".driftgate", root / "monitors", root / "great_expectations", None, None, None)


@pytest.fixture
def layout(settings: Settings) -> Layout:
    made = for_settings(settings)
    made.create()
    return made


@pytest.fixture
def made(settings: Settings, layout: Layout, state: StackState) -> list[Program]:
    return programs.all_programs(settings, layout, state, RunAs(), INHERITED)


def test_no_secret_is_in_the_supervisor_configuration_or_on_a_command_line(layout: Layout, made: list[Program], state: StackState) -> None:
    visible = programs.render_supervisor_conf(layout, made, layout.run / "s.sock") + json.dumps([program.command for program in made])
    assert [name for name, secret in state.secrets.items() if secret in visible] == []


def test_the_supervisor_listens_on_a_private_socket_only(layout: Layout, made: list[Program]) -> None:
    conf = _parsed(programs.render_supervisor_conf(layout, made, layout.run / "s.sock"))
    assert "inet_http_server" not in conf
    assert conf["unix_http_server"]["chmod"] == "0700"


def test_every_program_is_restarted_and_its_whole_group_is_killed(layout: Layout, made: list[Program]) -> None:
    conf = _parsed(programs.render_supervisor_conf(layout, made, layout.run / "s.sock"))
    for name in programs.NAMES:
        section = conf[f"program:{name}"]
        assert (section["autorestart"], section["killasgroup"], section["autostart"]) == ("true", "true", "false")
        assert (layout.stack / section["stdout_logfile"]).resolve() == layout.log_file(name).resolve()


def test_the_supervisor_understands_the_configuration_of_a_folder_with_odd_characters(
    layout: Layout, made: list[Program], monkeypatch: pytest.MonkeyPatch
) -> None:
    from supervisor.options import ServerOptions

    programs.write_files(layout, made, Path("s.sock"))
    monkeypatch.chdir(layout.stack)
    options = ServerOptions()
    options.realize(["-c", str(layout.supervisor_conf)])
    found = {config.name: config for group in options.process_group_configs for config in group.process_configs}
    assert set(found) == set(programs.NAMES)
    assert Path(found["mlflow"].command.split()[-1]).resolve() == layout.program_file("mlflow").resolve()
    assert Path(found["mlflow"].stdout_logfile).resolve() == layout.log_file("mlflow").resolve()


def test_program_files_are_private(layout: Layout, made: list[Program]) -> None:
    programs.write_files(layout, made, layout.run / "s.sock")
    modes = {stat.S_IMODE(path.stat().st_mode) for path in [*layout.programs.iterdir(), layout.supervisor_conf]}
    assert modes == {0o600}


def test_programs_start_with_the_database_and_stop_with_the_scheduler(made: list[Program]) -> None:
    assert [program.name for program in made] == list(programs.NAMES)
    assert programs.NAMES[0] == programs.POSTGRES
    assert programs.STOP_ORDER[0] == (programs.SCHEDULER, *WORKERS)
    assert programs.STOP_ORDER[-1] == (programs.POSTGRES,)
    assert sorted(name for stage in programs.STOP_ORDER for name in stage) == sorted((*programs.NAMES, *WORKERS))


def test_every_server_listens_on_the_loopback_address_only(made: list[Program]) -> None:
    commands = {program.name: " ".join(program.command) for program in made}
    assert "listen_addresses=127.0.0.1" in commands["postgres"]
    assert "unix_socket_directories= " in commands["postgres"]
    assert "--host 127.0.0.1" in commands["mlflow"]
    assert "--host 127.0.0.1" in commands["airflow-api-server"]
    assert "--host" not in commands["evidently-ui"]  # its address is not a choice: see test_ui_server
    assert "--skip-serve-logs" in commands["airflow-scheduler"]
    assert "--skip-serve-logs" in commands["airflow-triggerer"]


def test_writes_of_the_database_are_durable(made: list[Program]) -> None:
    assert "fsync=on" in made[0].command


def test_postgres_gets_no_secret_and_nothing_of_the_users_environment(made: list[Program], state: StackState) -> None:
    assert not made[0].inherits
    assert made[0].environment == {"PATH": "/usr/bin"}


def test_mlflow_gets_the_secret_of_its_own_database_only(made: list[Program], state: StackState) -> None:
    text = json.dumps(made[1].environment)
    assert [name for name, secret in state.secrets.items() if secret in text] == ["mlflow"]


def test_airflow_never_sees_the_superuser_or_the_owner_of_the_records(made: list[Program], state: StackState) -> None:
    text = json.dumps(made[2].environment)
    hidden = ("postgres", "mlflow", "driftgate_owner", "driftgate_reader", "airflow_admin")
    assert [name for name in hidden if state.secrets[name] in text] == []


def test_the_evidently_ui_gets_its_own_secret_and_nothing_of_the_users_environment(
    layout: Layout, made: list[Program], state: StackState
) -> None:
    program = made[-1]
    assert program.name == programs.EVIDENTLY
    assert not program.inherits
    text = json.dumps(program.environment)
    assert [name for name, secret in state.secrets.items() if secret in text] == ["evidently"]
    assert "of-a-data-source" not in text
    assert program.environment["DO_NOT_TRACK"] == "1"
    assert str(layout.home / "evidently") in program.command


def test_the_evidently_ui_reads_the_folder_that_tasks_write(settings: Settings, layout: Layout, state: StackState) -> None:
    shared = replace(settings, evidently_workspace=Path("/mnt/evidently"))
    command = programs.all_programs(shared, layout, state, RunAs(), INHERITED)[-1].command
    assert command[command.index("--workspace") + 1] == str(shared.evidently_dir) == "/mnt/evidently"


def test_nothing_waits_for_the_evidently_ui() -> None:
    assert (*programs.REQUIRED, programs.EVIDENTLY) == programs.NAMES


def test_the_users_tuning_wins_but_not_what_the_stack_depends_on(settings: Settings, layout: Layout, state: StackState) -> None:
    made = environment.airflow(settings, layout, state, INHERITED)
    assert made["AIRFLOW__CORE__PARALLELISM"] == "3"
    assert made["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"] == state.database_uri("airflow", "airflow")


@pytest.mark.parametrize(("monitors", "seconds"), [(1, 30), (50, 30), (200, 120)])
def test_many_monitors_are_looked_at_less_often(
    monitors: int, seconds: int, settings: Settings, layout: Layout, state: StackState, tmp_path: Path
) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(monitors):
        (folder / f"m{number}.yaml").touch()
    made = environment.airflow(replace(settings, monitors_dir=folder), layout, state, {})
    assert made["AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL"] == str(seconds)
    chosen = environment.airflow(settings, layout, state, {"AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "5"})
    assert chosen["AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL"] == "5"


def test_bytecode_is_written_and_proxies_are_bypassed(settings: Settings, layout: Layout, state: StackState) -> None:
    passed = {**environment.without_dropped(INHERITED), **environment.airflow(settings, layout, state, INHERITED)}
    assert "PYTHONDONTWRITEBYTECODE" not in passed
    assert passed["SOURCE_PASSWORD"] == "of-a-data-source"
    assert passed["NO_PROXY"] == passed["no_proxy"] == "example.org,127.0.0.1,localhost"


def test_tasks_reach_the_records_by_connection_and_by_address(settings: Settings, layout: Layout, state: StackState) -> None:
    made = environment.airflow(settings, layout, state, {})
    assert made["AIRFLOW_CONN_DRIFTGATE_DB"] == f"postgres://driftgate_app:{state.secrets['driftgate_app']}@127.0.0.1:15433/driftgate"
    assert made["DRIFTGATE_DATABASE_URI"] == state.app_uri
    assert made["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"] == "http://127.0.0.1:18080/execution/"


def _parsed(text: str) -> configparser.RawConfigParser:
    parser = configparser.RawConfigParser()
    parser.read_string(text)
    return parser
