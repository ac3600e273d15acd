"""One set of random windows five ways: the numbers are the same, and those that are Evidently's equal Evidently's.

The ways: the monitor's daily DAG, a backfill, the command line, a streamed batch, and the measures called on frames.
"""

from __future__ import annotations

import math
import os
from typing import Any

import numpy as np
import pandas as pd
import pytest
from evidently.legacy.calculations.stattests import get_stattest
from evidently.legacy.core import ColumnType

from driftgate.config.models import MonitorConfig
from driftgate.context import open_context
from driftgate.measure.measures import measure_batch
from driftgate.records import Window
from driftgate.references import load_reference
from driftgate.two_sample import DISPLAY_NAMES
from world import World

pytestmark = pytest.mark.integration

WAYS = ("daily", "filled", "shell", "streamed")
MONITOR = """\
id: {id}
task: regression
source: {{kind: files, path: "{folder}/rows.parquet"}}
columns:
  timestamp: at
  id: [row]
  target: truth
  prediction: guess
  numerical: [smooth, whole, constant, rare, huge]
  categorical: [kind, many]
  segments: [kind]
model: {{predictions: source}}
batch: {{stream_above: {stream_above}}}
reference: {{kind: window, start: 2024-03-01, end: 2024-03-13}}
kpis:
  - {{name: big, expression: share(smooth > 8)}}
  - {{name: middle, expression: median(smooth)}}
sinks: {{evidently: false}}
report: {{draw: on_demand}}
"""
FIRST = pd.Timestamp("2024-03-01", tz="UTC")
DAYS = (14, 15, 16)
EXACT = 'family, metric, "column", segment, method, direction, verdict, model_version'
NUMBERS = "value, threshold, reference_value"
COUNT_VERDICTS = ("drifted_columns", "judged_columns", "drift_share", "dataset_drift")


def rows_of(day: int, rng: np.random.Generator) -> pd.DataFrame:
    """Rows of a day: ties, nulls, a constant, a mostly missing column, large numbers, new categories; some days are odd."""
    rows = int(rng.integers(150, 260))
    shift = 2.0 if day == 15 else 0.0
    smooth = rng.gamma(2.0, 2.0, rows) + shift
    frame = pd.DataFrame(
        {
            "row": [f"{day}-{number}" for number in range(rows)],
            "at": FIRST + pd.Timedelta(days=day) + pd.to_timedelta(np.sort(rng.integers(0, 86_400, rows)), unit="s"),
            "smooth": np.where(rng.random(rows) < 0.05, np.nan, smooth),
            "whole": rng.integers(0, 24, rows).astype(float),
            "constant": 7.0,
            "rare": np.where(rng.random(rows) < 0.9, np.nan, rng.normal(size=rows)),
            "huge": 1.7e9 + rng.normal(0, 1e3, rows),
            "kind": rng.choice(["a", "b", "c"], rows, p=[0.6, 0.3, 0.1]),
            "many": rng.choice([f"c{number}" for number in range(40)] + ["new"] * (day > 13), rows),
            "truth": 3 * smooth + rng.normal(0, 1 + shift, rows),
        }
    )
    frame["guess"] = 3 * frame["smooth"].fillna(4)
    if day == 16:
        frame["rare"] = np.nan
        frame.loc[frame.index % 3 == 0, "truth"] = np.nan
    return frame


@pytest.fixture(scope="module")
def measured(world: World, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, list[dict[str, Any]]]]:
    """Metric rows by way and day."""
    folder, seed = tmp_path_factory.mktemp("five_ways"), int(os.environ.get("DRIFTGATE_TEST_SEED", "20240301"))
    print(f"seed {seed} (DRIFTGATE_TEST_SEED)")
    rng = np.random.default_rng(seed)
    days = [rows_of(day, rng) for day in (*range(12), *DAYS)]
    pd.concat(days, ignore_index=True).to_parquet(folder / "rows.parquet", row_group_size=500)
    for way in WAYS:
        text = MONITOR.format(id=way, folder=folder, stream_above=100 if way == "streamed" else 1_000_000)
        (world.monitors / f"{way}.yaml").write_text(text, encoding="utf-8")
    starts = [f"{FIRST + pd.Timedelta(days=day):%Y-%m-%d}" for day in DAYS]
    end = f"{FIRST + pd.Timedelta(days=DAYS[-1] + 1):%Y-%m-%d}"
    for start in starts:
        world.run("run", "shell", "--window", start)
        world.run("run", "streamed", "--window", start)
    world.wait_for(lambda: world.api.has_dag("monitor__daily") and world.api.has_dag("backfill__filled"), 120, "DAGs")
    for start in starts:
        assert world.run_dag("monitor__daily", f"on-{start}", window_start=start) == "success"
    assert world.run_dag("backfill__filled", "together", **{"from": starts[0], "to": end}) == "success"
    query = f"SELECT {EXACT}, {NUMBERS}, low, high FROM driftgate.metric WHERE monitor = :way AND window_start = cast(:day AS timestamptz) "
    return {way: {start: world.sql(query + "ORDER BY 1, 2, 3, 4", way=way, day=f"{start}T00:00Z") for start in starts} for way in WAYS}


def test_the_daily_dag_the_backfill_and_the_command_line_agree_to_the_last_digit(measured: dict[str, dict[str, list[Any]]]) -> None:
    for day, rows in measured["daily"].items():
        assert len(rows) > 60
        assert measured["filled"][day] == rows, day
        assert measured["shell"][day] == rows, day
    verdicts = {row["verdict"] for rows in measured["daily"].values() for row in rows}
    assert {"ok", "alarm", "too_few_rows"} <= verdicts, "the windows were meant to be of all kinds"


def test_a_streamed_window_has_the_same_numbers(measured: dict[str, dict[str, list[Any]]]) -> None:
    for day, rows in measured["daily"].items():
        streamed = measured["streamed"][day]
        names = [name.strip(' "') for name in EXACT.split(",")]
        assert [[row[name] for name in names] for row in streamed] == [[row[name] for name in names] for row in rows], day
        for one, other in zip(streamed, rows, strict=True):
            for name in NUMBERS.split(", "):
                assert one[name] == (None if other[name] is None else pytest.approx(other[name], rel=1e-9, abs=1e-9)), (day, name, other)
            assert (one["low"] is None) == (other["low"] is None), other


def test_the_scores_are_those_of_the_measures_and_of_evidently(world: World, measured: dict[str, dict[str, list[Any]]]) -> None:
    context = open_context("daily", world.settings)
    compared = 0
    for day, rows in measured["daily"].items():
        start = pd.Timestamp(day, tz="UTC")
        window = Window(start.to_pydatetime(), (start + pd.Timedelta(days=1)).to_pydatetime())
        batch = context.store.find_batch("daily", window)
        assert batch is not None
        current, reference = pd.read_parquet(str(batch.path)), load_reference(context, None, window).frame
        stored = {(row["family"], row["metric"], row["column"], row["segment"]): row for row in rows}
        direct = measure_batch(context.config, current, reference, window=window, model_version="unversioned")
        for metric in direct.metrics:
            if metric.metric in COUNT_VERDICTS:  # these are by fixed limits, those of the record by learned ones
                continue
            known = stored[metric.address]
            assert metric.value == (None if known["value"] is None else pytest.approx(known["value"], rel=1e-9, abs=1e-12)), metric
        for (family, name, column, _), row in stored.items():
            if name != "drift_score" or family == "concept_drift" or row["value"] is None or row["method"] in DISPLAY_NAMES:
                continue
            expected = evidently_score(context.config, column, row["method"], current[column], reference[column])
            assert row["value"] == pytest.approx(expected, rel=1e-9, abs=1e-9), (day, column)
            compared += 1
    assert compared >= 20


def evidently_score(config: MonitorConfig, column: str, method: str, current: pd.Series, reference: pd.Series) -> float:
    kind = "cat" if column in config.columns.categorical else "num"
    samples = [values.dropna() for values in (reference, current)]
    found = float(get_stattest(*samples, kind, method)(*samples, ColumnType(kind), None).drift_score)
    assert math.isfinite(found)
    return found
