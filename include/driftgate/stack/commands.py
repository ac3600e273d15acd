"""The commands of the embedded stack: up, down, status, logs, psql."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import psutil

from driftgate.errors import StackError
from driftgate.files import LockHeldError, locked
from driftgate.settings import Settings
from driftgate.stack import executors, health, migrations, pools, ports, postgres, programs, provision
from driftgate.stack import logs as log_files
from driftgate.stack import state as states
from driftgate.stack import status as statuses
from driftgate.stack.layout import Layout, for_settings, read_json
from driftgate.stack.ports import HOST
from driftgate.stack.state import StackState
from driftgate.stack.status import StackStatus
from driftgate.stack.supervision import Supervisor

Echo = Callable[[str], None]

START_SECONDS = 300.0
"""How long `up` waits for all programs to become healthy; a slow machine needs about one minute."""

_POSTGRES_SECONDS = 60.0
_LOCK_SECONDS = 600.0
_REMINDER_SECONDS = 15.0
_POLL_SECONDS = 0.5
_MAXIMUM_STARTS = 4
_LOG_LINES_ON_FAILURE = 20
_MINIMUM_DISK_BYTES = 1_000_000_000
_MINIMUM_MEMORY_BYTES = 1_500_000_000


def up(
    settings: Settings,
    *,
    port_base: int | None = None,
    echo: Echo = print,
    environ: Mapping[str, str] | None = None,
    evidently: bool | None = None,
) -> StackStatus:
    """Start the stack, or whatever part of it is not running, and wait until everything that runs need is healthy.

    Parameters
    ----------
    settings
        Where the project and the state folder are.
    port_base
        When given, the ports ``port_base`` to ``port_base + 3`` are preferred (Airflow, MLflow, PostgreSQL, Evidently UI).
    echo
        Told every line of progress.
    environ
        The environment that the programs inherit; by default that of this process.
    evidently
        Whether the Evidently UI is part of the stack from now on; None: DRIFTGATE_EVIDENTLY says so (``on`` or ``off``, by
        default on). It starts last, and nothing waits for it.

    Raises
    ------
    StackError
        A port is taken, the machine lacks memory or disk, or a program did not become healthy; the message ends with
        the last lines of that program's log.
    """
    env = os.environ if environ is None else environ
    wanted = _evidently_wanted(env) if evidently is None else evidently
    layout = for_settings(settings)
    layout.create()
    with _exclusive(layout, echo), ports.Claims() as claims:
        supervisor = Supervisor(layout)
        if supervisor.answers():
            state = _with_evidently(layout, _running_state(settings, layout, env, echo), supervisor, wanted, echo)
            current = statuses.collect(layout, state, supervisor)
            if current.healthy:
                echo("the stack is already running")
                return current
        else:
            choose = partial(ports.choose, env, port_base=port_base, take=claims.take, echo=echo)
            state = _prepare(settings, layout, supervisor, env, choose, wanted, echo)
        started = time.monotonic()
        _start(settings, layout, state, supervisor, echo)
        echo(f"the stack is up ({time.monotonic() - started:.0f} s)")
        return statuses.collect(layout, state, supervisor)


def down(settings: Settings, echo: Echo = print) -> None:
    """Stop every process of the stack in order; data, passwords and ports are kept. Does nothing when nothing runs."""
    layout = for_settings(settings)
    if not layout.stack.exists():
        echo("the stack is not running")
        return
    with _exclusive(layout, echo):
        supervisor = Supervisor(layout)
        was_running = supervisor.pid is not None
        if was_running:
            echo("stopping the stack (running tasks get a minute to finish)")
        leftovers = supervisor.stop_all()
        if leftovers:
            echo(f"ended {leftovers} processes that were left over")
        echo("the stack is stopped; nothing was deleted" if was_running or leftovers else "the stack is not running")


def status(settings: Settings) -> StackStatus:
    """State, health and addresses of every program; never waits for anything to change."""
    layout = for_settings(settings)
    return statuses.collect(layout, states.load(layout), Supervisor(layout))


def render_status(status: StackStatus) -> str:
    """Render the status as a person reads it, with the password of the login."""
    return statuses.render(status)


def status_json(status: StackStatus, *, show_password: bool = False, more: Mapping[str, Any] | None = None) -> str:
    """Render the status as JSON, with ``more`` beside it; the password itself only when asked for."""
    return statuses.as_json(status, show_password=show_password, more=more)


def logs(settings: Settings, name: str | None = None, follow: bool = False, lines: int = 50, echo: Echo = print) -> None:
    """Print the last lines of one program's log, or of all, and go on with new lines when ``follow``.

    Raises
    ------
    StackError
        There is no program of that name.
    """
    layout = for_settings(settings)
    recorded = states.load(layout)
    known = (*(programs.names(recorded) if recorded else programs.NAMES), "supervisord")
    if name is not None and name not in known:
        raise StackError(f"there is no log named {name!r}: choose one of {', '.join(known)}")
    selected = (name,) if name else known
    for program in selected:
        if name is None:
            echo(f"==> {program} ({layout.log_file(program)}) <==")
        for line in log_files.last_lines(layout.log_file(program), lines):
            echo(line)
    if follow:
        paths = [layout.log_file(program) for program in selected]
        log_files.follow(paths, lambda path, line: echo(line if name else f"{path.stem}: {line}"))


def psql(settings: Settings, sql: str | None = None) -> int:
    """Look into the records with psql, as the role that can only read; interactive without ``sql``.

    Returns
    -------
    int
        The exit code of psql: 0 when the statement succeeded.
    """
    state = states.load(for_settings(settings))
    if state is None:
        raise StackError("the embedded stack was never started here: run `driftgate up` first")
    if not provision.accepts_connections(state):
        raise StackError(f"PostgreSQL does not answer on {HOST}:{state.ports['postgres']}: run `driftgate up` first")
    command = [str(postgres.binaries() / "psql"), "-X", "-h", HOST, "-p", str(state.ports["postgres"])]
    command += ["-U", "driftgate_reader", "-d", "driftgate", "-v", "ON_ERROR_STOP=1"]
    if sql is not None:
        command += ["-P", "pager=off", "-c", sql]
    environ = {**os.environ, "PGPASSWORD": state.secrets["driftgate_reader"], "PGCONNECT_TIMEOUT": "5"}
    return subprocess.run(command, env=environ, check=False).returncode


def _prepare(
    settings: Settings,
    layout: Layout,
    supervisor: Supervisor,
    env: Mapping[str, str],
    choose: Callable[[Mapping[str, int]], dict[str, int]],
    evidently: bool,
    echo: Echo,
) -> StackState:
    """Everything before the first process: leftovers, resources, ports, secrets, data folder, configuration, supervisor."""
    if supervisor.pid is not None or layout.session.exists():
        leftovers = supervisor.stop_all()
        if leftovers:
            echo(f"ended {leftovers} processes that an interrupted stack left behind")
    _require_resources(layout)
    broker = executors.broker(env)
    if broker:
        executors.require_answer(broker)
    known = states.load(layout)
    chosen = choose(known.ports if known else {})
    state = StackState(chosen, states.generate_secrets(known.secrets if known else None), evidently, broker, settings.data_url)
    states.save(layout, state)
    runner = postgres.run_as(layout)
    postgres.clear_stale_pid(layout)
    superuser = state.secrets[states.SUPERUSER]
    made = postgres.initialise(layout, superuser, runner)
    if made:
        echo(f"PostgreSQL: new database folder {layout.postgres_data}")
    elif known is None or states.SUPERUSER not in known.secrets:
        echo("PostgreSQL: the old passwords are gone, setting new ones")
        postgres.reset_superuser_password(layout, superuser, runner)
    programs.write_files(layout, programs.all_programs(settings, layout, state, runner, env), supervisor.socket_path())
    supervisor.start({**env, "PYTHONPATH": str(settings.project_root / "include")})
    return state


def _start(settings: Settings, layout: Layout, state: StackState, supervisor: Supervisor, echo: Echo) -> None:
    """Start the programs in order and wait for their health; what runs already is left alone."""
    supervisor.start_program(programs.POSTGRES)
    _wait_healthy(layout, state, supervisor, (programs.POSTGRES,), _POSTGRES_SECONDS, echo)
    provision.provision(state)
    supervisor.start_program(programs.MLFLOW)
    migrations.migrate(settings, layout, state, echo)
    for name in programs.required(state)[2:]:
        supervisor.start_program(name)
    _wait_healthy(layout, state, supervisor, programs.required(state)[1:], START_SECONDS, echo)
    health.warm_up(state)
    for pool in pools.ensure(settings, state):
        echo(f"pool {pool}: made")
    if state.evidently:
        supervisor.start_program(programs.EVIDENTLY)
        echo(f"{programs.EVIDENTLY}: starting{_address(state, programs.EVIDENTLY)}, nothing waits for it")


def _wait_healthy(layout: Layout, state: StackState, supervisor: Supervisor, names: tuple[str, ...], seconds: float, echo: Echo) -> None:
    started = reminded = time.monotonic()
    waiting = list(names)
    while True:
        processes = supervisor.processes()
        healthy = health.check(state, processes)
        for name in [name for name in waiting if healthy[name]]:
            waiting.remove(name)
            echo(f"{name}: healthy{_address(state, name)} ({time.monotonic() - started:.1f} s)")
        if not waiting:
            return
        for name in waiting:
            starts = int(read_json(layout.run_file(name)).get("starts", 0))
            if processes[name].state == "FATAL" or starts > _MAXIMUM_STARTS:
                raise _failure(layout, name, f"does not stay up: it was started {starts} times ({processes[name].detail})")
        if time.monotonic() - started > seconds:
            raise _failure(layout, waiting[0], f"is not healthy after {seconds:.0f} s (also waiting: {', '.join(waiting[1:]) or 'none'})")
        if time.monotonic() - reminded > _REMINDER_SECONDS:
            reminded = time.monotonic()
            echo(f"still waiting for {', '.join(waiting)} ({reminded - started:.0f} s)")
        time.sleep(_POLL_SECONDS)


def _failure(layout: Layout, name: str, what: str) -> StackError:
    path = layout.log_file(name)
    tail = "\n".join(f"  {line}" for line in log_files.last_lines(path, _LOG_LINES_ON_FAILURE))
    return StackError(
        f"{name} {what}. Last lines of {path}:\n{tail}\nThe rest of the stack was left as it is: "
        "correct the cause and run `driftgate up` again, or `driftgate down`"
    )


def _address(state: StackState, name: str) -> str:
    service = statuses.PORTS.get(name)
    return f" on {HOST}:{state.ports[service]}" if service else ""


def _running_state(settings: Settings, layout: Layout, env: Mapping[str, str], echo: Echo) -> StackState:
    """Load the state of a running stack; what is asked for now and differs takes effect only after a `down`."""
    state = states.load(layout)
    if state is None:
        raise StackError(f"the stack is running, but {layout.stack_file} is gone: run `driftgate down`, then `driftgate up`")
    for service, port in ports.explicit_ports(env).items():
        if port != state.ports.get(service, port):
            echo(f"{ports.variable(service)}={port} takes effect after `driftgate down`: {service} runs on port {state.ports[service]}")
    if executors.broker(env) != state.broker:
        running = f"{len(executors.WORKERS)} Celery workers" if state.broker else "the scheduler"
        echo(f"{executors.EXECUTOR} and {executors.BROKER} take effect after `driftgate down`: now {running} run the tasks")
    if settings.data_url != state.data_url:
        echo(f"DRIFTGATE_DATA_URL takes effect after `driftgate down`: now the data lies in {state.data_url or layout.home}")
    return state


def _evidently_wanted(env: Mapping[str, str]) -> bool:
    value = env.get("DRIFTGATE_EVIDENTLY", "on")
    if value.lower() not in ("on", "off"):
        raise StackError(f"DRIFTGATE_EVIDENTLY={value!r} is neither on nor off: write one of them, or unset it (on)")
    return value.lower() == "on"


def _with_evidently(layout: Layout, state: StackState, supervisor: Supervisor, wanted: bool, echo: Echo) -> StackState:
    """Note in a running stack whether the Evidently UI is part of it, and stop it when it is not."""
    if wanted == state.evidently:
        return state
    if programs.EVIDENTLY not in supervisor.processes():
        echo(f"{programs.EVIDENTLY} is not known to the running stack: it starts with the first `driftgate up` after `driftgate down`")
        return state
    state = replace(state, evidently=wanted)
    states.save(layout, state)
    if not wanted:
        supervisor.stop_programs((programs.EVIDENTLY,))
        echo(f"{programs.EVIDENTLY}: stopped")
    return state


def _require_resources(layout: Layout) -> None:
    disk = shutil.disk_usage(layout.home).free
    if disk < _MINIMUM_DISK_BYTES:
        raise StackError(
            f"only {disk / 1e9:.1f} GB are free on the disk of {layout.home}, the stack needs {_MINIMUM_DISK_BYTES / 1e9:.1f} GB: "
            "free some, or set DRIFTGATE_HOME to a folder on another disk"
        )
    memory = psutil.virtual_memory().available + psutil.swap_memory().free
    if memory < _MINIMUM_MEMORY_BYTES:
        raise StackError(
            f"only {memory / 1e9:.1f} GB of memory are available, the stack needs {_MINIMUM_MEMORY_BYTES / 1e9:.1f} GB: "
            "end other programs first"
        )


@contextmanager
def _exclusive(layout: Layout, echo: Echo) -> Iterator[None]:
    """Hold the stack's lock: two commands that change the stack run one after the other."""
    try:
        with locked(layout.lock, _LOCK_SECONDS, lambda: echo("another `driftgate up` or `down` is at work: waiting for it")):
            yield
    except LockHeldError:
        raise StackError(f"another `driftgate up` or `down` has held {layout.lock} for {_LOCK_SECONDS:.0f} s") from None
