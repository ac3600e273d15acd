"""Labels of a window from the source that the monitor file names for them, typed as ingest types the rows."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from driftgate.config.models import MonitorConfig
from driftgate.errors import SchemaError, ServiceError, SourceError
from driftgate.ingest.conversions import as_timestamp
from driftgate.ingest.roles import typed_column
from driftgate.ingest.source import read_rows
from driftgate.records import Window
from driftgate.settings import Settings

_NO_TIMESTAMP = "\x00"
"""No column has this name: files of labels are not cut by the time of the rows."""


def read_labels(
    config: MonitorConfig,
    window: Window,
    settings: Settings,
    *,
    known_at: str,
    connection_uri: Callable[[str], str] | None = None,
) -> pd.DataFrame | None:
    """Read the labels of the predictions of a window.

    Parameters
    ----------
    known_at
        Name of the column in the answer that says when a label became known.

    Returns
    -------
    DataFrame or None
        Ids, target (under the name that it has among the rows) and ``known_at``, in the order of the source; labels of other
        windows may be among them. None: the file is not there yet.

    Raises
    ------
    SourceError
        If the labels cannot be read, lack a column or hold values that do not fit its role.
    ServiceError
        If a server did not answer; trying again may help.
    """
    labels = config.labels
    if labels is None:
        raise SourceError(f"monitor {config.id} has no section labels; add one to the monitor file (see _template.yaml)")
    wanted = [*config.columns.id, _target(config), *([labels.timestamp] if labels.timestamp else [])]
    try:
        found = read_rows(_reader(config), window, wanted, settings, connection_uri=connection_uri)
    except ServiceError:
        raise
    except SourceError as error:
        if isinstance(error.__cause__, FileNotFoundError):
            return None
        raise type(error)(f"labels.source: {error}") from error
    return _typed(found, config, f"monitor {config.id}, labels of window {window}", known_at)


def _target(config: MonitorConfig) -> str:
    assert config.labels is not None
    return str(config.labels.target or config.columns.target)


def _reader(config: MonitorConfig) -> MonitorConfig:
    """Return the monitor as if its rows were the labels."""
    assert config.labels is not None
    columns = config.columns.model_copy(update={"timestamp": config.labels.timestamp or _NO_TIMESTAMP, "target": _target(config)})
    return config.model_copy(update={"source": config.labels.source, "columns": columns})


def _typed(found: pd.DataFrame, config: MonitorConfig, where: str, known_at: str) -> pd.DataFrame:
    assert config.labels is not None
    source, target, when = _target(config), str(config.columns.target), config.labels.timestamp
    needed = [*config.columns.id, source, *([when] if when else [])]
    missing = [name for name in needed if name not in found.columns]
    if missing and len(found):
        raise SchemaError(
            f"{where}: labels.source has no column {', '.join(map(repr, missing))} (of the columns needed it has: "
            f"{', '.join(map(str, found.columns)) or 'none'}); add it there, or name the right one under labels or columns.id"
        )
    found = found.reindex(columns=needed).rename(columns={source: target})
    notes: list[str] = []
    typed = {name: typed_column(found[name], name, config, where, notes) for name in (*config.columns.id, target)}
    moments = pd.Series(pd.NaT, index=found.index) if when is None else found[when]
    typed[known_at] = as_timestamp(moments, config.schedule.zone, f"{where}, column {when!r} (labels.timestamp)", notes)
    return pd.DataFrame(typed, index=found.index)
