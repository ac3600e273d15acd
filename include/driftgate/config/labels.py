"""Where the truth comes from when it is known only later: the section ``labels`` of a monitor file."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, PlainSerializer, model_validator

from driftgate.config.roles import ColumnRoles
from driftgate.config.section import Section
from driftgate.config.sources import Source
from driftgate.config.types import Cron, Duration, format_duration, parse_duration

_NOTHING = re.compile(r"^\s*0\s*[mhdw]?\s*$")


def _parse_delay(value: Any) -> timedelta:
    """Read a duration that may be zero (``0``, ``0d``)."""
    if not isinstance(value, timedelta) and _NOTHING.match(str(value)):
        return timedelta(0)
    return parse_duration(value)


def _as_asset(value: Any) -> Any:
    """Let one text stand for an asset: a URI where it has a scheme, a name otherwise."""
    if isinstance(value, str):
        return {"uri": value} if "://" in value else {"name": value}
    return value


Delay = Annotated[timedelta, BeforeValidator(_parse_delay), PlainSerializer(format_duration, return_type=str)]


class LabelAsset(Section):
    """The Airflow asset whose update says that labels have arrived, named as its producer names it."""

    name: str | None = None
    uri: str | None = None

    @model_validator(mode="after")
    def _is_named(self) -> Self:
        if not self.name and not self.uri:
            raise ValueError("needs 'name' or 'uri', as the DAG that delivers the labels names the asset")
        return self

    @property
    def text(self) -> str:
        """The asset for people."""
        return str(self.name or self.uri)


class LabelsConfig(Section):
    """Labels that arrive after the predictions; joined to the kept rows by ``columns.id``."""

    source: Source
    """Any kind of source; its placeholders and bound parameters are the window of the predictions."""
    delay: Delay = timedelta(0)
    """How long after the end of a window its labels are expected; a scheduled run does not look earlier."""
    horizon: Duration = timedelta(days=30)
    """How long after the end of a window (or after it was first kept, where that was later) labels and corrections are looked for."""
    schedule: Cron | None = "30 * * * *"
    """When due windows are looked at, in the schedule's time zone; None: only by hand, or when the asset is updated."""
    asset: Annotated[LabelAsset | None, BeforeValidator(_as_asset)] = None
    """With an asset its updates start the runs, and the schedule only where it is written too."""
    target: str | None = None
    """The label's column in the source; default: ``columns.target``."""
    timestamp: str | None = None
    """The column that says when a label became known: the latest wins. Without it the last row of the source wins."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.horizon <= self.delay:
            raise ValueError(
                f"horizon {format_duration(self.horizon)} is not longer than delay {format_duration(self.delay)}, so no label "
                "would ever be looked for; make the horizon longer"
            )
        if self.timestamp is not None and self.timestamp == self.target:
            raise ValueError(
                f"timestamp and target both name the column {self.timestamp!r}; name the one that says when the label was known"
            )
        return self

    @property
    def cron(self) -> str | None:
        """The cron schedule that applies: none beside an asset, unless it was written."""
        return None if self.asset is not None and "schedule" not in self.model_fields_set else self.schedule


def check_labels(labels: LabelsConfig, columns: ColumnRoles) -> None:
    """Check the section against the column roles.

    Raises
    ------
    ValueError
        If rows cannot be told apart or there is no target to fill; says what to write.
    """
    if not columns.id:
        raise ValueError(
            "labels needs columns.id, the columns that identify a row in both the source and the labels; name them, or drop labels"
        )
    if columns.target is None:
        raise ValueError("labels needs columns.target, the name that the label has among the rows; name it, or drop labels")
    taken = [name for name in columns.id if name in (columns.target, labels.target)]
    if taken:
        raise ValueError(f"labels: the column {taken[0]!r} is both an id and the target; an id must be known when the prediction is made")
    if labels.timestamp is not None and labels.timestamp in columns.id:
        raise ValueError(f"labels.timestamp {labels.timestamp!r} is an id; name the column that says when the label became known")
    if labels.timestamp is not None and labels.target is None and labels.timestamp == columns.target:
        raise ValueError(f"labels.timestamp {labels.timestamp!r} is the target; name the column that says when the label became known")
