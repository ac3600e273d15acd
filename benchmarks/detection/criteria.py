"""What is met and what is not, in sentences made from the numbers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import stats

from benchmarks.detection.arms import Verdicts
from benchmarks.detection.estimates import (
    NEVER,
    WEEK,
    Results,
    equal_factors,
    first,
    median,
    met,
    name_of,
    number,
    percent,
    rate,
    real_rate,
    share,
    within,
)
from benchmarks.detection.intervals import Estimate, overdispersed, poisson
from benchmarks.detection.study import QUARTER, beginnings, delays, false_alarms, windows_in_alarm

BUDGET = 1.0
NOISE = 0.025


def verdicts(results: Results, spread: float) -> str:
    return "\n".join([*_budget_lines(results, spread), *_week_lines(results), *_power_lines(results), *_bike_lines(results)])


def kept(item: Estimate) -> str:
    """Say whether a rate keeps to the budget; a rate above it that chance explains proves neither."""
    if item.value <= BUDGET:
        return "Met."
    return "**Open** (above the budget, within what chance gives)." if item.low <= BUDGET else "**Not met.**"


def _budget_lines(results: Results, spread: float) -> list[str]:
    rates = [(name_of(cell), rate(cell.quarters, "calibrated", spread)) for cell in results.cells]
    rates += [(item.name, real_rate(item, "calibrated", spread)) for item in results.real]
    over = [f"{name}: {number(item)}" for name, item in rates if item.low > BUDGET]
    chance = [f"{name}: {number(item)}" for name, item in rates if item.value > BUDGET >= item.low]
    text = f"{len(rates) - len(over) - len(chance)} of {len(rates)} kinds of data are at or below the budget"
    text += f"; above it, within what chance gives: {'; '.join(chance)}" if chance else ""
    text += f"; **above it beyond chance**: {'; '.join(over)}" if over else ""
    lines = [f"- {'**Not met.**' if over else '**Open.**' if chance else 'Met.'} False alarms per model and quarter: {text}."]
    if results.cells:
        count = sum(sum(false_alarms(cell.quarters, "calibrated")) for cell in results.cells)
        whole = overdispersed(count, sum(len(cell.quarters) for cell in results.cells), spread)
        lines.append(f"- {kept(whole)} All made data together: {number(whole)} false alarms per model and quarter (budget 1).")
    apart = [item for item in results.real if item.is_apart]
    if len(apart) > 1:
        count = sum(real_rate(item, "calibrated", spread).value * item.windows / QUARTER for item in apart)
        whole = overdispersed(count, sum(item.windows for item in apart) / QUARTER, spread)
        text = f"Real data of different days together ({', '.join(item.name for item in apart)}): {number(whole)} false alarms"
        lines.append(f"- {kept(whole)} {text} per model and quarter.")
    return lines


def _week_lines(results: Results) -> list[str]:
    lines = []
    for item in results.real:
        for name in ("arrival+15", "error+5", "error-5", "worse+5"):
            if name not in item.cases:
                continue
            shown, plain = within(item.cases[name], "calibrated"), within(item.cases["none"], "calibrated")
            delay = median(delays(item.cases[name], "calibrated"))
            is_met = shown.low > plain.high and delay != NEVER
            text = (
                f"{item.name}: {results.changes.get(name, name)}: found within 7 windows in {share(shown)} of cases, median delay {delay}"
            )
            lines.append(f"- {met(is_met)} {text} (without a change: {share(plain)}).")
    return lines


def _power_lines(results: Results) -> list[str]:
    lines = []
    for what, windows in (("first window", 1), ("within 7 windows", WEEK)):
        for title, is_scaled in (("at equal false alarms", True), ("at Evidently's own limits", False)):
            lines.append(_compared(results, f"Power, {what}, {title}", windows, is_scaled=is_scaled))
    for cell in results.cells:
        if cell.spec.rows == 5000 and "normal_0+0.1" in cell.cases:
            own, other = (first(cell.cases["normal_0+0.1"], arm) for arm in ("calibrated", "defaults"))
            text = f"Mean shift of 0.1 standard deviations at 5,000 rows, first window: {share(own)}; defaults {share(other)}"
            lines.append(f"- {met(own.value >= 0.9)} {text}.")
    return lines


def _compared(results: Results, title: str, windows: int, *, is_scaled: bool) -> str:
    """Compare both arms on the same cases, change by change, over all data."""
    below, count, own_found, other_found, cases_seen = [], 0, 0, 0, 0
    for name, quarters, cases in _groups(results):
        factor = equal_factors(quarters)["defaults"] if is_scaled else 1.0
        worse = []
        for change, known in cases.items():
            if change == "none":
                continue
            own, other = found(known, "calibrated", windows), found(known, "defaults", windows, factor)
            count, cases_seen = count + 1, cases_seen + len(own)
            own_found, other_found = own_found + int(own.sum()), other_found + int(other.sum())
            if is_below(own, other):
                worse.append(results.changes.get(change, change))
        if worse and is_scaled:
            below.append(f"{name}: {', '.join(worse)}")
        elif worse:
            below.append(f"{name}: {len(worse)} (alarm on {percent(windows_in_alarm(quarters, 'defaults'))} of its unchanged windows)")
    text = f"found {own_found} of {cases_seen} cases, Evidently's defaults {other_found}"
    where = f"; below beyond noise: {'; '.join(below)}" if below else f"; in none of {count} comparisons below beyond noise"
    return f"- {met(not below)} {title}: {text}{where}."


def _groups(results: Results) -> list[tuple[str, list[list[Verdicts]], dict[str, list[list[Verdicts]]]]]:
    groups = [(name_of(cell), cell.quarters, cell.cases) for cell in results.cells]
    groups += [(item.name, item.quarters, item.cases) for item in results.real]
    return [group for group in groups if len(group[2]) > 1]


def found(cases: Sequence[Sequence[Verdicts]], arm: str, windows: int, factor: float = 1.0) -> np.ndarray:
    """Return for every case whether an alarm comes within so many windows."""
    return delays(cases, arm, factor) <= windows


def is_below(own: np.ndarray, other: np.ndarray) -> bool:
    """Whether one arm finds fewer of the same cases, beyond noise at 2.5 % (exact sign test of the cases that only one of them finds).

    Source: Q. McNemar, Note on the sampling error of the difference between correlated proportions, Psychometrika 12 (1947).
    """
    lost, won = int((other & ~own).sum()), int((own & ~other).sum())
    return lost > won and float(stats.binomtest(lost, lost + won, alternative="greater").pvalue) < NOISE


def _bike_lines(results: Results) -> list[str]:
    lines = []
    for item in results.bike:
        if item.name.startswith("2012"):
            errors = item.alarms("errors")
            day = errors.index(True) + 1 if any(errors) else None
            text = f"Bike sharing, {item.name}: the errors alarm from day {day} on, on {percent(float(np.mean(errors)))} of days"
            lines.append(f"- {met(day is not None and day <= 30)} {text}.")
        kind = {"2012": "features", "odd ": "any"}.get(item.name[:4])
        if kind and "matched by month" in item.name:
            flags = item.alarms(kind)
            count = poisson(beginnings(flags), len(flags) / QUARTER)
            often = f"{'features alarm' if kind == 'features' else 'anything alarms'} {number(count)} times a quarter"
            lines.append(f"- {kept(count)} Bike sharing, {item.name}: {often} (on {percent(float(np.mean(flags)))} of days).")
    return lines
