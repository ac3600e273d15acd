"""Health checks of the containers, without curl and without importing Airflow (that would cost seconds of CPU every time).

``http URL [URL ...]`` is healthy when every address answers with a status below 400. ``component NAME URL`` asks Airflow's
own health page, where each component leaves its heartbeat: the dag-processor and the triggerer have no port of their own. ``worker``
asks the Celery worker of this container through the broker, which it answers while its tasks run.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import urllib.request

_TIMEOUT = 20.0
"""Seconds; the first request to Airflow's execution API takes several."""
_PING = 10.0
"""Seconds; the answer usually takes a few milliseconds."""


def fetch(url: str) -> bytes:
    """Return the body; raise OSError for no answer and for any status from 400 on."""
    with urllib.request.urlopen(url, timeout=_TIMEOUT) as response:  # noqa: S310 - addresses come from the compose file
        body: bytes = response.read()
    return body


def component_status(name: str, url: str) -> str:
    """Return the status that Airflow's health page gives for one component."""
    return str(json.loads(fetch(url)).get(name, {}).get("status"))


def worker_answers(node: str, broker: str) -> bool:
    """Whether a Celery worker answers; needs Celery alone, not Airflow."""
    from celery import Celery

    with Celery(broker=broker, set_as_current=False) as app:
        return bool(app.control.ping(destination=[node], timeout=_PING, limit=1))


def main(arguments: list[str]) -> int:
    """Return 0 for healthy, 1 for anything else; the reason goes to `docker inspect`."""
    kind, *rest = arguments
    try:
        if kind == "http":
            for url in rest:
                fetch(url)
            return 0
        if kind == "worker":
            return 0 if worker_answers(f"celery@{socket.gethostname()}", os.environ["AIRFLOW__CELERY__BROKER_URL"]) else 1
        name, url = rest
        status = component_status(name, url)
    except (OSError, ValueError) as error:
        print(f"{' '.join(rest)}: {error}")
        return 1
    print(f"{name}: {status}")
    return 0 if status == "healthy" else 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
