"""Rows of a window from whatever source the monitor file names. First step of the flow."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import pandas as pd

from driftgate.config.models import MonitorConfig
from driftgate.config.sources import FilesSource, SqlSource
from driftgate.ingest.files import read_files
from driftgate.ingest.python import callable_pieces, read_callable
from driftgate.ingest.sql import query_pieces, read_query
from driftgate.ingest.stream_files import file_pieces, parquet_rows
from driftgate.records import Window
from driftgate.settings import Settings


def read_rows(
    config: MonitorConfig,
    window: Window,
    columns: Sequence[str],
    settings: Settings,
    *,
    connection_uri: Callable[[str], str] | None = None,
) -> pd.DataFrame:
    """Read the window's rows, untyped, from the monitor's source.

    Parameters
    ----------
    columns
        Names of the columns that are needed; others are not read. A column that the source does not have is simply
        not in the answer: :func:`driftgate.ingest.roles.apply_roles` judges that.
    connection_uri
        Turns an Airflow connection id into a URI; default: the variable AIRFLOW_CONN_<ID>.

    Returns
    -------
    DataFrame
        The rows; there may be rows from outside the window.

    Raises
    ------
    SourceError
        If the rows cannot be read: missing or unreadable file, failed query, failed callable.
    ServiceError
        If a server did not answer; trying again may help.
    """
    wanted = list(dict.fromkeys(columns))
    frame = _read(config, window, wanted, settings, connection_uri)
    present = [name for name in wanted if name in frame.columns]
    return frame.loc[:, present].reset_index(drop=True)


def read_pieces(
    config: MonitorConfig,
    window: Window,
    columns: Sequence[str],
    settings: Settings,
    *,
    limit: int,
    connection_uri: Callable[[str], str] | None = None,
) -> tuple[Iterator[pd.DataFrame], int | None]:
    """Read the window's rows, untyped, in pieces: a source that may hold more than ``limit`` rows is never read as a whole.

    Parquet files tell their rows beforehand; CSV files, queries and callables that yield frames come in pieces in any case. A callable
    that returns one frame is one piece. For the parameters and errors see :func:`read_rows`.

    Returns
    -------
    tuple
        The pieces, and how many rows they may hold at most where that is known.
    """
    wanted, source = list(dict.fromkeys(columns)), config.source
    rows = None
    if isinstance(source, SqlSource):
        pieces = query_pieces(config, source, window, wanted, connection_uri=connection_uri)
    elif isinstance(source, FilesSource):
        rows = parquet_rows(config, source, window, settings)
        is_small = rows is not None and rows <= limit
        pieces = (
            iter([read_files(config, source, window, wanted, settings)])
            if is_small
            else file_pieces(config, source, window, wanted, settings)
        )
    else:
        pieces = callable_pieces(config, source, window, wanted, settings)
    return (piece.loc[:, [name for name in wanted if name in piece.columns]].reset_index(drop=True) for piece in pieces), rows


def _read(
    config: MonitorConfig,
    window: Window,
    columns: list[str],
    settings: Settings,
    connection_uri: Callable[[str], str] | None,
) -> pd.DataFrame:
    source = config.source
    if isinstance(source, FilesSource):
        return read_files(config, source, window, columns, settings)
    if isinstance(source, SqlSource):
        return read_query(config, source, window, columns, connection_uri=connection_uri)
    return read_callable(config, source, window, columns, settings)
