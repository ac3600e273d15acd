"""Source kind ``python``: rows from a callable of the user."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pandas as pd

from driftgate.callables import resolve
from driftgate.config.models import MonitorConfig
from driftgate.config.sources import PythonSource
from driftgate.errors import DriftgateError, SourceError
from driftgate.ingest.placeholders import fill_all, folder_values, window_values
from driftgate.records import Window
from driftgate.settings import Settings


def read_callable(config: MonitorConfig, source: PythonSource, window: Window, columns: list[str], settings: Settings) -> pd.DataFrame:
    """Call ``f(window_start, window_end, columns, **params)`` and return all rows, see :func:`callable_pieces`."""
    return pd.concat(callable_pieces(config, source, window, columns, settings), ignore_index=True)


def callable_pieces(
    config: MonitorConfig, source: PythonSource, window: Window, columns: list[str], settings: Settings
) -> Iterator[pd.DataFrame]:
    """Call ``f(window_start, window_end, columns, **params)``, which returns a frame or yields several (for many rows); one piece at least.

    The window's ends are date-times in the monitor's time zone. ``{home}`` and ``{project_root}`` in params are filled.

    Raises
    ------
    SourceError
        If the callable fails or gives anything but DataFrames. Errors of Driftgate's own kinds pass unchanged.
    """
    where = f"monitor {config.id}, window {window}: {source.callable}"
    function = resolve(source.callable, settings.project_root)
    params = fill_all(source.params, folder_values(settings), where)
    try:
        answer = function(**window_values(config, window), columns=list(columns), **params)
        frames = iter([answer]) if not isinstance(answer, Iterator) else answer
        first = next(frames, pd.DataFrame(columns=columns))
        for frame in itertools.chain([first], frames):
            if not isinstance(frame, pd.DataFrame):
                raise SourceError(f"{where} returned {type(frame).__name__}; it must return a pandas DataFrame, or yield several")
            yield frame
    except (DriftgateError, GeneratorExit):
        raise
    except Exception as error:
        raise SourceError(f"{where} failed with {type(error).__name__}: {error}; the full trace is in the log") from error
