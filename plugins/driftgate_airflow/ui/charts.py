"""Time series and heat maps as JSON: compact lists, with how much was left out said in words."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from driftgate.config.models import MonitorConfig
from driftgate.record.overview_series import HeatmapQuery, SeriesQuery
from driftgate.record.rows import Row
from driftgate.records import Window
from driftgate_airflow.ui.shapes import Json, moment, row_window, window

FIELDS = ("start", "value", "threshold", "verdict", "model_version", "reference", "end", "low", "high")
"""``low`` and ``high``: 95 % range of the value, null where none is known."""
VERDICT_CODES = {"ok": 0, "alarm": 1, "too_few_rows": 2}
_COLUMN_NAMES = ("family", "metric", "direction", "method", "alarms", "too_few", "windows", "worst")
_MATRICES = ("value", "threshold", "ratio", "verdict", "at")


def series(config: MonitorConfig, query: SeriesQuery, rows: Sequence[Row]) -> Json:
    """Write one list of points per column that was asked for."""
    found: dict[str, list[Row]] = {name: [] for name in query.columns}
    for row in rows:
        found[row["column"]].append(row)
    return {
        **{name: getattr(query, name) for name in ("family", "metric", "segment", "model_version")},
        "timezone": config.schedule.timezone,
        "fields": FIELDS,
        "series": [_one_series(column, points) for column, points in found.items()],
    }


def _one_series(column: str, rows: Sequence[Row]) -> Json:
    newest: Mapping[Any, Any] = rows[-1] if rows else {}
    windows = newest.get("total", 0)
    sampled = len(rows) < windows
    rule = f"{len(rows)} of {windows} windows: of every few the lowest, the highest and the first alarm" if sampled else "every window"
    return {
        "column": column,
        "direction": newest.get("direction"),
        "method": newest.get("method"),
        "points": [
            [
                moment(row["window_start"]),
                *(row[name] for name in ("value", "threshold", "verdict", "model_version", "reference_value")),
                moment(row["window_end"]),
                row["low"],
                row["high"],
            ]
            for row in rows
        ],
        "sampling": {"windows": windows, "points": len(rows), "sampled": sampled, "rule": rule},
    }


def windows_per_cell(windows: int, cells: int) -> int:
    """Return how many windows must share a cell so that there are no more than ``cells``."""
    return max(1, math.ceil(windows / cells))


def heatmap(config: MonitorConfig, query: HeatmapQuery, windows: Sequence[Row], columns: Sequence[Row], cells: Sequence[Row]) -> Json:
    """Write the matrices [column][cell]."""
    groups = [windows[first : first + query.per_cell] for first in range(0, len(windows), query.per_cell)]
    place = {(row["family"], row["column"]): index for index, row in enumerate(columns)}
    matrices: dict[str, list[list[Any]]] = {name: [[None] * len(groups) for _ in columns] for name in _MATRICES}
    for row in cells:
        index = place.get((row["family"], row["column"]))
        if index is not None:
            for name, value in _cell(row, query.per_cell).items():
                matrices[name][index][row["cell"]] = value
    shared = f"{query.per_cell} windows per cell; a cell shows its worst window"
    return {
        "metric": query.metric,
        "timezone": config.schedule.timezone,
        "columns": [_heatmap_column(row) for row in columns],
        "windows": [_group(config, group) for group in groups],
        **matrices,
        "totals": {
            "columns": columns[0]["total"] if columns else 0,
            "shown": len(columns),
            "windows": len(windows),
            "cells": len(groups),
            "windows_per_cell": query.per_cell,
        },
        "rule": "one window per cell" if query.per_cell == 1 else shared,
    }


def _heatmap_column(row: Row) -> Json:
    return {"name": row["column"], **{name: row[name] for name in _COLUMN_NAMES}}


def _cell(row: Row, per_cell: int) -> Json:
    return {
        "value": row["value"],
        "threshold": row["threshold"],
        "ratio": None if row["ratio"] is None else round(row["ratio"], 4),
        "verdict": VERDICT_CODES.get(row["verdict"]),
        "at": moment(row["window_start"]) if per_cell > 1 else None,
    }


def _group(config: MonitorConfig, rows: Sequence[Row]) -> Json:
    whole = Window(rows[0]["window_start"], max(row["window_end"] for row in rows))
    shown = window(config, whole)
    if len(rows) > 1:
        first, last = (row_window(config, row)["label"] for row in (rows[0], rows[-1]))
        shown["label"] = f"{first} to {last}"
    return {
        **shown,
        "count": len(rows),
        "rows": rows[0]["rows"] if len(rows) == 1 else None,
        "model_version": rows[-1]["measured_model_version"],
    }
