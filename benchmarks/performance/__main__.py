"""How long things take, beside plain ways to do the same. Writes docs/performance.md and its figures; `make bench`.

python -m benchmarks.performance [--quick] [--only SECTION ...] [--render]
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
for _folder in (ROOT / "include", ROOT / "plugins", ROOT):
    sys.path.insert(0, str(_folder))

from benchmarks.performance import machine, page  # noqa: E402
from benchmarks.performance.goals import GOALS, judge  # noqa: E402
from benchmarks.performance.results import FOLDER, Outcome, load_all, save  # noqa: E402
from benchmarks.performance.sections import SECTIONS  # noqa: E402

_GRACE_S = 90.0
"""How long an overdue section may take to stop what it started."""


def main() -> int:
    """Measure, write the page, print the goals; 1 when a section was not measured."""
    arguments = _arguments()
    wanted = arguments.only or list(SECTIONS)
    if not arguments.render:
        for name in wanted:
            save(_measure(name, arguments.quick))
    outcomes = load_all(list(SECTIONS))
    target = arguments.output or (FOLDER / "performance.md" if _is_quick(outcomes) else ROOT / "docs" / "performance.md")
    page.write(outcomes, target)
    _print_goals(outcomes)
    print(f"\n{target}")
    unmeasured = [name for name in wanted if name not in outcomes or outcomes[name].problem]
    for name in unmeasured:
        print(f"NOT MEASURED: {name}: {outcomes[name].problem if name in outcomes else 'never run'}", file=sys.stderr)
    return 1 if unmeasured else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.performance", description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a smoke run of a few minutes; its page is not kept under docs/")
    parser.add_argument("--only", action="append", choices=SECTIONS, metavar="SECTION", help=f"one of {', '.join(SECTIONS)}; repeatable")
    parser.add_argument("--render", action="store_true", help="measure nothing; write the page from the results that are kept")
    parser.add_argument("--output", type=Path, help="where to write the page; default docs/performance.md")
    return parser.parse_args()


def _is_quick(outcomes: dict[str, Outcome]) -> bool:
    return any(outcome.quick for outcome in outcomes.values())


def _measure(name: str, quick: bool) -> Outcome:
    """Run one section in a process of its own: its failure ends no other, and its memory is its own."""
    section, before, began = SECTIONS[name], machine.load(), time.monotonic()
    busy = f" (the machine is busy: load {before:.1f})" if machine.is_busy(before) else ""
    print(f"{section.title} ... {busy}", flush=True)
    rows, problem = _run(name, quick, section.minutes * 60)
    seconds = time.monotonic() - began
    print(f"  {'NOT MEASURED: ' + problem if problem else 'done'} ({seconds:.0f} s)", flush=True)
    return Outcome(name, rows, problem, seconds, before, machine.load(), quick)


def _run(name: str, quick: bool, limit_s: float) -> tuple[list[dict[str, object]], str | None]:
    command = [sys.executable, "-m", "benchmarks.performance.section", name, *(["--quick"] if quick else [])]
    paths = [str(ROOT / "include"), str(ROOT / "plugins"), str(ROOT), os.environ.get("PYTHONPATH", "")]
    environ = {
        **{key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"},
        "PYTHONPATH": os.pathsep.join(path for path in paths if path),
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }
    with tempfile.TemporaryFile("w+", encoding="utf-8") as output:
        process = subprocess.Popen(
            command, cwd=ROOT, env=environ, stdout=output, stderr=subprocess.STDOUT, text=True, preexec_fn=_can_be_interrupted
        )
        problem = _wait(process, limit_s)
        output.seek(0)
        lines = output.read().splitlines()
    rows = [json.loads(line.removeprefix("ROW ")) for line in lines if line.startswith("ROW ")]
    if problem is None and (process.returncode or not rows):
        problem = next((line.strip()[:400] for line in reversed(lines) if line.strip()), "it said nothing")
    return rows, problem


def _can_be_interrupted() -> None:
    """Let a section stop when it is asked to: started in the background of a shell it would ignore interrupts, and leave its servers."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _wait(process: subprocess.Popen[str], limit_s: float) -> str | None:
    try:
        process.wait(limit_s)
    except subprocess.TimeoutExpired:
        _stop(process)
        return f"not done after {limit_s / 60:.0f} minutes"
    except KeyboardInterrupt:
        _stop(process)
        raise
    return None


def _stop(process: subprocess.Popen[str]) -> None:
    """Interrupt a section as a person would, so that it stops the servers that it started; then end it."""
    process.send_signal(signal.SIGINT)
    try:
        process.wait(_GRACE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _print_goals(outcomes: dict[str, Outcome]) -> None:
    print()
    for goal in GOALS:
        found = judge(goal, outcomes)
        print(f"{found.verdict:<13} {goal.text}: {found.figure}{f'  [{found.beside}]' if found.beside else ''}")


if __name__ == "__main__":
    sys.exit(main())
