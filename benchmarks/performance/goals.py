"""The goals, the figure of each, and what plain ways to do the same take."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from benchmarks.performance import scores, window
from benchmarks.performance.results import Outcome, Row, spread, values

Outcomes = Mapping[str, Outcome]
Finder = Callable[[Sequence[Row]], list[float]]


@dataclass(frozen=True)
class Goal:
    """One promise: a figure that must not be above a limit."""

    text: str
    section: str
    limit: float | None
    """None: a figure for which no goal is set."""
    unit: str
    find: Finder
    beside: Callable[[Outcomes], str] = lambda _: ""
    """What others take, in words."""
    holds_quick: bool = True
    """False: the figure of a smoke run is of another size and says nothing about the goal."""


@dataclass(frozen=True)
class Judgement:
    """What became of a goal."""

    verdict: str
    """``met``, ``MISSED``, ``NOT MEASURED``, ``no goal`` or ``smoke run``."""
    figure: str
    beside: str


def judge(goal: Goal, outcomes: Outcomes) -> Judgement:
    """Compare the median with the limit and say by how much."""
    outcome = outcomes.get(goal.section)
    if outcome is None:
        return Judgement("NOT MEASURED", "this section was not run", "")
    found = goal.find(outcome.rows)  # also of a section that was cut off: what it measured until then is true
    if not found:
        return Judgement("NOT MEASURED", outcome.problem or "the section gave no such figure", "")
    middle = median(found)
    figure = f"{spread(found)} {goal.unit}"
    beside = goal.beside(outcomes)
    if goal.limit is None:
        return Judgement("no goal", figure, beside)
    if outcome.quick and not goal.holds_quick:
        return Judgement("smoke run", figure, beside)
    if middle <= goal.limit:
        return Judgement("met", f"{figure}, {middle / goal.limit:.0%} of the limit", beside)
    return Judgement("MISSED", f"{figure}, by {middle - goal.limit:.2f} {goal.unit} ({middle / goal.limit:.1f} times the limit)", beside)


def by_name(what: str, number: str, scale: float = 1.0) -> Finder:
    """Find one number of the row that is called ``what``."""
    return lambda rows: [scale * item for row in rows if row["what"] == what for item in values(row, number)]


def anywhere(number: str) -> Finder:
    """Find a number in whichever rows have it."""
    return lambda rows: [item for row in rows for item in values(row, number)]


def ratio(number: str, other: str) -> Finder:
    """Find how many times longer one takes than the other; one value per row, here per size of the batch."""
    return lambda rows: [float(row[number]) / float(row[other]) for row in rows if row.get(other) and number in row]


def largest(number: str, scale: float = 1.0) -> Finder:
    """Find the largest of a number in all rows."""

    def find(rows: Sequence[Row]) -> list[float]:
        found = [scale * item for item in anywhere(number)(rows)]
        return [max(found)] if found else []

    return find


def _defaults(number: str) -> Callable[[Outcomes], str]:
    def tell(outcomes: Outcomes) -> str:
        known = outcomes.get("window")
        found = values(known.find(window.DEFAULTS), number) if known else []
        return f"Airflow with defaults: {spread(found, 1)} s" if found else ""

    return tell


def _a_day(outcomes: Outcomes) -> str:
    known = outcomes.get("scores")
    if known is None:
        return ""
    short = {scores.FULL_REPORT: "Evidently Report", scores.SCRIPT: "day-by-day script"}
    found = {name: values(known.find(what), "day_s") for what, name in short.items()}
    return "; ".join(f"{name}: {1000 * median(times):.0f} ms" for name, times in found.items() if times)


def _a_year(outcomes: Outcomes) -> str:
    """Say what 365 days take at the pace of one day of each plain way; neither has a gate, MLflow or a decision."""
    known = outcomes.get("scores")
    if known is None:
        return ""
    short = {scores.FULL_REPORT: "Evidently Report in a loop", scores.SCRIPT: "day-by-day script"}
    found = {name: values(known.find(what), "day_s") for what, name in short.items()}
    parts = [f"{name}, scores only, at its pace: {365 * median(times):.0f} s" for name, times in found.items() if times]
    plain = outcomes.get("window")
    runs = values(plain.find(window.DEFAULTS), "run_s") if plain else []
    return "; ".join(parts + ([f"Airflow with defaults, one run a day: {365 * median(runs):.0f} s"] if runs else []))


GOALS: Sequence[Goal] = (
    Goal("trigger to committed rows, 800-row window", "window", 4.0, "s", by_name(window.OURS, "row_s"), _defaults("row_s")),
    Goal("the whole run", "window", 8.0, "s", by_name(window.OURS, "run_s"), _defaults("run_s")),
    Goal("memory of the idle stack (PSS)", "window", 2.0, "GiB", by_name(window.IDLE, "memory_mb", 1 / 1024)),
    Goal("numbers of a day, 12 columns", "scores", None, "ms", by_name(scores.OURS, "day_s", 1000.0), _a_day),
    Goal("columns of few distinct values, times their bare scan", "big", 3.0, "x", ratio("columns_few", "scan_few"), holds_quick=False),
    Goal("columns of many distinct values, times their bare scan", "big", 6.0, "x", ratio("columns_many", "scan_many"), holds_quick=False),
    Goal("memory with the largest batch that was measured", "big", 2.0, "GiB", largest("peak_mib", 1 / 1024), holds_quick=False),
    Goal("365 days, the full chain", "backfill", 90.0, "s", anywhere("seconds"), _a_year, holds_quick=False),
)
