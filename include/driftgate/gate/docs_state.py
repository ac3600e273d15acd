"""What the Data Docs index is made from: small files that a window changes without looking at the other windows.

``site.json`` holds the latest results over all monitors and one summary per monitor; ``<monitor>/periods.json`` one summary
per period (a period; a day for windows below an hour); ``<monitor>/<period>.json`` its entries. Whoever changes them holds the
site's lock.
"""

from __future__ import annotations

import json
import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from driftgate.files import write_text
from driftgate.gate.docs_entries import Entry, Summary
from driftgate.storage import DataPath, remove_tree

logger = logging.getLogger(__name__)

LATEST = 200
"""How many results the first page lists: those that were checked last, over all monitors."""

_VERSION = 1
_SITE, _PERIODS = "site.json", "periods.json"


class StateLostError(Exception):
    """The files do not fit together, or are not there: they must be made anew from the stored results."""


@dataclass
class Site:
    """What the first page shows, and which pages of suites are up to date."""

    latest: list[Entry] = field(default_factory=list)
    monitors: dict[str, Summary] = field(default_factory=dict)
    suites: dict[str, str] = field(default_factory=dict)
    """Suite -> hash of what its page was made from."""
    assets: str = ""
    """Version of Great Expectations whose images and fonts the site has."""


@dataclass(frozen=True)
class Change:
    """What one window changed: the periods of its monitor, and the entries of the period that it lies in."""

    monitor: str
    period: str
    periods: dict[str, Summary]
    entries: list[Entry]


class DocsState:
    """The files below one folder."""

    def __init__(self, folder: DataPath) -> None:
        self.folder = folder

    def site(self) -> Site:
        """Read the site's state.

        Raises
        ------
        StateLostError
            If it is not there, cannot be read or was written by another version.
        """
        content = _read(self.folder / _SITE)
        if content is None or content.get("version") != _VERSION:
            raise StateLostError(str(self.folder / _SITE))
        with _understood(self.folder / _SITE):
            return Site(
                latest=[Entry.from_dict(item) for item in content["latest"]],
                monitors={name: Summary.from_dict(item) for name, item in content["monitors"].items()},
                suites=dict(content["suites"]),
                assets=str(content["assets"]),
            )

    def save_site(self, site: Site) -> None:
        content = {
            "version": _VERSION,
            "latest": [entry.to_dict() for entry in site.latest],
            "monitors": {name: summary.to_dict() for name, summary in sorted(site.monitors.items())},
            "suites": site.suites,
            "assets": site.assets,
        }
        _write(self.folder / _SITE, content)

    def add(self, site: Site, entry: Entry) -> Change:
        """Add or replace one window; the work depends on the length of its period and the number of periods, not of results.

        Changes ``site`` too, but does not save it.

        Raises
        ------
        StateLostError
            If the files of the monitor are gone or unreadable although the site counts on them.
        """
        periods = self._periods(site, entry.monitor)
        entries = self._period(periods, entry.monitor, entry.period)
        entries[entry.window] = entry
        change = self._save_period(entry.monitor, entry.period, periods, entries)
        site.monitors[entry.monitor] = Summary.merge(periods.values())
        others = [item for item in site.latest if (item.monitor, item.window) != (entry.monitor, entry.window)]
        site.latest = _latest([entry, *others])
        return change

    def replace(self, entries: Iterable[Entry]) -> tuple[Site, list[Change]]:
        """Forget everything and take these entries; of several for one window the one that was checked last."""
        grouped: dict[str, dict[str, dict[str, Entry]]] = defaultdict(lambda: defaultdict(dict))
        for entry in sorted(entries, key=lambda item: item.checked):
            grouped[entry.monitor][entry.period][entry.window] = entry
        remove_tree(self.folder)
        site, changes = Site(), []
        for monitor, by_period in grouped.items():
            periods: dict[str, Summary] = {}
            for period, windows in by_period.items():
                changes.append(self._save_period(monitor, period, periods, windows))
            site.monitors[monitor] = Summary.merge(periods.values())
        site.latest = _latest(entry for change in changes for entry in change.entries)
        return site, changes

    def _periods(self, site: Site, monitor: str) -> dict[str, Summary]:
        path = self.folder / monitor / _PERIODS
        content = _read(path)
        if content is None and monitor in site.monitors:
            raise StateLostError(str(path))
        with _understood(path):
            return {period: Summary.from_dict(item) for period, item in (content or {}).items()}

    def _period(self, periods: dict[str, Summary], monitor: str, period: str) -> dict[str, Entry]:
        path = self.folder / monitor / f"{period}.json"
        content = _read(path)
        if content is None and period in periods:
            raise StateLostError(str(path))
        with _understood(path):
            return {window: Entry.from_dict(item) for window, item in (content or {}).items()}

    def _save_period(self, monitor: str, period: str, periods: dict[str, Summary], entries: dict[str, Entry]) -> Change:
        ordered = dict(sorted(entries.items()))
        periods[period] = Summary.of(ordered.values())
        _write(self.folder / monitor / f"{period}.json", {window: entry.to_dict() for window, entry in ordered.items()})
        _write(self.folder / monitor / _PERIODS, {name: summary.to_dict() for name, summary in sorted(periods.items())})
        return Change(monitor, period, periods, list(ordered.values()))


def _latest(entries: Iterable[Entry]) -> list[Entry]:
    return sorted(entries, key=lambda entry: (entry.checked, entry.window), reverse=True)[:LATEST]


def _write(path: DataPath, content: Mapping[str, Any]) -> None:
    """Write JSON on one line: these files are read by programs, and written by every window."""
    write_text(path, json.dumps(content, ensure_ascii=False, separators=(",", ":")))


@contextmanager
def _understood(path: DataPath) -> Iterator[None]:
    try:
        yield
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise StateLostError(f"{path}: {error!r}") from error


def _read(path: DataPath) -> dict[str, Any] | None:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        logger.warning("%s cannot be read: %s", path, error)
        return None
    return content if isinstance(content, dict) else None
