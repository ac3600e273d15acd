"""Which of Airflow's executors runs the tasks of the stack: the scheduler's own processes, or Celery workers behind a Redis.

The second is how several machines share the work; here both workers are on this one, to try it out and to test it. The broker is not
part of the stack: it is named by an address, as it is beyond one machine.
"""

from __future__ import annotations

import importlib.util
import json
import socket
from collections.abc import Mapping
from urllib.parse import urlsplit

from driftgate.errors import StackError

EXECUTOR = "DRIFTGATE_EXECUTOR"
BROKER = "DRIFTGATE_CELERY_BROKER_URL"

WORKERS = ("airflow-worker-1", "airflow-worker-2")
"""Names of the Celery workers, as programs of the stack and as nodes of Celery."""

QUEUES = "default"
"""Queue that takes tasks without one of their own; the workers of the stack listen on it and on those that are configured."""

CELERY: Mapping[str, str] = {
    "AIRFLOW__CORE__PARALLELISM": "6",
    "AIRFLOW__CELERY__WORKER_CONCURRENCY": "3",
    # the worker imports this before it forks: tasks inherit the libraries, as they do from the local executor's fork server
    "AIRFLOW__CELERY__EXTRA_CELERY_CONFIG": json.dumps({"imports": ["driftgate_airflow.worker"]}),
    # a message is done when its task is done, and no worker holds more messages than it works on
    "AIRFLOW__CELERY__TASK_ACKS_LATE": "True",
    "AIRFLOW__CELERY__WORKER_PREFETCH_MULTIPLIER": "1",
    # longer than any task: a message that is older is delivered once more, and Airflow has to refuse it
    "AIRFLOW__CELERY_BROKER_TRANSPORT_OPTIONS__VISIBILITY_TIMEOUT": "86400",
    # sending and asking in the scheduler's own process; else every loop with several messages starts processes for them
    "AIRFLOW__CELERY__SYNC_PARALLELISM": "1",
    # would be one more process per worker, which removes old copies of versioned DAGs; ours have none
    "AIRFLOW__DAG_PROCESSOR__STALE_BUNDLE_CLEANUP_INTERVAL": "0",
}
"""What tasks on Celery workers need beside the settings of any executor. Never more tasks than places: a message that waits longer than
``[scheduler] task_queued_timeout`` is taken back."""

_FORK_SERVER = ("AIRFLOW__SCHEDULER__MP_START_METHOD", "AIRFLOW__CORE__MP_FORKSERVER_PRELOAD")
_SCHEMES = {"redis": 6379, "rediss": 6379}
_SECONDS = 3.0


def broker(environ: Mapping[str, str]) -> str | None:
    """Read which executor is wanted; return the address of its broker, None for the scheduler's own processes.

    Raises
    ------
    StackError
        The executor is not known, its broker is missing or not a Redis, or the packages of requirements-cluster.txt are not installed.
    """
    wanted = environ.get(EXECUTOR, "local").lower()
    if wanted not in ("local", "celery"):
        raise StackError(f"{EXECUTOR}={wanted!r} is neither local nor celery: write one of them, or unset it (local)")
    if wanted == "local":
        return None
    address = environ.get(BROKER, "")
    if urlsplit(address).scheme not in _SCHEMES or not urlsplit(address).hostname:
        raise StackError(f"{EXECUTOR}=celery needs {BROKER}=redis://:password@host:port/number, the Redis through which workers get tasks")
    if importlib.util.find_spec("celery") is None:
        raise StackError(f"{EXECUTOR}=celery needs packages that this environment lacks: pip install -r requirements-cluster.txt")
    return address


def require_answer(address: str) -> None:
    """Raise a StackError when nobody listens at the broker's address; the password is not tried."""
    parts = urlsplit(address)
    host, port = parts.hostname or "", parts.port or _SCHEMES[parts.scheme]
    try:
        socket.create_connection((host, port), timeout=_SECONDS).close()
    except OSError as error:
        raise StackError(f"{BROKER}: nobody answers on {host}:{port} ({error}); start that Redis first, or unset {EXECUTOR}") from error


def tuning(base: Mapping[str, str], address: str | None) -> dict[str, str]:
    """Return Airflow's settings of speed and comfort for the executor; what a fork server needs is left out where there is none."""
    if address is None:
        return dict(base)
    return {**{name: value for name, value in base.items() if name not in _FORK_SERVER}, **CELERY}


def settings(address: str | None, database_uri: str) -> dict[str, str]:
    """Return the settings by which Airflow finds its executor; Celery keeps the results of its messages in Airflow's database."""
    if address is None:
        return {"AIRFLOW__CORE__EXECUTOR": "LocalExecutor"}
    return {
        "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
        "AIRFLOW__CELERY__BROKER_URL": address,
        "AIRFLOW__CELERY__RESULT_BACKEND": f"db+{database_uri}",
    }
