"""What happens when a component of Airflow starts; loaded in every process, so it imports next to nothing."""

from __future__ import annotations

import logging
import multiprocessing
from multiprocessing import forkserver

from airflow.listeners import hookimpl

log = logging.getLogger(__name__)


class WarmStart:
    """Starts the fork server together with the scheduler.

    Left alone, the fork server starts with the first task, which then waits until the heavy libraries are imported.
    """

    @hookimpl
    def on_starting(self) -> None:
        start_fork_server()


def start_fork_server() -> bool:
    """Start the fork server of a process whose children will come from it; it imports its modules on its own while we go on.

    Only the scheduler is such a process: workers and tasks, which the fork server made, have a parent process, and no other component
    is configured for it.
    """
    if multiprocessing.parent_process() is not None or multiprocessing.get_start_method(allow_none=True) != "forkserver":
        return False
    try:
        forkserver.ensure_running()
    except OSError as error:
        log.warning("the fork server starts with the first task, which will be slow: %s", error)
        return False
    return True
