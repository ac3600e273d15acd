"""One window from its source to the records, in a process of its own with a hard limit of memory.

Called as ``python big_window.py HOME PARQUET DATABASE STREAM_ABOVE LIMIT_MIB``; prints what came of it as JSON. LIMIT_MIB 0: no limit.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path

COLUMNS = {
    "timestamp": "ts",
    "id": ["trip_id"],
    "target": "duration",
    "numerical": ["distance", "hour"],
    "categorical": ["vendor", "route"],
    "segments": ["vendor"],
}
SUITE = {
    "name": "trips",
    "expectations": [
        {"type": "expect_column_values_to_be_between", "kwargs": {"column": "distance", "min_value": 0, "max_value": 100, "mostly": 0.98}},
        {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "vendor"}},
        {"type": "expect_compound_columns_to_be_unique", "kwargs": {"column_list": ["trip_id", "ts"]}},
    ],
}


def main(home: Path, source: str, database: str, stream_above: int, limit_mib: int) -> None:
    """Run the window and tell peak memory, seconds per step and the metrics."""
    if limit_mib:
        resource.setrlimit(resource.RLIMIT_DATA, (limit_mib << 20, limit_mib << 20))
    import yaml
    from sqlalchemy import create_engine

    import factories
    from driftgate import pipeline
    from driftgate.config.loader import load_monitor
    from driftgate.context import Context
    from driftgate.record.store import RecordStore
    from driftgate.settings import Settings

    window = factories.make_window()
    content = {
        "id": home.name,
        "task": "regression",
        "source": {"kind": "files", "path": source},
        "columns": COLUMNS,
        "batch": {"stream_above": stream_above},
        "model": {"predictions": "source"},
        "reference": {"kind": "window", "start": "2023-12-30T00:00:00", "end": "2023-12-31T00:00:00"},
        "gate": {"suite": "trips"},
        "kpis": [{"name": "half", "expression": "median(distance)"}],
    }
    (home / "monitors").mkdir(parents=True, exist_ok=True)
    (home / "gx" / "expectations").mkdir(parents=True, exist_ok=True)
    (home / "gx" / "expectations" / "trips.json").write_text(json.dumps(SUITE))
    path = home / "monitors" / f"{home.name}.yaml"
    path.write_text(yaml.safe_dump(content))
    settings = Settings(home, home, home / "monitors", home / "gx", database, None, None)
    context = Context(load_monitor(path), settings, RecordStore(create_engine(database)))
    seconds = {}
    start = time.monotonic()
    batch = pipeline.ingest(context, window)
    seconds["ingest"], start = time.monotonic() - start, time.monotonic()
    gate = pipeline.gate(context, batch)
    seconds["gate"], start = time.monotonic() - start, time.monotonic()
    measures = pipeline.measure(context, batch)
    seconds["measure"], start = time.monotonic() - start, time.monotonic()
    pipeline.store(context, batch, measures)
    seconds["store"] = time.monotonic() - start
    answer = {
        "rows": batch.rows,
        "hash": batch.content_hash,
        "note": batch.note,
        "gate": gate.verdict.value,
        "failed": [str(item) for item in gate.failed],
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "seconds": seconds,
        "metrics": [[*metric.address, metric.value, str(metric.verdict)] for metric in measures.metrics],
    }
    print(json.dumps(answer))


if __name__ == "__main__":
    sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "include")]
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5]))
