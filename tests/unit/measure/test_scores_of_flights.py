"""Scores of real columns: every one of New York's flights against Evidently's Report and its test functions."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from evidently import DataDefinition, Dataset, Report
from evidently.legacy.calculations.stattests import get_stattest
from evidently.legacy.core import ColumnType
from evidently.presets import DataDriftPreset
from include.examples.flights import read_window

from driftgate.columns import Kind
from driftgate.measure.scores import METHODS, default_method, score
from driftgate.measure.window_rows import summarise
from driftgate.samples import Numbers, Sample
from driftgate.two_sample import REPLACED

pytestmark = pytest.mark.filterwarnings("ignore")

NEW_YORK = ZoneInfo("America/New_York")
NUMBERS = ("dep_delay", "distance", "hour", "weekday", "arr_delay", "air_time", "sched_dep_time")
TEXTS = ("carrier", "origin", "dest", "tailnum")


def rows_of(month: int, day: int, days: int) -> pd.DataFrame:
    start = datetime(2013, month, day, tzinfo=NEW_YORK)
    frame = read_window(start, start + timedelta(days=days), [*NUMBERS, *TEXTS])
    frame = frame.astype({**dict.fromkeys(NUMBERS, "float64"), **dict.fromkeys(TEXTS, "str")})
    frame["seconds"] = 1.357e9 + frame["sched_dep_time"] * 36  # like a timestamp
    frame.loc[frame.index[::97], "distance"] = np.inf
    return frame.reset_index(drop=True)


@pytest.fixture(scope="module")
def january() -> pd.DataFrame:
    return rows_of(1, 1, 31)


def pair(kind: Kind, current: pd.Series, reference: pd.Series) -> tuple[Sample, Sample]:
    own, usual = summarise(current, kind).sample, summarise(reference, kind).sample
    return own, usual.counted() if isinstance(usual, Numbers) else usual


@pytest.mark.parametrize(("day", "reference_rows"), [(9, 1000), (1, 5000)], ids=["p-values", "distances"])
def test_every_column_scores_as_in_evidentlys_report(january: pd.DataFrame, day: int, reference_rows: int) -> None:
    current, reference = rows_of(2, day, 1), january.iloc[:: len(january) // reference_rows].head(reference_rows)
    current, reference = (frame.drop(columns="tailnum") for frame in (current, reference))  # drawing 3,000 names takes long
    definition = DataDefinition(numerical_columns=[*NUMBERS, "seconds"], categorical_columns=list(TEXTS[:3]))
    both = [Dataset.from_pandas(frame.copy(), data_definition=definition) for frame in (current, reference)]
    metrics = Report([DataDriftPreset()], include_tests=False).run(*both).dict()["metrics"]
    shown = {item["config"]["column"]: float(item["value"]) for item in metrics if "column" in item["config"]}
    assert set(shown) == {*NUMBERS, *TEXTS[:3], "seconds"}
    for name, expected in shown.items():
        kind: Kind = "cat" if name in TEXTS else "num"
        own, usual = pair(kind, current[name], reference[name])
        method = default_method(kind, own, usual)
        if method not in REPLACED:
            assert score(method, kind, own, usual) == pytest.approx(expected, rel=1e-9, abs=1e-9), name


@pytest.mark.parametrize("method", sorted(set(METHODS) - {*REPLACED, *REPLACED.values(), "es"}))
def test_every_method_is_evidentlys_test_function(january: pd.DataFrame, method: str) -> None:
    reference = january.head(800) if method == "anderson" else january  # Evidently's takes seconds
    day = rows_of(2, 9, 1)
    for kind in METHODS[method].kinds:
        for name in TEXTS if kind == "cat" else (*NUMBERS, "seconds"):
            for current in (day, day.head(7)):
                left, right = (frame[name].replace([np.inf, -np.inf], np.nan).dropna() for frame in (current, reference))
                result = get_stattest(right, left, kind, method)(right.copy(), left.copy(), ColumnType(kind), None)
                found = score(method, kind, *pair(kind, current[name], reference[name]))
                assert found == pytest.approx(float(result.drift_score), rel=1e-9, abs=1e-9), name
