"""Scores of the rows of a big batch, whole and per segment, from sums that are added up chunk by chunk.

Every score is a function of sums over rows, and so is every resample of the bootstrap over the sums of its units. The rows are read twice:
once for what decides the layout (classes, segments, units of time), once for the sums; with probabilities twice more per set of segments
for the area under the ROC curve, which needs them sorted (8 bytes a row). Sums are taken around a value of the target, so that an offset
costs no digits. Results agree with those of :mod:`driftgate.measure.performance` and :mod:`driftgate.measure.segments` to 1e-9.

Units, what the bootstrap draws, are those of :func:`driftgate.resampling.time_units` where the window holds enough days or windows.
Otherwise rows are put into at most 5,000 groups by a hash of their values, so that neither their order nor the chunks matter.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt
import pandas as pd

from driftgate.columns import MAX_SEGMENTS, positive_label, segment_name, segment_values
from driftgate.config.models import MonitorConfig
from driftgate.measure.performance import _PREDICTION, _PROBA, _TARGET, check_classes, labelled
from driftgate.measure.score_sums import Columns, Probabilities, roc_columns, score_columns
from driftgate.measure.window_rows import WindowRows
from driftgate.resampling import MAXIMUM_UNITS, MINIMUM_BLOCKS, local_times, unit_sizes
from driftgate.row_hashes import row_hashes

Floats = npt.NDArray[np.float64]
Places = npt.NDArray[np.intp]

WHOLE = ""
"""Name of the whole window beside those of its segments."""
MOST_SUMS = 1 << 24
"""Sums that are held at once (128 MiB); with many classes and segments rows are put into fewer units for it."""
FEWEST_UNITS = 200


@dataclass
class _Layout:
    """What the first pass finds."""

    rows: int = 0
    """Labelled rows."""
    classes: set[str] = field(default_factory=set)
    centre: float = 0.0
    """A value of the target (regression)."""
    segments: dict[str, Counter[str]] = field(default_factory=dict)
    """Labelled rows of each value of each column."""
    ticks: dict[np.timedelta64, set[int]] = field(default_factory=dict)
    """Numbers of the days (or windows) that occur, by size; given up when there are enough rows of none."""
    has_proba: bool = False


@dataclass(frozen=True)
class Sums:
    """Sums of labelled rows, per unit and per slot: the whole window and its segments."""

    slots: Sequence[str]
    columns: Columns
    values: Floats
    """Shape (units, slots, columns)."""

    @property
    def rows(self) -> int:
        """Labelled rows in all slots."""
        return int(self.columns.rows(self.totals).sum())

    @property
    def totals(self) -> Floats:
        """Shape (slots, columns)."""
        return np.asarray(self.values.sum(axis=0))

    def scores(self) -> dict[str, dict[str, float]]:
        """Return the scores of every slot; those that do not exist are left out."""
        totals = self.totals
        with np.errstate(divide="ignore", invalid="ignore"):
            found = {name: (score.value(totals), score.below(totals) > 0) for name, score in self.columns.scores.items()}
        return {
            slot: {name: float(value[place]) for name, (value, exists) in found.items() if exists[place] and np.isfinite(value[place])}
            for place, slot in enumerate(self.slots)
        }


_KEPT: WeakKeyDictionary[WindowRows, dict[str, list[Sums]]] = WeakKeyDictionary()


def score_sums(config: MonitorConfig, rows: WindowRows) -> list[Sums]:
    """Return the sums of a window, worked out once per rows; empty without a labelled row.

    Raises
    ------
    MeasureError
        If the classes in the data do not fit the task or its positive label.
    """
    kept = _KEPT.setdefault(rows, {})
    key = config.model_dump_json(include={"columns", "task", "window", "schedule", "measures"})
    if key not in kept:
        kept[key] = _score_sums(config, rows)
    return kept[key]


def _score_sums(config: MonitorConfig, rows: WindowRows) -> list[Sums]:
    layout = _layout(config, rows)
    if not layout.rows:
        return []
    classes = sorted(layout.classes)
    positive = positive_label(config, classes) if config.task == "binary" else None
    if positive is not None:
        check_classes(config, classes, positive)
    columns = score_columns(config.task, classes, positive, layout.centre)
    groups = [{WHOLE: ""}, *(_segments(config, name, counts) for name, counts in layout.segments.items())]
    names = ["", *layout.segments]
    slots = sum(len(group) for group in groups)
    units = _Units(config, layout, columns.count * slots)
    found = []
    for name, group in zip(names, groups, strict=True):
        if group:
            found.append(_added(config, rows, units, name, group, columns))
            if layout.has_proba and positive is not None:
                found.append(_added(config, rows, units, name, group, roc_columns(_probabilities(config, rows, name, group, positive))))
    return found


# --- the first pass ---------------------------------------------------------------------------------------------------


def _columns_read(config: MonitorConfig) -> list[str]:
    roles = config.columns
    names = [*roles.id, roles.timestamp, roles.target, roles.prediction, roles.prediction_proba, *roles.segments]
    return list(dict.fromkeys(name for name in names if name))


def _pieces(config: MonitorConfig, rows: WindowRows) -> Iterator[tuple[pd.DataFrame, pd.DataFrame]]:
    """Yield chunks with their labelled rows; the latter under fixed names, their index tells the place in the chunk."""
    for chunk in rows.chunks(_columns_read(config)):
        found = labelled(config, chunk)
        if len(found):
            yield (chunk if len(found) == len(chunk) else chunk.iloc[found.index]), found.reset_index(drop=True)


def _layout(config: MonitorConfig, rows: WindowRows) -> _Layout:
    layout = _Layout()
    layout.segments = {name: Counter() for name in config.columns.segments if name in rows.columns}
    layout.ticks = {size: set() for size in unit_sizes(config)}
    for chunk, found in _pieces(config, rows):
        if config.task == "regression":
            layout.centre = layout.centre if layout.rows else float(found[_TARGET].iloc[0])
        else:
            layout.classes.update(found[_TARGET].unique(), found[_PREDICTION].unique())
        layout.has_proba = layout.has_proba or _PROBA in found
        layout.rows += len(found)
        for name, counts in layout.segments.items():
            codes, values = segment_values(chunk[name])
            counts.update(dict(zip(values, np.bincount(codes, minlength=len(values)).tolist(), strict=True)))
        times = local_times(config, chunk[config.columns.timestamp])
        for size, ticks in layout.ticks.items():
            ticks.update(np.unique(times // size).tolist())
    return layout


def _segments(config: MonitorConfig, column: str, counts: Mapping[str, int]) -> dict[str, str]:
    """Return the segments of a column, the largest first: name of the segment by value."""
    enough = [(value, count) for value, count in counts.items() if count >= config.measures.minimum_segment_rows]
    largest = sorted(enough, key=lambda item: (-item[1], item[0]))[:MAX_SEGMENTS]
    return {segment_name(column, value): value for value, _ in largest}


# --- units ------------------------------------------------------------------------------------------------------------


class _Units:
    """Which unit a row belongs to."""

    def __init__(self, config: MonitorConfig, layout: _Layout, sums: int) -> None:
        self._config = config
        self._size, self._ticks = None, np.empty(0, dtype=np.int64)
        for size, ticks in layout.ticks.items():
            if self._size is None and len(ticks) >= MINIMUM_BLOCKS:
                self._size, self._ticks = size, np.array(sorted(ticks), dtype=np.int64)
        most = max(FEWEST_UNITS, min(MAXIMUM_UNITS, MOST_SUMS // max(sums, 1)))
        self.count = len(self._ticks) if self._size is not None else max(1, min(layout.rows, most))

    def of(self, chunk: pd.DataFrame) -> Places:
        """Return the number of the unit of every row."""
        if self._size is not None:
            times = local_times(self._config, chunk[self._config.columns.timestamp])
            return np.asarray(np.searchsorted(self._ticks, times // self._size), dtype=np.intp)
        names = [str(name) for name in chunk.columns]
        return np.asarray(row_hashes(chunk, names) % np.uint64(self.count), dtype=np.intp)


# --- sums -------------------------------------------------------------------------------------------------------------


def _added(config: MonitorConfig, rows: WindowRows, units: _Units, name: str, group: Mapping[str, str], columns: Columns) -> Sums:
    values = np.zeros((columns.count, units.count * len(group)))
    for chunk, found in _pieces(config, rows):
        slots = _slots(chunk, name, group)
        cells = units.of(chunk) * len(group) + slots
        inside = None if slots.min() >= 0 else np.flatnonzero(slots >= 0)
        cells = cells if inside is None else cells[inside]
        for number, column in enumerate(columns.of(found, slots)):
            values[number] += np.bincount(cells, weights=column if inside is None else column[inside], minlength=values.shape[1])
    return Sums(list(group), columns, values.T.reshape(units.count, len(group), columns.count))


def _slots(chunk: pd.DataFrame, name: str, group: Mapping[str, str]) -> Places:
    """Return the number of the slot of every row, -1 for rows of none."""
    if not name:
        return np.zeros(len(chunk), dtype=np.intp)
    codes, values = segment_values(chunk[name])
    places = {value: place for place, value in enumerate(group.values())}
    found: Places = np.array([places.get(value, -1) for value in values], dtype=np.intp)[codes]
    return found


def _probabilities(config: MonitorConfig, rows: WindowRows, name: str, group: Mapping[str, str], positive: str) -> Probabilities:
    def parts() -> Iterator[tuple[Places, npt.NDArray[np.bool_], Floats]]:
        for chunk, found in _pieces(config, rows):
            proba, slots = found[_PROBA].to_numpy(), _slots(chunk, name, group)
            known = np.flatnonzero(np.isfinite(proba) & (slots >= 0))
            yield slots[known], (found[_TARGET] == positive).to_numpy(dtype=bool)[known], proba[known]

    return Probabilities(len(group), positive, parts)
