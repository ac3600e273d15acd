"""Freshness and row counts, worked out by hand."""

from __future__ import annotations

from datetime import timedelta

import pandas as pd
import pytest

from driftgate.measure.system import system_metrics
from driftgate.records import Family, Metric
from factories import make_config, make_frame, make_window


def found(frame: pd.DataFrame, expected_rows: float | None = None) -> dict[str, Metric]:
    return {item.metric: item for item in system_metrics(make_config(), frame, make_window(), expected_rows)}


def test_freshness_is_from_the_newest_row_to_the_end_of_the_window() -> None:
    frame = make_frame(96)  # one row every quarter of an hour
    assert found(frame)["freshness_seconds"].value == 900
    assert found(frame.sample(frac=1, random_state=1))["freshness_seconds"].value == 900
    assert found(frame.head(48))["freshness_seconds"].value == 12 * 3600 + 900


@pytest.mark.parametrize("frame", [make_frame(5).head(0), make_frame(5).assign(ts=pd.NaT), make_frame(5).drop(columns="ts")])
def test_without_a_timestamp_there_is_no_freshness(frame: pd.DataFrame) -> None:
    assert found(frame)["freshness_seconds"].value is None


def test_the_row_ratio_is_against_the_usual_rows() -> None:
    ratio = found(make_frame(50), 200.0)["row_ratio"]
    assert (ratio.value, ratio.reference_value, ratio.family, ratio.verdict) == (0.25, 1.0, Family.SYSTEM, None)
    assert found(make_frame(50).head(0), 200.0)["row_ratio"].value == 0


@pytest.mark.parametrize("expected", [None, 0.0])
def test_without_usual_rows_there_is_no_ratio(expected: float | None) -> None:
    assert set(found(make_frame(50), expected)) == {"freshness_seconds"}


def test_a_window_of_another_length_is_measured_to_its_end() -> None:
    frame = make_frame(96)
    later = make_window(days=2)
    (freshness,) = system_metrics(make_config(), frame, later)
    assert freshness.value == timedelta(days=1, minutes=15).total_seconds()
