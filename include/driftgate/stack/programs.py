"""The programs of the stack: command line, environment and how each is stopped; and their files for the supervisor.

The supervisor's configuration names only a launcher and a file per program (mode 0600) that holds the command and the
environment. So no secret is in the configuration, on a command line or in a process that does not need it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from driftgate.settings import Settings
from driftgate.stack import environment, postgres
from driftgate.stack.executors import QUEUES, WORKERS
from driftgate.stack.layout import Layout, write_private, write_private_json
from driftgate.stack.ports import HOST
from driftgate.stack.state import StackState

POSTGRES = "postgres"
MLFLOW = "mlflow"
API_SERVER = "airflow-api-server"
SCHEDULER = "airflow-scheduler"
DAG_PROCESSOR = "airflow-dag-processor"
TRIGGERER = "airflow-triggerer"
EVIDENTLY = "evidently-ui"

AIRFLOW_PROGRAMS = (API_SERVER, SCHEDULER, DAG_PROCESSOR, TRIGGERER)
REQUIRED = (POSTGRES, MLFLOW, *AIRFLOW_PROGRAMS)
"""What runs need, in the order of starting; `up` waits for these."""
NAMES = (*REQUIRED, EVIDENTLY)
"""Every program of a stack whose scheduler runs the tasks, in the order of starting."""

STOP_ORDER = ((SCHEDULER, *WORKERS), (DAG_PROCESSOR, TRIGGERER, API_SERVER, MLFLOW, EVIDENTLY), (POSTGRES,))
"""Stages of stopping. What runs tasks first: they still need the other programs to report that they ended."""

LOG_BYTES = "10MB"
LOG_BACKUPS = 3

_POSTGRES_ENVIRONMENT = ("PATH", "LANG", "LC_ALL", "TZ", "HOME", "TMPDIR")


@dataclass(frozen=True)
class Program:
    """One supervised program."""

    name: str
    command: list[str]
    environment: dict[str, str] = field(repr=False)
    directory: Path
    inherits: bool = True
    """Whether the variables of the shell that started the stack are passed on (credentials of data sources live there)."""
    waits_for: list[str] | None = None
    """Command that must succeed before the program starts, so that a restart of PostgreSQL makes nobody fail in a loop."""
    stop_signal: str = "TERM"
    stop_seconds: int = 20
    signals_group: bool = True
    """Whether stopping signals the whole process group; PostgreSQL and the scheduler tell their own children instead."""
    start_seconds: int = 3


def required(state: StackState) -> tuple[str, ...]:
    """Names of what runs need in this stack, in the order of starting."""
    return (*REQUIRED, *WORKERS) if state.broker else REQUIRED


def names(state: StackState) -> tuple[str, ...]:
    """Names of every program of this stack, in the order of starting."""
    return (*required(state), EVIDENTLY)


def all_programs(
    settings: Settings, layout: Layout, state: StackState, runner: postgres.RunAs, inherited: Mapping[str, str]
) -> list[Program]:
    """Build the programs of this stack, in the order of starting."""
    database = postgres.ready_command(state.ports["postgres"])
    airflow_environment = environment.airflow(settings, layout, state, inherited)

    def airflow(name: str, *arguments: str, stop_seconds: int = 20, signals_group: bool = True) -> Program:
        command = [sys.executable, "-m", "airflow", *arguments]
        return Program(
            name,
            command,
            airflow_environment,
            settings.project_root,
            waits_for=database,
            stop_seconds=stop_seconds,
            signals_group=signals_group,
        )

    def worker(name: str) -> Program:
        queues = ",".join(dict.fromkeys([QUEUES, *settings.queues]))
        arguments = ("celery", "worker", "--celery-hostname", f"{name}@%h", "--queues", queues, "--skip-serve-logs")
        return airflow(name, *arguments, stop_seconds=60, signals_group=False)

    return [
        _postgres(layout, state, runner, inherited),
        _mlflow(settings, layout, state, inherited),
        airflow(API_SERVER, "api-server", "--host", HOST, "--port", str(state.ports["airflow"]), "--workers", "1"),
        airflow(SCHEDULER, "scheduler", "--skip-serve-logs", stop_seconds=60, signals_group=False),
        airflow(DAG_PROCESSOR, "dag-processor"),
        airflow(TRIGGERER, "triggerer", "--skip-serve-logs"),
        *(worker(name) for name in WORKERS if state.broker),
        _evidently(settings, layout, state, inherited),
    ]


def write_files(layout: Layout, programs: list[Program], socket: Path) -> None:
    """Write one private file per program and the supervisor's configuration."""
    for program in programs:
        write_private_json(
            layout.program_file(program.name),
            {
                "name": program.name,
                "command": program.command,
                "environment": program.environment,
                "inherits": program.inherits,
                "waits_for": program.waits_for,
                "directory": str(program.directory),
                "run_file": str(layout.run_file(program.name)),
            },
        )
    write_private(layout.supervisor_conf, render_supervisor_conf(layout, programs, socket))


def render_supervisor_conf(layout: Layout, programs: list[Program], socket: Path) -> str:
    """Render the supervisor's configuration: a private Unix socket, no network server, no secret.

    Paths are relative to the folder in which the supervisor is started: it expands ``%`` and cuts at ``;`` in every value,
    so a path of the user's must not appear in it.
    """
    sections = [
        "; Written by `driftgate up`; changes are lost.",
        _section(
            "supervisord",
            {
                "logfile": _relative(layout, layout.log_file("supervisord")),
                "logfile_maxbytes": LOG_BYTES,
                "logfile_backups": LOG_BACKUPS,
                "pidfile": _relative(layout, layout.supervisor_pid),
                "childlogdir": _relative(layout, layout.logs),
                "identifier": "driftgate",
                "umask": "077",
                "nocleanup": "true",
            },
        ),
        _section("unix_http_server", {"file": socket, "chmod": "0700"}),
        _section("rpcinterface:supervisor", {"supervisor.rpcinterface_factory": "supervisor.rpcinterface:make_main_rpcinterface"}),
    ]
    sections += [_program_section(layout, program, order) for order, program in enumerate(programs)]
    return "\n".join(sections)


def _program_section(layout: Layout, program: Program, order: int) -> str:
    launcher = [Path(sys.executable).name, "-m", "driftgate.stack.launch", _relative(layout, layout.program_file(program.name))]
    return _section(
        f"program:{program.name}",
        {
            "command": " ".join(launcher),
            "priority": order + 1,
            "autostart": "false",
            "autorestart": "true",
            "startsecs": program.start_seconds,
            "startretries": 15,
            "stopsignal": program.stop_signal,
            "stopwaitsecs": program.stop_seconds,
            "stopasgroup": str(program.signals_group).lower(),
            "killasgroup": "true",
            "redirect_stderr": "true",
            "stdout_logfile": _relative(layout, layout.log_file(program.name)),
            "stdout_logfile_maxbytes": LOG_BYTES,
            "stdout_logfile_backups": LOG_BACKUPS,
        },
    )


def _section(name: str, options: Mapping[str, object]) -> str:
    return "\n".join([f"[{name}]", *(f"{key}={value}" for key, value in options.items()), ""])


def _relative(layout: Layout, path: Path) -> str:
    return os.path.relpath(path, layout.stack)


def _postgres(layout: Layout, state: StackState, runner: postgres.RunAs, inherited: Mapping[str, str]) -> Program:
    return Program(
        POSTGRES,
        postgres.server_command(layout, state.ports["postgres"], runner),
        {name: inherited[name] for name in _POSTGRES_ENVIRONMENT if name in inherited},
        layout.project_root,
        inherits=False,
        stop_signal="INT",
        stop_seconds=60,
        signals_group=False,
        start_seconds=2,
    )


def _mlflow(settings: Settings, layout: Layout, state: StackState, inherited: Mapping[str, str]) -> Program:
    options = ["--host", HOST, "--port", str(state.ports["mlflow"]), "--workers", "1"]
    return Program(
        MLFLOW,
        [sys.executable, "-m", "driftgate.serve.mlflow_server", *options, "--artifacts-destination", str(layout.mlflow_artifacts)],
        environment.mlflow(settings, layout, state, inherited),
        layout.mlflow_artifacts.parent,
        waits_for=postgres.ready_command(state.ports["postgres"]),
    )


def _evidently(settings: Settings, layout: Layout, state: StackState, inherited: Mapping[str, str]) -> Program:
    """Pages for people only, so everything else has precedence on the processor."""
    command = ["nice", "-n", "5", sys.executable, "-P", "-m", "driftgate.report.ui_server"]
    return Program(
        EVIDENTLY,
        [*command, "--workspace", str(settings.evidently_dir), "--port", str(state.ports["evidently"])],
        environment.evidently(settings, state, inherited),
        layout.home,
        inherits=False,
        stop_seconds=10,
    )
