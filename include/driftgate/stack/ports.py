"""Ports of the embedded stack on 127.0.0.1: kept across restarts, moved when taken, never taken away from somebody else."""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable, Mapping
from types import TracebackType

from driftgate.errors import StackError

HOST = "127.0.0.1"
PREFERRED: Mapping[str, int] = {"airflow": 8080, "mlflow": 5000, "postgres": 5433, "evidently": 8000}
_TRIES = 100
_LAST_PORT = 65_535
_HAS_ABSTRACT_NAMES = sys.platform == "linux"


def variable(service: str) -> str:
    """Name of the environment variable that fixes the port of a service."""
    return f"DRIFTGATE_{service.upper()}_PORT"


def is_free(port: int) -> bool:
    """Whether a server could listen on this port of 127.0.0.1 now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
            probe.listen(1)
        except OSError:
            return False
    return True


class Claims:
    """Ports that one stack holds for itself between choosing them and listening on them, so that another that starts meanwhile does not.

    A claim is a Unix socket with an abstract name: it lies in no folder and ends with the process that made it. Systems without such
    names (all but Linux) have no claims, and there two stacks had better not start at the same moment.
    """

    def __init__(self) -> None:
        self._held: dict[int, socket.socket] = {}

    def take(self, port: int) -> bool:
        """Claim a port; False when it is in use, or claimed by somebody else."""
        if port in self._held:
            return False
        claim = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            claim.bind(f"\0driftgate-port-{port}")
        except OSError:
            if _HAS_ABSTRACT_NAMES:
                claim.close()
                return False
        self._held[port] = claim
        if is_free(port):
            return True
        self._held.pop(port).close()
        return False

    def release(self) -> None:
        """Give all ports up; who listens on one keeps it."""
        while self._held:
            self._held.popitem()[1].close()

    def __enter__(self) -> Claims:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.release()


def explicit_ports(environ: Mapping[str, str]) -> dict[str, int]:
    """Ports that the environment fixes; a value that is not a port number is an error."""
    found = {}
    for service in PREFERRED:
        value = environ.get(variable(service))
        if not value:
            continue
        if not value.isdecimal() or not 1 <= int(value) <= _LAST_PORT:
            raise StackError(f"{variable(service)}={value!r} is not a port: write a number from 1024 to {_LAST_PORT}, or unset it")
        found[service] = int(value)
    _reject_duplicates(found)
    return found


def choose(
    environ: Mapping[str, str],
    recorded: Mapping[str, int],
    *,
    port_base: int | None = None,
    take: Callable[[int], bool] = is_free,
    echo: Callable[[str], None] = print,
) -> dict[str, int]:
    """Choose one port per service.

    Parameters
    ----------
    environ
        DRIFTGATE_AIRFLOW_PORT, DRIFTGATE_MLFLOW_PORT, DRIFTGATE_POSTGRES_PORT and DRIFTGATE_EVIDENTLY_PORT fix a port.
    recorded
        Ports of the stack's last life, preferred over the defaults so that bookmarks stay valid.
    port_base
        When given, ``port_base`` and the three ports after it are preferred instead.
    take
        Asked for each port whether it can be had, see :meth:`Claims.take`.
    echo
        Told when a preferred port is taken and which one is used instead.

    Raises
    ------
    StackError
        A fixed port is taken by somebody else, or no free port is left.
    """
    explicit = explicit_ports(environ)
    chosen: dict[str, int] = {}
    for service, port in explicit.items():
        if not take(port):
            raise StackError(
                f"{variable(service)}={port}: this port of {HOST} is taken by another program; "
                f"stop that program, set {variable(service)} to a free port, or unset it to have one chosen"
            )
        chosen[service] = port
    for offset, service in enumerate(PREFERRED):
        if service in chosen:
            continue
        preferred = port_base + offset if port_base else recorded.get(service, PREFERRED[service])
        chosen[service] = _first_free(preferred, set(chosen.values()), take)
        if chosen[service] != preferred:
            echo(f"port {preferred} is taken by another program: {service} uses {chosen[service]} instead")
    return {service: chosen[service] for service in PREFERRED}


def _first_free(preferred: int, reserved: set[int], take: Callable[[int], bool]) -> int:
    for port in range(preferred, min(preferred + _TRIES, _LAST_PORT + 1)):
        if port not in reserved and take(port):
            return port
    raise StackError(f"no free port between {preferred} and {preferred + _TRIES} on {HOST}: set {', '.join(map(variable, PREFERRED))}")


def _reject_duplicates(ports: Mapping[str, int]) -> None:
    seen: dict[int, str] = {}
    for service, port in ports.items():
        if port in seen:
            raise StackError(f"{variable(seen[port])} and {variable(service)} are both {port}: give each service a port of its own")
        seen[port] = service
