"""A source of many wide rows, and the process that takes its window through."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

import factories

SCRIPT = Path(__file__).with_name("big_window.py")


def piece(rows: int, seed: int, day: float) -> pd.DataFrame:
    """Return trips of a day; the names of routes are long, so that as a frame they are large and in Parquet small."""
    rng = np.random.default_rng(seed)
    routes = np.array([f"from {a} to {b} by the way that {'passes the river ' * 180}{a + b}" for a in range(4) for b in range(5)])
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


def write(path: Path, pieces: int, rows: int) -> Path:
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
    """Run tests/big_window.py; with a limit its Arrow takes memory as it is needed, instead of a gigabyte of addresses at once, which count."""
    environ = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "ARROW_DEFAULT_MEMORY_POOL": "system"}
    arguments = [str(home), str(source), database, str(stream_above), str(limit_mib)]
    return subprocess.run([sys.executable, str(SCRIPT), *arguments], capture_output=True, text=True, timeout=1500, check=False, env=environ)


def answer(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found
