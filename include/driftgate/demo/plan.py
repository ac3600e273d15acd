"""What the demonstration does to which day of April 2013, and the files that carry it out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from driftgate.callables import resolve
from driftgate.errors import SettingsError
from driftgate.files import replacing
from driftgate.settings import Settings

if TYPE_CHECKING:
    import pandas as pd

MONITOR = "flights"
TRAIN_FROM, TRAIN_TO = "2013-01-01", "2013-04-01"
DELAY_MINUTES = 30
DETOUR = 1.2


class Kind(StrEnum):
    """What is done to a day."""

    ORDINARY = "ordinary"
    CORRUPTED = "corrupted"
    SHIFTED = "shifted"


@dataclass(frozen=True)
class Day:
    """One day of the demonstration."""

    date: date
    kind: Kind

    @property
    def run_id(self) -> str:
        return f"demo__{self.date:%Y-%m-%d}"


PLAN = tuple(
    Day(date(2013, 4, number), kind)
    for number, kind in (
        (1, Kind.ORDINARY),
        (2, Kind.ORDINARY),
        (3, Kind.CORRUPTED),
        (4, Kind.ORDINARY),
        (5, Kind.SHIFTED),
        (6, Kind.SHIFTED),
        (7, Kind.SHIFTED),
        (8, Kind.SHIFTED),
        (9, Kind.SHIFTED),
        (10, Kind.CORRUPTED),
    )
)

STORY = f"""\
What is done to the flights (everything else is as it was in 2013):
  2013-04-03  the day's file is corrupted: 40 % of distances are gone, 30 % of carriers are '??', departure delays are in seconds
  2013-04-05  to 04-09: airspace is closed; every way is {DETOUR - 1:.0%} longer and every arrival {DELAY_MINUTES} minutes later
  2013-04-10  the same again, so that an incident is open at the end
What should happen: the gate stops 04-03 and 04-10; three bad days in a row are one incident and start a retraining; the new champion
copes with 04-08 and 04-09, which ends that incident."""


def landing_folder(settings: Settings) -> Path:
    """Folder whose files replace days of the example's data (see the monitor file flights.yaml)."""
    return settings.home / "landing" / MONITOR


def write_landing_files(settings: Settings) -> list[Path]:
    """Write the changed days; existing files are left as they are, so that a second run changes nothing."""
    day_file: Callable[[date], pd.DataFrame] = resolve("include.examples.flights:day_file", settings.project_root)
    written = []
    for day in PLAN:
        path = landing_folder(settings) / f"flights-{day.date:%Y-%m-%d}.csv"
        if day.kind is Kind.ORDINARY or path.exists():
            continue
        rows = _CHANGES[day.kind](day_file(day.date))
        try:
            with replacing(path) as temporary:
                rows.to_csv(temporary, index=False)
        except OSError as error:
            raise SettingsError(f"{path}: cannot be written ({error}); free space or choose another DRIFTGATE_HOME") from error
        written.append(path)
    return written


def corrupt(rows: pd.DataFrame) -> pd.DataFrame:
    """Spoil a day the way broken exports do: values missing, codes unknown, another unit."""
    rows = rows.reset_index(drop=True)
    part = rows.index.to_series() % 10
    rows["distance"] = rows["distance"].where(part >= 4)
    rows["carrier"] = rows["carrier"].where(part < 7, "??")
    rows["dep_delay"] = rows["dep_delay"] * 60
    return rows


def shift(rows: pd.DataFrame) -> pd.DataFrame:
    """Change the world the model learned: longer ways and later arrivals."""
    return rows.assign(distance=(rows["distance"] * DETOUR).round(), arr_delay=rows["arr_delay"] + DELAY_MINUTES)


_CHANGES: dict[Kind, Callable[[pd.DataFrame], pd.DataFrame]] = {Kind.CORRUPTED: corrupt, Kind.SHIFTED: shift}
