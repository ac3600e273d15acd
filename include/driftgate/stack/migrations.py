"""Schemas of the embedded databases brought up to date: Driftgate's own, and Airflow's when its version changed."""

from __future__ import annotations

import importlib.metadata
import os
import subprocess
import sys
from collections.abc import Callable

from driftgate.errors import StackError
from driftgate.settings import Settings
from driftgate.stack import environment, provision
from driftgate.stack.layout import Layout, read_json
from driftgate.stack.programs import SCHEDULER
from driftgate.stack.state import StackState

_TIMEOUT = 600


def migrate(settings: Settings, layout: Layout, state: StackState, echo: Callable[[str], None]) -> None:
    """Migrate both databases; Airflow's only when the version recorded with the database is another one."""
    version = f"airflow {importlib.metadata.version('apache-airflow-core')}"
    airflow = None
    if provision.database_comment(state, "airflow") != version:
        echo(f"databases: migrating {version}")
        airflow = _start_airflow_migration(settings, layout)
    try:
        from driftgate.record.migrate import migrate as migrate_records

        migrate_records(state.owner_uri)
    finally:
        if airflow is not None:
            _finish(airflow)
    if airflow is not None:
        provision.set_database_comment(state, "airflow", version)


def airflow_environment(layout: Layout) -> dict[str, str]:
    """Environment in which Airflow's command line talks to this stack, as the stack's own programs do."""
    program = read_json(layout.program_file(SCHEDULER))
    if not program:
        raise StackError("the stack was never started here: run `driftgate up` first")
    return {**environment.without_dropped(os.environ), **program["environment"]}


def _start_airflow_migration(settings: Settings, layout: Layout) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "airflow", "db", "migrate"]
    return subprocess.Popen(
        command,
        env=airflow_environment(layout),
        cwd=settings.project_root,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def _finish(process: subprocess.Popen[str]) -> None:
    try:
        output, _ = process.communicate(timeout=_TIMEOUT)
    except subprocess.TimeoutExpired as error:
        process.kill()
        raise StackError(f"`airflow db migrate` did not end within {_TIMEOUT} s") from error
    if process.returncode:
        tail = "\n".join(output.strip().splitlines()[-20:])
        raise StackError(f"`airflow db migrate` failed with exit code {process.returncode}:\n{tail}")
