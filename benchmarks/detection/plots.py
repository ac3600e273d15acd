"""The figures of docs/detection.md."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from benchmarks.detection.intervals import Estimate

COLOURS = {"calibrated": "#0b6e4f", "defaults": "#c1440e", "equal": "#e8a87c", "budget": "#555555"}
NOTHING = 0.02
"""Where a rate of zero is drawn on a logarithmic scale."""


def _figure(width: float, height: float):
    import matplotlib as mpl

    mpl.use("svg")
    from matplotlib import pyplot

    pyplot.rcParams.update({"svg.hashsalt": "driftgate", "font.size": 9, "axes.spines.top": False, "axes.spines.right": False})
    return pyplot.subplots(figsize=(width, height), layout="constrained")


def _save(figure, path: Path) -> None:
    from matplotlib import pyplot

    figure.savefig(path, metadata={"Date": None}, facecolor="white")
    pyplot.close(figure)


def false_alarms(path: Path, rows: Sequence[tuple[str, Estimate, Estimate]]) -> None:
    """Draw false alarms per model and quarter: calibrated and Evidently's defaults, by kind of data."""
    figure, axes = _figure(7.5, 0.8 + 0.28 * len(rows))
    for place, (_, calibrated, defaults) in enumerate(rows):
        for estimate, name, offset in ((calibrated, "calibrated", -0.12), (defaults, "defaults", 0.12)):
            low, value, high = (max(item, NOTHING) for item in (estimate.low, estimate.value, estimate.high))
            axes.plot([low, high], [place + offset] * 2, color=COLOURS[name], linewidth=1.5)
            axes.plot(value, place + offset, "o", color=COLOURS[name], markersize=4)
    axes.axvline(1.0, color=COLOURS["budget"], linestyle="--", linewidth=1)
    axes.set(xscale="log", xlim=(NOTHING, 120), xlabel="false alarms per model and quarter (95 % interval); dashed: the budget")
    axes.set_yticks(range(len(rows)), [label for label, _, _ in rows])
    axes.invert_yaxis()
    _legend(axes, ("calibrated", "Driftgate, calibrated"), ("defaults", "Evidently, defaults"))
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
    _legend(axes, ("calibrated", "Driftgate, calibrated"), ("equal", "Evidently, limits scaled to as many false alarms"))
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
    axes.legend(fontsize=7, frameon=False)
    _save(figure, path)


def bike(path: Path, rows: Sequence[tuple[str, Sequence[object], Sequence[bool], Sequence[bool]]]) -> None:
    """Draw the days in alarm: by errors of the model, and by features."""
    figure, axes = _figure(7.5, 1.0 + 0.5 * len(rows))
    for place, (_, days, errors, features) in enumerate(rows):
        for flags, name, offset in ((errors, "calibrated", -0.15), (features, "defaults", 0.15)):
            days_on = [day for day, flag in zip(days, flags, strict=True) if flag]
            axes.plot(days_on, [place + offset] * len(days_on), "|", color=COLOURS[name], markersize=7)
    axes.set_yticks(range(len(rows)), [row[0] for row in rows])
    axes.invert_yaxis()
    _legend(axes, ("calibrated", "errors of the model alarm"), ("defaults", "features alarm"))
    _save(figure, path)


def _legend(axes, *entries: tuple[str, str]) -> None:
    from matplotlib.patches import Patch

    handles = [Patch(color=COLOURS[name], label=label) for name, label in entries]
    axes.legend(
        handles=handles, loc="upper center", bbox_to_anchor=(0.5, -0.18 if len(axes.get_yticks()) < 12 else -0.1), ncols=2, frameon=False
    )
