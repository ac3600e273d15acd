"""Which rows may be compared with a window: hand-made calendars, clocks that change, leap years."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest

import factories
from driftgate import seasons
from driftgate.config.models import MonitorConfig
from driftgate.config.windows import window_at
from driftgate.records import Window


def monitor(zone: str = "UTC", **reference: Any) -> MonitorConfig:
    return factories.make_config(schedule={"timezone": zone}, reference=reference)


def rows(*moments: str, zone: str = "UTC") -> pd.DataFrame:
    """Rows at local moments, with timestamps in UTC as ingest keeps them."""
    return pd.DataFrame({"ts": [pd.Timestamp(text, tz=zone).tz_convert("UTC") for text in moments]})


def matched(config: MonitorConfig, frame: pd.DataFrame, start: str, end: str | None = None) -> list[bool]:
    return seasons.matching_rows(config, frame, window_at(config, start, end)).tolist()


def test_without_a_match_every_row_may_be_compared() -> None:
    assert matched(monitor(), rows("2024-01-01", "2023-07-07"), "2024-02-02") == [True, True]


def test_a_day_is_compared_with_the_same_weekday() -> None:
    # January 2024 begins on a Monday; 5 February 2024 is a Monday too.
    frame = rows("2024-01-01 00:00", "2024-01-01 23:59:59.999999", "2024-01-02", "2024-01-07 23:00", "2024-01-08 12:00")
    assert matched(monitor(match="weekday"), frame, "2024-02-05") == [True, True, False, False, True]


def test_the_weekday_is_the_local_one() -> None:
    frame = rows("2024-01-01 23:30", "2024-01-02 00:30", zone="America/New_York")  # Monday evening is Tuesday in UTC
    assert matched(monitor("America/New_York", match="weekday"), frame, "2024-02-05") == [True, False]
    assert matched(monitor("UTC", match="weekday"), frame, "2024-02-05") == [False, False]


@pytest.mark.parametrize("sunday", ["2024-03-10", "2024-11-03"], ids=["23 hours", "25 hours"])
def test_a_day_on_which_clocks_change_is_one_weekday(sunday: str) -> None:
    config = monitor("America/New_York", match="weekday")
    window = window_at(config, sunday)
    assert window.end - window.start in (timedelta(hours=23), timedelta(hours=25))
    assert seasons.covered_units(config, window) == {6}
    frame = rows("2024-06-02 23:59", "2024-06-03 00:00", "2024-06-01 23:59", zone="America/New_York")
    assert seasons.matching_rows(config, frame, window).tolist() == [True, False, False]


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        ("2024-01-06", "2024-01-08", {5, 6}),
        ("2024-01-07T12:00", "2024-01-08T00:00", {6}),  # the end does not belong to the window
        ("2024-01-07T12:00", "2024-01-08T00:01", {6, 0}),
        ("2024-01-03", "2024-01-10", {0, 1, 2, 3, 4, 5, 6}),
        ("2024-01-03", "2024-03-10", {0, 1, 2, 3, 4, 5, 6}),
    ],
)
def test_a_window_covers_these_weekdays(start: str, end: str, expected: set[int]) -> None:
    config = monitor(match="weekday")
    assert seasons.covered_units(config, window_at(config, start, end)) == expected


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        ("2024-02-29", None, {2}),
        ("2024-01-31", "2024-02-01", {1}),
        ("2024-01-31", "2024-02-02", {1, 2}),
        ("2023-12-30", "2024-01-03", {12, 1}),
        ("2023-11-15", "2024-02-15", {11, 12, 1, 2}),
        ("2022-01-15", "2024-01-15", set(range(1, 13))),
    ],
)
def test_a_window_covers_these_months(start: str, end: str | None, expected: set[int]) -> None:
    config = monitor(match="month")
    assert seasons.covered_units(config, window_at(config, start, end)) == expected


def test_a_month_is_compared_with_the_same_month_of_every_year() -> None:
    frame = rows("2023-07-01", "2023-07-31 23:59", "2023-08-01", "2022-07-15", "2023-06-30 23:59")
    assert matched(monitor(match="month"), frame, "2024-07-04") == [True, True, False, True, False]


def test_hours_of_the_week_are_local_hours() -> None:
    config = monitor("America/New_York", match="hour_of_week")
    window = window_at(config, "2024-02-05T06:00", "2024-02-05T09:00")  # Monday, winter time
    assert seasons.covered_units(config, window) == {6, 7, 8}
    summer = rows(
        "2024-07-01 05:59", "2024-07-01 06:00", "2024-07-01 08:59", "2024-07-01 09:00", "2024-07-02 07:00", zone="America/New_York"
    )
    assert seasons.matching_rows(config, summer, window).tolist() == [False, True, True, False, False]


def test_the_hour_that_clocks_skip_is_not_covered_and_the_double_one_is_once() -> None:
    config = monitor("America/New_York", match="hour_of_week")
    spring = seasons.covered_units(config, window_at(config, "2024-03-10"))
    autumn = seasons.covered_units(config, window_at(config, "2024-11-03"))
    sunday = set(range(144, 168))
    assert spring == sunday - {146}
    assert autumn == sunday
    assert len(seasons.covered_units(config, window_at(config, "2024-03-04", "2024-03-11"))) == 167
    assert len(seasons.covered_units(config, window_at(config, "2024-01-01", "2024-06-01"))) == 168


@pytest.mark.parametrize("zone", ["Asia/Kathmandu", "Australia/Lord_Howe", "America/St_Johns", "UTC"])
@pytest.mark.parametrize("match", ["weekday", "month", "hour_of_week"])
def test_rows_are_matched_as_the_standard_library_reads_their_calendar(zone: str, match: str) -> None:
    rng = np.random.default_rng(3)
    moments = pd.to_datetime(1_700_000_000 + rng.integers(0, 400 * 86_400, 2_000), unit="s", utc=True)
    config, local = monitor(zone, match=match), [moment.astimezone(ZoneInfo(zone)) for moment in moments.to_pydatetime()]
    units = {"weekday": lambda t: t.weekday(), "month": lambda t: t.month, "hour_of_week": lambda t: (t.weekday(), t.hour)}[match]
    window = window_at(config, "2024-10-05T20:10", "2024-10-06T04:50")  # clocks change on Lord Howe in between
    minutes = int((window.end - window.start) / timedelta(minutes=1))
    wanted = {units((window.start + timedelta(minutes=minute)).astimezone(ZoneInfo(zone))) for minute in range(minutes)}
    found = seasons.matching_rows(config, pd.DataFrame({"ts": moments}), window)
    assert found.tolist() == [units(moment) in wanted for moment in local]
    assert found.any()


def test_rows_without_a_timestamp_never_match() -> None:
    frame = pd.DataFrame({"ts": pd.to_datetime(["2024-01-01", None, "2024-12-31"], utc=True)})
    for match in ("weekday", "month", "hour_of_week"):
        assert not matched(monitor(match=match), frame, "2024-01-01")[1]
    assert seasons.trailing_rows(monitor(kind="trailing"), frame["ts"], window_at(monitor(), "2024-01-02")).tolist() == [0]


def test_an_empty_reference_has_no_matching_rows() -> None:
    frame = rows("2024-01-01")[:0]
    assert matched(monitor(match="month"), frame, "2024-01-01") == []
    assert seasons.comparable_rows(monitor(kind="trailing", match="weekday"), frame, factories.make_window()).tolist() == []


def test_the_trailing_stretch_ends_before_the_gap() -> None:
    config = monitor(kind="trailing", length="3d", gap="1d")
    frame = rows("2024-01-09", "2024-01-08 23:59:59.999999", "2024-01-06", "2024-01-05 23:59:59.999999", "2024-01-10 05:00")
    assert seasons.trailing_rows(config, frame["ts"], window_at(config, "2024-01-10")).tolist() == [1, 2]


def test_days_of_the_trailing_stretch_are_local_days() -> None:
    config = monitor("America/New_York", kind="trailing", length="2d")
    stretch = seasons.trailing_stretch(config, window_at(config, "2024-03-11"))  # clocks went forward on the 10th
    assert stretch == Window(pd.Timestamp("2024-03-09", tz="America/New_York"), pd.Timestamp("2024-03-11", tz="America/New_York"))
    assert stretch.end - stretch.start == timedelta(hours=47)


@pytest.mark.parametrize(
    ("start", "end", "first", "last"),
    [
        ("2024-02-29", None, "2023-02-01", "2023-03-01"),
        ("2025-02-28", None, "2024-02-01", "2024-03-01"),  # the 29th included
        ("2024-12-31", None, "2023-12-01", "2024-01-01"),
        ("2024-12-30", "2025-01-02", "2023-12-01", "2024-02-01"),
        ("2024-01-31", "2024-02-01", "2023-01-01", "2023-02-01"),
        ("2023-01-15", "2024-03-15", "2022-01-01", "2023-01-15"),  # longer than a year: never the window's own time
    ],
)
def test_the_year_before_is_the_same_calendar_months(start: str, end: str | None, first: str, last: str) -> None:
    for zone in ("UTC", "Asia/Tokyo"):
        config = monitor(zone, kind="last_year")
        found = seasons.year_before(config, window_at(config, start, end))
        assert found == Window(datetime.fromisoformat(first).replace(tzinfo=ZoneInfo(zone)), _local(last, zone))
    assert seasons.last_year_rows(config, rows(first, last, zone="Asia/Tokyo")["ts"], window_at(config, start, end)).tolist() == [0]


def _local(text: str, zone: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))


def hourly(days: int) -> pd.DataFrame:
    return pd.DataFrame({"ts": pd.date_range("2024-01-01", periods=24 * days, freq="h", tz="UTC")})


def test_too_few_matching_rows_mean_that_all_are_used_and_say_so() -> None:
    frame = hourly(14)  # 48 Mondays' hours
    enough = seasons.match_rows(monitor(match="weekday", minimum_rows=48), frame, factories.make_window(28))
    assert (int(enough.rows.sum()), enough.match, enough.notes) == (48, "weekday", ())
    few = seasons.match_rows(monitor(match="weekday", minimum_rows=49), frame, factories.make_window(28))
    assert (int(few.rows.sum()), few.match) == (336, "none")
    assert few.notes == ("48 of 336 reference rows match the window by weekday, 49 are needed: all of them are used",)


def test_the_larger_of_both_minimums_counts() -> None:
    config = factories.make_config(reference={"minimum_rows": 10}, measures={"minimum_rows": 40})
    assert seasons.minimum_rows(config) == 40


def test_comparable_rows_are_near_and_of_the_same_calendar() -> None:
    frame, window = hourly(60), factories.make_window(35)  # Monday, 5 February
    config = monitor(kind="trailing", length="14d", match="weekday", minimum_rows=30)
    assert np.flatnonzero(seasons.comparable_rows(config, frame, window)).tolist() == [*range(21 * 24, 22 * 24), *range(28 * 24, 29 * 24)]
    near = monitor(kind="trailing", length="14d", match="weekday", minimum_rows=49)
    assert np.flatnonzero(seasons.comparable_rows(near, frame, window)).tolist() == list(range(21 * 24, 35 * 24))
    far = monitor(kind="trailing", length="1d", match="weekday", minimum_rows=30)  # 24 rows are too few: every Monday of the reference
    assert int(seasons.comparable_rows(far, frame, window).sum()) == 24 * 9


def test_the_order_of_rows_does_not_matter() -> None:
    frame, window = hourly(60), factories.make_window(35)
    shuffled = frame.sample(frac=1, random_state=1)
    for match in ("none", "weekday", "month", "hour_of_week"):
        config = monitor(kind="trailing", length="14d", match=match, minimum_rows=20)
        chosen = frame["ts"][seasons.comparable_rows(config, frame, window)]
        assert sorted(chosen) == sorted(shuffled["ts"][seasons.comparable_rows(config, shuffled, window)])
