"""What is met and what is not, in sentences made from the numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from benchmarks.detection.arms import Verdicts
from benchmarks.detection.estimates import (
    NEVER,
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


def verdicts(results: Results, spread: float) -> str:
    return "\n".join([*_budget_lines(results, spread), *_week_lines(results), *_power_lines(results), *_bike_lines(results)])


def _budget_lines(results: Results, spread: float) -> list[str]:
    rates = [(name_of(cell), rate(cell.quarters, "calibrated", spread)) for cell in results.cells]
    rates += [(item.name, real_rate(item, "calibrated", spread)) for item in results.real]
    over = [f"{name}: {number(item)}" for name, item in rates if item.low > BUDGET]
    text = f"{len(rates) - len(over)} of {len(rates)} kinds of data have a false-alarm rate whose 95 % interval reaches down to the budget"
    more = f"; above it: {'; '.join(over)}" if over else ""
    lines = [f"- {met(not over)} False alarms within the budget: {text}{more}."]
    if results.cells:
        count = sum(sum(false_alarms(cell.quarters, "calibrated")) for cell in results.cells)
        whole = overdispersed(count, sum(len(cell.quarters) for cell in results.cells), spread)
        lines.append(f"- {met(whole.low <= BUDGET)} All made data together: {number(whole)} false alarms per model and quarter (budget 1).")
    return lines


def _week_lines(results: Results) -> list[str]:
    lines = []
    for item in results.real:
        for name in ("arrival+15", "error+5", "error-5", "worse+5"):
            if name not in item.cases:
                continue
            found, plain = within(item.cases[name], "calibrated"), within(item.cases["none"], "calibrated")
            delay = median(delays(item.cases[name], "calibrated"))
            is_met = found.low > plain.high and delay != NEVER
            text = (
                f"{item.name}: {results.changes.get(name, name)}: found within 7 windows in {share(found)} of cases, median delay {delay}"
            )
            lines.append(f"- {met(is_met)} {text} (without a change: {share(plain)}).")
    return lines


def _power_lines(results: Results) -> list[str]:
    lines = []
    for what, measure in (("first window", first), ("within 7 windows", within)):
        for title, scale in (("at equal false alarms", True), ("at Evidently's own limits", False)):
            below = _below(results, measure, is_scaled=scale)
            text = "nowhere below Evidently's defaults beyond noise" if not below else "; ".join(below)
            lines.append(f"- {met(not below)} Power, {what}, {title}: {text}.")
    for cell in results.cells:
        if cell.spec.rows == 5000 and "normal_0+0.1" in cell.cases:
            own, other = (first(cell.cases["normal_0+0.1"], arm) for arm in ("calibrated", "defaults"))
            text = f"Mean shift of 0.1 standard deviations at 5,000 rows, first window: {share(own)}; defaults {share(other)}"
            lines.append(f"- {met(own.value >= 0.9)} {text}.")
    return lines


def _below(results: Results, measure: Callable[..., Estimate], *, is_scaled: bool) -> list[str]:
    found = []
    groups = [(name_of(cell), cell.quarters, cell.cases) for cell in results.cells] + [
        (item.name, item.quarters, item.cases) for item in results.real
    ]
    for name, quarters, cases in groups:
        if not cases:
            continue
        factor = equal_factors(quarters)["defaults"] if is_scaled else 1.0
        known = [change for change in cases if change != "none"]
        worse = [results.changes.get(change, change) for change in known if _is_below(measure, cases[change], factor)]
        if worse and is_scaled:
            found.append(f"{name}: {', '.join(worse)}")
        elif worse:
            alarm = f"which alarm on {percent(windows_in_alarm(quarters, 'defaults'))} of its unchanged windows"
            found.append(f"{name}: in {len(worse)} of {len(known)} changes below defaults {alarm}")
    return found


def _is_below(measure: Callable[..., Estimate], cases: Sequence[Sequence[Verdicts]], factor: float) -> bool:
    return measure(cases, "calibrated").high < measure(cases, "defaults", factor).low


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
            lines.append(f"- {met(count.low <= BUDGET)} Bike sharing, {item.name}: {often} (on {percent(float(np.mean(flags)))} of days).")
    return lines
