"""Everything that was learned for one model version, and the verdicts that follow from it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

from driftgate.calibrate.drift_limit import DriftLimit
from driftgate.calibrate.slow import SlowLimit
from driftgate.calibrate.value_limit import ShareLimit, ValueLimit
from driftgate.config.rule_names import ESTIMATED
from driftgate.records import Direction, Family, Metric, MetricVerdict

FORMAT = 3
_ROUNDING = 1e-9
"""A value counts as beyond a limit when it is by more than this part of it: values are kept to ten digits."""
SLOW_DRIFT = "slow_drift"
"""Metric: the largest standardised mean of the last windows, per column."""

Address = tuple[str, str, str]
"""Family, metric and column."""
History = Mapping[Address, Sequence[tuple[float, int]]]
"""Value and rows of earlier windows, oldest first."""
RowsOf = Callable[[Address], int]
"""Rows of a window that one of its numbers rests on."""


@dataclass(frozen=True)
class Calibration:
    """Limits of a model version, and what they rest on."""

    budget: str
    """For people: ``1 false alarm per 13w``."""
    chance_per_window: float
    windows: int
    usual_rows: float
    first: str
    last: str
    """First moment of the first and last moment of the last window that it was learned from."""
    spread_windows: int = 0
    """Windows of the version before, from which it is known how much ordinary windows differ; 0: from the version's own."""
    fewest_rows: int = 1
    most_rows: int = 1
    """The sizes of windows that the limits were made for."""
    fingerprint: str = ""
    """Hash of the rows and settings it was learned from."""
    notes: tuple[str, ...] = ()
    drift: Mapping[Address, DriftLimit] = field(default_factory=dict)
    shares: Mapping[Address, ShareLimit] = field(default_factory=dict)
    values: Mapping[Address, ValueLimit] = field(default_factory=dict)
    slow: Mapping[Address, SlowLimit] = field(default_factory=dict)
    """By the address of the number that is followed."""

    def covers(self, rows: int) -> bool:
        """Whether windows of this size lie in the calibrated range."""
        return not self.drift or self.fewest_rows <= rows <= self.most_rows

    def to_dict(self) -> dict[str, Any]:
        plain = {name: getattr(self, name) for name in _PLAIN}
        groups = {name: _listed(getattr(self, name)) for name in ("drift", "shares", "values", "slow")}
        return {"format": FORMAT, **plain, "notes": list(self.notes), **groups}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        return cls(
            **{name: data[name] for name in _PLAIN},
            notes=tuple(data["notes"]),
            drift=_read(data["drift"], DriftLimit.from_dict),
            shares=_read(data["shares"], ShareLimit.from_dict),
            values=_read(data["values"], ValueLimit.from_dict),
            slow=_read(data["slow"], SlowLimit.from_dict),
        )


_PLAIN = (
    "budget",
    "chance_per_window",
    "windows",
    "usual_rows",
    "first",
    "last",
    "spread_windows",
    "fewest_rows",
    "most_rows",
    "fingerprint",
)


def usable_rows(metrics: Iterable[Metric], rows: int, target: str | None) -> RowsOf:
    """Return how many rows each number of a window rests on: those with a value in its column; scores and errors, those with a label.

    Parameters
    ----------
    metrics
        Numbers of the window, its missing shares among them.
    rows
        Rows of the window.
    target
        Name of the target column.
    """
    missing = {item.column: item.value for item in metrics if item.metric == "missing_share" and not item.segment}

    def rows_of(address: Address) -> int:
        family, metric, column = address
        if family in (Family.PERFORMANCE.value, Family.CONCEPT_DRIFT.value):
            column = target or ""
        share = None if metric == "missing_share" or not column else missing.get(column)
        return rows if share is None else round(rows * (1 - share))

    return rows_of


def _listed(limits: Mapping[Address, Any]) -> list[dict[str, Any]]:
    return [{"address": list(address), "limit": dataclasses.asdict(limit)} for address, limit in sorted(limits.items())]


def _read(items: Iterable[Mapping[str, Any]], build: Any) -> dict[Address, Any]:
    return {tuple(item["address"]): build(item["limit"]) for item in items}


def judge(
    calibration: Calibration, metrics: Iterable[Metric], rows: int, history: History, minimum_rows: int, rows_of: RowsOf | None = None
) -> list[Metric]:
    """Give metrics the learned limits and verdicts, and add what several windows together say.

    Parameters
    ----------
    rows
        Rows of the window.
    history
        Earlier windows of the same model version, for the numbers that :attr:`Calibration.slow` follows.
    minimum_rows
        With fewer rows nothing is judged, and earlier windows with fewer do not count.
    rows_of
        Rows that a number rests on (see :func:`usable_rows`); default: all of the window.

    Returns
    -------
    list of Metric
        The metrics in their order; metrics without a learned limit are unchanged. ``slow_drift`` metrics follow. What was found to
        rest on too few rows before stays so.
    """
    size_of = rows_of or (lambda address: rows)
    judged = [_judge(calibration, metric, size_of(_address(metric)), minimum_rows) for metric in metrics]
    return [*judged, *_together(calibration, judged, size_of, history, minimum_rows)]


def _address(metric: Metric) -> Address:
    return (metric.family.value, metric.metric, metric.column)


def _judge(calibration: Calibration, metric: Metric, rows: int, minimum_rows: int) -> Metric:
    address = _address(metric)
    if metric.segment or metric.value is None:
        return metric
    if (drift := calibration.drift.get(address)) is not None and metric.method == drift.method:
        direction = Direction.BELOW if drift.is_p_value else Direction.ABOVE
        needed = max(minimum_rows, drift.minimum_rows or drift.sizes[-1])
        return _with_limit(metric, drift.threshold(rows), direction, is_enough=rows >= needed)
    if (share := calibration.shares.get(address)) is not None:
        return _with_limit(metric, share.threshold(rows), Direction.ABOVE, is_enough=rows >= minimum_rows)
    value = calibration.values.get(address) or _stand_in(calibration, metric)
    if value is not None:
        return _with_range(metric, value, rows, minimum_rows)
    return metric


def _stand_in(calibration: Calibration, metric: Metric) -> ValueLimit | None:
    """Return, for an estimated score, the limit of the realised one: what is beyond it would not be ordinary if it were true."""
    if metric.family is not Family.PERFORMANCE_ESTIMATED:
        return None
    return calibration.values.get((Family.PERFORMANCE.value, metric.metric.removeprefix(ESTIMATED), metric.column))


def _with_range(metric: Metric, limit: ValueLimit, rows: int, minimum_rows: int) -> Metric:
    """Show, of limits on both sides, the one that is nearer."""
    assert metric.value is not None
    low, high = limit.bounds(rows)
    is_upper = high is not None and (low is None or metric.value >= limit.level)
    threshold = high if is_upper else low
    assert threshold is not None
    direction = Direction.ABOVE if is_upper else Direction.BELOW
    return _with_limit(replace(metric, reference_value=limit.level), threshold, direction, is_enough=rows >= minimum_rows)


def _with_limit(metric: Metric, threshold: float, direction: Direction, *, is_enough: bool) -> Metric:
    assert metric.value is not None
    is_enough = is_enough and metric.verdict is not MetricVerdict.TOO_FEW_ROWS
    excess = metric.value - threshold if direction is Direction.ABOVE else threshold - metric.value
    verdict = _verdict(excess > _ROUNDING * abs(threshold)) if is_enough else MetricVerdict.TOO_FEW_ROWS
    return replace(metric, threshold=threshold, direction=direction, verdict=verdict)


def followed_value(calibration: Calibration, address: Address, value: float, rows: int) -> float:
    """Return what the detector of slow change looks at: drift scores as deviations from their level, other numbers as they are."""
    limit = calibration.drift.get(address)
    return value if limit is None else limit.deviation(value, rows)


def _together(calibration: Calibration, metrics: Sequence[Metric], rows_of: RowsOf, history: History, minimum_rows: int) -> list[Metric]:
    known = {_address(item): item for item in metrics if not item.segment and item.value is not None}
    found = []
    for address, limit in calibration.slow.items():
        current = known.get(address)
        if current is None or current.value is None:
            continue
        rows = rows_of(address)
        past = [*((value, size) for value, size in history.get(address, ()) if size >= minimum_rows), (current.value, rows)]
        values = [followed_value(calibration, address, value, size) for value, size in past]
        statistic = limit.statistic(values, [size for _, size in past])
        verdict = MetricVerdict.TOO_FEW_ROWS if rows < minimum_rows else _verdict(statistic > limit.limit)
        found.append(
            Metric(
                family=Family(address[0]),
                metric=SLOW_DRIFT,
                column=address[2],
                value=statistic,
                threshold=limit.limit,
                direction=Direction.ABOVE,
                verdict=verdict,
                method=address[1],
            )
        )
    return found


def _verdict(is_alarm: bool) -> MetricVerdict:
    return MetricVerdict.ALARM if is_alarm else MetricVerdict.OK
