"""Windows are cut in the monitor's time zone; a day stays a day when clocks change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

import factories
from driftgate.config.windows import label, window_at, window_ending, windows_between
from driftgate.records import Window

NEW_YORK = {"schedule": {"timezone": "America/New_York"}}


def test_a_date_means_the_local_day() -> None:
    window = window_at(factories.make_config(**NEW_YORK), "2013-04-05")
    assert window == Window(datetime(2013, 4, 5, 4, tzinfo=UTC), datetime(2013, 4, 6, 4, tzinfo=UTC))


@pytest.mark.parametrize(("day", "hours"), [("2013-03-10", 23), ("2013-11-03", 25), ("2013-04-05", 24)])
def test_a_day_has_as_many_hours_as_the_local_calendar_says(day: str, hours: int) -> None:
    window = window_at(factories.make_config(**NEW_YORK), day)
    assert window.end - window.start == timedelta(hours=hours)
    assert window_ending(factories.make_config(**NEW_YORK), window.end) == window


def test_consecutive_windows_leave_no_gap_over_a_clock_change() -> None:
    windows = list(windows_between(factories.make_config(**NEW_YORK), "2013-03-08", "2013-03-13"))
    assert len(windows) == 5
    assert all(first.end == second.start for first, second in pairwise(windows))


def test_hours_are_counted_in_absolute_time() -> None:
    config = factories.make_config(window={"size": "6h"}, **NEW_YORK)
    windows = list(windows_between(config, "2013-03-10", "2013-03-11"))
    assert [window.end - window.start for window in windows] == [timedelta(hours=6)] * 3


def test_an_end_before_the_start_is_refused() -> None:
    with pytest.raises(ValueError, match="is not after its start"):
        window_at(factories.make_config(), "2013-04-05", "2013-04-04")


def test_a_window_without_a_time_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="has no time zone"):
        Window(datetime(2013, 1, 1), datetime(2013, 1, 2))


def test_a_word_is_not_a_date() -> None:
    with pytest.raises(ValueError, match=r"'tomorrow' is not a date; write for example 2013-04-05"):
        window_at(factories.make_config(), "tomorrow")


def test_labels_are_local_dates() -> None:
    config = factories.make_config(**NEW_YORK)
    assert label(config, window_at(config, "2013-04-05")) == "2013-04-05"
    assert label(config, window_at(config, "2013-04-05", "2013-04-07")) == "2013-04-05 00:00 to 2013-04-07 00:00"


def test_a_key_is_safe_in_file_names_and_run_ids() -> None:
    assert window_at(factories.make_config(), "2013-04-05").key == "20130405T000000Z-20130406T000000Z"
