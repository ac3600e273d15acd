"""Example source: hourly bike rentals in Washington D.C., 2011 and 2012 (UCI Machine Learning Repository, data set 275, CC BY 4.0).

Hadi Fanaee-T and Joao Gama, "Event labeling combining ensemble detectors and background knowledge", Progress in Artificial
Intelligence (2013). The file hour.csv is not part of the project: fetch
https://archive.ics.uci.edu/static/public/275/bike+sharing+dataset.zip and name the folder with hour.csv in DRIFTGATE_BIKE_SHARING.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from pathlib import Path

import pandas as pd

from driftgate.errors import SourceError

ZONE = "America/New_York"
FOLDER_VARIABLE = "DRIFTGATE_BIKE_SHARING"
FILE = "hour.csv"


def read_window(window_start: datetime, window_end: datetime, columns: Sequence[str], folder: str | None = None) -> pd.DataFrame:
    """Return the hours in [window_start, window_end).

    Parameters
    ----------
    columns
        Columns of hour.csv, or ``timestamp``: the beginning of the hour, from dteday and hr, local time of Washington.
    folder
        Folder with hour.csv; default: the environment variable DRIFTGATE_BIKE_SHARING.

    Raises
    ------
    SourceError
        If no folder is named, or the file is missing or cannot be read.
    """
    hours = _hours(_path(folder))
    inside = (hours["timestamp"] >= window_start) & (hours["timestamp"] < window_end)
    return hours.loc[inside, [name for name in columns if name in hours.columns]]


def _path(folder: str | None) -> Path:
    named = folder or os.environ.get(FOLDER_VARIABLE)
    if not named:
        raise SourceError(f"the folder with the bike sharing data is not known; set {FOLDER_VARIABLE} to the folder that holds {FILE}")
    return Path(named).expanduser() / FILE


@lru_cache(maxsize=2)
def _hours(path: Path) -> pd.DataFrame:
    try:
        rows = pd.read_csv(path)
        day = pd.to_datetime(rows["dteday"], format="%Y-%m-%d")
    except (OSError, ValueError, KeyError) as error:
        raise SourceError(f"cannot read the bike sharing data in {path}: {error}; fetch {FILE} again (see bike_sharing.py)") from error
    return rows.assign(timestamp=_local_hours(day + pd.to_timedelta(rows["hr"], unit="h")))


def _local_hours(naive: pd.Series) -> pd.Series:
    """Place the hours in local time; the hour that is there twice in autumn is its first, the one missing in spring the next."""
    first = pd.Series(True, index=naive.index).to_numpy()
    return naive.dt.tz_localize(ZONE, ambiguous=first, nonexistent="shift_forward").dt.tz_convert("UTC")
