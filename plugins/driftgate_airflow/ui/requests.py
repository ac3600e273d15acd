"""What a request asks for: ranges, pages and windows out of its parameters; whatever cannot be read is answered with a clear text."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated

from fastapi import HTTPException, Query, Request

from driftgate.config.models import MonitorConfig
from driftgate.config.windows import localise
from driftgate.record.overview import Span
from driftgate.record.overview_lists import Page
from driftgate.records import Window

DEFAULT_LAST = 90
"""Windows that charts show when no range is given."""
MOST_LAST = 20_000
_KEY = re.compile(r"(\d{8}T\d{6}Z)-(\d{8}T\d{6}Z)")
_MOMENT = "%Y%m%dT%H%M%SZ"

From = Annotated[str | None, Query(alias="from", max_length=40)]
To = Annotated[str | None, Query(max_length=40)]
Last = Annotated[str | None, Query(max_length=10)]


def span(config: MonitorConfig, start: str | None, end: str | None, last: str | None) -> Span:
    """Read a range: ``from`` and ``to``, else ``last``, else the default number of newest windows."""
    if start or end:
        return Span(_moment(config, "from", start), _moment(config, "to", end))
    if last == "all":
        return Span()
    return Span(last=DEFAULT_LAST if not last else _number("last", last, MOST_LAST))


def page(config: MonitorConfig, start: str | None, end: str | None, before: str | None, limit: int, only: str | None) -> Page:
    """Read which page of a list is asked for."""
    earliest, latest = _moment(config, "from", start), _moment(config, "to", end)
    return Page(limit, window("before", before) if before else None, earliest, latest, only or None)


def window(name: str, key: str) -> Window:
    """Read a window's key."""
    match = _KEY.fullmatch(key)
    try:
        if match is None:
            raise ValueError("no key")
        return Window(*(datetime.strptime(text, _MOMENT).replace(tzinfo=UTC) for text in match.groups()))
    except ValueError:
        raise HTTPException(
            422, f"{name}: {key!r} is not the key of a window; write for example 20130405T040000Z-20130406T040000Z"
        ) from None


def refuse_other_sites(request: Request) -> None:
    """Let through only what a page of this very server sends: a form of another site can neither send JSON nor this header."""
    site = request.headers.get("sec-fetch-site")
    if site is not None and site != "same-origin":
        raise HTTPException(403, "This request comes from another site; use Driftgate's own pages.")
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise HTTPException(415, "Send this request as JSON: Content-Type: application/json.")


def refuse_nul(request: Request) -> None:
    """Refuse text that PostgreSQL cannot hold, before it gets there."""
    for name, value in (*request.path_params.items(), *request.query_params.multi_items()):
        if "\0" in str(value):
            raise HTTPException(422, f"{name}: contains a NUL character; remove it")


def _moment(config: MonitorConfig, name: str, text: str | None) -> datetime | None:
    if not text:
        return None
    try:
        return localise(config, text.strip().replace(" ", "+")).astimezone(UTC)  # a + that was not encoded arrives as a space
    except (ValueError, OverflowError):
        raise HTTPException(422, f"{name}: {text!r} is not a date; write for example 2013-04-05 or 2013-04-05T06:00") from None


def _number(name: str, text: str, most: int) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= most:
        raise HTTPException(422, f"{name}: {text!r} is not a number of windows; write 1 to {most}, or all")
    return int(text)
