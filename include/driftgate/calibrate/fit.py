"""Learning a calibration from the measured windows of the reference."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from driftgate.calibrate import null
from driftgate.calibrate.budget import Group, chance_per_window, split
from driftgate.calibrate.calibration import Address, Calibration, RowsOf
from driftgate.calibrate.drift_limit import DriftLimit, fit_drift_limit
from driftgate.calibrate.inherit import MANY_WINDOWS, inherit_drift, inherit_slow, inherit_value
from driftgate.calibrate.slow import SlowLimit, fit_slow_limit
from driftgate.calibrate.value_limit import ShareLimit, ValueLimit, fit_share_limit, fit_value_limit
from driftgate.records import Direction, Metric
from driftgate.samples import Sample, counts_of

log = logging.getLogger(__name__)

FEWEST_WINDOWS = 8
"""With fewer windows nothing can be said about how ordinary windows differ."""
FEW_VALUES = 20
"""Evidently counts numbers of so few distinct values instead of putting them into bins."""
POSITION_VARIANCE = 1 / 12
"""Variance of a rank between 0 and 1: that of the position of one row."""


_NOTHING = Calibration("", 0.0, 0, 0.0, "", "")


@dataclass(frozen=True)
class MeasuredWindow:
    """What was measured on one window of the reference, against the rest of it."""

    rows: int
    metrics: Sequence[Metric]
    rows_of: RowsOf | None = None
    """Rows that a number rests on; None: all of the window."""


@dataclass(frozen=True)
class ScoredColumn:
    """What the simulation needs to know of a column with a drift score."""

    reference: Sample
    """Usable values."""
    is_categorical: bool
    score: null.Score


@dataclass(frozen=True)
class Test:
    """One number that is judged, and how."""

    address: Address
    group: Group
    above: bool = True
    below: bool = False
    column: ScoredColumn | None = None
    """For drift scores: what the null distribution is simulated from."""
    usual_share: float | None = None
    reference_rows: int = 0
    """For shares."""
    smallest_distance: float = 0.0
    """How far from its level a number may be in any case."""
    largest_excess: float | None = None
    """For shares that are a maximum over values: what the largest one in the windows of the reference has to be exceeded by."""

    @property
    def is_slow(self) -> bool:
        return self.group in (Group.SLOW_PERFORMANCE, Group.SLOW_DRIFT)


@dataclass(frozen=True)
class Terms:
    """What the calibration is asked to keep: a budget, and a change that should be found."""

    false_alarms: float
    period: timedelta
    window: timedelta
    detect: float
    power: float
    text: str

    @property
    def chance(self) -> float:
        return chance_per_window(self.false_alarms, self.period, self.window)


@dataclass(frozen=True)
class _Series:
    values: np.ndarray
    rows: np.ndarray
    methods: frozenset[tuple[str | None, bool]]
    """Methods that were used, and whether each gives a p-value."""


def fit(
    windows: Sequence[MeasuredWindow],
    tests: Sequence[Test],
    terms: Terms,
    *,
    first: str,
    last: str,
    fingerprint: str,
    sizes: Sequence[int] = (),
    former: Calibration | None = None,
    seed: int = 0,
) -> Calibration:
    """Learn the limits of all tests from the windows of the reference, in time order.

    A test whose number is missing in too many windows, or whose method differs from window to window, is left out with a note; the
    budget is divided among the others. With few windows the spread of ordinary ones is taken from ``former``, the calibration of the
    version before, see :mod:`driftgate.calibrate.inherit`.
    """
    before = former if former is not None and len(windows) < MANY_WINDOWS else _NOTHING
    series = {test.address: found for test in tests if (found := _series(windows, test.address)) is not None}
    usable = [test for test in tests if test.address in series]
    notes = [_note(test.address) for test in tests if test.address not in series]
    members: dict[Group, list[Test]] = {group: [test for test in usable if test.group is group] for group in Group}
    chances = split(terms.chance, members)
    drift: dict[Address, DriftLimit] = {}
    shares: dict[Address, ShareLimit] = {}
    values: dict[Address, ValueLimit] = {}
    slow: dict[Address, SlowLimit] = {}
    rows = [window.rows for window in windows]
    reach = null.sizes_around([*rows, *sizes])
    for index, test in enumerate(test for test in usable if not test.is_slow):
        known, chance = series[test.address], chances[test.group]
        if test.column is not None:
            share = float(np.median(known.rows)) / float(np.median(rows))
            usual_sizes = [round(size * share) for size in sizes]
            fitted = _fit_drift(test.column, known, terms, chance, usual_sizes, seed + 1000 * index)
            drift[test.address] = inherit_drift(fitted, before.drift.get(test.address), known.values, known.rows)
        elif test.largest_excess is not None:
            largest = float(known.values.max())
            shares[test.address] = ShareLimit(largest, test.reference_rows, chance, excess=test.largest_excess)
        elif test.usual_share is not None:
            shares[test.address] = fit_share_limit(known.values, known.rows, test.usual_share, test.reference_rows, chance=chance)
        else:
            learned = fit_value_limit(known.values, known.rows, chance=chance, above=test.above, below=test.below)
            values[test.address] = inherit_value(learned, before.values.get(test.address), known.values).at_least(test.smallest_distance)
    for test in (test for test in usable if test.is_slow):
        limit = _fit_slow(test, series[test.address], drift.get(test.address), chances[test.group], before.slow.get(test.address))
        if limit is not None:
            slow[test.address] = limit
    return Calibration(
        budget=terms.text,
        chance_per_window=terms.chance,
        windows=len(windows),
        usual_rows=float(np.median(rows)),
        first=first,
        last=last,
        spread_windows=max(before.windows, before.spread_windows),
        fewest_rows=reach[0],
        most_rows=reach[-1],
        fingerprint=fingerprint,
        notes=tuple(dict.fromkeys(notes)),
        drift=drift,
        shares=shares,
        values=values,
        slow=slow,
    )


def _series(windows: Sequence[MeasuredWindow], address: Address) -> _Series | None:
    found = [(item, _rows(window, address)) for window in windows for item in window.metrics if _is_at(item, address)]
    known = [(item, item.value, rows) for item, rows in found if item.value is not None and np.isfinite(item.value)]
    methods = frozenset((item.method, item.direction is Direction.BELOW) for item, _, _ in known)
    if len(known) < FEWEST_WINDOWS or (address[1] == "drift_score" and len(methods) != 1):
        return None
    return _Series(np.array([value for _, value, _ in known]), np.array([rows for _, _, rows in known]), methods)


def _rows(window: MeasuredWindow, address: Address) -> int:
    return window.rows if window.rows_of is None else window.rows_of(address)


def _is_at(metric: Metric, address: Address) -> bool:
    return not metric.segment and (metric.family.value, metric.metric, metric.column) == address


def _note(address: Address) -> str:
    name = " of ".join(filter(None, (address[1], address[2])))
    return f"{name}: known in fewer than {FEWEST_WINDOWS} windows of the reference, or scored by several methods: no learned limit"


def _fit_drift(column: ScoredColumn, known: _Series, terms: Terms, chance: float, sizes: Sequence[int], seed: int) -> DriftLimit:
    ((method, is_p_value),) = known.methods
    is_counted = column.is_categorical or (method == "jensenshannon" and len(counts_of(column.reference)) <= FEW_VALUES)
    return fit_drift_limit(
        column.reference,
        known.values,
        known.rows,
        method=str(method),
        is_p_value=is_p_value,
        is_categorical=is_counted,
        score=column.score,
        chance=chance,
        detect=terms.detect,
        power=terms.power,
        sizes=null.sizes_around([*known.rows, *sizes]),
        seed=seed,
    )


def _fit_slow(test: Test, known: _Series, drift: DriftLimit | None, chance: float, former: SlowLimit | None) -> SlowLimit | None:
    followed = known.values
    if drift is not None:
        pairs = zip(known.values, known.rows, strict=True)
        followed = np.array([drift.deviation(float(value), int(rows)) for value, rows in pairs])
    sampling = POSITION_VARIANCE if test.address[1] == "position" else 0.0
    limit = fit_slow_limit(followed, known.rows, chance=chance, two_sided=test.below, sampling_variance=sampling)
    return None if limit is None else inherit_slow(limit, former, followed, chance)
