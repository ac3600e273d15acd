"""Which rows of a reference may be compared with a window: by calendar, by distance in time, by the year before.

Pure functions of the monitor file, the rows' timestamps and the window; the references of live windows and the calibration of
limits use the same ones. Calendar units are local: those of the schedule's time zone, also where clocks change.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from driftgate.config.models import MonitorConfig
from driftgate.config.windows import add
from driftgate.records import Window

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

_HOURS_PER_DAY, _DAYS_PER_WEEK, _MONTHS_PER_YEAR = 24, 7, 12
_UNITS = {"weekday": _DAYS_PER_WEEK, "month": _MONTHS_PER_YEAR + 1, "hour_of_week": _HOURS_PER_DAY * _DAYS_PER_WEEK}
"""How many calendar units there are, counted from 0; months count from 1."""
_STEP = timedelta(minutes=15)
"""Local hours begin at multiples of this in every time zone of today."""
_TICK = timedelta(microseconds=1)


@dataclass(frozen=True)
class Selection:
    """Rows chosen from a reference."""

    rows: np.ndarray
    """One boolean per row."""
    match: str
    """What they were matched by; ``none`` also where too few rows matched."""
    notes: tuple[str, ...] = ()
    """Why something other than what the monitor file asks for was chosen."""


def minimum_rows(config: MonitorConfig) -> int:
    """Rows that a matched, trailing or last_year reference needs to be used."""
    return max(config.reference.minimum_rows, config.measures.minimum_rows)


# --- stretches of time ------------------------------------------------------------------------------------------------


def stretch_of(config: MonitorConfig, window: Window) -> Window | None:
    """Return the stretch of time whose rows the window is compared with; None where the reference is not relative to the window."""
    if config.reference.kind == "trailing":
        return trailing_stretch(config, window)
    return year_before(config, window) if config.reference.kind == "last_year" else None


def trailing_stretch(config: MonitorConfig, window: Window) -> Window:
    """Return [start - gap - length, start - gap); whole days follow the local calendar."""
    end = add(config, window.start, -config.reference.gap)
    return Window(add(config, end, -config.reference.length), end)


def year_before(config: MonitorConfig, window: Window) -> Window:
    """Return the local calendar months that the window touches, one year earlier; never later than the window's start."""
    first, last = _local_ends(config, window)
    start = datetime(first.year - 1, first.month, 1, tzinfo=config.schedule.zone)
    year, month = (last.year, 1) if last.month == _MONTHS_PER_YEAR else (last.year - 1, last.month + 1)
    end = datetime(year, month, 1, tzinfo=config.schedule.zone)
    return Window(start, min(end.astimezone(UTC), window.start))


def _local_ends(config: MonitorConfig, window: Window) -> tuple[datetime, datetime]:
    """Local first and last moment of the window."""
    zone = config.schedule.zone
    return window.start.astimezone(zone), (window.end - _TICK).astimezone(zone)


def trailing_rows(config: MonitorConfig, timestamps: pd.Series, window: Window) -> np.ndarray:
    """Return the positions of the rows inside [start - gap - length, start - gap).

    Parameters
    ----------
    timestamps
        Time-zone-aware moments in any order; missing ones belong to no stretch.
    """
    return _positions(timestamps, trailing_stretch(config, window))


def last_year_rows(config: MonitorConfig, timestamps: pd.Series, window: Window) -> np.ndarray:
    """Return the positions of the rows in the window's calendar months, one year earlier."""
    return _positions(timestamps, year_before(config, window))


def inside(timestamps: pd.Series, stretch: Window) -> np.ndarray:
    """Return for every row whether it lies in the stretch."""
    return ((timestamps >= stretch.start) & (timestamps < stretch.end)).to_numpy(dtype=bool)


def _positions(timestamps: pd.Series, stretch: Window) -> np.ndarray:
    import numpy as np

    return np.flatnonzero(inside(timestamps, stretch))


# --- the calendar -----------------------------------------------------------------------------------------------------


def matching_rows(config: MonitorConfig, reference: pd.DataFrame, window: Window) -> np.ndarray:
    """Return for every row whether its calendar is that of the window, by ``reference.match``.

    ``weekday``: one of the weekdays that the window covers; ``month``: one of its months; ``hour_of_week``: one of its hours of
    the week; ``none``: every row. A window of a week or more covers every weekday and hour.

    Parameters
    ----------
    reference
        Rows with the monitor's timestamp column, time-zone-aware, in any order.
    """
    import numpy as np

    match = config.reference.match
    if match == "none":
        return np.ones(len(reference), dtype=bool)
    wanted = np.zeros(_UNITS[match] + 1, dtype=bool)  # the last one is for rows without a timestamp: never wanted
    wanted[sorted(covered_units(config, window))] = True
    chosen: np.ndarray = wanted[_units(config, reference[config.columns.timestamp], match)]
    return chosen


def covered_units(config: MonitorConfig, window: Window) -> frozenset[int]:
    """Return the weekdays (0 is Monday), months (1 to 12) or hours of the week (0 is Monday 00:00) that a window covers."""
    match = config.reference.match
    first, last = _local_ends(config, window)
    if match == "month":
        months = range(first.year * _MONTHS_PER_YEAR + first.month - 1, last.year * _MONTHS_PER_YEAR + last.month)
        return frozenset(month % _MONTHS_PER_YEAR + 1 for month in months)
    if match == "weekday":
        days = range((last.date() - first.date()).days + 1)
        return frozenset((first.weekday() + day) % _DAYS_PER_WEEK for day in days)
    return frozenset(_covered_hours(config, window)) if match == "hour_of_week" else frozenset()


def _covered_hours(config: MonitorConfig, window: Window) -> set[int]:
    moment, hours = window.start, set()
    end = min(window.end, window.start + timedelta(days=_DAYS_PER_WEEK + 1))  # a day more than needed, for changes of the clock
    while moment < end:
        local = moment.astimezone(config.schedule.zone)
        hours.add(local.weekday() * _HOURS_PER_DAY + local.hour)
        moment += _STEP - timedelta(minutes=moment.minute % 15, seconds=moment.second, microseconds=moment.microsecond)
    return hours


def _units(config: MonitorConfig, timestamps: pd.Series, match: str) -> np.ndarray:
    """Return the number of every row's calendar unit; -1 without a timestamp."""
    local = timestamps.dt.tz_convert(config.schedule.zone).dt
    if match == "month":
        units = local.month
    elif match == "weekday":
        units = local.dayofweek
    else:
        units = local.dayofweek * _HOURS_PER_DAY + local.hour
    numbers: np.ndarray = units.fillna(-1).to_numpy(dtype="int64")
    return numbers


# --- both -------------------------------------------------------------------------------------------------------------


def match_rows(config: MonitorConfig, reference: pd.DataFrame, window: Window) -> Selection:
    """Choose the rows whose calendar is that of the window, or all where fewer than :func:`minimum_rows` match."""
    import numpy as np

    match, needed = config.reference.match, minimum_rows(config)
    found = matching_rows(config, reference, window)
    count = int(found.sum())
    if match == "none" or count >= needed:
        return Selection(found, match)
    note = f"{count} of {len(reference)} reference rows match the window by {match}, {needed} are needed: all of them are used"
    return Selection(np.ones(len(reference), dtype=bool), "none", (note,))


def comparable_rows(config: MonitorConfig, reference: pd.DataFrame, window: Window) -> np.ndarray:
    """Return for every row of a version's own reference whether a window inside the same time would be compared with it.

    What a live window does with the records, done with the reference's rows alone, for calibration: first the stretch that the kind
    asks for (trailing, last_year), or all rows where it holds too few; then of those the rows whose calendar matches, or all of
    them where too few do.
    """
    import numpy as np

    stretch = stretch_of(config, window)
    near = np.ones(len(reference), dtype=bool) if stretch is None else inside(reference[config.columns.timestamp], stretch)
    if int(near.sum()) < minimum_rows(config):
        near = np.ones(len(reference), dtype=bool)
    chosen = near.copy()
    chosen[near] = match_rows(config, reference[near], window).rows
    return chosen
