"""Airflow connections read without Airflow: AIRFLOW_CONN_<ID>, as URI or JSON, to a SQLAlchemy URL."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import sqlalchemy as sa

from driftgate.errors import SourceError
from driftgate.ingest.placeholders import variable

_DRIVERS = {"postgres": "postgresql+psycopg2", "postgresql": "postgresql+psycopg2", "mysql": "mysql+pymysql", "mssql": "mssql+pyodbc"}
_POSTGRES_OPTIONS = frozenset(
    {"sslmode", "sslrootcert", "sslcert", "sslkey", "connect_timeout", "application_name", "target_session_attrs", "keepalives_idle"}
)
_EXTRA = "__extra__"


def environment_uri(connection: str, where: str, environ: Mapping[str, str] | None = None) -> str:
    """Return the content of AIRFLOW_CONN_<ID>.

    Raises
    ------
    SourceError
        If the variable is not set.
    """
    return variable(f"AIRFLOW_CONN_{connection.upper()}", f"{where}: Airflow connection {connection!r}", environ)


def to_sqlalchemy(text: str, where: str) -> sa.URL:
    """Turn an Airflow connection (URI or JSON form) or a SQLAlchemy URL into a SQLAlchemy URL. Messages never hold the text.

    Raises
    ------
    SourceError
        If it is neither.
    """
    try:
        if text.lstrip().startswith("{"):
            return _from_json(json.loads(text))
        return _from_uri(text)
    except (ValueError, KeyError, TypeError, sa.exc.ArgumentError) as error:
        raise SourceError(
            f"{where}: the address is not valid ({type(error).__name__}); write for example postgresql://user:password@host:5432/database"
        ) from None


def _from_uri(text: str) -> sa.URL:
    parts = urlsplit(text)
    if "+" in parts.scheme:
        return sa.make_url(text)
    if parts.scheme == "sqlite":
        return _sqlite(unquote(parts.netloc), unquote(parts.path))
    if not parts.hostname and not parts.query:
        return sa.make_url(text)
    query = dict(parse_qsl(parts.query))
    extra = json.loads(query.pop(_EXTRA, "{}"))
    return _url(
        parts.scheme,
        login=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        host=unquote(parts.hostname or ""),
        port=parts.port,
        database=unquote(parts.path.removeprefix("/")),
        extra={**extra, **query},
    )


def _from_json(content: Mapping[str, Any]) -> sa.URL:
    kind = str(content["conn_type"])
    host, database = str(content.get("host") or ""), str(content.get("schema") or "")
    if kind == "sqlite":
        return _sqlite(host, database)
    extra = content.get("extra") or {}
    return _url(
        kind,
        login=str(content.get("login") or ""),
        password=str(content.get("password") or ""),
        host=host,
        port=int(content["port"]) if content.get("port") else None,
        database=database,
        extra=json.loads(extra) if isinstance(extra, str) else extra,
    )


def _sqlite(host: str, path: str) -> sa.URL:
    """Airflow keeps the file in the host, SQLAlchemy in the path; after the host the path's first slash is a separator."""
    file = host or path.removeprefix("/")
    return sa.URL.create("sqlite", database=file)


def _url(kind: str, *, login: str, password: str, host: str, port: int | None, database: str, extra: Mapping[str, Any]) -> sa.URL:
    driver = _DRIVERS.get(kind, kind)
    allowed = _POSTGRES_OPTIONS if driver.startswith("postgresql") else extra.keys()
    query = {name: str(value) for name, value in extra.items() if name in allowed and not isinstance(value, (dict, list))}
    return sa.URL.create(
        driver,
        username=login or None,
        password=password or None,
        host=host or None,
        port=port,
        database=database or None,
        query=query,
    )
