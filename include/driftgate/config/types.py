"""Small value types of monitor files: durations, dotted callables, cron expressions, tags."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, PlainSerializer

_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_DURATION = re.compile(r"^\s*(\d+)\s*([mhdw])\s*$")
_CALLABLE = re.compile(r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$")


def as_list(value: Any) -> Any:
    """Let one text stand for a list of one."""
    return [value] if isinstance(value, str) else value


def parse_duration(value: Any) -> timedelta:
    """Read ``30m``, ``6h``, ``1d`` or ``2w``.

    Raises
    ------
    ValueError
        If the text is not a whole number followed by one of m, h, d, w, or if it is zero.
    """
    if isinstance(value, timedelta):
        return value
    match = _DURATION.match(str(value))
    if match is None:
        raise ValueError("is not a duration; write a whole number and a unit, for example 30m, 6h, 1d or 2w")
    duration = timedelta(**{_UNITS[match[2]]: int(match[1])})
    if not duration:
        raise ValueError("must be longer than zero, for example 1d")
    return duration


def format_duration(value: timedelta) -> str:
    """Write a duration the way monitor files do: the largest unit that divides it."""
    minutes = int(value.total_seconds() // 60)
    for unit, size in (("w", 10080), ("d", 1440), ("h", 60)):
        if minutes % size == 0:
            return f"{minutes // size}{unit}"
    return f"{minutes}m"


def _check_callable(value: Any) -> str:
    if not isinstance(value, str) or not _CALLABLE.match(value):
        raise ValueError("is not a callable; write module:function, for example include.examples.flights:read_window")
    return value


Duration = Annotated[timedelta, BeforeValidator(parse_duration), PlainSerializer(format_duration, return_type=str)]
CallablePath = Annotated[str, BeforeValidator(_check_callable)]


def _as_local_time(value: Any) -> Any:
    if isinstance(value, date) and not isinstance(value, datetime):
        return datetime(value.year, value.month, value.day)
    return value


LocalTime = Annotated[datetime, BeforeValidator(_as_local_time)]
"""A date or date-time; without an offset it is read in the schedule's time zone."""


def _check_cron(value: str) -> str:
    from croniter import croniter

    if (len(value.split()) != 5 and not value.startswith("@")) or not croniter.is_valid(value):
        raise ValueError("is not a cron expression; write five fields, for example '0 0 * * *', or null")
    return value


Cron = Annotated[str, AfterValidator(_check_cron)]
"""Five fields, or a nickname such as @daily."""

LONGEST_TAG = 100
"""Airflow's limit."""


def _check_tag(value: str) -> str:
    if not 0 < len(value) <= LONGEST_TAG:
        raise ValueError(f"has {len(value)} characters; use 1 to {LONGEST_TAG}")
    return value


Tag = Annotated[str, AfterValidator(_check_tag)]
