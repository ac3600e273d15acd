"""What Grafana's PostgreSQL data source does to a query before it sends it: variables first, then macros.

Anything that is left over, an unknown macro or variable or a format that is not used here, is an error.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

INTERVAL = "1d"
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_VARIABLE = re.compile(r"\$\{(?P<a>\w+)(?::(?P<format>\w+))?\}|\[\[(?P<b>\w+)(?::(?P<format_b>\w+))?\]\]|\$(?!__)(?P<c>[A-Za-z]\w*)")
_MACRO = re.compile(r"\$__(\w+)\(")


class UnknownInQueryError(AssertionError):
    """A macro, a variable or a format that Grafana would leave as it is, or that is not known here."""


@dataclass(frozen=True)
class Everything:
    """The value "All" of a variable; with a text of its own, Grafana inserts that text as it is."""

    text: str


Value = str | Sequence[str] | Everything


def expand(sql: str, variables: Mapping[str, Value], start: datetime, end: datetime) -> str:
    """Return the query as it reaches PostgreSQL."""
    times = start.strftime("%Y-%m-%dT%H:%M:%SZ"), end.strftime("%Y-%m-%dT%H:%M:%SZ")
    sql = _VARIABLE.sub(lambda match: _variable(match, variables), sql)
    sql = _replace_calls(sql, *times)
    sql = re.sub(r"\$__interval_ms\b", str(_seconds(INTERVAL) * 1000), sql)
    sql = re.sub(r"\$__interval\b", INTERVAL, sql)
    if "$__" in sql or "${" in sql or "[[" in sql:
        raise UnknownInQueryError(f"unknown macro or variable in: {sql}")
    return sql


def _variable(match: re.Match[str], variables: Mapping[str, Value]) -> str:
    name = match["a"] or match["b"] or match["c"]
    how = match["format"] or match["format_b"]
    if name not in variables:
        raise UnknownInQueryError(f"unknown variable {name} in {match[0]}")
    value = variables[name]
    if isinstance(value, Everything):
        return value.text
    if how == "sqlstring":
        values = [value] if isinstance(value, str) else value
        return ",".join("'" + item.replace("'", "''") + "'" for item in values)
    if how in (None, "raw") and isinstance(value, str):
        return value
    raise UnknownInQueryError(f"unsafe or unknown format in {match[0]}")


def _replace_calls(sql: str, start: str, end: str) -> str:
    while match := _MACRO.search(sql):
        stop = _closing(sql, match.end())
        arguments = [part.strip() for part in sql[match.end() : stop].split(",")]
        sql = sql[: match.start()] + _call(match[1], arguments, start, end) + sql[stop + 1 :]
    return sql


def _closing(sql: str, position: int) -> int:
    depth = 1
    for place in range(position, len(sql)):
        depth += {"(": 1, ")": -1}.get(sql[place], 0)
        if depth == 0:
            return place
    raise UnknownInQueryError(f"a macro is not closed in: {sql}")


def _call(name: str, arguments: list[str], start: str, end: str) -> str:
    first = arguments[0]
    simple = {
        "time": f'{first} AS "time"',
        "timeFilter": f"{first} BETWEEN '{start}' AND '{end}'",
        "timeFrom": f"'{start}'",
        "timeTo": f"'{end}'",
        "unixEpochFilter": f"{first} >= extract(epoch from '{start}'::timestamptz) AND {first} <= extract(epoch from '{end}'::timestamptz)",
        "unixEpochFrom": f"extract(epoch from '{start}'::timestamptz)",
        "unixEpochTo": f"extract(epoch from '{end}'::timestamptz)",
    }
    if name in simple:
        return simple[name]
    if name in ("timeGroup", "timeGroupAlias", "unixEpochGroup", "unixEpochGroupAlias"):
        alias = ' AS "time"' if name.endswith("Alias") else ""
        epoch = first if name.startswith("unix") else f"extract(epoch from {first})"
        seconds = _seconds(arguments[1].strip("'"))
        group = f"floor({epoch}/{seconds})*{seconds}"
        return (group if name.startswith("unix") else f"to_timestamp({group})") + alias
    raise UnknownInQueryError(f"unknown macro $__{name}")


def _seconds(text: str) -> int:
    return int(text[:-1]) * _SECONDS[text[-1]]
