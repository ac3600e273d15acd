"""How long the pages take on a long history: 50 monitors x 30 columns x 1,000 daily windows, and one monitor with 500 columns x 3 years.

Starts a PostgreSQL of its own, fills it (about a minute), and asks the application as a browser would, login included. Prints the
median of server times in milliseconds and the size of each answer.

    python benchmarks/fleet_page.py [--monitors 50] [--columns 30] [--windows 1000]
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
for folder in ("tests", "plugins", "include"):
    sys.path.insert(0, str(ROOT / folder))

from airflow_env import migrate as migrate_airflow  # noqa: E402
from airflow_env import prepare  # noqa: E402

REPEATS = 7
WIDE = "wide"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, default in (("monitors", 50), ("columns", 30), ("windows", 1000)):
        parser.add_argument(f"--{name}", type=int, default=default)
    arguments = parser.parse_args()
    migrate_airflow(prepare())

    from driftgate.record.migrate import migrate
    from fleet_data import Size
    from postgres_server import serve

    with tempfile.TemporaryDirectory() as folder, serve(Path(folder) / "postgres") as address:
        migrate(address)
        uri = address.render_as_string(hide_password=False)
        size = Size(arguments.monitors, arguments.columns, arguments.windows)
        started = time.perf_counter()
        _fill(uri, size)
        print(f"filled in {time.perf_counter() - started:.0f} s: {size}, and one monitor of 500 columns x 1,095 windows")
        _measure(uri, Path(folder), size.names)


def _fill(uri: str, size: object) -> None:
    from sqlalchemy import create_engine, text

    from fleet_data import Size, fill

    engine = create_engine(uri)
    fill(engine, Size(1, 500, 1095))
    with engine.begin() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        for table in ("batch", "gate_result", "metric", "decision", "incident", "retraining"):
            connection.execute(text(f"UPDATE driftgate.{table} SET monitor = '{WIDE}'"))  # noqa: S608 - constants
    fill(engine, size)  # type: ignore[arg-type]
    engine.dispose()


def _measure(uri: str, folder: Path, names: list[str]) -> None:
    from dataclasses import replace

    from driftgate.settings import load
    from ui_app import login, mounted, write_monitor

    monitors = folder / "monitors"
    for name in [*names, WIDE]:
        write_monitor(monitors, name)
    client = mounted(replace(load({"DRIFTGATE_HOME": str(folder)}), monitors_dir=monitors, database_uri=uri))
    headers = login("viewer")
    one, wide = f"monitors/monitor__{names[6]}", f"monitors/monitor__{WIDE}"
    drift = "series?family=data_drift&metric=drift_score&column=feature_001"
    for path in (
        "fleet",
        one,
        f"{one}/{drift}",
        f"{one}/{drift}&last=all",
        f"{one}/series?family=performance&metric=mae&last=all",
        f"{one}/heatmap",
        f"{one}/heatmap?last=all",
        f"{one}/windows",
        f"{one}/marks?last=all",
        "incidents",
        f"{wide}/heatmap",
        f"{wide}/heatmap?last=365",
        f"{wide}/heatmap?last=all",
        f"{wide}/heatmap?last=all&search=499",
        f"{wide}/{drift}&last=all",
    ):
        times = []
        for _ in range(REPEATS):
            started = time.perf_counter()
            answer = client.get(f"/driftgate/api/{path}", headers=headers)
            times.append((time.perf_counter() - started) * 1000)
            assert answer.status_code == 200, answer.text
        print(f"{statistics.median(times):7.0f} ms  first {times[0]:6.0f} ms  {len(answer.content) / 1024:7.0f} KiB  {path}")


if __name__ == "__main__":
    main()
