"""The process supervisor: started with its private configuration, spoken to over its Unix socket."""

from __future__ import annotations

import http.client
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
import xmlrpc.client
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import psutil

from driftgate.errors import StackError
from driftgate.stack import postgres
from driftgate.stack.layout import Layout, read_json, write_private, write_private_json
from driftgate.stack.processes import boot_id, descendants, end_all, is_running, members_of_session
from driftgate.stack.programs import STOP_ORDER

RUNNING = "RUNNING"
STOPPED_STATES = ("STOPPED", "EXITED", "FATAL", "UNKNOWN")
UNSUPERVISED = "STOPPED"

_SOCKET_PATH_LIMIT = 90
"""The kernel allows 107 bytes, and the supervisor first binds a longer temporary name."""
_PLAIN_PATH = re.compile(r"[\w./+@-]+")
"""Paths that mean the same to the supervisor's configuration, which has signs of its own."""
_START_SECONDS = 15.0
_QUIT_SECONDS = 90.0
_SWEEP_SECONDS = 10.0
_POLL_SECONDS = 0.1


@dataclass(frozen=True)
class ProcessInfo:
    """What the supervisor knows about one program."""

    name: str
    state: str
    pid: int | None
    started: float | None
    """Start of the running process, seconds since the epoch."""
    detail: str


class Supervisor:
    """One stack's supervisord."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    @property
    def pid(self) -> int | None:
        """Process id of the living supervisord of this stack, None when there is none."""
        try:
            pid = int(self._layout.supervisor_pid.read_text())
        except (OSError, ValueError):
            return None
        return pid if is_running(pid, command_contains=str(self._layout.supervisor_conf)) else None

    def answers(self) -> bool:
        """Whether a living supervisord answers on its socket."""
        if self.pid is None:
            return False
        try:
            self._call("getState")
        except StackError:
            return False
        return True

    def socket_path(self) -> Path:
        """Where the socket is; in a private temporary folder when the state folder's path is too long or too odd for it."""
        inside = self._layout.run / "supervisor.sock"
        if len(os.fsencode(inside)) <= _SOCKET_PATH_LIMIT and _PLAIN_PATH.fullmatch(str(inside)):
            return inside
        record = self._layout.run / "socket_folder"
        recorded = Path(record.read_text().strip()) if record.exists() else None
        if recorded is None or not _is_private(recorded):
            recorded = Path(tempfile.mkdtemp(prefix="driftgate-"))
            write_private(record, f"{recorded}\n")
        return recorded / "supervisor.sock"

    def start(self, environ: Mapping[str, str]) -> None:
        """Start supervisord as a daemon; it starts no program by itself, and finds the launcher's Python on the path."""
        self.socket_path().unlink(missing_ok=True)
        self._layout.supervisor_pid.unlink(missing_ok=True)
        command = [sys.executable, "-m", "supervisor.supervisord", "-c", str(self._layout.supervisor_conf)]
        path = f"{Path(sys.executable).parent}{os.pathsep}{environ.get('PATH', os.defpath)}"
        result = subprocess.run(
            command,
            env={**environ, "PATH": path},
            cwd=self._layout.stack,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if result.returncode:
            raise StackError(f"the process supervisor could not start: {(result.stderr or result.stdout).strip()[-800:]}")
        deadline = time.monotonic() + _START_SECONDS
        while not self.answers():
            if time.monotonic() > deadline:
                raise StackError(f"the process supervisor did not answer within {_START_SECONDS:.0f} s: see {self._log}")
            time.sleep(0.05)
        write_private_json(self._layout.session, {"session": self.pid, "boot": boot_id()})

    def processes(self) -> dict[str, ProcessInfo]:
        """State of every program by name; empty when supervisord is not running."""
        if self.pid is None:
            return {}
        rows = cast("list[dict[str, Any]]", self._call("getAllProcessInfo"))
        return {row["name"]: _info(row) for row in rows}

    def start_program(self, name: str) -> None:
        """Start a program unless it runs or is being started; its restarts are counted from here."""
        info = self.processes().get(name)
        if info is None:
            raise StackError(f"the process supervisor does not know {name}: `driftgate down`, then `driftgate up`")
        if info.state == RUNNING:
            return
        last = read_json(self._layout.run_file(name))
        write_private_json(self._layout.run_file(name), {"group": last.get("group", 0), "starts": 0})
        if info.state in STOPPED_STATES:
            self._call("startProcess", name, False)

    def stop_programs(self, names: Sequence[str]) -> None:
        """Stop programs at the same time and wait until all have ended; the supervisor kills what does not end in its time."""
        for name in names:
            try:
                self._call("stopProcess", name, False)
            except xmlrpc.client.Fault as fault:
                # BAD_NAME: a stack that an earlier release started does not know the program
                if not {"NOT_RUNNING", "BAD_NAME"} & set(fault.faultString.replace(":", " ").split()):
                    raise StackError(f"{name} could not be stopped: {fault.faultString}") from fault
        deadline = time.monotonic() + _QUIT_SECONDS
        while any(info.pid for name, info in self.processes().items() if name in names):
            if time.monotonic() > deadline:
                raise StackError(f"{', '.join(names)} did not stop within {_QUIT_SECONDS:.0f} s: see {self._log}")
            time.sleep(_POLL_SECONDS)

    def stop_all(self) -> int:
        """Stop supervisord and everything it started, also when it does not answer or is dead already.

        Returns
        -------
        int
            How many processes had to be ended besides the programs' own orderly stop.
        """
        pid = self.pid
        family = descendants(pid) if pid else []
        if pid and self.answers():
            for stage in STOP_ORDER:
                self.stop_programs(stage)
        if pid:
            self._quit(pid)
        left = [process for process in family if process.is_running()]
        return end_all(left, seconds=_SWEEP_SECONDS) + self.sweep()

    def sweep(self) -> int:
        """End what an earlier supervisord left behind when it was killed; PostgreSQL gets its orderly shutdown."""
        self._stop_orphaned_server()
        record = read_json(self._layout.session)
        count = 0
        if record.get("boot") == boot_id() and record.get("session") and self.pid is None:
            count = end_all(members_of_session(int(record["session"])), seconds=_SWEEP_SECONDS)
        self._layout.session.unlink(missing_ok=True)
        return count

    def _stop_orphaned_server(self) -> None:
        pid = postgres.server_pid(self._layout.postgres_data)
        if pid is None:
            return
        try:
            server = psutil.Process(pid)
            server.send_signal(signal.SIGINT)
            server.wait(_QUIT_SECONDS)
        except psutil.TimeoutExpired as error:
            raise StackError(
                f"PostgreSQL (process {pid}) did not stop within {_QUIT_SECONDS:.0f} s: see its log, then try again"
            ) from error
        except psutil.Error:
            return

    def _quit(self, pid: int) -> None:
        try:
            process = psutil.Process(pid)
            process.send_signal(signal.SIGTERM)
            process.wait(_QUIT_SECONDS)
        except psutil.TimeoutExpired:
            process.kill()
        except psutil.Error:
            return

    def _call(self, method: str, *arguments: object) -> object:
        path = self.socket_path()
        transport = _UnixTransport(path)
        try:
            return getattr(xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport).supervisor, method)(*arguments)
        except (OSError, http.client.HTTPException) as error:
            raise StackError(
                f"the process supervisor does not answer on {path} ({error}): run `driftgate down`, then `driftgate up`"
            ) from error
        finally:
            transport.close()

    @property
    def _log(self) -> Path:
        return self._layout.log_file("supervisord")


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=_QUIT_SECONDS)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(_QUIT_SECONDS)
        self.sock.connect(str(self._path))


class _UnixTransport(xmlrpc.client.Transport):
    def __init__(self, path: Path) -> None:
        super().__init__()
        self._open = _UnixConnection(path)

    def make_connection(self, host: object) -> http.client.HTTPConnection:
        return self._open

    def close(self) -> None:
        self._open.close()


def _info(row: Mapping[str, Any]) -> ProcessInfo:
    alive = bool(row["pid"])
    return ProcessInfo(
        name=str(row["name"]),
        state=str(row["statename"]),
        pid=int(row["pid"]) if alive else None,
        started=float(row["start"]) if alive else None,
        detail=str(row["spawnerr"] or row["description"]),
    )


def _is_private(folder: Path) -> bool:
    try:
        found = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and stat.S_IMODE(found.st_mode) == 0o700
