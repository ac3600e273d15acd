"""Rows of a window from whatever source the monitor file names. First step of the flow."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pandas as pd

from driftgate.config.models import MonitorConfig
from driftgate.config.sources import FilesSource, SqlSource
from driftgate.ingest.files import read_files
from driftgate.ingest.python import read_callable
from driftgate.ingest.sql import read_query
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
