"""Entries of the Data Docs index: what it says about one window, read from a stored validation result."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Self

from driftgate.config.models import MonitorConfig
from driftgate.config.windows import label
from driftgate.errors import GateError
from driftgate.gate.details import failed_expectations, judge
from driftgate.records import GateVerdict, Window
from driftgate.storage import DataPath

_RUN_NAME = re.compile(r"(?P<monitor>[a-z][a-z0-9_]{0,62})-(?P<start>\d{8}T\d{6}Z)-(?P<end>\d{8}T\d{6}Z)")
_MOMENT = "%Y%m%dT%H%M%SZ"
_HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Entry:
    """The latest validation of one window of one monitor."""

    monitor: str
    window: str
    """Key of the window; with the monitor it identifies the entry."""
    label: str
    """The window for people, in the monitor's time zone; begins with its local date."""
    suite: str
    verdict: str
    evaluated: int
    failed: int
    checked: str
    """When the batch was validated (UTC, ISO 8601)."""
    page: str
    """Path of the page relative to the site."""

    @property
    def period(self) -> str:
        """The period on whose page the window is listed: its month, ``2013-04``; for windows below an hour its day, ``2013-04-05``."""
        start, end = _bounds(*self.window.split("-"))
        return self.label[:10] if end - start < _HOUR else self.label[:7]

    def to_dict(self) -> dict[str, Any]:
        return dict(vars(self))

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        return cls(**data)


@dataclass(frozen=True)
class Summary:
    """Verdicts of some windows, counted, and the last of these windows."""

    counts: dict[str, int]
    last: Entry

    @classmethod
    def of(cls, entries: Iterable[Entry]) -> Self:
        """Count entries; there must be at least one."""
        found = list(entries)
        counts = {verdict.value: sum(entry.verdict == verdict for entry in found) for verdict in GateVerdict}
        return cls(counts, max(found, key=lambda entry: entry.window))

    @classmethod
    def merge(cls, parts: Iterable[Summary]) -> Self:
        """Add up summaries; there must be at least one."""
        found = list(parts)
        counts = {verdict.value: sum(part.counts.get(verdict.value, 0) for part in found) for verdict in GateVerdict}
        return cls(counts, max((part.last for part in found), key=lambda entry: entry.window))

    def to_dict(self) -> dict[str, Any]:
        return {"counts": self.counts, "last": self.last.to_dict()}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        return cls(dict(data["counts"]), Entry.from_dict(data["last"]))


def read_result(stored: DataPath) -> dict[str, Any]:
    """Read a stored validation result.

    Raises
    ------
    GateError
        If the file cannot be read, or is not the result of a window.
    """
    try:
        content: dict[str, Any] = json.loads(stored.read_text(encoding="utf-8"))
        if not _RUN_NAME.fullmatch(content["meta"]["run_id"]["run_name"]):
            raise ValueError(f"its run {content['meta']['run_id']['run_name']!r} is not a monitor and a window")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise GateError(f"{stored} is not the validation result of a window: {error!r}; remove it, or run the window again") from error
    return content


def monitor_of(content: Mapping[str, Any]) -> str:
    """Return the monitor whose batch a result (as read by :func:`read_result`) is about."""
    return _name(content)["monitor"]


def asset_name(content: Mapping[str, Any], config: MonitorConfig | None) -> str:
    """Name a batch for people, for example ``flights, 2013-04-05``."""
    return f"{monitor_of(content)}, {_label(_window(content), config)}"


def make_entry(content: Mapping[str, Any], page: str, config: MonitorConfig | None) -> Entry:
    """Build the entry of a stored result.

    Parameters
    ----------
    config
        The monitor as it is configured now; None when there is none of this id any more. Then a failed critical expectation
        counts as `fail`, and the window is named in UTC.
    """
    window = _window(content)
    failed = failed_expectations(content)
    return Entry(
        monitor=monitor_of(content),
        window=window.key,
        label=_label(window, config),
        suite=content["suite_name"],
        verdict=judge(failed, config.gate.on_failure if config else "fail").value,
        evaluated=len(content["results"]),
        failed=len(failed),
        checked=_checked(content["meta"]),
        page=page,
    )


def _name(content: Mapping[str, Any]) -> dict[str, str]:
    match = _RUN_NAME.fullmatch(content["meta"]["run_id"]["run_name"])
    if match is None:
        raise GateError(f"the run {content['meta']['run_id']['run_name']!r} is not a monitor and a window")
    return match.groupdict()


def _window(content: Mapping[str, Any]) -> Window:
    name = _name(content)
    return Window(*_bounds(name["start"], name["end"]))


def _bounds(start: str, end: str) -> tuple[datetime, datetime]:
    first, last = (datetime.strptime(moment, _MOMENT).replace(tzinfo=UTC) for moment in (start, end))
    return first, last


def _label(window: Window, config: MonitorConfig | None) -> str:
    return label(config, window) if config else f"{window.start:%Y-%m-%d %H:%M} to {window.end:%Y-%m-%d %H:%M} UTC"


def _checked(meta: Mapping[str, Any]) -> str:
    loaded = (meta.get("batch_markers") or {}).get("ge_load_time")
    try:
        return datetime.strptime(str(loaded), "%Y%m%dT%H%M%S.%fZ").replace(tzinfo=UTC).isoformat()
    except ValueError:
        return str(meta.get("validation_time") or "")
