"""Writes docs/performance.md and its figures from the kept results of the sections."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.performance import machine, plots, scores, window
from benchmarks.performance.goals import GOALS, judge
from benchmarks.performance.results import Outcome, Row, spread, values
from benchmarks.performance.sections import SECTIONS

Outcomes = Mapping[str, Outcome]

_INTRODUCTION = """\
# How long things take

Made by `make bench`; every figure and what it is compared with come from one run on one machine, side by side. A figure is a median, with
the smallest and largest value and the number of repetitions behind it. Each section is measured in a process of its own.
"""
_WINDOW = """\
A run of `monitor__flights` over one local day (about 900 flights, 13 columns, a model from MLflow's registry). "Rows" is the time from the
request that triggers the run to the moment when another connection sees the committed metric rows; "run" ends with the DAG run, with the
report drawn and the exports sent. Each repetition is another day; the first {warm_up} runs of a stack are not counted. "Airflow's defaults"
is the same DAG in the same installation with the scheduler's and workers' settings as Airflow ships them, and nothing loaded in advance.
"""
_SCORES = """\
Flights of February and March, day by day, against January: 12 columns, about 26,000 reference rows, one process, no Airflow. The first
{warm_up} days are not counted. Driftgate's figure holds everything that is recorded of a day: drift, quality, performance with ranges,
segments and position; Evidently's Report computes and draws drift, summary and regression, and its numbers are read; the script of the
source documents has three metrics, a prediction per day and an insert into PostgreSQL, and its pause of 10 s a day is left out.
"""


def write(outcomes: Outcomes, target: Path) -> None:
    """Write the page; its figures go into ``images`` beside it."""
    images = target.parent / "images"
    parts = [_INTRODUCTION, _state(outcomes), "## Goals\n", _goals(outcomes)]
    for name, section in SECTIONS.items():
        outcome = outcomes.get(name)
        parts.append(f"## {section.title}\n")
        if outcome is None or not outcome.rows:
            parts.append(f"**Not measured**: {outcome.problem if outcome else 'this section was not run'}.\n")
            continue
        if outcome.problem:
            parts.append(f"**Only a part was measured**: {outcome.problem}.\n")
        parts.append(_SECTIONS.get(name, _any)(outcome, images))
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text("\n".join(parts), encoding="utf-8")


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Write a table of Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell).replace("|", "/") for cell in line) + " |" for line in lines) + "\n"


def _state(outcomes: Outcomes) -> str:
    lines = [f"- {name}: {text}" for name, text in machine.describe().items()]
    loads = [f"{SECTIONS[name].title} {found.load_before:.1f}" for name, found in outcomes.items()]
    lines.append(f"- load of the machine before each section: {', '.join(loads) or 'nothing was run'}")
    busy = [SECTIONS[name].title for name, found in outcomes.items() if machine.is_busy(found.load_before)]
    if busy:
        lines.append(f"- **The machine had other work** before: {', '.join(busy)}. Those times are too long; run it on a quiet machine.")
    if any(found.quick for found in outcomes.values()):
        lines.append("- **A smoke run** (`--quick`): few repetitions and small sizes, so the figures are only rough.")
    total = sum(found.seconds for found in outcomes.values())
    lines.append(f"- measured in {total / 60:.0f} minutes")
    return "\n".join(lines) + "\n"


def _goals(outcomes: Outcomes) -> str:
    rows = []
    for goal in GOALS:
        found = judge(goal, outcomes)
        limit = "" if goal.limit is None else f"{goal.limit:g} {goal.unit} or less"
        verdict = f"**{found.verdict}**" if found.verdict in ("MISSED", "NOT MEASURED") else found.verdict
        rows.append((goal.text, limit, found.figure, verdict, found.beside))
    return table(("What", "Goal", "Figure", "Verdict", "Beside it"), rows)


def _window(outcome: Outcome, images: Path) -> str:
    rows, drawn = [], []
    for what in (window.OURS, window.DEFAULTS):
        found = outcome.find(what)
        if found:
            rows.append((what, *(spread(values(found, name)) for name in ("row_s", "run_s", "cpu_s"))))
            drawn += [(f"{what}: {word}", values(found, name), what == window.OURS) for word, name in (("rows", "row_s"), ("run", "run_s"))]
    plots.bars(images / "performance-window.svg", drawn, "seconds")
    ours, idle = outcome.find(window.OURS), outcome.find(window.IDLE)
    parts = [
        _WINDOW.format(warm_up=window.WARM_UP),
        table(("", "rows, s", "run, s", "processor time of the stack, s"), rows),
        "![Seconds to the rows and to the end of a run](images/performance-window.svg)\n",
    ]
    if ours:
        plots.run(images / "performance-run.svg", ours["tasks"])
        parts += [
            "Where the time of a run goes (medians; gap: from the end of the task before on the way to the rows until it is queued):\n",
            table(("task", "gap, s", "in the queue, s", "its own time, s"), _tasks(ours)),
            "![The tasks of a run over time](images/performance-run.svg)\n",
        ]
    if idle:
        memory, share = values(idle, "memory_mb")[0], values(idle, "core_share")[0]
        parts.append(f"The idle stack, every program, takes {memory / 1024:.2f} GiB of memory (PSS) and {share:.0%} of one core.\n")
    return "\n".join(parts)


def _tasks(row: Row) -> list[tuple[object, ...]]:
    ordered = sorted(row["tasks"].items(), key=lambda item: item[1]["begins_s"])
    return [(name, *(f"{task[number]:.2f}" for number in ("gap_s", "queue_s", "own_s"))) for name, task in ordered]


def _scores(outcome: Outcome, images: Path) -> str:
    names = (scores.OURS, scores.SCORES, scores.DRIFT_REPORT, scores.FULL_REPORT, scores.SCRIPT)
    rows = [row for what in names if (row := outcome.find(what)) is not None]
    ours = (scores.OURS, scores.SCORES)
    drawn = [(str(row["what"]), [1000 * item for item in values(row, "day_s")], row["what"] in ours) for row in rows]
    plots.bars(images / "performance-scores.svg", drawn, "milliseconds a day")
    lines = [
        (
            row["what"],
            spread([1000 * item for item in values(row, "day_s")], 0),
            spread([1000 * item for item in values(row, "cpu_s")], 0),
            f"{1000 * values(row, 'first_day_s')[0]:.0f}",
        )
        for row in rows
    ]
    head = ("", "a day, ms", "processor time, ms", "the first day, ms")
    return "\n".join([_SCORES.format(warm_up=scores.WARM_UP), table(head, lines), "![Milliseconds a day](images/performance-scores.svg)\n"])


def _any(outcome: Outcome, images: Path) -> str:
    """Show the rows of another module as they are: a table per set of columns."""
    groups: dict[tuple[str, ...], list[Row]] = {}
    for row in outcome.rows:
        groups.setdefault(tuple(row), []).append(row)
    shown = [
        table([_words(name) for name in columns], [[_cell(row[name]) for name in columns] for row in rows])
        for columns, rows in groups.items()
    ]
    return "\n".join(shown)


def _words(name: str) -> str:
    return "" if name == "what" else name.replace("_", " ")


def _cell(value: Any) -> str:
    if isinstance(value, (list, tuple)) and value and all(isinstance(item, (int, float)) for item in value):
        return spread([float(item) for item in value])
    if isinstance(value, float):
        return f"{value:,.3g}" if abs(value) < 100 else f"{value:,.0f}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


_SECTIONS = {"window": _window, "scores": _scores}
