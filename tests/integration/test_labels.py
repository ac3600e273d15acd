"""Labels that arrive late, on the real stack: estimated first, then realised, restated and corrected, from a real DAG."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from world import World

pytestmark = pytest.mark.integration

MONITOR = """\
id: trips
task: regression
source: {{kind: files, path: "{folder}/rows-{{window_start:%Y-%m-%d}}.csv"}}
columns:
  timestamp: started
  id: [trip]
  target: minutes
  numerical: [distance, hour]
labels:
  source: {{kind: files, path: "{folder}/labels-{{window_start:%Y-%m-%d}}.csv"}}
  schedule: null
"""
DAYS = pd.date_range("2024-01-01", periods=13, freq="D")
LATE = f"{DAYS[-1]:%Y-%m-%d}"


def write_day(folder: Path, day: pd.Timestamp, *, labels: bool) -> pd.DataFrame:
    """Write the rows of a day, which never hold the target, and return its labels."""
    rng = np.random.default_rng(day.dayofyear)
    distance, hour = rng.gamma(2, 3, 200), rng.integers(0, 24, 200)
    trips = [f"{day:%m%d}-{number}" for number in range(200)]
    started = [day + pd.Timedelta(hours=int(value), minutes=number % 60) for number, value in enumerate(hour)]
    frame = pd.DataFrame({"trip": trips, "started": started, "distance": distance.round(2), "hour": hour})
    frame.to_csv(folder / f"rows-{day:%Y-%m-%d}.csv", index=False)
    known = pd.DataFrame({"trip": trips, "minutes": (4 * distance + rng.normal(0, 2, 200)).round(2)})
    if labels:
        known.to_csv(folder / f"labels-{day:%Y-%m-%d}.csv", index=False)
    return known


def metric(world: World, family: str, name: str) -> dict[str, float] | None:
    rows = world.sql(
        "SELECT value, low, high, verdict FROM driftgate.metric WHERE monitor = 'trips' AND family = :family AND metric = :name "
        "AND segment = '' AND window_start = cast(:day AS timestamptz)",
        family=family,
        name=name,
        day=f"{LATE}T00:00Z",
    )
    return rows[0] if rows else None


def test_a_window_is_estimated_then_restated_as_its_labels_arrive(world: World, tmp_path: Path) -> None:
    labels = [write_day(tmp_path, day, labels=day != DAYS[-1]) for day in DAYS][-1]
    world.add_monitor("trips", MONITOR.format(folder=tmp_path))
    world.wait_for(lambda: world.api.has_dag("performance__trips"), 120, "performance__trips")
    assert "promoted" in world.run("train", "trips", "--from", "2024-01-01", "--to", LATE).stdout

    assert world.run_dag("monitor__trips", "late", window_start=LATE) == "success"
    estimated = metric(world, "performance_estimated", "estimated_mae")
    assert estimated is not None
    assert estimated["low"] < estimated["value"] < estimated["high"]
    assert metric(world, "performance", "mae") is None

    def deliver(known: pd.DataFrame, run: str) -> float:
        known.to_csv(tmp_path / f"labels-{LATE}.csv", index=False)
        assert world.run_dag("performance__trips", run, window_start=LATE) == "success"
        found = metric(world, "performance", "mae")
        assert found is not None
        assert found["low"] <= found["value"] <= found["high"]
        return found["value"]

    half, whole = deliver(labels[:100], "half"), deliver(labels, "whole")
    corrected = deliver(labels.assign(minutes=labels["minutes"] + 30), "corrected")
    again = deliver(labels.assign(minutes=labels["minutes"] + 30).sample(frac=1, random_state=1), "again")
    assert half != whole
    assert corrected > whole + 10
    assert again == corrected
    revisions = world.sql(
        "SELECT revision, (counts->>'labelled')::int AS labelled FROM driftgate.label_batch WHERE monitor = 'trips' ORDER BY revision"
    )
    assert [row["labelled"] for row in revisions if row["revision"] > 0] == [100, 200, 200]
    decision = world.sql("SELECT action, reasons FROM driftgate.decision WHERE monitor = 'trips'")[0]
    assert decision["action"] == "alert"
    assert "mae" in decision["reasons"][0]
