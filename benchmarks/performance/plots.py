"""The figures of docs/performance.md."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median

OURS, OTHERS, WAIT = "#0b6e4f", "#c1440e", "#c9d1d9"


def bars(path: Path, rows: Sequence[tuple[str, Sequence[float], bool]], unit: str, limit: float | None = None) -> None:
    """Draw medians with their smallest and largest value; rows are (label, values, whether ours)."""
    figure, axes = _figure(8.0, 0.7 + 0.36 * len(rows))
    for place, (_, found, is_ours) in enumerate(rows):
        middle = median(found)
        errors = [[middle - min(found)], [max(found) - middle]]
        axes.barh(place, middle, 0.6, color=OURS if is_ours else OTHERS, xerr=errors, ecolor="#333333")
    if limit is not None:
        axes.axvline(limit, color="#555555", linestyle="--", linewidth=1)
    axes.set_yticks(range(len(rows)), [label for label, _, _ in rows])
    axes.invert_yaxis()
    axes.set_xlabel(f"{unit}; median, smallest and largest{'; dashed: the goal' if limit is not None else ''}")
    _save(figure, path)


def run(path: Path, tasks: Mapping[str, Mapping[str, float]]) -> None:
    """Draw when each task of a run waits and works, in seconds since the trigger."""
    ordered = sorted(tasks.items(), key=lambda item: item[1]["begins_s"])
    figure, axes = _figure(8.0, 0.7 + 0.3 * len(ordered))
    for place, (_, task) in enumerate(ordered):
        waited = task["gap_s"] + task["queue_s"]
        axes.barh(place, waited, 0.6, left=task["begins_s"] - waited, color=WAIT)
        axes.barh(place, task["own_s"], 0.6, left=task["begins_s"], color=OURS)
    axes.set_yticks(range(len(ordered)), [name for name, _ in ordered])
    axes.invert_yaxis()
    axes.set_xlabel("seconds since the trigger; grey: waiting for scheduler and queue; medians")
    _save(figure, path)


def _figure(width: float, height: float):
    import matplotlib as mpl

    mpl.use("svg")
    from matplotlib import pyplot

    look = {"svg.hashsalt": "driftgate", "svg.fonttype": "none", "font.size": 9, "axes.spines.top": False, "axes.spines.right": False}
    pyplot.rcParams.update(look)
    return pyplot.subplots(figsize=(width, height), layout="constrained")


def _save(figure, path: Path) -> None:
    from matplotlib import pyplot

    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None}, facecolor="white")
    pyplot.close(figure)
