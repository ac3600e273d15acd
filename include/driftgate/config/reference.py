"""What a window is compared with, as a section of the monitor file."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, PlainSerializer, model_validator

from driftgate.config.section import Section
from driftgate.config.types import Duration, LocalTime, format_duration, parse_duration

ReferenceKind = Literal["training", "window", "trailing", "last_year"]
Match = Literal["none", "weekday", "month", "hour_of_week"]
DEFAULT_LENGTH = timedelta(days=28)
NO_GAP = timedelta(0)


def _parse_gap(value: Any) -> timedelta:
    return NO_GAP if str(value).strip() in ("0", "0m", "0h", "0d", "0w") else parse_duration(value)


def _write_gap(value: timedelta) -> str:
    return format_duration(value) if value else "0d"


Gap = Annotated[timedelta, BeforeValidator(_parse_gap), PlainSerializer(_write_gap, return_type=str)]
"""A duration that may be zero."""


class ReferenceConfig(Section):
    """What a window is compared with."""

    kind: ReferenceKind = "training"
    """`training`: the rows the champion was trained and tested on; `window`: a fixed time slice of the source; `trailing`: the
    ordinary windows just before; `last_year`: the same calendar month one year before."""
    match: Match = "none"
    """Only rows of the reference whose calendar, in the schedule's time zone, is that of the window."""
    start: LocalTime | None = None
    end: LocalTime | None = None
    length: Duration = DEFAULT_LENGTH
    """Kind trailing: how far back the reference reaches."""
    gap: Gap = NO_GAP
    """Kind trailing: time left out between the reference and the window."""
    minimum_rows: Annotated[int, Field(ge=1)] = 100
    """A matched, trailing or last_year reference with fewer rows is not used; see docs/references.md for what is used instead."""
    max_rows: Annotated[int, Field(ge=100)] = 50_000
    """A larger reference is thinned to this many rows, evenly over time, the same way every time."""

    @model_validator(mode="after")
    def _has_window(self) -> Self:
        if self.kind == "window" and (self.start is None or self.end is None):
            raise ValueError("kind 'window' needs 'start' and 'end', for example start: 2013-01-01, end: 2013-04-01")
        return self

    @model_validator(mode="after")
    def _trailing_keys(self) -> Self:
        if self.kind != "trailing" and (self.length, self.gap) != (DEFAULT_LENGTH, NO_GAP):
            raise ValueError(f"'length' and 'gap' belong to kind 'trailing', not {self.kind!r}; take them out, or write kind: trailing")
        return self

    @model_validator(mode="after")
    def _room(self) -> Self:
        if self.minimum_rows > self.max_rows:
            raise ValueError(f"minimum_rows {self.minimum_rows} is more than max_rows {self.max_rows}; lower it, or raise max_rows")
        return self
