"""Whether each program does its work: a query for PostgreSQL, an HTTP answer for servers, fresh heartbeats for the others."""

from __future__ import annotations

import json
import logging
import urllib.request
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from driftgate.errors import StackError
from driftgate.stack import programs
from driftgate.stack.executors import WORKERS
from driftgate.stack.state import StackState
from driftgate.stack.supervision import RUNNING, ProcessInfo

log = logging.getLogger(__name__)

_TIMEOUT = 5.0
_PING_SECONDS = 1.5
"""How long answers of Celery workers are collected; each question takes this long, whoever answers."""
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))

_HEARTBEATS = {
    programs.SCHEDULER: ("scheduler", "latest_scheduler_heartbeat"),
    programs.DAG_PROCESSOR: ("dag_processor", "latest_dag_processor_heartbeat"),
    programs.TRIGGERER: ("triggerer", "latest_triggerer_heartbeat"),
}


def check(state: StackState, processes: Mapping[str, ProcessInfo]) -> dict[str, bool]:
    """Health by program name, for every program of the stack; one that is not running is not healthy."""
    monitor: dict[str, Any] | None = None
    result = {}
    workers: frozenset[str] | None = None
    for name in programs.names(state):
        info = processes.get(name)
        if info is None or info.state != RUNNING:
            result[name] = False
        elif name in _SERVERS:
            result[name] = _SERVERS[name](state)
        elif name in WORKERS:
            workers = _answering_workers(state.broker or "") if workers is None else workers
            result[name] = name in workers
        else:
            monitor = _monitor(state) if monitor is None else monitor
            result[name] = _beats(monitor, name, info)
    return result


def warm_up(state: StackState) -> None:
    """Make the api-server build its execution API now: otherwise the first task waits for it."""
    get(f"{state.airflow_url}/execution/health", timeout=60)


def get(url: str, *, timeout: float = _TIMEOUT) -> bytes | None:
    """Body of a 200 answer, None for anything else; never through a proxy."""
    try:
        with _DIRECT.open(url, timeout=timeout) as response:
            return bytes(response.read()) if response.status == 200 else None
    except (OSError, ValueError):
        return None


def _postgres(state: StackState) -> bool:
    from driftgate.stack import provision

    try:
        return provision.accepts_connections(state)
    except StackError:
        return False


def _mlflow(state: StackState) -> bool:
    return get(f"{state.mlflow_url}/health") is not None


def _api_server(state: StackState) -> bool:
    return get(f"{state.airflow_url}/api/v2/version") is not None


def _evidently(state: StackState) -> bool:
    return state.evidently_url is not None and get(f"{state.evidently_url}/api/version") is not None


_SERVERS: Mapping[str, Callable[[StackState], bool]] = {
    programs.POSTGRES: _postgres,
    programs.MLFLOW: _mlflow,
    programs.API_SERVER: _api_server,
    programs.EVIDENTLY: _evidently,
}


def _answering_workers(broker: str) -> frozenset[str]:
    """Names of the Celery workers that answer now; the part before the @ of their node names."""
    from celery import Celery

    try:
        with Celery(broker=broker, set_as_current=False) as app:
            answers = app.control.ping(timeout=_PING_SECONDS) or []
    except Exception as error:  # a broker that is away shows in many classes of its client
        log.debug("the broker does not answer: %s", error)
        return frozenset()
    return frozenset(node.partition("@")[0] for answer in answers for node in answer)


def _monitor(state: StackState) -> dict[str, Any]:
    body = get(f"{state.airflow_url}/api/v2/monitor/health")
    try:
        content = json.loads(body or b"{}")
    except json.JSONDecodeError:
        return {}
    return content if isinstance(content, dict) else {}


def _beats(monitor: Mapping[str, Any], name: str, info: ProcessInfo) -> bool:
    """Whether Airflow calls a component healthy by a heartbeat of this very process, not of a dead predecessor."""
    key, field = _HEARTBEATS[name]
    component = monitor.get(key) or {}
    if component.get("status") != "healthy" or not component.get(field):
        return False
    heartbeat = datetime.fromisoformat(component[field].replace("Z", "+00:00")).timestamp()
    return info.started is not None and heartbeat >= info.started
