"""Which window a run is about."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from driftgate.config.models import MonitorConfig
from driftgate.records import Window
from driftgate_airflow.windows import InvalidWindowError, last_boundary, window_of_run
from factories import make_config

NEW_YORK = {"cron": "0 0 * * *", "timezone": "America/New_York"}


def run(run_type: str = "manual", end: datetime | None = None, after: datetime = datetime(2024, 3, 12, 9, tzinfo=UTC)) -> Any:
    return SimpleNamespace(run_type=run_type, data_interval_end=end, run_after=after)


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc,arg-type]


@pytest.fixture
def config() -> MonitorConfig:
    return make_config(schedule=NEW_YORK)


def test_dates_of_the_form_mean_the_monitors_time_zone(config: MonitorConfig) -> None:
    window = window_of_run(config, run(), {"window_start": "2024-01-05", "window_end": "2024-01-07"})
    assert window == Window(utc(2024, 1, 5, 5), utc(2024, 1, 7, 5))


def test_a_missing_end_follows_from_the_window_size(config: MonitorConfig) -> None:
    assert window_of_run(config, run(), {"window_start": "2024-01-05", "window_end": None}) == Window(
        utc(2024, 1, 5, 5), utc(2024, 1, 6, 5)
    )


def test_a_missing_start_follows_from_the_window_size(config: MonitorConfig) -> None:
    assert window_of_run(config, run(), {"window_start": "", "window_end": "2024-01-06"}) == Window(utc(2024, 1, 5, 5), utc(2024, 1, 6, 5))


def test_a_day_stays_a_day_when_clocks_change(config: MonitorConfig) -> None:
    window = window_of_run(config, run(), {"window_start": "2024-03-10"})
    assert window.end - window.start == timedelta(hours=23)


@pytest.mark.parametrize("run_type", ["scheduled", "backfill"])
def test_scheduled_and_backfill_runs_take_the_window_that_ends_with_their_interval(config: MonitorConfig, run_type: str) -> None:
    window = window_of_run(config, run(run_type, end=utc(2024, 1, 6, 5)), {"window_start": "2020-01-01"})
    assert window == Window(utc(2024, 1, 5, 5), utc(2024, 1, 6, 5))


def test_a_window_longer_than_the_interval_ends_with_it() -> None:
    config = make_config(window={"size": "7d"})
    assert window_of_run(config, run("scheduled", end=utc(2024, 1, 8)), {}) == Window(utc(2024, 1, 1), utc(2024, 1, 8))


def test_a_run_by_hand_without_dates_takes_its_interval(config: MonitorConfig) -> None:
    assert window_of_run(config, run(end=utc(2024, 1, 6, 5)), {}) == Window(utc(2024, 1, 5, 5), utc(2024, 1, 6, 5))


def test_without_dates_and_interval_it_is_the_last_complete_window(config: MonitorConfig) -> None:
    assert window_of_run(config, run(), {}) == Window(utc(2024, 3, 11, 4), utc(2024, 3, 12, 4))


@pytest.mark.parametrize(
    ("schedule", "size", "moment", "expected"),
    [
        ({"cron": None}, "1d", utc(2024, 3, 12, 9), utc(2024, 3, 12)),
        ({"cron": None}, "6h", utc(2024, 3, 12, 13), utc(2024, 3, 12, 12)),
        ({"cron": None}, "6h", utc(2024, 3, 12, 12), utc(2024, 3, 12, 12)),
        ({"cron": "0 6 * * 1"}, "7d", utc(2024, 3, 14, 9), utc(2024, 3, 11, 6)),
        ({"cron": "@hourly"}, "1h", utc(2024, 3, 12, 9), utc(2024, 3, 12, 9)),
    ],
    ids=["midnight", "six-hours", "exactly-on-the-boundary", "weekly-tick", "preset"],
)
def test_the_last_boundary_follows_schedule_or_window_size(
    schedule: dict[str, Any], size: str, moment: datetime, expected: datetime
) -> None:
    assert last_boundary(make_config(schedule=schedule, window={"size": size}), moment) == expected


@pytest.mark.parametrize(
    "params",
    [
        {"window_start": "2024-01-05", "window_end": "2024-01-05"},
        {"window_start": "2024-01-05", "window_end": "2024-01-01"},
        {"window_start": "yesterday"},
        {"window_end": "31.12.2024"},
    ],
    ids=["empty", "inverted", "garbage", "other-notation"],
)
def test_dates_that_make_no_window_are_refused_by_name(config: MonitorConfig, params: dict[str, Any]) -> None:
    with pytest.raises(InvalidWindowError, match=r"monitor trips: window_start=.* window_end=.*America/New_York"):
        window_of_run(config, run(), params)
