"""Rates and shares with their intervals, and how they are written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from benchmarks.detection.arms import EXCESS_ARMS, Verdicts
from benchmarks.detection.bike import Watched
from benchmarks.detection.intervals import Estimate, dispersion, overdispersed, wilson
from benchmarks.detection.real import Result
from benchmarks.detection.study import QUARTER, Cell, delays, equal_factor, false_alarms, single

WEEK = 7
NEVER = "> 7"


@dataclass
class Results:
    """Everything that a run has found."""

    cells: list[Cell] = field(default_factory=list)
    real: list[Result] = field(default_factory=list)
    bike: list[Watched] = field(default_factory=list)
    changes: dict[str, str] = field(default_factory=dict)
    """Text of every change by its name."""
    seconds: float = 0.0
    mode: str = "full"


def spread_of(results: Results) -> float:
    return dispersion([false_alarms(cell.quarters, "calibrated") for cell in results.cells])


def rate(quarters: Sequence[Sequence[Verdicts]], arm: str, spread: float) -> Estimate:
    """Return false alarms per model and quarter; models are independent."""
    exposure = sum(len(quarter) for quarter in quarters) / QUARTER
    return overdispersed(sum(false_alarms(quarters, arm)), exposure, spread if arm == "calibrated" else 1.0)


def real_rate(result: Result, arm: str, spread: float) -> Estimate:
    """Return the same for held-out windows: splits overlap, so the interval rests on the windows of the data."""
    seen = sum(len(quarter) for quarter in result.quarters)
    exposure = result.windows / QUARTER
    count = sum(false_alarms(result.quarters, arm)) / seen * result.windows
    return overdispersed(count, exposure, spread if arm == "calibrated" else 1.0)


def name_of(cell: Cell) -> str:
    return f"{cell.spec.rows:,} rows, {cell.spec.columns} columns{', day effects' if cell.spec.has_effects else ''}"


def equal_factors(quarters: Sequence[Sequence[Verdicts]]) -> dict[str, float]:
    """Factors for the limits of Evidently's arms that give as many false alarms as the calibrated arm has."""
    wanted = sum(false_alarms(quarters, "calibrated"))
    return {arm: equal_factor(quarters, arm, wanted) for arm in EXCESS_ARMS}


def within(cases: Sequence[Sequence[Verdicts]], arm: str, factor: float = 1.0) -> Estimate:
    found = delays(cases, arm, factor)
    return wilson(int((found <= WEEK).sum()), len(found))


def first(cases: Sequence[Sequence[Verdicts]], arm: str, factor: float = 1.0) -> Estimate:
    return wilson(*single(cases, arm, factor))


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def number(item: Estimate) -> str:
    return f"{item.value:.2f} ({item.low:.2f} to {item.high:.2f})"


def share(item: Estimate) -> str:
    return f"{100 * item.value:.0f} % ({100 * item.low:.0f} to {100 * item.high:.0f})"


def percent(value: float) -> str:
    return f"{100 * value:.0f} %"


def median(found: np.ndarray) -> str:
    value = float(np.median(found))
    return f"{value:g}" if value <= WEEK else NEVER


def met(is_met: bool) -> str:
    return "Met." if is_met else "**Not met.**"
