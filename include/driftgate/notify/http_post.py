"""JSON to a web address: one attempt, bounded in time, with an answer that says whether another one makes sense."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import httpx

from driftgate import __version__
from driftgate.notify.outcome import DeliveryError, channel_down, refused

CONNECT_TIMEOUT_S = 5.0
TIMEOUT_S = 10.0
_TEXT_LIMIT = 200
_CREDENTIALS = frozenset({401, 403, 407})
_BUSY = frozenset({408, 425, 429})


def encode(payload: Mapping[str, Any]) -> bytes:
    """Write a payload as it goes over the line."""
    return json.dumps(payload, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def post(address: str, body: bytes, headers: Mapping[str, str] | None = None, timeout_s: float = TIMEOUT_S) -> None:
    """Post JSON; redirects are not followed, because they would lose the body.

    Raises
    ------
    DeliveryError
        If the receiver was not reached or did not take the message.
    """
    host = urlsplit(address).netloc.rpartition("@")[2] or "the address"
    sent = {"Content-Type": "application/json; charset=utf-8", "User-Agent": f"Driftgate/{__version__}", **(headers or {})}
    limits = httpx.Timeout(timeout_s, connect=min(timeout_s, CONNECT_TIMEOUT_S))
    try:
        with (
            _unlogged(),
            httpx.Client(timeout=limits, follow_redirects=False) as client,
            client.stream("POST", address, content=body, headers=sent) as answer,
        ):
            if answer.is_success:
                return
            raise _refusal(host, answer)
    except httpx.TimeoutException as error:
        raise channel_down(f"{host} did not answer within {timeout_s:.0f} s ({type(error).__name__})") from None
    except httpx.TransportError as error:
        raise channel_down(f"{host} was not reached ({type(error).__name__}: {error})") from None
    except (httpx.InvalidURL, ValueError) as error:
        raise channel_down(f"the address of the connection is not valid ({type(error).__name__}); write https://host/path") from None


@contextmanager
def _unlogged() -> Iterator[None]:
    """Keep httpx from logging the address, which is a secret: for this thread only, and only meanwhile."""
    thread, logger = threading.get_ident(), logging.getLogger("httpx")

    def of_others(record: logging.LogRecord) -> bool:
        return record.thread != thread

    logger.addFilter(of_others)
    try:
        yield
    finally:
        logger.removeFilter(of_others)


def _refusal(host: str, answer: httpx.Response) -> DeliveryError:
    status = answer.status_code
    said = f"{host} answered {status} {answer.reason_phrase}{_said(answer)}"
    if status in _BUSY or answer.is_server_error:
        return channel_down(said, _retry_after(answer.headers.get("Retry-After")))
    if status in _CREDENTIALS:
        return channel_down(f"{said}; check the address and secrets of the connection")
    if answer.is_redirect:
        return refused(f"{said}, a redirection, which is not followed; write the final address into the connection")
    return refused(said)


def _said(answer: httpx.Response) -> str:
    """Return the beginning of the answer's text; a receiver that dribbles is not waited for."""
    try:
        text = next(answer.iter_text(_TEXT_LIMIT), "")
    except (httpx.HTTPError, UnicodeError):
        return ""
    text = " ".join(text.split())[:_TEXT_LIMIT]
    return f": {text}" if text else ""


def _retry_after(value: str | None) -> timedelta | None:
    """Read Retry-After: seconds or a date."""
    if not value:
        return None
    try:
        return timedelta(seconds=min(float(value), 86_400.0)) if value.strip().isdigit() else _until(value)
    except (TypeError, ValueError, OverflowError):
        return None


def _until(value: str) -> timedelta:
    moment = parsedate_to_datetime(value)
    return max((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - datetime.now(UTC), timedelta(0))
