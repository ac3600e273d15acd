"""The ways to alarm that are compared. A window is measured once and judged by each of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np
import pandas as pd
from scipy import stats

from driftgate import calibrating
from driftgate.columns import drift_columns
from driftgate.config.models import MonitorConfig
from driftgate.measure.calibratable import calibratable_metrics
from driftgate.measure.drift import usable_sample
from driftgate.measure.prepared import PreparedReference
from driftgate.measure.reference_parts import IndexedReference
from driftgate.measure.scores import score
from driftgate.measure.scores.distances import kolmogorov
from driftgate.measure.window_rows import FrameRows
from driftgate.records import DRIFT_FAMILIES, Measures, Metric, MetricVerdict
from driftgate.records import Window as Slice

LIMIT = 0.1
"""Evidently's limit of distances."""
P_LIMIT = 0.05
EXCESS_ARMS = ("defaults", "psi", "ks")
"""Arms with one number per window: the largest score in units of its limit (p-values: of their logarithm)."""
ARMS = {
    "defaults": "Evidently, defaults (any column)",
    "dataset": "Evidently, defaults (half of the columns)",
    "psi": "Evidently, PSI (any column)",
    "ks": "Evidently, KS and PSI of categories (any column)",
    "fixed": "Driftgate, fixed limits",
    "calibrated": "Driftgate, calibrated",
}
_ANY = Slice(datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 1, 2, tzinfo=UTC))
HISTORY = 13


@dataclass(frozen=True)
class Scored:
    """What a window is judged by."""

    rows: int
    metrics: Sequence[Metric]
    excess: dict[str, float]
    is_dataset: bool
    is_fixed: bool


@dataclass(frozen=True)
class Verdicts:
    """Answers of all arms about one window."""

    excess: dict[str, float]
    alarms: dict[str, bool]
    reasons: tuple[str, ...] = ()
    """What made the calibrated arm alarm."""

    def alarm(self, arm: str, factor: float = 1.0) -> bool:
        """Return the arm's answer, with all limits of a single-number arm multiplied by ``factor``."""
        return self.excess[arm] >= factor if arm in self.excess else self.alarms[arm]


@dataclass
class Model:
    """A calibrated model version and the reference of its windows."""

    config: MonitorConfig
    reference: IndexedReference
    learned: calibrating.Learned
    expected: calibrating.ExpectedLoss

    def score(self, frame: pd.DataFrame, loss: np.ndarray | None = None, part: PreparedReference | None = None) -> Scored:
        """Measure a window against the reference (or the part of it that its calendar matches).

        Parameters
        ----------
        loss
            Loss expected of each row, where it is known already.
        """
        rows, usual = FrameRows(frame), part or self.reference.whole
        found = calibratable_metrics(self.config, rows, usual)
        drift = [item for item in found if item.metric == "drift_score" and item.family in DRIFT_FAMILIES and item.value is not None]
        excess = {"defaults": max((float(item.value or 0) / LIMIT for item in drift), default=0.0), **_others(self.config, rows, usual)}
        share = float(np.mean([float(item.value or 0) >= LIMIT for item in drift])) if drift else 0.0
        if self.learned.steady is not None:
            expected, errors = calibrating.errors_of(self.config, frame, self.expected if loss is None else lambda _: loss)
            value = self.learned.steady.value(expected, errors) if len(errors) else None
            found.append(calibrating.steady_metric(self.config, value))
        is_fixed = any(item.verdict is MetricVerdict.ALARM for item in found)
        return Scored(len(frame), found, excess, share >= 0.5, is_fixed)

    def judge(self, scored: Scored, history: History) -> Verdicts:
        """Judge a window by all arms, given what was seen before; the history grows by the window."""
        measures = Measures(self.config.id, _ANY, "1", scored.rows, tuple(scored.metrics))
        judged = calibrating.judge_measures(self.config, measures, self.learned.calibration, history.known)
        beyond = [item for item in judged.metrics if item.verdict is MetricVerdict.ALARM and item.metric != "dataset_drift"]
        history.add(self, scored)
        alarms = {"dataset": scored.is_dataset, "fixed": scored.is_fixed, "calibrated": bool(beyond)}
        return Verdicts(scored.excess, alarms, tuple(_reason(item) for item in beyond))


@dataclass
class History:
    """Numbers of earlier windows, for what is followed over several."""

    known: dict[tuple[str, str, str], list[tuple[float, int]]] = field(default_factory=lambda: defaultdict(list))

    def add(self, model: Model, scored: Scored) -> None:
        for item in scored.metrics:
            address = (item.family.value, item.metric, item.column)
            if item.value is not None and not item.segment and address in model.learned.calibration.slow:
                self.known[address] = [*self.known[address], (item.value, scored.rows)][-HISTORY:]

    def copy(self) -> History:
        found = History()
        found.known.update({address: list(values) for address, values in self.known.items()})
        return found


def _reason(item: Metric) -> str:
    return f"{item.metric}[{item.method}]:{item.column}" if item.metric == "slow_drift" else f"{item.metric}:{item.column}"


def _others(config: MonitorConfig, current: FrameRows, reference: PreparedReference) -> dict[str, float]:
    """PSI of every column; Kolmogorov-Smirnov of numbers with PSI of categories (residuals are no column of Evidently's)."""
    psi, categories, strongest = 0.0, 0.0, (0.0, 0.0, 1.0)
    for column in drift_columns(config):
        own, usual = usable_sample(current, column), usable_sample(reference, column)
        if not own.rows or not usual.rows:
            continue
        value = score("psi", column.kind, own, usual) or 0.0
        if column.kind == "cat":
            categories = max(categories, value)
            continue
        psi = max(psi, value)
        pooled = own.rows * usual.rows / (own.rows + usual.rows)
        statistic = kolmogorov(own, usual)
        strongest = max(strongest, (statistic * np.sqrt(pooled), statistic, pooled))
    p_value = float(stats.kstwo.sf(strongest[1], max(round(strongest[2]), 1)))
    return {"psi": max(psi, categories) / LIMIT, "ks": max(np.log(max(p_value, 1e-300)) / np.log(P_LIMIT), categories / LIMIT)}
