"""Made data: false alarms without change, and how soon known changes are found."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from benchmarks.detection.arms import History, Model, Verdicts
from benchmarks.detection.check import assert_evidentlys
from benchmarks.detection.inject import Change
from benchmarks.detection.synthetic import Maker, Spec, expected_loss
from driftgate import calibrating
from driftgate.calibrate import null
from driftgate.config.models import MonitorConfig
from driftgate.measure.reference_parts import IndexedReference
from driftgate.sampling import thin

CALIBRATION, QUARTER, FOLLOWED = 60, 91, 7
"""Windows to calibrate on, windows of a quarter, windows that a change is followed for."""
BLOCK = 13


@dataclass
class Cell:
    """Verdicts of many models of one kind."""

    spec: Spec
    quarters: list[list[Verdicts]] = field(default_factory=list)
    """Per model: windows without change."""
    cases: dict[str, list[list[Verdicts]]] = field(default_factory=dict)
    """Per change, per model: windows from the change on."""
    seconds: float = 0.0
    regimes: Counter[str] = field(default_factory=Counter)
    notes: Counter[str] = field(default_factory=Counter)


@contextmanager
def one_size() -> Iterator[None]:
    """Simulate the limits of drift scores near the size of the windows only: made windows all have the same size."""
    original, null.RANGE = null.RANGE, 1.5
    try:
        yield
    finally:
        null.RANGE = original


def calibrated(config: MonitorConfig, rows: pd.DataFrame, expected: calibrating.ExpectedLoss) -> Model:
    """Return a model calibrated on all rows, as after a training."""
    reference = thin(rows, config.reference.max_rows)
    learned = calibrating.learn(config, rows, reference, expected)
    if learned is None:
        raise RuntimeError("the reference holds too few windows to calibrate on")
    return Model(config, IndexedReference(config, reference), learned, expected)


def run_cell(spec: Spec, repetitions: int, changes: Sequence[Change] = (), *, seed: int = 0) -> Cell:
    """Calibrate so many models, each on data of its own, and let each watch a quarter of unchanged windows; then changes."""
    cell, config, started = Cell(spec), spec.config(), time.perf_counter()
    for repetition in range(repetitions):
        maker = Maker(spec, 1000 * seed + repetition)
        with one_size():
            model = calibrated(config, maker.windows(CALIBRATION), expected_loss)
        cell.regimes.update(limit.regime for limit in model.learned.calibration.drift.values())
        cell.notes.update(model.learned.calibration.notes)
        history, quarter = History(), []
        for block in range(QUARTER // BLOCK):
            for index, frame in enumerate(_cut(maker.windows(BLOCK), spec.rows)):
                scored = model.score(frame)
                if block == index == 0 and repetition % 10 == 0:
                    assert_evidentlys(config, scored.metrics, frame, model.reference.frame)
                quarter.append(model.judge(scored, history))
        cell.quarters.append(quarter)
        if changes:
            _follow(cell, model, history, _cut(maker.windows(FOLLOWED), spec.rows), changes, repetition)
    cell.seconds = time.perf_counter() - started
    return cell


def _cut(rows: pd.DataFrame, size: int) -> list[pd.DataFrame]:
    return [rows.iloc[start : start + size].reset_index(drop=True) for start in range(0, len(rows), size)]


def _follow(cell: Cell, model: Model, history: History, frames: Sequence[pd.DataFrame], changes: Sequence[Change], repetition: int) -> None:
    for number, change in enumerate(changes):
        rng, own = np.random.default_rng([repetition, number]), history.copy()
        verdicts = [model.judge(model.score(change.apply(frame, after, rng)), own) for after, frame in enumerate(frames)]
        cell.cases.setdefault(change.name, []).append(verdicts)


# --- what is counted --------------------------------------------------------------------------------------------------


def beginnings(alarms: Sequence[bool]) -> int:
    """Windows in which an alarm begins."""
    flags = np.asarray(alarms, dtype=bool)
    return int(flags[:1].sum() + (flags[1:] & ~flags[:-1]).sum()) if len(flags) else 0


def false_alarms(quarters: Sequence[Sequence[Verdicts]], arm: str, factor: float = 1.0) -> list[int]:
    """Return the false alarms of each model."""
    return [beginnings([verdict.alarm(arm, factor) for verdict in quarter]) for quarter in quarters]


def windows_in_alarm(quarters: Sequence[Sequence[Verdicts]], arm: str) -> float:
    flags = [verdict.alarm(arm) for quarter in quarters for verdict in quarter]
    return float(np.mean(flags)) if flags else float("nan")


def equal_factor(quarters: Sequence[Sequence[Verdicts]], arm: str, wanted: int) -> float:
    """Return the smallest factor for all limits of a single-number arm that gives no more than the wanted number of false alarms."""
    candidates = np.unique([verdict.excess[arm] for quarter in quarters for verdict in quarter])
    low, high = 0, len(candidates) - 1  # above the largest there are none
    while low < high:
        middle = (low + high) // 2
        factor = np.nextafter(candidates[middle], np.inf)
        if _alarmed(quarters, arm, factor) <= wanted:
            high = middle
        else:
            low = middle + 1
    return float(np.nextafter(candidates[low], np.inf))


def _alarmed(quarters: Sequence[Sequence[Verdicts]], arm: str, factor: float) -> int:
    """Beginnings, or windows in alarm where alarms hardly ever end: few beginnings must not look like few alarms."""
    flags = [np.array([verdict.alarm(arm, factor) for verdict in quarter]) for quarter in quarters]
    share = float(np.mean(np.concatenate(flags)))
    return int(sum(map(np.sum, flags))) if share > 0.3 else sum(beginnings(list(quarter)) for quarter in flags)


def delays(cases: Sequence[Sequence[Verdicts]], arm: str, factor: float = 1.0) -> np.ndarray:
    """Windows until the first alarm, 1 for the first changed window; infinite where there is none."""
    found = []
    for case in cases:
        flags = [verdict.alarm(arm, factor) for verdict in case]
        found.append(flags.index(True) + 1.0 if any(flags) else np.inf)
    return np.array(found)


def single(cases: Sequence[Sequence[Verdicts]], arm: str, factor: float = 1.0) -> tuple[int, int]:
    """Count changes seen in the very first changed window, and cases."""
    return sum(case[0].alarm(arm, factor) for case in cases), len(cases)


def reasons(quarters: Sequence[Sequence[Verdicts]]) -> Counter[str]:
    """Count what made the calibrated arm's false alarms begin, by kind of test."""
    found: Counter[str] = Counter()
    for quarter in quarters:
        for before, verdict in zip([None, *quarter[:-1]], quarter, strict=True):
            if verdict.alarms["calibrated"] and not (before and before.alarms["calibrated"]):
                found.update({reason.split(":")[0] for reason in verdict.reasons})
    return found
