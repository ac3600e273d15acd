"""One way to talk to MLflow: fails fast when the server is down, never hangs for minutes, never shows a password.

Shared by the steps that may use MLflow (record, retrain, serve). MLflow is imported inside the functions because it is heavy.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from driftgate.errors import ServiceError, SettingsError

if TYPE_CHECKING:
    from mlflow import MlflowClient

_PROBE_TIMEOUT = 5.0
"""Seconds that the server has to answer the probe."""
_PROBE_ATTEMPTS = 2
_PROBE_HOLDS_S = 5.0
"""Seconds for which a server that answered the probe is not probed again."""
_answered: dict[str, float] = {}
"""When each server answered the last probe of this process."""
_REQUEST_TIMEOUT = 15
"""Seconds without a byte before a request is given up; MLflow's own default is two minutes, seven times over."""
_REQUEST_RETRIES = 1
_GATEWAY_ERRORS = (502, 503, 504)
_OUTAGE = re.compile(
    r"failed with (timeout )?exception|Max retries exceeded|Connection(Error| refused| aborted| reset)|timed out"
    r"|OperationalError|too many 50\d error responses"
)
_REFUSED = re.compile(r"error code 40[13]\b|Invalid Host header")
_OUTAGE_CODES = ("TEMPORARILY_UNAVAILABLE", "DEADLINE_EXCEEDED", "REQUEST_LIMIT_EXCEEDED")
_REFUSED_CODES = ("PERMISSION_DENIED", "UNAUTHENTICATED", "CUSTOMER_UNAUTHORIZED")


def safe_address(uri: str) -> str:
    """Return the address of a tracking server without user name, password and query."""
    parts = urlsplit(uri)
    if not parts.hostname:
        return uri if "@" not in uri else f"{parts.scheme}://…"
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{parts.hostname}{port}{parts.path}"


def client(uri: str) -> MlflowClient:
    """Return a client whose requests are bounded in time; use it inside :func:`guarded`."""
    _bound_requests()
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=uri, registry_uri=uri)


@contextmanager
def guarded(uri: str) -> Iterator[None]:
    """Probe the server first, then turn connection errors of the block into ServiceError.

    Raises
    ------
    ServiceError
        If the server does not answer, answers as overloaded, or goes away in the middle; trying again may help.
    SettingsError
        If the server refuses this client (log-in, or a host name that is not allowed).
    """
    import requests
    from mlflow.exceptions import MlflowException

    _bound_requests()
    _probe(uri)
    try:
        yield
    except (requests.RequestException, ConnectionError, TimeoutError) as error:
        raise _outage(uri, error) from error
    except MlflowException as error:
        if _refused(error):
            raise SettingsError(
                f"MLflow at {safe_address(uri)} refuses this client: {_first_line(error)}; check MLFLOW_TRACKING_USERNAME and "
                "MLFLOW_TRACKING_PASSWORD, and that the host name is in the server's --allowed-hosts"
            ) from error
        if _is_outage(error):
            raise _outage(uri, error) from error
        raise


@contextmanager
def tracking(uri: str) -> Iterator[None]:
    """Like :func:`guarded`, and points MLflow's process-wide functions (``mlflow.start_run``, ``log_model``) at this server.

    The former address is put back afterwards. The registry's own address (MLFLOW_REGISTRY_URI) is left alone: use :func:`client`.
    """
    import mlflow

    with guarded(uri):
        before = mlflow.get_tracking_uri() if mlflow.is_tracking_uri_set() else None
        mlflow.set_tracking_uri(uri)
        try:
            yield
        finally:
            mlflow.set_tracking_uri(before)  # None: unset


def _bound_requests() -> None:
    """Give MLflow's HTTP client short limits, and no progress bars in logs, where the user has not set them."""
    from mlflow import environment_variables as variables

    limits = (
        (variables.MLFLOW_HTTP_REQUEST_TIMEOUT, _REQUEST_TIMEOUT),
        (variables.MLFLOW_HTTP_REQUEST_MAX_RETRIES, _REQUEST_RETRIES),
        (variables.MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR, 1),
        (variables.MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT, True),
        (variables.MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR, False),
    )
    for variable, value in limits:
        if not variable.is_set():
            variable.set(value)


def _probe(uri: str) -> None:
    """Ask the server's health page; addresses other than HTTP (a database, a folder) are not probed."""
    if not uri.startswith(("http://", "https://")) or time.monotonic() - _answered.get(uri, -math.inf) < _PROBE_HOLDS_S:
        return
    import requests

    failure: object = None
    for _ in range(_PROBE_ATTEMPTS):
        try:
            status = requests.get(f"{uri.rstrip('/')}/health", timeout=_PROBE_TIMEOUT).status_code
        except requests.RequestException as error:
            failure = error
            continue
        if status not in _GATEWAY_ERRORS:
            _answered[uri] = time.monotonic()
            return
        failure = f"HTTP status {status}"
    raise _outage(uri, failure)


def _outage(uri: str, cause: object) -> ServiceError:
    kind = type(cause).__name__ if isinstance(cause, BaseException) else str(cause)
    return ServiceError(
        f"MLflow at {safe_address(uri)} does not answer ({kind}); start it (`driftgate up`, `driftgate status`) or correct "
        "MLFLOW_TRACKING_URI, then run again"
    )


def _is_outage(error: Exception) -> bool:
    return getattr(error, "error_code", "") in _OUTAGE_CODES or bool(_OUTAGE.search(str(error)))


def _refused(error: Exception) -> bool:
    return getattr(error, "error_code", "") in _REFUSED_CODES or bool(_REFUSED.search(str(error)))


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0][:200]
