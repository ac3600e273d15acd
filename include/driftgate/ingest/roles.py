"""Column roles: untyped rows become a batch whose types, order and rows depend on nothing but the data."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from driftgate.config.models import MonitorConfig
from driftgate.errors import SchemaError
from driftgate.ingest.conversions import as_category, as_number, as_timestamp
from driftgate.records import Window


def source_columns(config: MonitorConfig) -> list[str]:
    """Columns that the source is asked for: all with a role, predictions only where the source brings them."""
    roles = config.columns
    if config.model.predictions == "source":
        return roles.all
    return [name for name in roles.all if name not in (roles.prediction, roles.prediction_proba)]


def apply_roles(frame: pd.DataFrame, config: MonitorConfig, window: Window) -> tuple[pd.DataFrame, str | None]:
    """Type the columns by role and keep the rows of the window, in an order that the source cannot influence.

    Timestamps become UTC (without a zone they are read in the monitor's time zone); numerical columns, and the target of a
    regression, float64; ids, categories and class labels text ("1", never "1.0"). Nulls stay null, duplicated rows are kept.

    Returns
    -------
    tuple of DataFrame and str or None
        The batch, sorted by timestamp, ids, then every other column; and what people should know about it.

    Raises
    ------
    SchemaError
        If a column with a role other than target is gone, or holds values that do not fit its role.
    """
    return type_rows(place_rows(frame, config, window), config, window)


@dataclass(frozen=True)
class PlacedRows:
    """Rows of a source with every column wanted and their moments; nothing else is typed yet."""

    frame: pd.DataFrame
    moments: pd.Series
    notes: tuple[str, ...]


def place_rows(frame: pd.DataFrame, config: MonitorConfig, window: Window) -> PlacedRows:
    """Do the part of :func:`apply_roles` that is about the whole answer of a source; the window only names it in messages."""
    where, name = f"monitor {config.id}, window {window}", config.columns.timestamp
    notes: list[str] = []
    frame = _complete(frame, config, where, notes)
    moments = as_timestamp(frame[name], config.schedule.zone, f"{where}, column {name!r} (timestamp)", notes)
    nulls = int(moments.isna().sum())
    if nulls:
        notes.append(f"{nulls} rows without a {name} belong to no window and are left out")
    return PlacedRows(frame, moments, tuple(notes))


def type_rows(placed: PlacedRows, config: MonitorConfig, window: Window) -> tuple[pd.DataFrame, str | None]:
    """Do the part of :func:`apply_roles` that is about the rows of one window."""
    notes = list(placed.notes)
    typed = _sorted(_typed_placed(placed, config, window, notes), config)
    duplicates = int(typed.duplicated().sum())
    if duplicates:
        notes.append(copies_note(duplicates, len(typed)))
    return typed, "; ".join(notes) or None


def typed_rows(frame: pd.DataFrame, config: MonitorConfig, window: Window, notes: list[str]) -> pd.DataFrame:
    """Type the columns by role and keep the rows of the window, in the order of the source; see :func:`apply_roles`.

    Every value is read alone, so the rows of a source may also come in pieces.
    """
    placed = place_rows(frame, config, window)
    notes += placed.notes
    return _typed_placed(placed, config, window, notes)


def _typed_placed(placed: PlacedRows, config: MonitorConfig, window: Window, notes: list[str]) -> pd.DataFrame:
    where = f"monitor {config.id}, window {window}"
    inside = (placed.moments >= window.start) & (placed.moments < window.end)
    frame = placed.frame[inside].assign(**{config.columns.timestamp: placed.moments[inside]})
    return pd.DataFrame({name: _typed(frame[name], name, config, where, notes) for name in frame.columns}, index=frame.index)


def copies_note(copies: int, rows: int) -> str:
    """Say that rows are duplicated."""
    return f"{copies} of {rows} rows are exact copies of another row"


def _complete(frame: pd.DataFrame, config: MonitorConfig, where: str, notes: list[str]) -> pd.DataFrame:
    """Return exactly the columns wanted; a missing target, and any column of a frame without rows, is added as nulls."""
    wanted = source_columns(config)
    missing = [name for name in wanted if name not in frame.columns]
    if frame.empty:
        return frame.reindex(columns=wanted)
    if config.columns.target in missing:
        missing.remove(str(config.columns.target))
        if config.labels is None:  # else they are expected later
            notes.append(f"the source has no target column {config.columns.target!r}: all targets are null")
    if missing:
        present = ", ".join(map(str, frame.columns[:20])) or "none"
        raise SchemaError(
            f"{where}: the source has no column {', '.join(repr(name) for name in missing)} (of the columns needed it has: {present}); "
            "restore it in the source, or take it out of columns in the monitor file and retrain"
        )
    return frame.reindex(columns=wanted)


def typed_column(values: pd.Series, name: str, config: MonitorConfig, where: str, notes: list[str]) -> pd.Series:
    """Type one column by its role wherever it comes from: as in a batch, the timestamp included."""
    if name == config.columns.timestamp:
        return as_timestamp(values, config.schedule.zone, f"{where}, column {name!r} (timestamp)", notes)
    return _typed(values, name, config, where, notes)


def _typed(values: pd.Series, name: str, config: MonitorConfig, where: str, notes: list[str]) -> pd.Series:
    roles = config.columns
    if name == roles.timestamp:
        return values
    if name in roles.numerical or name == roles.prediction_proba:
        return as_number(values, f"{where}, column {name!r} (numerical)", notes)
    if name in (roles.target, roles.prediction) and config.task == "regression":
        return as_number(values, f"{where}, column {name!r} ({'target' if name == roles.target else 'prediction'})", notes)
    return as_category(values)


def _sorted(frame: pd.DataFrame, config: MonitorConfig) -> pd.DataFrame:
    keys = list(dict.fromkeys([config.columns.timestamp, *config.columns.id]))
    if frame.duplicated(keys).any():
        keys += [name for name in frame.columns if name not in keys]
    return frame.sort_values(keys, kind="stable", ignore_index=True)
