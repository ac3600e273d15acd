"""One request to an optional server: few tries, one hard limit in time, errors that people can read and that hide secrets."""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from http import HTTPStatus

import httpx

from driftgate.errors import ServiceError, SettingsError

DEADLINE_S = 8.0
"""Tries, pauses and answer of one request take no longer together; two sinks that hang stay under 20 s."""
TRY_TIMEOUT_S = 5.0
"""How long one try may wait for the server at a time."""
PAUSES_S = (0.5, 1.5)
"""Pauses before the second and third try."""
MAX_ANSWER = 65_536
"""Bytes of an answer that are read where the answer is not what the request was made for."""

_TRY_AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})
_SHOWN = 300


class SinkRefusedError(ServiceError):
    """The server answered and said no: trying the same again does not help."""

    retryable = False

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Target:
    """A server to which requests go."""

    name: str
    """For people, for example ``Pushgateway``."""
    url: str
    """Address without credentials and without a slash at the end."""
    auth: tuple[str, str] | None = field(default=None, repr=False)
    """User and password of HTTP basic authentication."""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)
    """Texts that no message may show, whatever the server answers."""
    advice: Mapping[int, str] = field(default_factory=dict)
    """What a person should do about a status."""


@dataclass(frozen=True)
class Request:
    """One request; ``path`` starts with a slash and is already quoted."""

    method: str
    path: str
    content: bytes = b""
    params: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    max_answer: int = MAX_ANSWER


@dataclass(frozen=True)
class _Fault:
    """Why a try did not succeed."""

    reason: str
    answered: bool
    pause: float | None = None
    """Seconds that the server asks to wait."""


def parse_address(text: str, variable: str) -> tuple[str, tuple[str, str] | None]:
    """Split an address into a URL without credentials, and user and password.

    Raises
    ------
    SettingsError
        If it is not an HTTP address. The message names the variable and never shows its value, which may hold a password.
    """
    wanted = f"{variable} is not an address; write http://host:port or https://user:password@host:port"
    try:
        url = httpx.URL(text if "://" in text else f"http://{text}")
    except (httpx.InvalidURL, ValueError):
        raise SettingsError(wanted) from None
    if url.scheme not in ("http", "https") or not url.host or any(character.isspace() for character in text):
        raise SettingsError(wanted)
    auth = (url.username, url.password) if url.username or url.password else None
    bare = url.copy_with(username=None, password=None, query=None, fragment=None)
    return str(bare).rstrip("/"), auth


def deliver(target: Target, request: Request, deadline_s: float | None = None) -> bytes:
    """Send one request and return the answer's body, within ``deadline_s`` seconds (default: ``DEADLINE_S``).

    Raises
    ------
    ServiceError
        If the server is down, too slow, or keeps answering that it is busy or broken: trying again later may help.
    SinkRefusedError
        If the server refuses the request as it is.
    """
    started = time.monotonic()
    try:
        return asyncio.run(_within(target, request, DEADLINE_S if deadline_s is None else deadline_s))
    except TimeoutError:
        took = time.monotonic() - started
        raise ServiceError(f"{target.name} at {target.url} did not answer within {took:.0f} s; {_LATER}") from None


_LATER = "nothing is lost, send it again later with `driftgate export`"


async def _within(target: Target, request: Request, deadline_s: float) -> bytes:
    async with asyncio.timeout(deadline_s):
        return await _try_until_done(target, request, time.monotonic() + deadline_s)


async def _try_until_done(target: Target, request: Request, end: float) -> bytes:
    async with httpx.AsyncClient(auth=target.auth, headers=dict(target.headers), timeout=TRY_TIMEOUT_S, verify=_tls()) as client:
        for pause in PAUSES_S:
            outcome = await _try(client, target, request)
            if isinstance(outcome, bytes):
                return outcome
            wait = pause if outcome.pause is None else outcome.pause
            if time.monotonic() + wait >= end:
                raise _given_up(target, outcome)
            await asyncio.sleep(wait)
        outcome = await _try(client, target, request)
        if isinstance(outcome, bytes):
            return outcome
        raise _given_up(target, outcome)


def _given_up(target: Target, fault: _Fault) -> ServiceError:
    said = "cannot take it now" if fault.answered else "did not answer"
    asked = "" if fault.pause is None else f" (it asks to wait {fault.pause:.0f} s)"
    return ServiceError(f"{target.name} at {target.url} {said}: {fault.reason}{asked}; {_LATER}")


@cache
def _tls() -> ssl.SSLContext:
    """Return the trusted certificates; reading them takes longer than a request, so once per process."""
    return httpx.create_ssl_context()


async def _try(client: httpx.AsyncClient, target: Target, request: Request) -> bytes | _Fault:
    try:
        async with client.stream(
            request.method,
            f"{target.url}{request.path}",
            content=request.content,
            params=dict(request.params) or None,
            headers=dict(request.headers),
        ) as response:
            body = await _read(response, request.max_answer)
    except httpx.TimeoutException:
        return _Fault(f"no answer in {TRY_TIMEOUT_S:g} s", answered=False)
    except httpx.HTTPError as error:
        return _Fault(_cause(target, error), answered=False)
    if response.is_success:
        return body
    if response.status_code in _TRY_AGAIN:
        return _Fault(_said(target, response, body), answered=True, pause=_asked_pause(response))
    raise SinkRefusedError(
        f"{target.name} at {target.url} refused it: {_said(target, response, body)}; {_advice(target, response)}", response.status_code
    )


def _cause(target: Target, error: BaseException) -> str:
    """Return what a person can act on: the refusal or unknown name behind an error of the HTTP library, else its own text."""
    known: BaseException | None = error
    while known is not None:
        if isinstance(known, ConnectionRefusedError):
            return "connection refused"
        if isinstance(known, socket.gaierror):
            return "its name cannot be resolved"
        known = known.__cause__ or known.__context__
    return _readable(target, str(error) or type(error).__name__)


async def _read(response: httpx.Response, limit: int) -> bytes:
    body = b""
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) >= limit:
            break
    return body[:limit]


def _said(target: Target, response: httpx.Response, body: bytes) -> str:
    try:
        phrase = HTTPStatus(response.status_code).phrase
    except ValueError:
        phrase = ""
    text = _readable(target, body.decode("utf-8", "replace"))
    return ", ".join(filter(None, (f"{response.status_code} {phrase}".strip(), text)))


def _readable(target: Target, text: str) -> str:
    for secret in filter(None, target.secrets):
        text = text.replace(secret, "***")
    line = " ".join(text.split())
    return line if len(line) <= _SHOWN else f"{line[:_SHOWN]}..."


def _advice(target: Target, response: httpx.Response) -> str:
    if response.is_redirect:
        return "it points to another address; write that one into the settings"
    return target.advice.get(response.status_code, "check the address and the server's own log")


def _asked_pause(response: httpx.Response) -> float | None:
    """Read Retry-After where it is a number of seconds."""
    try:
        return max(0.0, float(response.headers["Retry-After"]))
    except (KeyError, ValueError):
        return None
