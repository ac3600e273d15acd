"""The generated fleet of the benchmark: valid monitor files over a source that gives each of them rows of its own."""

from __future__ import annotations

import importlib.util
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks.many_monitors import ROWS, write_monitors

from driftgate.config.loader import load_monitors


def test_every_generated_monitor_is_valid_and_has_rows_of_its_own(tmp_path: Path) -> None:
    ids = write_monitors(tmp_path, 3)
    found = load_monitors(tmp_path / "monitors")
    assert (list(found.monitors), dict(found.errors)) == (ids, {})
    spec = importlib.util.spec_from_file_location("fleet_source", tmp_path / "source" / "fleet_source.py")
    assert spec is not None
    assert spec.loader is not None
    source = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(source)
    start = datetime(2024, 1, 5, tzinfo=UTC)
    first, second = (source.read(start, start + timedelta(days=1), None, seed=seed) for seed in (0, 1))
    columns = found.monitors[ids[0]].config.columns
    assert {*columns.numerical, *columns.categorical, "ts", "y", "prediction"} == set(first.columns)
    assert len(first) == ROWS
    assert first["ts"].between(start, start + timedelta(days=1), inclusive="left").all()
    assert not first["x0"].equals(second["x0"])
