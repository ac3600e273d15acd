"""State of the stack for a person and for programs."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from driftgate.stack import health, programs
from driftgate.stack.layout import Layout, read_json
from driftgate.stack.state import ADMIN, StackState
from driftgate.stack.supervision import UNSUPERVISED, ProcessInfo, Supervisor
from driftgate.text import align

PORTS = {programs.POSTGRES: "postgres", programs.MLFLOW: "mlflow", programs.API_SERVER: "airflow", programs.EVIDENTLY: "evidently"}

GRACE_SECONDS = 180
"""How long a program for which `up` does not wait may take to answer; its imports come after everything else on a busy machine."""


@dataclass(frozen=True)
class ProcessStatus:
    """One program of the stack."""

    name: str
    state: str
    pid: int | None
    port: int | None
    healthy: bool
    restarts: int
    """How often it was started again since `driftgate up` started it."""
    uptime_seconds: int | None
    log: Path
    wanted: bool = True
    """False: left out by choice."""
    starting: bool = False
    """Started for the first time a moment ago; `up` does not wait for this program."""

    @property
    def in_order(self) -> bool:
        """Whether nobody has to do anything about it."""
        return self.healthy or self.starting or not self.wanted


@dataclass(frozen=True)
class Login:
    """How a person logs in to Airflow."""

    user: str
    password: str
    password_file: Path


@dataclass(frozen=True)
class StackStatus:
    """State of the whole stack."""

    processes: tuple[ProcessStatus, ...]
    addresses: Mapping[str, str]
    """Airflow, MLflow, PostgreSQL (without any password) and the Evidently UI; empty before the first start."""
    login: Login | None

    @property
    def healthy(self) -> bool:
        """Whether every program that is wanted runs and does its work, or is about to."""
        return all(process.in_order for process in self.processes)

    @property
    def running(self) -> bool:
        """Whether any program runs."""
        return any(process.pid for process in self.processes)

    @property
    def exit_code(self) -> int:
        """0 when all is healthy, else 1."""
        return 0 if self.healthy else 1


def collect(layout: Layout, state: StackState | None, supervisor: Supervisor) -> StackStatus:
    """Ask the supervisor and every server; ``state`` is None before the first start."""
    known = supervisor.processes() if state and supervisor.answers() else {}
    healthy = health.check(state, known) if state and known else {}
    names = programs.names(state) if state else programs.NAMES
    rows = tuple(_process(layout, state, name, known.get(name), healthy.get(name, False)) for name in names)
    if state is None:
        return StackStatus(rows, {}, None)
    return StackStatus(rows, _addresses(state), Login(ADMIN, state.secrets["airflow_admin"], layout.passwords))


def render(status: StackStatus) -> str:
    """Table of the programs, the addresses and the login."""
    header = ("PROCESS", "STATE", "HEALTH", "PID", "PORT", "RESTARTS", "UPTIME", "LOG")
    rows = [header, *(_row(process) for process in status.processes)]
    lines = align(rows)
    if status.addresses:
        lines += ["", *(f"{name:<12}{address}" for name, address in status.addresses.items())]
    if status.login:
        lines.append(f"{'Login':<12}user {status.login.user}, password {status.login.password}  (kept in {status.login.password_file})")
    if not status.running:
        lines += ["", "The stack is not running: `driftgate up` starts it."]
    return "\n".join(lines)


def as_json(status: StackStatus, *, show_password: bool = False, more: Mapping[str, Any] | None = None) -> str:
    """Render the same for programs, with ``more`` beside it; the password itself only on request."""
    content: dict[str, Any] = {
        "healthy": status.healthy,
        "running": status.running,
        "processes": [asdict(process) for process in status.processes],
        "addresses": dict(status.addresses),
        "login": asdict(status.login) if status.login else None,
        **(more or {}),
    }
    if content["login"] and not show_password:
        del content["login"]["password"]
    return json.dumps(content, indent=2, default=str)


def _process(layout: Layout, state: StackState | None, name: str, info: ProcessInfo | None, healthy: bool) -> ProcessStatus:
    starts = int(read_json(layout.run_file(name)).get("starts", 0)) if info else 0
    uptime = max(int(time.time() - info.started), 0) if info and info.started else None
    wanted = name != programs.EVIDENTLY or state is None or state.evidently
    return ProcessStatus(
        name=name,
        state=info.state if info else UNSUPERVISED,
        pid=info.pid if info else None,
        port=state.ports.get(PORTS[name]) if state and name in PORTS else None,
        healthy=healthy,
        restarts=max(starts - 1, 0),
        uptime_seconds=uptime,
        log=layout.log_file(name),
        wanted=wanted,
        starting=name == programs.EVIDENTLY and not healthy and starts <= 1 and uptime is not None and uptime < GRACE_SECONDS,
    )


def _addresses(state: StackState) -> dict[str, str]:
    evidently = {"Evidently": state.evidently_url} if state.evidently_url else {}
    return {
        "Airflow": state.airflow_url,
        "MLflow": state.mlflow_url,
        **evidently,
        "PostgreSQL": f"127.0.0.1:{state.ports['postgres']}, database driftgate  (look inside: driftgate psql -c SQL)",
    }


def _row(process: ProcessStatus) -> tuple[str, ...]:
    return (
        process.name,
        process.state.lower(),
        _health(process),
        str(process.pid or "-"),
        str(process.port or "-"),
        str(process.restarts),
        _duration(process.uptime_seconds),
        str(process.log),
    )


def _health(process: ProcessStatus) -> str:
    if process.healthy:
        return "healthy"
    if not process.wanted:
        return "off"
    if process.starting:
        return "starting"
    return "NOT HEALTHY" if process.pid else "-"


def _duration(seconds: int | None) -> str:
    if seconds is None:
        return "-"
    hours, rest = divmod(seconds, 3600)
    minutes, seconds = divmod(rest, 60)
    return f"{hours}h{minutes:02}m" if hours else f"{minutes}m{seconds:02}s" if minutes else f"{seconds}s"
