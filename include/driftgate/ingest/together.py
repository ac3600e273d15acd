"""Rows of many windows from one read of their source, where one read gives each window the very rows of a read of its own."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import cached_property

import pandas as pd

from driftgate.config.models import MonitorConfig
from driftgate.config.sources import FilesSource
from driftgate.errors import SourceError
from driftgate.ingest.roles import PlacedRows, place_rows, source_columns
from driftgate.ingest.source import read_rows
from driftgate.records import Window
from driftgate.settings import Settings

log = logging.getLogger(__name__)

_EXACT = 2.0**53
"""Whole numbers below this survive being read as floating point, which happens where other rows have nulls."""


class WindowsReader:
    """Reads the rows of some windows that lie beside each other.

    One read serves all of them where the answer does not depend on the window: files whose path does not name it, and queries or
    callables that the monitor file calls ``additive``. Everything else, and every source whose joint answer leaves a doubt (rows
    without a moment, a missing column, an error), is read window by window.
    """

    def __init__(
        self,
        config: MonitorConfig,
        windows: Sequence[Window],
        settings: Settings,
        connection_uri: Callable[[str], str] | None = None,
    ) -> None:
        self._config, self._windows, self._settings, self._connection_uri = config, windows, settings, connection_uri
        self.reads = 0
        """How often the source was asked."""

    def rows(self, window: Window) -> PlacedRows:
        """Return rows among which are those of the window; errors as for :func:`driftgate.ingest.source.read_rows`."""
        together = self._together
        return place_rows(self._read(window), self._config, window) if together is None else together

    @cached_property
    def _together(self) -> PlacedRows | None:
        if len(self._windows) < 2 or not _is_additive(self._config):
            return None
        span = Window(min(window.start for window in self._windows), max(window.end for window in self._windows))
        try:
            found = self._read(span)
            placed = place_rows(found, self._config, span)
        except SourceError as error:
            log.info("monitor %s: %s is read window by window: %s", self._config.id, span, error)
            return None
        doubt = _doubt(found, placed, self._config)
        if doubt:
            log.info("monitor %s: %s is read window by window: %s", self._config.id, span, doubt)
        return None if doubt else placed

    def _read(self, window: Window) -> pd.DataFrame:
        self.reads += 1
        wanted = source_columns(self._config)
        return read_rows(self._config, window, wanted, self._settings, connection_uri=self._connection_uri)


def _is_additive(config: MonitorConfig) -> bool:
    source = config.source
    if isinstance(source, FilesSource):
        return "{window_" not in source.path
    return source.additive


def _doubt(found: pd.DataFrame, placed: PlacedRows, config: MonitorConfig) -> str | None:
    """Say why a window's own read may differ from its part of this one; None where it cannot."""
    if placed.notes:
        return "; ".join(placed.notes)
    missing = [name for name in source_columns(config) if name not in found.columns]
    if missing or found.empty:
        return f"no column {', '.join(missing)}" if missing else "it has no rows"
    for name, values in found.items():
        if pd.api.types.is_float_dtype(values.dtype) and (values.abs() >= _EXACT).any():
            return f"column {name} holds numbers too large to be exact"
    return None
