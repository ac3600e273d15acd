"""Where messages go, as typed objects: channels, routes, quiet hours, digest.

One file for the installation; the commented reference for people is the shipped ``include/notifications.yaml``. It holds no address and
no secret: those are in the Airflow connections that the channels name.
"""

from __future__ import annotations

import difflib
import hashlib
import re
from collections.abc import Mapping
from datetime import time
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, model_validator

from driftgate.config.section import Section
from driftgate.config.types import Duration, as_list
from driftgate.config.yaml_files import load_typed
from driftgate.errors import ConfigError
from driftgate.records import Severity

_NAME = re.compile(r"^[a-z][a-z0-9_-]{0,62}$")
_CLOCK = re.compile(r"^([01]?\d|2[0-3]):([0-5]\d)$")
_ADDRESS = re.compile(r"^[^@\s,;<>]+@[^@\s,;<>]+$")
_MINUTES_PER_DAY = 24 * 60


def _check_name(value: str) -> str:
    if not _NAME.match(value):
        raise ValueError(f"{value!r} is not the name of a channel; use lower-case letters, digits, _ and -, starting with a letter")
    return value


def _check_address(value: str) -> str:
    if not _ADDRESS.match(value):
        raise ValueError("is not an e-mail address; write for example operations@example.com, one per line of the list")
    return value


def _read_clock(value: Any) -> Any:
    """Read ``22:00``; without quotes YAML makes a number of minutes of it."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _MINUTES_PER_DAY:
        return time(value // 60, value % 60)
    match = _CLOCK.match(value) if isinstance(value, str) else None
    if match is None and not isinstance(value, time):
        raise ValueError('is not a time of day; write hours and minutes in quotes, for example "22:00"')
    return time(int(match[1]), int(match[2])) if match else value


def _check_zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ValueError("is not a time zone; use an IANA name such as UTC or Europe/Berlin") from error
    return value


Names = Annotated[list[str], BeforeValidator(as_list)]
ChannelName = Annotated[str, AfterValidator(_check_name)]
Address = Annotated[str, AfterValidator(_check_address)]
Addresses = Annotated[list[Address], BeforeValidator(as_list)]
Severities = Annotated[list[Severity], BeforeValidator(as_list)]
Clock = Annotated[time, BeforeValidator(_read_clock)]
Zone = Annotated[str, AfterValidator(_check_zone)]


class ChannelConfig(Section):
    """One place that messages can be sent to."""

    kind: Literal["email", "slack", "teams", "webhook"]
    connection: Annotated[str, Field(min_length=1)]
    """Id of the Airflow connection with address and secrets; outside Airflow the variable AIRFLOW_CONN_<ID>."""
    to: Addresses = Field(default_factory=list)
    """E-mail: who gets the message."""

    @model_validator(mode="after")
    def _recipients(self) -> Self:
        if self.kind == "email" and not self.to:
            raise ValueError("a channel of kind email needs 'to', a list of addresses")
        if self.kind != "email" and self.to:
            raise ValueError(f"a channel of kind {self.kind} has no 'to'; its connection says where messages go")
        return self


class RouteConfig(Section):
    """Which incidents a group of channels hears of; a condition that is left out holds for all."""

    channels: Annotated[Names, Field(min_length=1)]
    owner: Names = Field(default_factory=list)
    severity: Severities = Field(default_factory=list)
    monitors: Names = Field(default_factory=list)
    """Ids of monitors; ``*`` stands for any characters."""


class QuietHours(Section):
    """Time of day in which messages wait, in local time; may run across midnight."""

    model_config = ConfigDict(populate_by_name=True)

    start: Clock = Field(alias="from")
    end: Clock = Field(alias="to")
    timezone: Zone = "UTC"
    let_through: Severities = Field(default_factory=lambda: [Severity.CRITICAL])

    @model_validator(mode="after")
    def _not_all_day(self) -> Self:
        if self.start == self.end:
            raise ValueError("'from' and 'to' are the same time; remove quiet_hours, or give them different times")
        return self


class DigestConfig(Section):
    """A daily message about everything."""

    at: Clock = time(8)
    timezone: Zone = "UTC"
    channels: Annotated[Names, Field(min_length=1)]
    all_quiet: bool = True
    """Also send it on a day on which there is nothing to tell."""


class NotificationsConfig(Section):
    """The whole file."""

    channels: Mapping[ChannelName, ChannelConfig] = Field(default_factory=dict)
    routes: list[RouteConfig] = Field(default_factory=list)
    """Every route that matches applies; a channel hears of an incident once. Without routes every channel hears of everything."""
    quiet_hours: QuietHours | None = None
    digest: DigestConfig | None = None
    resolved: bool = False
    """Also tell when an incident is over."""
    attempts: Annotated[int, Field(ge=1, le=20)] = 8
    """How often a message is tried, at growing distances, before it is given up."""
    max_age: Duration | None = None
    """Nothing is told of windows that ended longer ago than this (backfills of the past)."""

    @model_validator(mode="after")
    def _known_channels(self) -> Self:
        named = [(f"routes[{index}].channels", name) for index, route in enumerate(self.routes) for name in route.channels]
        named += [("digest.channels", name) for name in (self.digest.channels if self.digest else ())]
        for where, name in named:
            if name not in self.channels:
                raise ValueError(f"{where} names {name!r}, which is not under channels; {_hint(name, list(self.channels))}")
        return self

    @property
    def is_active(self) -> bool:
        return bool(self.channels)


def _hint(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {close[0]!r}?" if close else f"use one of {', '.join(known) or '(none is configured yet)'}"


def load_notifications(path: Path) -> NotificationsConfig:
    """Read the file; one that does not exist means that nothing is sent.

    Raises
    ------
    ConfigError
        With one line per problem: file, line, key, value, what is wrong, what to write instead.
    """
    return load_typed(path, _read(path), NotificationsConfig)


def check(path: Path) -> list[str]:
    """Return the problems of the file, one readable line each; empty when it is valid or does not exist."""
    try:
        load_notifications(path)
    except ConfigError as error:
        return list(error.problems)
    return []


def fingerprint(path: Path) -> str:
    """Return a hash of the file's content: which configuration a DAG was built from."""
    return hashlib.sha256(_read(path).encode()).hexdigest()[:16]


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError([f"{path}: cannot be read ({error}); check that it is a file with UTF-8 text"]) from error
