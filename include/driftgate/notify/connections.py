"""Airflow connections read without Airflow (URI or JSON form), as channels need them, and texts without their secrets."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from driftgate.errors import DriftgateError

_EXTRA = "__extra__"
_URL = re.compile(r"^https?://", re.IGNORECASE)
_ANY_URL = re.compile(r"\b(https?://)(?:[^\s/@]*@)?([^\s/?#\"'<>]+)[^\s\"'<>]*", re.IGNORECASE)
_OPTIONS = frozenset(
    (
        "timeout", "signing_secret", "headers", "proxy", "proxies", "stream", "verify", "cert", "check_response", "allow_redirects",
        "max_redirects", "trust_env", "auth_kwargs", "auth_type",
    )
)  # fmt: skip
"""Keys of a connection's extra that are not parameters of its address."""
_SLACK = "https://hooks.slack.com/services"
_SHORTEST_SECRET = 4
_SHORTEST_EXTRA = 8
_SHORTEST_SEGMENT = 9
_HIDDEN = "***"


class ConnectionFormError(DriftgateError):
    """The content of a connection cannot be used; the message never holds it."""


@dataclass(frozen=True)
class Connection:
    """The parts of an Airflow connection."""

    kind: str
    host: str = ""
    port: int | None = None
    login: str = ""
    password: str = field(default="", repr=False)
    path: str = field(default="", repr=False)
    """Airflow's schema field: of an address, the path; of type http, sometimes http or https."""
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def flag(self, name: str) -> bool:
        value = self.extra.get(name, False)
        return value.strip().lower() in ("true", "1", "yes") if isinstance(value, str) else bool(value)

    def text(self, name: str) -> str:
        return str(self.extra.get(name) or "")

    def hide_secrets(self, text: str) -> str:
        """Return a text without this connection's secrets, and with every web address cut to its host."""
        for secret in self._secrets():
            text = text.replace(secret, _HIDDEN)
        return _ANY_URL.sub(rf"\1\2/{_HIDDEN}", text)

    def _secrets(self) -> list[str]:
        found = [self.password] + ([] if self.path in ("http", "https") else [self.path])
        with contextlib.suppress(ConnectionFormError):
            found += _secret_parts(web_address(self))
        found += [value for value in self.extra.values() if isinstance(value, str) and len(value) >= _SHORTEST_EXTRA and "@" not in value]
        parts = [quote(value, safe="") for value in found] + [unquote(value) for value in found]
        return sorted({value for value in (*found, *parts) if len(value) >= _SHORTEST_SECRET}, key=len, reverse=True)


def _secret_parts(address: str) -> list[str]:
    """Return what must not be shown of the address of a web hook: everything after the host, whole and in pieces."""
    parts = urlsplit(address)
    segments = [segment for segment in parts.path.split("/") if len(segment) >= _SHORTEST_SEGMENT]
    return [parts.path, parts.query, *segments, *(value for _, value in parse_qsl(parts.query) if len(value) >= _SHORTEST_EXTRA)]


def read_connection(text: str) -> Connection:
    """Read what AIRFLOW_CONN_<ID> or Airflow itself gives: a URI or JSON.

    Raises
    ------
    ConnectionFormError
        If it is neither; the message does not hold the text.
    """
    try:
        if text.lstrip().startswith("{"):
            return _from_json(json.loads(text))
        return _from_uri(text.strip())
    except (ValueError, KeyError, TypeError) as error:
        raise ConnectionFormError(
            f"its content cannot be read ({type(error).__name__}); write a connection as a URI or as JSON with conn_type, host, password"
        ) from None


def _from_json(content: Mapping[str, Any]) -> Connection:
    extra = content.get("extra") or {}
    return Connection(
        kind=str(content["conn_type"]),
        host=str(content.get("host") or ""),
        port=int(content["port"]) if content.get("port") else None,
        login=str(content.get("login") or ""),
        password=str(content.get("password") or ""),
        path=str(content.get("schema") or ""),
        extra=json.loads(extra) if isinstance(extra, str) else dict(extra),
    )


def _from_uri(text: str) -> Connection:
    kind, separator, rest = text.partition("://")
    if not separator:
        raise ValueError("no scheme")
    protocol = ""
    if _URL.match(rest):  # Airflow writes a host that holds its own protocol as http://https://user:password@host
        protocol, _, rest = rest.partition("://")
    parts = urlsplit(f"//{rest}")
    authority, _, address = parts.netloc.rpartition("@")
    login, _, password = authority.partition(":")
    host, port = _host_and_port(address)
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    extra = json.loads(query.pop(_EXTRA, "{}"))
    return Connection(
        kind=kind.replace("-", "_"),
        host=f"{protocol}://{host}" if protocol else host,
        port=port,
        login=unquote(login),
        password=unquote(password),
        path=unquote(parts.path.removeprefix("/")),
        extra={**extra, **query},
    )


def _host_and_port(address: str) -> tuple[str, int | None]:
    host, separator, port = address.rpartition(":")
    if separator and port.isdigit() and not host.endswith(":"):
        return unquote(host.strip("[]")), int(port)
    return unquote(address.strip("[]")), None


def web_address(connection: Connection) -> str:
    """Return the address that a web hook is posted to.

    In this order: a whole URL as the password (best: Airflow encrypts it and keeps it out of logs); a whole URL as the host, with the
    password as the last part of the path for Slack; host, port and path, as a plain ``https://...`` in AIRFLOW_CONN_<ID> is read.

    Raises
    ------
    ConnectionFormError
        If no address can be made of it.
    """
    if _URL.match(connection.password):
        return connection.password
    if "slack" in connection.kind and connection.password:
        return f"{_base(connection, _SLACK).rstrip('/')}/{connection.password.lstrip('/')}"
    if not connection.host:
        raise ConnectionFormError("it holds no address; write the whole URL of the web hook as its password (or host)")
    query = {name: value for name, value in connection.extra.items() if name not in _OPTIONS and isinstance(value, (str, int, float))}
    address = _base(connection, "")
    return f"{address}{'&' if '?' in address else '?'}{urlencode(query)}" if query and not _URL.match(connection.host) else address


def _base(connection: Connection, default: str) -> str:
    if not connection.host:
        return default
    is_protocol = connection.path in ("http", "https")
    path = "" if is_protocol else quote(connection.path, safe="/%:@!$&'()*+,;=-._~")
    if _URL.match(connection.host):
        base = connection.host.rstrip("/") if path else connection.host
    else:
        protocol = connection.path if is_protocol else connection.kind if connection.kind in ("http", "https") else "https"
        base = f"{protocol}://{connection.host}"
    if connection.port and not re.search(r":\d+(/|$)", base.split("://", 1)[1]):
        host, slash, rest = base.split("://", 1)[1].partition("/")
        base = f"{base.split('://', 1)[0]}://{host}:{connection.port}{slash}{rest}"
    return f"{base}/{path}" if path else base


def signing_secret(connection: Connection) -> str:
    """Return the secret with which messages to a generic web hook are signed; empty: they are not signed."""
    explicit = connection.text("signing_secret")
    return explicit or ("" if _URL.match(connection.password) else connection.password)
