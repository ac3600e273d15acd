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
from driftgate.ingest.source import read_pieces
from driftgate.ingest.stream import split
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

    @cached_property
    def together(self) -> PlacedRows | None:
        """The rows of all windows; None where each window has to be read by itself."""
        if len(self._windows) < 2 or not _is_additive(self._config):
            return None
        span = Window(min(window.start for window in self._windows), max(window.end for window in self._windows))
        try:
            found = self._read(span)
            if found is None:
                log.info("monitor %s: %s is read window by window: more than batch.stream_above rows", self._config.id, span)
                return None
            placed = place_rows(found, self._config, span)
        except SourceError as error:
            log.info("monitor %s: %s is read window by window: %s", self._config.id, span, error)
            return None
        doubt = _doubt(found, placed, self._config)
        if doubt:
            log.info("monitor %s: %s is read window by window: %s", self._config.id, span, doubt)
        return None if doubt else placed

    def _read(self, span: Window) -> pd.DataFrame | None:
        """Read all windows at once; None where they hold more rows than may be one frame."""
        limit, wanted = self._config.batch.stream_above, source_columns(self._config)
        pieces, most = read_pieces(self._config, span, wanted, self._settings, limit=limit, connection_uri=self._connection_uri)
        if most is not None and most > limit:
            return None
        head, rest = split(pieces, limit)
        if rest is not None:
            return None
        kept = [piece for piece in head if len(piece)] or head[:1]
        return pd.concat(kept, ignore_index=True) if kept else pd.DataFrame(columns=wanted)


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
