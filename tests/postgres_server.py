"""A PostgreSQL of the tests' own: the server of the wheel, made and started the way the embedded stack does it.

No folder outside the given one is touched, so it works for root, for an ordinary user and below a private folder.
"""

from __future__ import annotations

import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg2
from sqlalchemy.engine import URL

from driftgate.stack import postgres
from driftgate.stack.layout import Layout
from driftgate.stack.ports import HOST
from driftgate.stack.postgres import RunAs

_START_SECONDS = 60
_TRIES = 3
_FAST = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")
"""What is lost when the machine stops is only a test."""


@contextmanager
def serve(home: Path) -> Iterator[URL]:
    """Run a server with its data below a new folder; yields the superuser's address of the database ``postgres``.

    The server ends with the block, and also with the test process when that is killed.
    """
    layout = Layout(project_root=home, home=home)
    layout.create()
    password = secrets.token_urlsafe(16)
    runner = postgres.run_as(layout)
    postgres.initialise(layout, password, runner)
    process, port = _start(layout, runner, password)
    try:
        yield _address(port, password)
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        shutil.rmtree(layout.postgres, ignore_errors=True)


def _start(layout: Layout, runner: RunAs, password: str) -> tuple[subprocess.Popen[bytes], int]:
    """Start the server on a free port; another program may take the port first, so try again with another one."""
    log = layout.log_file("postgres")
    for _ in range(_TRIES):
        port = _free_port()
        with log.open("ab") as stream:
            process = subprocess.Popen(_command(layout, port, runner), cwd="/", stdout=stream, stderr=stream)
        if _answers(process, port, password):
            return process, port
    raise AssertionError(f"PostgreSQL did not start:\n{log.read_text(errors='replace')[-2000:]}")


def _command(layout: Layout, port: int, runner: RunAs) -> list[str]:
    command = postgres.server_command(layout, port, runner)
    own = len(runner.prefix)
    end_with_parent = ["setpriv", "--pdeathsig=INT", "--"] if shutil.which("setpriv") else []
    return [*command[:own], *end_with_parent, *command[own:], *(part for option in _FAST for part in ("-c", option))]


def _answers(process: subprocess.Popen[bytes], port: int, password: str) -> bool:
    """Wait until the server answers; False when it ended instead."""
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            psycopg2.connect(host=HOST, port=port, user="postgres", password=password, dbname="postgres", connect_timeout=5).close()
            return True
        except psycopg2.OperationalError:
            time.sleep(0.05)
    process.kill()
    process.wait()
    return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _address(port: int, password: str) -> URL:
    return URL.create("postgresql+psycopg2", "postgres", password, HOST, port, "postgres")
