"""How well are changes detected, and how often is an alarm false? Writes docs/detection.md and its figures.

python -m benchmarks.detection [--quick] [--data any.csv --target y --timestamp when] [--output page.md]
"""

from __future__ import annotations

import argparse
import logging
import os
import pickle
import sys
import time
import warnings
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
for folder in (ROOT / "include", ROOT):
    sys.path.insert(0, str(folder))
os.environ.setdefault("OMP_NUM_THREADS", "1")

FULL = (
    # rows, columns, day effects, models, whether changes follow
    (50, 8, False, 12, True),
    (200, 8, False, 12, True),
    (1000, 8, False, 12, True),
    (5000, 8, False, 10, True),
    (50, 5, False, 12, False),
    (5000, 5, False, 6, False),
    (200, 20, False, 6, False),
    (1000, 20, False, 6, False),
    (50, 50, False, 4, False),
    (1000, 50, False, 3, False),
    (5000, 50, False, 2, False),
    (50, 8, True, 10, False),
    (200, 8, True, 10, False),
    (1000, 8, True, 8, False),
)
QUICK = ((50, 5, False, 3, False), (200, 8, False, 3, True), (1000, 8, True, 2, False))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="few repetitions: two minutes, wide intervals")
    parser.add_argument("--data", type=Path, help="a CSV file of your own instead of flights and made data")
    parser.add_argument("--target")
    parser.add_argument("--timestamp")
    parser.add_argument("--output", type=Path, help="page to write; figures go into images/ beside it")
    parser.add_argument("--keep", type=Path, help="also keep the verdicts in this file, for --render")
    parser.add_argument("--render", type=Path, help="write the page from a kept file, without measuring")
    arguments = parser.parse_args()
    if arguments.data and not (arguments.target and arguments.timestamp):
        parser.error("--data needs --target and --timestamp")
    warnings.simplefilter("ignore")
    logging.basicConfig(level=logging.ERROR)

    from benchmarks.detection.report import write

    kept = arguments.render
    results = pickle.loads(kept.read_bytes()) if kept else measure(arguments)  # noqa: S301 - a file that this program has written
    if arguments.keep:
        arguments.keep.write_bytes(pickle.dumps(results))
    usual = ROOT / "docs" / "detection.md" if not (arguments.quick or arguments.data) else ROOT / ".driftgate" / "detection.md"
    target = arguments.output or usual
    target.parent.mkdir(parents=True, exist_ok=True)
    write(results, target, target.parent / "images")
    print(f"wrote {target} in {results.seconds:.0f} s")


def measure(arguments: argparse.Namespace):
    from benchmarks.detection.report import Results

    started = time.perf_counter()
    results = Results(mode="quick" if arguments.quick else "full")
    if arguments.data:
        table(results, arguments)
    else:
        for step in (flights, bike, made):
            step(results, is_quick=arguments.quick)
            results.seconds = time.perf_counter() - started
            if arguments.keep:
                arguments.keep.write_bytes(pickle.dumps(results))
    results.seconds = time.perf_counter() - started
    return results


def say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


def made(results, *, is_quick: bool) -> None:
    from benchmarks.detection.study import false_alarms, run_cell
    from benchmarks.detection.synthetic import Spec, changes

    known = changes()
    results.changes |= {change.name: change.text for change in known}
    for rows, columns, has_effects, models, changed in QUICK if is_quick else FULL:
        cell = run_cell(Spec(rows, columns, has_effects), models, known if changed else ())
        results.cells.append(cell)
        found = sum(false_alarms(cell.quarters, "calibrated"))
        say(f"made data: {rows} rows, {columns} columns, {models} models: {found} false alarms, {cell.seconds:.0f} s")


def flights(results, *, is_quick: bool) -> None:
    from benchmarks.detection import data, real

    known, late = real.flight_changes(), real.late_changes()
    results.changes |= {change.name: change.text for change in (real.UNCHANGED, *known, *late)}
    scored = data.cross_scored(data.flights_config(), data.flights())
    count = 2 if is_quick else 9
    days = len(scored.frames)
    plan = [
        ("flights, whole days, stretches", scored, False, count, known),
        ("flights, whole days, random days", scored, True, count, ()),
    ]
    if not is_quick:
        binary = data.cross_scored(data.flights_config("binary"), data.flights("binary"))
        thin = [(size, data.Scored(scored.config, data.thinned(scored.frames, size, 0), scored.models)) for size in (50, 200)]
        for first, text in (("2013-04-01", "April to June"), ("2013-07-01", "July to September"), ("2013-10-01", "October to December")):
            plan.append((f"flights, {text}, stretches", data.cross_scored(scored.config, data.flights(first=first)), False, 3, ()))
        plan += [(f"flights, {size} rows a day, stretches", item, False, 4, known[:6]) for size, item in thin]
        plan.append(("late flights (classification), stretches", binary, False, 4, late))
    for name, item, is_random, splits, changes in plan:
        results.real.append(real.run_real(name, item, real.splits(days, splits, is_random=is_random), changes))
        say(name)


def bike(results, *, is_quick: bool) -> None:
    from benchmarks.detection import bike as bikes

    place = bikes.folder()
    if place is None or is_quick:
        say("bike sharing: left out" + ("" if place else f"; set {bikes.VARIABLE} to the folder with hour.csv"))
        return
    results.bike = bikes.run_bike(place)
    say("bike sharing")


def table(results, arguments: argparse.Namespace) -> None:
    from benchmarks.detection import data, real

    config, frames = data.read_csv(arguments.data, arguments.target, arguments.timestamp)
    scored = data.cross_scored(config, frames)
    changes = real.table_changes(scored)
    results.changes |= {change.name: change.text for change in (real.UNCHANGED, *changes)}
    parts = real.splits(len(frames), 2 if arguments.quick else 6, is_random=False)
    results.real.append(real.run_real(arguments.data.name, scored, parts, changes))


if __name__ == "__main__":
    main()
