"""The bike sharing example: two years of hours whose weather has seasons and whose demand really grows."""

from __future__ import annotations

import os
from pathlib import Path
from statistics import median

import pandas as pd
import pytest

from driftgate import seasons
from driftgate.config.loader import load_monitor
from driftgate.config.models import MonitorConfig
from driftgate.config.windows import window_at
from driftgate.errors import SourceError
from driftgate.ingest.roles import apply_roles, source_columns
from driftgate.ingest.source import read_rows
from driftgate.measure.drift import column_drift
from driftgate.records import Window
from driftgate.settings import Settings

EXAMPLE = Path(__file__).resolve().parents[2] / "include" / "examples" / "bike_sharing.yaml"
FOLDER = Path(os.environ.get("DRIFTGATE_BIKE_SHARING", Path(__file__).resolve().parents[3] / "shared" / "data" / "bike_sharing"))
needs_data = pytest.mark.skipif(
    not (FOLDER / "hour.csv").is_file(),
    reason=f"the bike sharing data is not at {FOLDER}; set DRIFTGATE_BIKE_SHARING to the folder with hour.csv",
)


@pytest.fixture
def config(monkeypatch: pytest.MonkeyPatch) -> MonitorConfig:
    monkeypatch.setenv("DRIFTGATE_BIKE_SHARING", str(FOLDER))
    return load_monitor(EXAMPLE).config


def read(config: MonitorConfig, settings: Settings, window: Window) -> pd.DataFrame:
    frame, _ = apply_roles(read_rows(config, window, source_columns(config), settings), config, window)
    return frame.assign(prediction=frame["cnt"])


@needs_data
def test_the_example_reads_every_hour_of_a_day(config: MonitorConfig, settings: Settings) -> None:
    day = read(config, settings, window_at(config, "2012-07-04"))
    assert day["hr"].tolist() == list(range(24))
    assert day["cnt"].sum() == 7403, "as day.csv counts it"
    assert set(day["holiday"]) == {"1"}
    spring = read(config, settings, window_at(config, "2012-03-11"))  # the clocks skip two o'clock
    assert (len(spring), spring["timestamp"].is_monotonic_increasing) == (23, True)


@needs_data
def test_with_the_same_month_of_the_year_before_seasons_are_no_drift_and_growth_still_is(config: MonitorConfig, settings: Settings) -> None:
    reference = read(config, settings, window_at(config, "2011-01-01", "2012-01-01"))
    year = read(config, settings, window_at(config, "2012-01-01", "2013-01-01"))
    whole: dict[str, list[float]] = {}
    matched: dict[str, list[float]] = {}
    for start in pd.date_range("2012-01-01", periods=12, freq="MS"):
        window = window_at(config, start.to_pydatetime(), (start + pd.offsets.MonthBegin()).to_pydatetime())
        month = year[seasons.inside(year["timestamp"], window)].reset_index(drop=True)
        selection = seasons.match_rows(config, reference, window)
        assert (selection.match, selection.notes) == ("month", ())
        _note(whole, config, month, reference)
        _note(matched, config, month, reference[selection.rows].reset_index(drop=True))
    for column in ("season", "mnth"):
        assert max(matched[column]) < 0.01 < 0.4 < min(whole[column])
    for column in ("temp", "atemp"):
        assert median(matched[column]) < 0.5 * median(whole[column])
    assert median(matched["cnt"]) > 0.5, "65 % more rentals are no season"


def _note(found: dict[str, list[float]], config: MonitorConfig, month: pd.DataFrame, reference: pd.DataFrame) -> None:
    for metric in column_drift(config, month, reference):
        assert metric.value is not None
        found.setdefault(metric.column, []).append(metric.value)


def test_without_the_folder_the_error_names_the_variable(monkeypatch: pytest.MonkeyPatch, settings: Settings, tmp_path: Path) -> None:
    config = load_monitor(EXAMPLE).config
    monkeypatch.delenv("DRIFTGATE_BIKE_SHARING", raising=False)
    with pytest.raises(SourceError, match="set DRIFTGATE_BIKE_SHARING"):
        read(config, settings, window_at(config, "2012-07-04"))
    monkeypatch.setenv("DRIFTGATE_BIKE_SHARING", str(tmp_path))
    with pytest.raises(SourceError, match=r"cannot read the bike sharing data in .*hour\.csv"):
        read(config, settings, window_at(config, "2012-07-04"))
