"""The numbers of ``driftgate.calibrating.ordinary_metrics`` for many windows against one reference, quickly.

Evidently sorts the reference anew for every score; here it is sorted once. The numbers are the same (to rounding):
:func:`assert_equal` compares them with the product's own, and every run of the benchmark does that on samples.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from benchmarks.detection.fast_pca import Base, Directions
from benchmarks.detection.scores import Sorted, jensen_shannon

from driftgate import calibrating
from driftgate.columns import DriftColumn, drift_columns, labels
from driftgate.config.models import MonitorConfig
from driftgate.measure.concept import PREDICTION, TARGET, residuals
from driftgate.measure.multivariate import FOLDS
from driftgate.measure.performance import labelled, scores_by_definition
from driftgate.records import Direction, Family, Metric, MetricVerdict

LIMIT = 0.1
"""Evidently's limit of distances."""
FEW, LARGE = 5, 1000
"""Evidently's default: numbers of at most five values are counted like categories; all of this for references above 1,000 rows."""


@dataclass(frozen=True)
class Column:
    """One scored column of the whole reference: its sorted values or counted categories, and each row's place in them."""

    plan: DriftColumn
    order: np.ndarray
    """Numbers: rows in the order of their values. Categories: the code of each row, -1 where missing."""
    values: np.ndarray
    names: pd.Index | None = None


@dataclass
class Prepared:
    """A reference, and what was worked out for parts of it."""

    config: MonitorConfig
    frame: pd.DataFrame
    columns: list[Column] = field(default_factory=list)
    missing: dict[str, np.ndarray] = field(default_factory=dict)
    base: Base | None = None
    whole: Part | None = None

    def __post_init__(self) -> None:
        self.frame = self.frame.reset_index(drop=True)
        self.base = Base.of(self.config, self.frame) if self.config.measures.multivariate == "pca" else None
        known = residuals(self.config, self.frame)
        if known.kind != "num":
            raise NotImplementedError("error indicators are not needed by the benchmark")
        for plan in drift_columns(self.config):
            self.columns.append(_column(plan, _values(self.frame, plan)))
        self.columns.append(_column(_residual(self.config), known.values.reindex(self.frame.index).to_numpy()))
        names = (*self.config.columns.features, self.config.columns.prediction, self.config.columns.target or "")
        self.missing = {name: self.frame[name].isna().to_numpy() for name in names if name in self.frame}
        self.whole = Part.of(self, np.ones(len(self.frame), dtype=bool))

    def part(self, rows: pd.DataFrame) -> Part:
        """Return the part that these rows of :attr:`frame` are, recognised by their index."""
        if len(rows) == len(self.frame):
            assert self.whole is not None
            return self.whole
        kept = np.zeros(len(self.frame), dtype=bool)
        kept[rows.index.to_numpy()] = True
        return Part.of(self, kept)


@dataclass(frozen=True)
class Part:
    """Some rows of the reference, ready to be compared with windows."""

    prepared: Prepared
    columns: Sequence[Sorted | np.ndarray]
    """Per column: sorted values or counts of categories."""
    missing: dict[str, float]
    rows: int
    directions: Directions | None = None

    @classmethod
    def of(cls, prepared: Prepared, kept: np.ndarray) -> Part:
        columns: list[Sorted | np.ndarray] = []
        for column in prepared.columns:
            if column.names is None:
                columns.append(Sorted.of(column.values[kept[column.order]]))
            else:
                codes = column.order[kept]
                columns.append(np.bincount(codes[codes >= 0], minlength=len(column.names)))
        count = int(kept.sum())
        missing = {name: int((values & kept).sum()) / count for name, values in prepared.missing.items()}
        directions = None if prepared.base is None else Directions.of(prepared.base, kept)
        return cls(prepared, columns, missing, count, directions)


def _residual(config: MonitorConfig) -> DriftColumn:
    return calibrating.drift_samples(config, pd.DataFrame({name: [] for name in config.columns.all}))[-1][0]


def _values(frame: pd.DataFrame, plan: DriftColumn) -> np.ndarray | pd.Series:
    if plan.kind == "num":
        return frame[plan.name].to_numpy(dtype=float, na_value=np.nan)
    return frame[plan.name] if plan.family is Family.DATA_DRIFT else labels(frame[plan.name])


def _column(plan: DriftColumn, values: np.ndarray | pd.Series) -> Column:
    if plan.kind == "num":
        numbers = np.asarray(values, dtype=float)
        finite = np.flatnonzero(np.isfinite(numbers))
        order = finite[np.argsort(numbers[finite], kind="stable")]
        return Column(plan, order, numbers[order])
    codes, names = pd.factorize(values)
    return Column(plan, codes, np.empty(0), pd.Index(names))


@dataclass(frozen=True)
class Window:
    """One window's own values, ready to be compared with any reference."""

    frame: pd.DataFrame
    columns: Sequence[np.ndarray]
    """Per column: sorted values, or counts of categories (of the reference's, then of new ones)."""
    labelled: pd.DataFrame
    residuals: pd.Series
    """Errors by position in the frame."""

    @classmethod
    def of(cls, prepared: Prepared, frame: pd.DataFrame) -> Window:
        found: list[np.ndarray] = []
        for column in prepared.columns[:-1]:
            values = _values(frame, column.plan)
            if column.names is None:
                numbers = np.asarray(values, dtype=float)
                found.append(np.sort(numbers[np.isfinite(numbers)]))
            else:
                found.append(_counts(column.names, values))
        rows = labelled(prepared.config, frame)
        is_number = prepared.config.task == "regression"
        errors = rows[PREDICTION] - rows[TARGET] if is_number else residuals(prepared.config, frame).values
        found.append(np.sort(errors.to_numpy(dtype=float)))
        return cls(frame, found, rows, errors)


def _counts(names: pd.Index, values: pd.Series) -> np.ndarray:
    codes, own = pd.factorize(values)
    places = names.get_indexer(pd.Index(own))
    counts = np.bincount(codes[codes >= 0], minlength=len(own))
    found = np.zeros(len(names), dtype=int)
    np.add.at(found, places[places >= 0], counts[places >= 0])
    return np.concatenate([found, counts[places < 0]])


# --- metrics ----------------------------------------------------------------------------------------------------------


def metrics(config: MonitorConfig, window: Window, part: Part) -> list[Metric]:
    """Return the metrics of a window against a part of the reference, in the product's order."""
    pairs = list(zip(part.prepared.columns, window.columns, part.columns, strict=True))
    ordinary = [item for item in pairs[:-1] if item[0].plan.family is Family.DATA_DRIFT or item[1].sum() != 0 or len(item[1])]
    found = [_score(config, *item) for item in ordinary]
    residual = pairs[-1]
    has_residual = len(residual[1]) > 0
    if has_residual:
        assert isinstance(residual[2], Sorted)
        found.append(_score(config, *residual))
        name, mean = residual[0].plan.name, float(window.residuals.mean())
        found.append(Metric(Family.CONCEPT_DRIFT, "residual_mean", mean, column=name, reference_value=residual[2].centre))
    found += _together(config, window, part)
    for column, current, reference in [*ordinary, *([residual] if has_residual else [])]:
        if isinstance(reference, Sorted):
            value = reference.position(current) if len(current) and len(reference.values) else None
            found.append(Metric(column.plan.family, "position", value, column.plan.name))
    found += _missing(config, window.frame, part)
    for column, current, _ in pairs:
        if column.plan.family is Family.DATA_DRIFT and column.plan.kind == "num":
            found.append(Metric(Family.DATA_QUALITY, "most_frequent_share", _most_frequent(current), column=column.plan.name))
    if not window.labelled.empty:
        found += [Metric(Family.PERFORMANCE, name, value) for name, value in scores_by_definition(config, window.labelled).items()]
    return found


def _score(config: MonitorConfig, column: Column, current: np.ndarray, reference: Sorted | np.ndarray) -> Metric:
    plan, minimum = column.plan, config.measures.minimum_rows
    if isinstance(reference, Sorted):
        rows, usual = len(current), len(reference.values)
        few = usual <= 10_000 and len(np.union1d(reference.values[: FEW + 1], current)) <= FEW and len(np.unique(reference.values)) <= FEW
        if plan.method not in (None, "wasserstein") or (plan.method is None and (usual <= LARGE or few)):
            raise NotImplementedError(f"{plan.name}: only Evidently's methods for references above {LARGE} rows, and wasserstein")
        method, value = "wasserstein", reference.wasserstein(current) if rows and usual else None
    else:
        rows, usual = int(current.sum()), int(reference.sum())
        if plan.method not in (None, "jensenshannon") or (plan.method is None and usual <= LARGE):
            raise NotImplementedError(f"{plan.name}: only Evidently's methods for references above {LARGE} rows, and jensenshannon")
        padded = np.pad(reference, (0, len(current) - len(reference)))
        method, value = "jensenshannon", jensen_shannon(padded, current) if rows and usual else None
    limit = LIMIT if plan.threshold is None else plan.threshold
    verdict = MetricVerdict.OK if value is None or value < limit else MetricVerdict.ALARM
    if min(rows, usual) < minimum:
        verdict = MetricVerdict.TOO_FEW_ROWS
    return Metric(plan.family, "drift_score", value, plan.name, "", limit, Direction.ABOVE, verdict, method)


def _most_frequent(values: np.ndarray) -> float | None:
    if not len(values):
        return None
    edges = np.flatnonzero(np.diff(values, prepend=values[0] - 1, append=values[-1] + 1))
    return float(np.diff(edges).max()) / len(values)


def _together(config: MonitorConfig, window: Window, part: Part) -> list[Metric]:
    if part.directions is None:
        return []
    if min(len(window.frame), part.rows) < max(config.measures.minimum_rows, 2 * FOLDS):
        return [Metric(Family.DATA_DRIFT, "multivariate_drift", None, verdict=MetricVerdict.TOO_FEW_ROWS, method="pca")]
    return [Metric(Family.DATA_DRIFT, "multivariate_drift", part.directions.shift(window.frame), method="pca")]


def _missing(config: MonitorConfig, frame: pd.DataFrame, part: Part) -> list[Metric]:
    columns = config.columns
    judged = [name for name in (*columns.features, columns.prediction) if name in frame and name in part.missing]
    shares = {name: float(frame[name].isna().mean()) for name in judged}
    usual = {name: part.missing[name] for name in judged}
    overall = (float(np.mean(list(shares.values()))), float(np.mean(list(usual.values()))))
    found = [_share(config, "", *overall, len(frame)), *(_share(config, name, shares[name], usual[name], len(frame)) for name in judged)]
    if columns.target is not None and columns.target in frame:
        target = float(frame[columns.target].isna().mean())
        usual_target = part.missing.get(columns.target)
        found.append(Metric(Family.DATA_QUALITY, "missing_share", target, column=columns.target, reference_value=usual_target))
    return found


def _share(config: MonitorConfig, name: str, share: float, usual: float, rows: int) -> Metric:
    limit = usual + config.measures.missing_share
    verdict = MetricVerdict.ALARM if share > limit else MetricVerdict.OK
    verdict = verdict if rows >= config.measures.minimum_rows else MetricVerdict.TOO_FEW_ROWS
    return Metric(Family.DATA_QUALITY, "missing_share", share, name, "", limit, Direction.ABOVE, verdict, reference_value=usual)


# --- in the product's place -------------------------------------------------------------------------------------------


@contextmanager
def in_place(prepared: Prepared) -> Iterator[None]:
    """Let ``calibrating.learn`` measure the windows of the reference with the quick functions."""
    original = calibrating.ordinary_metrics

    def quick(config: MonitorConfig, current: pd.DataFrame, reference: pd.DataFrame) -> list[Metric]:
        return metrics(config, Window.of(prepared, current), prepared.part(reference))

    calibrating.ordinary_metrics = quick
    try:
        yield
    finally:
        calibrating.ordinary_metrics = original


def assert_equal(quick: Sequence[Metric], own: Sequence[Metric]) -> None:
    """Raise AssertionError unless both lists hold the same metrics, values to nine digits."""
    left, right = ({item.address: item for item in found} for found in (quick, own))
    assert left.keys() == right.keys(), f"other metrics: {sorted(left.keys() ^ right.keys())}"
    for address, item in left.items():
        other = right[address]
        same = item.value == other.value or (
            item.value is not None and other.value is not None and np.isclose(item.value, other.value, rtol=1e-8, atol=1e-10)
        )
        assert same, f"{address}: {item.value} is not {other.value}"
        assert (item.verdict, item.method, item.direction) == (other.verdict, other.method, other.direction), f"{address}: {item} {other}"
