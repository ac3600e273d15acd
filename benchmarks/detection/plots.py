"""The figures of docs/detection.md."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.detection.intervals import Estimate

COLOURS = {"calibrated": "#0b6e4f", "defaults": "#c1440e", "equal": "#e8a87c", "budget": "#555555"}
NOTHING = 0.02
"""Where a rate of zero is drawn on a logarithmic scale."""


def _figure(width: float, height: float, panels: int = 1):
    import matplotlib as mpl

    mpl.use("svg")
    from matplotlib import pyplot

    look = {"svg.hashsalt": "driftgate", "svg.fonttype": "none", "font.size": 9, "axes.spines.top": False, "axes.spines.right": False}
    pyplot.rcParams.update(look)
    return pyplot.subplots(1, panels, figsize=(width, height), layout="constrained", sharey=panels > 1)


def _save(figure, path: Path) -> None:
    from matplotlib import pyplot

    figure.savefig(path, metadata={"Date": None}, facecolor="white")
    pyplot.close(figure)


def false_alarms(path: Path, rows: Sequence[tuple[str, Sequence[tuple[str, Estimate, float]]]]) -> None:
    """Draw false alarms per model and quarter, and the share of windows in alarm; rows are (label, [(arm, rate, share)])."""
    figure, (rates, shares) = _figure(9.0, 1.0 + 0.28 * len(rows), 2)
    for place, (_, arms) in enumerate(rows):
        for (name, estimate, share), offset in zip(arms, (-0.14, 0.14), strict=True):
            low, value, high = (max(item, NOTHING) for item in (estimate.low, estimate.value, estimate.high))
            rates.plot([low, high], [place + offset] * 2, color=COLOURS[name], linewidth=1.5)
            rates.plot(value, place + offset, "o", color=COLOURS[name], markersize=4)
            shares.barh(place + offset, share, 0.26, color=COLOURS[name])
    rates.axvline(1.0, color=COLOURS["budget"], linestyle="--", linewidth=1)
    rates.set(xscale="log", xlim=(NOTHING, 40), xlabel="alarms that begin, per model and quarter\n(95 % interval; dashed: the budget)")
    rates.set_xticks([0.1, 1, 10], ["0.1", "1", "10"])
    shares.set(xlim=(0, 1.02), xlabel="share of windows in alarm")
    rates.set_yticks(range(len(rows)), [label for label, _ in rows])
    rates.invert_yaxis()
    _legend(figure, ("calibrated", "Driftgate, calibrated"), ("defaults", "Evidently, defaults"))
    _save(figure, path)


def found_in_week(path: Path, rows: Sequence[tuple[str, Estimate, Estimate]]) -> None:
    """Draw the share of cases found within seven windows, at the same false-alarm rate."""
    figure, axes = _figure(7.5, 0.8 + 0.34 * len(rows))
    places = np.arange(len(rows))
    for offset, index, name in ((-0.19, 1, "calibrated"), (0.19, 2, "equal")):
        values = [row[index] for row in rows]
        spread = [[item.value - item.low for item in values], [item.high - item.value for item in values]]
        axes.barh(places + offset, [item.value for item in values], 0.36, color=COLOURS[name], xerr=np.abs(spread), ecolor="#333333")
    axes.set_yticks(places, [row[0] for row in rows])
    axes.set(xlim=(0, 1.02), xlabel="share of cases found within 7 windows (95 % interval)")
    axes.invert_yaxis()
    _legend(figure, ("calibrated", "Driftgate, calibrated"), ("equal", "Evidently, equal false alarms"))
    _save(figure, path)


def power(path: Path, sizes: Sequence[int], lines: Sequence[tuple[str, str, Sequence[Estimate]]]) -> None:
    """Draw the power of the first changed window by batch size; lines are (label, colour name, estimates)."""
    figure, axes = _figure(7.5, 3.6)
    styles = {"0.1": "-", "0.25": "--", "0.5": ":"}
    for label, name, values in lines:
        style = next((style for size, style in styles.items() if f" {size} " in label), "-")
        axes.plot(sizes, [item.value for item in values], style, color=COLOURS[name], marker="o", markersize=3, label=label)
        axes.fill_between(sizes, [item.low for item in values], [item.high for item in values], color=COLOURS[name], alpha=0.08)
    axes.set(xscale="log", ylim=(-0.02, 1.02), xlabel="rows per window", ylabel="share found in the first changed window")
    axes.set_xticks(sizes, [str(size) for size in sizes])
    figure.legend(loc="outside lower center", ncols=3, fontsize=8, frameon=False, handlelength=3.5)
    _save(figure, path)


def bike(path: Path, rows: Sequence[tuple[str, Sequence[object], Sequence[bool], Sequence[bool]]]) -> None:
    """Draw the days in alarm: by errors of the model, and by features."""
    from matplotlib.dates import ConciseDateFormatter, MonthLocator

    figure, axes = _figure(7.5, 1.0 + 0.5 * len(rows))
    for place, (_, days, errors, features) in enumerate(rows):
        for flags, name, offset in ((errors, "calibrated", -0.15), (features, "defaults", 0.15)):
            days_on = [day for day, flag in zip(days, flags, strict=True) if flag]
            axes.plot(days_on, [place + offset] * len(days_on), "|", color=COLOURS[name], markersize=7)
    axes.set_yticks(range(len(rows)), [row[0] for row in rows])
    locator = MonthLocator(bymonth=(1, 7))
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))
    axes.invert_yaxis()
    _legend(figure, ("calibrated", "errors of the model alarm"), ("defaults", "features alarm"))
    _save(figure, path)


def _legend(figure, *entries: tuple[str, str]) -> None:
    from matplotlib.patches import Patch

    figure.legend(
        handles=[Patch(color=COLOURS[name], label=label) for name, label in entries], loc="outside lower center", ncols=2, frameon=False
    )
