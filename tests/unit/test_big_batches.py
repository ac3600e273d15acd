"""A window that does not fit into memory goes the whole way; and above the limit everything comes out as below it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import factories

SCRIPT = Path(__file__).parents[1] / "big_window.py"
LIMIT_MIB = 640
GROUP = 1 << 17


def piece(rows: int, seed: int, day: float) -> pd.DataFrame:
    """Return trips of a day; the names of routes are long, so that as a frame they are large and in Parquet small."""
    rng = np.random.default_rng(seed)
    routes = np.array([f"from {a} to {b} by the way that {'passes the river ' * 90}{a + b}" for a in range(4) for b in range(5)])
    frame = factories.make_frame(1)
    distance = rng.gamma(2.0, 2.0, rows)
    start = pd.Timestamp(factories.DAY) + pd.Timedelta(days=day)
    return pd.DataFrame(
        {
            "trip_id": pd.Series(np.char.add(f"{seed}-", np.arange(rows).astype(str)), dtype="str"),
            "ts": start + pd.to_timedelta(rng.integers(0, 80_000, rows), unit="s"),
            "distance": distance,
            "hour": rng.integers(0, 24, rows).astype(float),
            "vendor": pd.Categorical.from_codes(rng.choice(3, rows, p=[0.6, 0.3, 0.1]), ["a", "b", "c"]),
            "route": pd.Categorical.from_codes(rng.integers(0, 20, rows), routes),
            "duration": 3 * distance + rng.normal(0, 1, rows),
            "prediction": 3 * distance,
        }
    )[[*frame.columns[:4], "vendor", "route", "duration", "prediction"]]


def write(path: Path, pieces: int, rows: int = GROUP) -> Path:
    """Write so many pieces of the window's day, and a smaller one of the day of the reference."""
    writer = None
    for number in range(-1, pieces):
        frame = piece(3_000, 99, -2) if number < 0 else piece(rows, number, 0)
        table = pa.Table.from_pandas(frame, preserve_index=False)
        writer = writer or pq.ParquetWriter(path, table.schema)
        writer.write_table(table)
    assert writer is not None
    writer.close()
    return path


def run(home: Path, source: Path, database: str, stream_above: int, limit_mib: int = 0) -> subprocess.CompletedProcess[str]:
    arguments = [str(home), str(source), database, str(stream_above), str(limit_mib)]
    return subprocess.run([sys.executable, str(SCRIPT), *arguments], capture_output=True, text=True, timeout=400, check=False)


def answer(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_above_the_limit_everything_comes_out_as_below_it(tmp_path: Path, postgres_uri: str, store: Any) -> None:
    source = write(tmp_path / "trips.parquet", 2, 3_000)
    small = answer(run(tmp_path / "small", source, postgres_uri, 1_000_000))
    big = answer(run(tmp_path / "big", source, postgres_uri, 3_500))
    assert big["rows"] == small["rows"] == 6_000
    assert big["hash"].startswith("rowsum:")
    assert not small["hash"].startswith("rowsum:")
    assert (big["gate"], big["failed"], big["note"]) == (small["gate"], small["failed"], small["note"])
    assert [item[:4] for item in big["metrics"]] == [item[:4] for item in small["metrics"]]
    for one, other in zip(big["metrics"], small["metrics"], strict=True):
        assert one[4] == (None if other[4] is None else pytest.approx(other[4], rel=1e-8)), other
        assert one[5] == other[5], other


def test_a_window_four_times_larger_than_the_memory_goes_through(tmp_path: Path, postgres_uri: str, store: Any) -> None:
    pieces = 13
    size = piece(GROUP, 0, 0).astype({"vendor": "str", "route": "str"}).memory_usage(deep=True).sum() * pieces / 2**20
    assert size > 4 * LIMIT_MIB, f"the frame has {size:.0f} MiB"
    source = write(tmp_path / "trips.parquet", pieces)
    found = answer(run(tmp_path / "home", source, postgres_uri, 1_000_000, LIMIT_MIB))
    assert found["rows"] == pieces * GROUP
    assert len(found["metrics"]) > 30
    as_a_frame = run(tmp_path / "frame", source, postgres_uri, 10**9, LIMIT_MIB)
    assert as_a_frame.returncode != 0, "the same window as a frame fits too: the limit proves nothing"
