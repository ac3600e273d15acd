"""What happens when a component of Airflow starts; loaded in every process, so it imports next to nothing."""

from __future__ import annotations

import logging
import multiprocessing
import socket
import threading
import time
from multiprocessing import forkserver
from urllib.parse import urlsplit

from airflow.listeners import hookimpl

log = logging.getLogger(__name__)

_LONGEST_WAIT_S = 120
_POLL_S = 0.5


class WarmStart:
    """Starts the fork server soon after the scheduler.

    Left alone, the fork server starts with the first task, which then waits until the heavy libraries are imported. It starts when the
    api-server answers: no task can run before, and until then the imports would only delay the start of the other programs.
    """

    @hookimpl
    def on_starting(self) -> None:
        if uses_fork_server():
            threading.Thread(target=_start_fork_server, name="driftgate-warm-start", daemon=True).start()


def uses_fork_server() -> bool:
    """Whether children of this process come from a fork server that is its own.

    Only the scheduler is such a process: workers and tasks, which the fork server made, have a parent process, and no other component
    is configured for it.
    """
    return multiprocessing.parent_process() is None and multiprocessing.get_start_method(allow_none=True) == "forkserver"


def _start_fork_server() -> None:
    from airflow.configuration import conf

    _wait_for(conf.get("core", "execution_api_server_url", fallback=None))
    try:
        forkserver.ensure_running()
    except OSError as error:
        log.warning("the fork server starts with the first task, which will be slow: %s", error)


def _wait_for(url: str | None) -> None:
    """Wait, within bounds, until somebody listens at this address."""
    address = urlsplit(url or "")
    deadline = time.monotonic() + _LONGEST_WAIT_S
    while address.hostname and time.monotonic() < deadline:
        try:
            socket.create_connection((address.hostname, address.port or (443 if address.scheme == "https" else 80)), timeout=1).close()
        except OSError:
            time.sleep(_POLL_S)
        else:
            return
