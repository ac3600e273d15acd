"""Writes docs/detection.md and its figures from the verdicts of a run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.detection import plots
from benchmarks.detection.arms import ARMS, EXCESS_ARMS, Verdicts
from benchmarks.detection.criteria import verdicts
from benchmarks.detection.estimates import (
    Results,
    equal_factors,
    first,
    median,
    name_of,
    number,
    percent,
    rate,
    real_rate,
    share,
    spread_of,
    table,
    within,
)
from benchmarks.detection.intervals import Estimate
from benchmarks.detection.study import QUARTER, beginnings, delays, reasons, windows_in_alarm

TEMPLATE, TABLE_TEMPLATE = (Path(__file__).with_name(name) for name in ("template.md", "template_table.md"))


def write(results: Results, target: Path, images: Path) -> None:
    """Fill the template and draw the figures."""
    images.mkdir(parents=True, exist_ok=True)
    spread = spread_of(results)
    parts: dict[str, str] = {
        "mode": results.mode,
        "minutes": f"{results.seconds / 60:.0f}",
        "dispersion": f"{spread:.1f}",
        "made": _made(results, spread),
        "made_sources": _sources([cell.quarters for cell in results.cells]),
        "real_sources": _sources([item.quarters for item in results.real]),
        "real_alarms": _real_alarms(results, spread),
        "real_found": _real_found(results),
        "power": _power(results),
        "bike": _bike(results),
        "verdicts": verdicts(results, spread),
    }
    text = (TEMPLATE if results.cells else TABLE_TEMPLATE).read_text(encoding="utf-8")
    for name, value in parts.items():
        text = text.replace(f"{{{{{name}}}}}", value)
    target.write_text(text, encoding="utf-8")
    _figures(results, spread, images)


# --- false alarms -----------------------------------------------------------------------------------------------------


def _made(results: Results, spread: float) -> str:
    rows = []
    for cell in results.cells:
        rates = [_alarms(rate(cell.quarters, arm, spread), cell.quarters, arm) for arm in ARMS]
        rows.append([name_of(cell), str(len(cell.quarters)), *rates])
    return table(["data", "models", *ARMS.values()], rows)


def _real_alarms(results: Results, spread: float) -> str:
    rows = []
    for item in results.real:
        rates = [_alarms(real_rate(item, arm, spread), item.quarters, arm) for arm in ARMS]
        rows.append([item.name, str(len(item.quarters)), *rates])
    return table(["data", "splits", *ARMS.values()], rows)


def _alarms(item: Estimate, quarters: Sequence[Sequence[Verdicts]], arm: str) -> str:
    return f"{number(item)}; {percent(windows_in_alarm(quarters, arm))}"


def _sources(groups: Sequence[Sequence[Sequence[Verdicts]]]) -> str:
    found: Counter[str] = Counter()
    for quarters in groups:
        found.update(reasons(quarters))
    exposure = sum(len(quarter) for quarters in groups for quarter in quarters) / QUARTER
    rows = [[name, str(count), f"{count / exposure:.2f}"] for name, count in found.most_common()]
    return table(["test", "beginnings", "per quarter"], rows)


# --- what is found ----------------------------------------------------------------------------------------------------


def _real_found(results: Results) -> str:
    return "\n\n".join(_found(results, item.name, item.quarters, item.cases) for item in results.real if len(item.cases) > 1)


def _power(results: Results) -> str:
    return "\n\n".join(_found(results, name_of(cell), cell.quarters, cell.cases) for cell in results.cells if cell.cases)


def _found(results: Results, name: str, quarters: Sequence[Sequence[Verdicts]], cases: dict[str, list[list[Verdicts]]]) -> str:
    factors = equal_factors(quarters)
    head = ["change", "calibrated: first window", "within 7", "median", "fixed: first window"]
    head += [
        "Evidently: first window",
        "within 7",
        "equal false alarms: first window",
        "within 7",
        "PSI equal: within 7",
        "KS equal: within 7",
    ]
    rows = []
    for change, found in cases.items():
        row = [results.changes.get(change, change), share(first(found, "calibrated")), share(within(found, "calibrated"))]
        row += [median(delays(found, "calibrated")), share(first(found, "fixed"))]
        row += [share(first(found, "defaults")), share(within(found, "defaults"))]
        row += [share(first(found, "defaults", factors["defaults"])), share(within(found, "defaults", factors["defaults"]))]
        row += [share(within(found, arm, factors[arm])) for arm in ("psi", "ks")]
        rows.append(row)
    count = len(next(iter(cases.values())))
    scale = ", ".join(f"{ARMS[arm].split(' (')[0]} x {factors[arm]:.2g}" for arm in EXCESS_ARMS)
    return f"### {name}: {count} cases per change\n\nLimits scaled for equal false alarms: {scale}.\n\n{table(head, rows)}"


# --- bike sharing -----------------------------------------------------------------------------------------------------


def _bike(results: Results) -> str:
    if not results.bike:
        return "The folder with hour.csv was not there when this page was written (DRIFTGATE_BIKE_SHARING); nothing was measured."
    rows = []
    for item in results.bike:
        row = [item.name, str(len(item.days))]
        for kind in ("errors", "features", "outcome"):
            flags = item.alarms(kind)
            day = (flags.index(True) + 1) if any(flags) else "never"
            row.append(f"{percent(float(np.mean(flags)))}, day {day}, {beginnings(flags) / len(flags) * QUARTER:.1f}")
        row.append(percent(float(np.mean([verdict.alarm("defaults") for verdict in item.verdicts]))))
        rows.append(row)
    head = ["days watched", "days", "errors of the model", "features", "target and prediction", "Evidently, defaults: days in alarm"]
    return table(head, rows)


# --- words and figures ------------------------------------------------------------------------------------------------


def _both(measure: Callable[..., Estimate], item: Any, spread: float) -> list[tuple[str, Estimate, float]]:
    """Return rate and share of windows in alarm of the two arms that are drawn."""
    source = item if measure is real_rate else item.quarters
    return [(arm, measure(source, arm, spread), windows_in_alarm(item.quarters, arm)) for arm in ("calibrated", "defaults")]


def _figures(results: Results, spread: float, images: Path) -> None:
    rows = [(name_of(cell), _both(rate, cell, spread)) for cell in results.cells]
    rows += [(item.name, _both(real_rate, item, spread)) for item in results.real]
    plots.false_alarms(images / "detection-false-alarms.svg", rows)
    for item in results.real:
        if item.cases and "arrival+15" in item.cases and item is next(one for one in results.real if "arrival+15" in one.cases):
            factor = equal_factors(item.quarters)["defaults"]
            shares = [
                (results.changes.get(name, name), within(found, "calibrated"), within(found, "defaults", factor))
                for name, found in item.cases.items()
            ]
            plots.found_in_week(images / "detection-flights.svg", shares)
    cells = sorted((cell for cell in results.cells if cell.cases and not cell.spec.has_effects), key=lambda cell: cell.spec.rows)
    if cells:
        factors = [equal_factors(cell.quarters)["defaults"] for cell in cells]
        lines = []
        for size in ("0.1", "0.25", "0.5"):
            cases = [cell.cases[f"normal_0+{size}"] for cell in cells]
            lines.append((f"calibrated, {size} sd", "calibrated", [first(item, "calibrated") for item in cases]))
            own = [first(item, "defaults", factor) for item, factor in zip(cases, factors, strict=True)]
            lines.append((f"Evidently at equal false alarms, {size} sd", "equal", own))
        plots.power(images / "detection-power.svg", [cell.spec.rows for cell in cells], lines)
    if results.bike:
        plots.bike(
            images / "detection-bike.svg", [(item.name, item.days, item.alarms("errors"), item.alarms("features")) for item in results.bike]
        )
