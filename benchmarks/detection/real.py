"""Real data: false alarms on held-out windows, and how soon known changes are found in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from benchmarks.detection.arms import History, Model, Verdicts
from benchmarks.detection.arms import Scored as Measured
from benchmarks.detection.data import Scored
from benchmarks.detection.inject import Change, blanked, flipped, mixed, ramp, scaled, shifted, stuck, worse
from benchmarks.detection.study import calibrated, one_size

CALIBRATION, FOLLOWED = 60, 7
STARTS = range(0, 24, 4)
"""Held-out windows at which changes begin."""

UNCHANGED = Change("none", "no change (for comparison)", lambda frame, _after, _rng: frame)


@dataclass
class Result:
    """Verdicts on held-out windows of several splits."""

    name: str
    rows: float
    windows: int
    """Windows of the data, however many splits were made of them."""
    quarters: list[list[Verdicts]] = field(default_factory=list)
    cases: dict[str, list[list[Verdicts]]] = field(default_factory=dict)

    @property
    def is_apart(self) -> bool:
        """Whether these are whole days in stretches, which no other result has."""
        return self.name.endswith("stretches") and "rows a day" not in self.name and "classification" not in self.name


def splits(windows: int, count: int, *, is_random: bool, seed: int = 0) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return windows to calibrate on and windows held out: at random, or a stretch held out that moves round the data."""
    rng, known = np.random.default_rng(seed), round(windows * CALIBRATION / 90)
    found = []
    for index in range(count):
        order = rng.permutation(windows) if is_random else (np.arange(windows) + index * windows // count) % windows
        held_out = order[known:]
        found.append((np.sort(order[:known]), np.sort(held_out) if is_random else held_out))
    return found


def run_real(name: str, data: Scored, parts: Sequence[tuple[np.ndarray, np.ndarray]], changes: Sequence[Change] = ()) -> Result:
    """Calibrate on each split and judge what it holds out, unchanged and changed."""
    result = Result(name, float(np.median([len(frame) for frame in data.frames])), len(data.frames))
    for number, (known, held_out) in enumerate(parts):
        rows = pd.concat([data.frames[day] for day in known], ignore_index=True)
        with one_size():
            model = calibrated(data.config, rows, data.expected(rows))
        scored = _scored(model, data, held_out, UNCHANGED, None)
        history, before, quarter = History(), [], []
        for item in scored:
            before.append(history.copy())
            quarter.append(model.judge(item, history))
        result.quarters.append(quarter)
        for index, change in enumerate((UNCHANGED, *changes)):
            _follow(result, model, data, held_out, before, change, [number, index])
    return result


def _follow(
    result: Result, model: Model, data: Scored, held_out: np.ndarray, before: Sequence[History], change: Change, seed: list[int]
) -> None:
    known = None if change.name == "ramp" else _scored(model, data, held_out, change, np.random.default_rng(seed))
    for start in STARTS:
        days = held_out[start : start + FOLLOWED]
        if len(days) < FOLLOWED:
            continue
        scored = _scored(model, data, days, change, None) if known is None else known[start : start + FOLLOWED]
        history = before[start].copy()
        result.cases.setdefault(change.name, []).append([model.judge(item, history) for item in scored])


def _scored(model: Model, data: Scored, days: np.ndarray, change: Change, rng: np.random.Generator | None) -> list[Measured]:
    """Measure windows after a change."""
    frames = [change.apply(data.frames[day], after, rng or np.random.default_rng(0)) for after, day in enumerate(days)]
    if change.is_input:
        frames = data.scored_again([int(day) for day in days], frames)
    loss = model.expected(pd.concat(frames, ignore_index=True))
    ends = np.cumsum([len(frame) for frame in frames])
    return [model.score(frame, loss[end - len(frame) : end]) for frame, end in zip(frames, ends, strict=True)]


def flight_changes() -> list[Change]:
    """Return the changes put into flights."""
    return [
        Change("arrival+15", "arrival delay + 15 minutes (target only)", lambda f, _a, _r: shifted(f, "arr_delay", 15.0)),
        Change("error+5", "every flight's error + 5 minutes (arrival delay + 5)", lambda f, _a, _r: shifted(f, "arr_delay", 5.0)),
        Change("error-5", "every flight's error - 5 minutes (arrival delay - 5)", lambda f, _a, _r: shifted(f, "arr_delay", -5.0)),
        Change("worse+5", "every absolute error + 5 minutes", lambda f, _a, _r: worse(f, "arr_delay", "prediction", 5.0)),
        Change("departure+5", "departure delay + 5 minutes", lambda f, _a, _r: shifted(f, "dep_delay", 5.0), is_input=True),
        Change("departure+15", "departure delay + 15 minutes", lambda f, _a, _r: shifted(f, "dep_delay", 15.0), is_input=True),
        Change("distance*1.05", "distance 5 % longer", lambda f, _a, _r: scaled(f, "distance", 1.05), is_input=True),
        Change("distance*1.6", "distance in kilometres", lambda f, _a, _r: scaled(f, "distance", 1.609), is_input=True),
        Change("distance*1000", "distance x 1000", lambda f, _a, _r: scaled(f, "distance", 1000.0), is_input=True),
        Change("carrier-0.05", "5 % of flights go to one carrier", lambda f, _a, r: mixed(f, "carrier", "VX", 0.05, r), is_input=True),
        Change("carrier-0.2", "20 % of flights go to one carrier", lambda f, _a, r: mixed(f, "carrier", "VX", 0.2, r), is_input=True),
        Change("missing-0.02", "2 % of distances missing", lambda f, _a, r: blanked(f, "distance", 0.02, r), is_input=True),
        Change("missing-0.1", "10 % of distances missing", lambda f, _a, r: blanked(f, "distance", 0.1, r), is_input=True),
        Change("stuck", "departure delay stuck", lambda f, _a, _r: stuck(f, "dep_delay"), is_input=True),
        Change("ramp", "arrival delay: ramp to + 15 minutes in 7 days", lambda f, a, _r: shifted(f, "arr_delay", ramp(15.0, 7, a))),
    ]


def late_changes() -> list[Change]:
    """Return the changes put into flights as a classification."""
    return [
        Change("flip-0.02", "2 % of labels turned round", lambda f, _a, r: flipped(f, "late", 0.02, r)),
        Change("flip-0.05", "5 % of labels turned round", lambda f, _a, r: flipped(f, "late", 0.05, r)),
        Change("flip-0.2", "20 % of labels turned round", lambda f, _a, r: flipped(f, "late", 0.2, r)),
    ]


def table_changes(data: Scored) -> list[Change]:
    """Return changes for any table: its first numerical and categorical columns and its target."""
    roles, rows = data.config.columns, pd.concat(data.frames)
    found: list[Change] = []
    if roles.numerical:
        name = roles.numerical[0]
        spread = float(rows[name].std())
        found += [
            Change(f"shift-{by:g}", f"{name} + {by:g} standard deviations", _shift(name, by * spread), is_input=True) for by in (0.1, 0.5)
        ]
        found += [
            Change("units", f"{name} x 1000", lambda f, _a, _r: scaled(f, name, 1000.0), is_input=True),
            Change("missing", f"5 % of {name} missing", lambda f, _a, r: blanked(f, name, 0.05, r), is_input=True),
            Change("stuck", f"{name} stuck", lambda f, _a, _r: stuck(f, name), is_input=True),
        ]
    if roles.categorical:
        column = roles.categorical[0]
        rarest = str(rows[column].value_counts().index[-1])
        text = f"10 % of {column} turn into {rarest}"
        found.append(Change("mix", text, lambda f, _a, r: mixed(f, column, rarest, 0.1, r), is_input=True))
    target = str(roles.target)
    if data.config.task == "regression":
        spread = float((rows[target] - rows[roles.prediction]).std())
        found.append(Change("concept", f"{target} + 0.25 error standard deviations", _shift(target, 0.25 * spread)))
    return found


def _shift(name: str, by: float):
    return lambda frame, _after, _rng: shifted(frame, name, by)
