"""The example source on the real data inside the package."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pandas as pd
import pytest
from include.examples.flights import day_file, read_window

from driftgate.errors import SourceError

NEW_YORK = ZoneInfo("America/New_York")
COLUMNS = ["scheduled", "flight", "tailnum", "carrier", "origin", "dest", "dep_delay", "distance", "hour", "weekday", "arr_delay"]


def read_day(day: date, columns=COLUMNS, landing=None, days=1) -> pd.DataFrame:
    start = datetime(day.year, day.month, day.day, tzinfo=NEW_YORK)
    return read_window(start, start + timedelta(days=days), columns, landing=landing)


def test_a_day_holds_its_departed_flights():
    rows = read_day(date(2013, 4, 5))
    assert len(rows) == 980
    assert rows["dep_delay"].notna().all()
    assert list(rows.columns) == COLUMNS


def test_the_scheduled_time_is_the_local_hour_in_utc_in_winter_and_in_summer():
    for day, offset in ((date(2013, 1, 15), 5), (date(2013, 7, 15), 4)):
        rows = read_day(day)
        local = rows["scheduled"].dt.tz_convert(NEW_YORK)
        assert (local.dt.hour == rows["hour"]).all()
        assert (local.dt.date == day).all()
        assert (rows["scheduled"].dt.hour == (rows["hour"] + offset) % 24).all()
        assert (rows["weekday"] == day.weekday()).all()


@pytest.mark.parametrize("day", [date(2013, 3, 10), date(2013, 11, 3)], ids=["23 hours", "25 hours"])
def test_days_on_which_clocks_change_are_whole(day):
    everything = day_file(day)
    assert len(read_day(day)) == everything["dep_delay"].notna().sum()


def test_all_days_together_are_every_departed_flight_once():
    rows = read_day(date(2013, 1, 1), days=365)
    assert len(rows) == 328_521
    assert not rows.duplicated(["scheduled", "flight", "tailnum"]).any()


def test_diverted_flights_stay_with_an_unknown_arrival():
    rows = read_day(date(2013, 1, 1), days=120)
    assert rows["arr_delay"].isna().sum() == 333


def test_a_landing_file_replaces_its_day_only(tmp_path):
    corrected = day_file(date(2013, 4, 5)).head(10).assign(distance=1.0)
    corrected.to_csv(tmp_path / "flights-2013-04-05.csv", index=False)
    rows = read_day(date(2013, 4, 4), landing=str(tmp_path), days=3)
    days = rows["scheduled"].dt.tz_convert(NEW_YORK).dt.day.value_counts()
    assert days[5] == corrected["dep_delay"].notna().sum()
    assert days[4] == len(read_day(date(2013, 4, 4)))
    assert days[6] == len(read_day(date(2013, 4, 6)))
    assert (rows["distance"] == 1.0).sum() == days[5]


def test_an_unchanged_landing_file_changes_nothing(tmp_path):
    day_file(date(2013, 4, 5)).to_csv(tmp_path / "flights-2013-04-05.csv", index=False)
    keys = ["scheduled", "flight", "tailnum"]
    with_file = read_day(date(2013, 4, 5), landing=str(tmp_path)).sort_values(keys, ignore_index=True)
    pd.testing.assert_frame_equal(with_file, read_day(date(2013, 4, 5)).sort_values(keys, ignore_index=True), check_dtype=False)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "No columns to parse"),
        (b"year,month\n1,2,3\n1,2,3,4\n", "Expected 3 fields"),
        (b"\xff\xfe\x00bad", "codec can't decode"),
        (b"year,month,day\n2013,4,5\n", "has no column time_hour, minute, dep_delay"),
        (b"year,month,day,time_hour,minute,dep_delay\n2013,4,31,2013-04-05T10:00:00Z,0,1\n", "cannot be read"),
        (b"year,month,day,time_hour,minute,dep_delay\n2013,4,6,2013-04-06T10:00:00Z,0,1\n", "1 of 1 rows are not of 2013-04-05"),
    ],
    ids=["empty", "ragged", "encoding", "columns gone", "impossible date", "another day"],
)
def test_an_unreadable_landing_file_is_named(tmp_path, content, message):
    path = tmp_path / "flights-2013-04-05.csv"
    path.write_bytes(content)
    with pytest.raises(SourceError, match=f"flights-2013-04-05.csv.*{message}"):
        read_day(date(2013, 4, 5), landing=str(tmp_path))


def test_a_column_gone_from_a_landing_file_is_gone_from_the_rows(tmp_path):
    day_file(date(2013, 4, 5)).drop(columns="distance").to_csv(tmp_path / "flights-2013-04-05.csv", index=False)
    assert "distance" not in read_day(date(2013, 4, 5), landing=str(tmp_path))
