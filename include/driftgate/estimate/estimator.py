"""The estimator of one model version: fitted once on rows with labels, asked for every window whose labels have not come.

Regression: direct loss estimation (:mod:`loss_model`). Binary: confidence-based performance estimation (:mod:`calibrator`). Both
see a change of the features that makes rows harder; neither can see a change of what the features mean for the target (pure concept
change): that needs labels.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from driftgate.columns import labels, positive_label
from driftgate.config.models import MonitorConfig
from driftgate.config.rule_names import ESTIMATED
from driftgate.estimate.calibrator import Calibrator, fit_calibrator
from driftgate.estimate.loss_model import LossModel, fit_loss_model
from driftgate.estimate.spread import MINIMUM_WINDOWS, Spread, learn_spread, scale_of, to_scale
from driftgate.estimate.tables import (
    expected_binary,
    labelled_rows,
    metrics,
    predicted_rows,
    realised,
    require,
    row_losses,
    score_function,
)
from driftgate.records import Family, Metric, MetricVerdict

METHODS = {"regression": "dle", "binary": "cbpe"}
FOLDS = 5
"""Contiguous blocks of windows; each is estimated by what was fitted on the others."""
SPLITS = 4
"""Random halvings of every window, from which the sampling noise is learned."""
MINIMUM_ROWS = 100
PIECES = 20
"""Into at most so many pieces the rows are cut where there are fewer than ``MINIMUM_WINDOWS`` windows."""


@dataclass(frozen=True)
class Estimator:
    """What is known about the performance of a model version without labels."""

    monitor: str
    task: str
    rows: int
    """Labelled rows that it was fitted on."""
    model: LossModel | Calibrator | None = None
    positive: str | None = None
    """Binary: the positive class as it is spelt in the rows."""
    spreads: Mapping[str, Spread] = field(default_factory=dict)
    """Per metric that can be estimated."""
    reference: Mapping[str, float] = field(default_factory=dict)
    """Realised scores of all rows of the fit, by metric."""
    reason: str = ""
    """Why nothing can be estimated; empty where it can."""

    def columns(self, config: MonitorConfig) -> list[str]:
        """Return the columns that an estimate needs."""
        if isinstance(self.model, LossModel):
            return self.model.encoder.columns
        return [config.columns.prediction, str(config.columns.prediction_proba)]

    def table(self, config: MonitorConfig, frame: pd.DataFrame) -> np.ndarray:
        """Return what is expected of rows whose prediction is known, see :mod:`tables`."""
        return _expected(config, self.model, self.positive, frame)

    def expect(self, config: MonitorConfig, frame: pd.DataFrame) -> Expected:
        """Work out what is expected of the rows of a window, for everything that asks.

        Raises
        ------
        MeasureError
            If the rows lack a column.
        """
        require(config, frame, self.columns(config))
        rows = predicted_rows(config, frame)
        return Expected(self.task, len(frame), rows, self.table(config, frame.iloc[rows]) if len(rows) else np.empty((0, 0)))

    def losses(self, config: MonitorConfig, frame: pd.DataFrame) -> np.ndarray:
        """Return the expected loss of every row, see :meth:`Expected.losses`."""
        return self.expect(config, frame).losses()


@dataclass(frozen=True, eq=False)
class Expected:
    """What an estimator expects of the rows of a window."""

    task: str
    size: int
    """Rows of the window."""
    rows: np.ndarray
    """Positions of those with a prediction."""
    table: np.ndarray
    """What is expected of each of these, see :mod:`tables`."""

    def losses(self) -> np.ndarray:
        """Return the expected loss of every row, absolute error or log loss; NaN where the prediction is not known."""
        found = np.full(self.size, np.nan)
        if len(self.rows):
            found[self.rows] = row_losses(self.task, self.table)
        return found


def estimate(config: MonitorConfig, estimator: Estimator, frame: pd.DataFrame, expected: Expected | None = None) -> list[Metric]:
    """Estimate the performance of one window.

    Parameters
    ----------
    config
        The monitor.
    estimator
        Fitted for the model version that made the predictions.
    frame
        Rows of the window with features and prediction, in any order; a target is not looked at.
    expected
        What :meth:`Estimator.expect` says of these rows, where it is known already.

    Returns
    -------
    list of Metric
        ``estimated_mae``, ``estimated_rmse`` or ``estimated_accuracy``, ... of family ``performance_estimated``: the expected score
        as value, 95 % limits of the score that the labels will show as low and high, the realised score of the rows of the fit as
        reference value. Verdict ``too_few_rows`` with fewer than ``measures.minimum_rows`` rows; no threshold. A score that does not
        exist (precision where nothing is predicted positive) has the value None. Empty without a row that has a prediction, and
        where nothing can be estimated (``estimator.reason``).

    Raises
    ------
    MeasureError
        If the rows lack a column.
    """
    if estimator.reason or frame.empty:
        return []
    expected = expected or estimator.expect(config, frame)
    rows = expected.rows
    if not len(rows):
        return []
    found = score_function(estimator.task)(expected.table)
    verdict = MetricVerdict.TOO_FEW_ROWS if len(rows) < config.measures.minimum_rows else None
    return [_metric(estimator, name, found.get(name), len(rows), verdict) for name in estimator.spreads]


def _metric(estimator: Estimator, name: str, value: float | None, rows: int, verdict: MetricVerdict | None) -> Metric:
    limits = None if value is None else estimator.spreads[name].limits(value, rows)
    low, high = limits or (None, None)
    return Metric(
        Family.PERFORMANCE_ESTIMATED,
        ESTIMATED + name,
        value,
        verdict=verdict,
        method=METHODS[estimator.task],
        reference_value=estimator.reference.get(name),
        low=low,
        high=high,
    )


# --- fit --------------------------------------------------------------------------------------------------------------


def fit(config: MonitorConfig, rows: pd.DataFrame, windows: Sequence[np.ndarray], *, seed: int = 0) -> Estimator:
    """Learn to estimate the performance of a model.

    Parameters
    ----------
    config
        The monitor.
    rows
        Rows in time order with features, target, timestamp, and predictions (binary: probabilities too) of models that were not
        trained on the row (out-of-fold): on rows of its training a model is better than it will be.
    windows
        Positions of the rows of every monitor window, in time order. Rows outside all windows are not used. With fewer than
        ``MINIMUM_WINDOWS`` windows of ``measures.minimum_rows`` labelled rows, the ranges are learned from at most ``PIECES``
        consecutive pieces of the rows instead: shorter than windows, they differ from each other more, so the ranges are rather too wide.
    seed
        Seed of everything random; the same rows give the same estimator.

    Returns
    -------
    Estimator
        One with a ``reason`` where nothing can be estimated: multiclass (the rows hold the predicted label, not the probability of
        every class), no probabilities, one class, too few rows, no error at all.

    Raises
    ------
    MeasureError
        If the rows lack a column that the monitor file names.
    """
    reason = _missing_role(config)
    if reason:
        return _unable(config, 0, reason)
    roles = config.columns
    needed = [*(roles.features if config.task == "regression" else ()), str(roles.target), roles.prediction]
    require(config, rows, needed if config.task == "regression" else [*needed, str(roles.prediction_proba)])
    training = _Training.of(config, rows, windows)
    reason = training.obstacle(config)
    if reason:
        return _unable(config, len(training.frame), reason)
    return _fitted(config, training, seed)


def _missing_role(config: MonitorConfig) -> str:
    if config.task == "multiclass":
        return "the rows hold the predicted label only, not the probability of every class, without which nothing is known of a prediction"
    if config.columns.target is None:
        return "no column has the role target; name one under columns in the monitor file"
    if config.task == "binary" and config.columns.prediction_proba is None:
        return "no column has the role prediction_proba; name one under columns in the monitor file"
    return ""


def _unable(config: MonitorConfig, rows: int, reason: str) -> Estimator:
    return Estimator(config.id, config.task, rows, reason=f"monitor {config.id}: performance cannot be estimated without labels: {reason}")


@dataclass(frozen=True)
class _Training:
    """Labelled rows of the windows, one window after the other."""

    frame: pd.DataFrame
    actual: np.ndarray
    """Their realised table."""
    windows: tuple[np.ndarray, ...]
    """Positions in ``frame``; in time order."""
    positive: str | None

    @classmethod
    def of(cls, config: MonitorConfig, rows: pd.DataFrame, windows: Sequence[np.ndarray]) -> _Training:
        is_usable = np.zeros(len(rows), dtype=bool)
        is_usable[labelled_rows(config, rows)] = True
        inside = [np.asarray(window)[is_usable[np.asarray(window)]] for window in windows if len(window)]
        frame = rows.iloc[np.concatenate(inside)] if inside else rows.iloc[:0]
        positive = None
        if config.task == "binary":
            columns = [frame[str(config.columns.target)], frame[config.columns.prediction]]
            positive = positive_label(config, sorted({name for column in columns for name in labels(column).unique()}))
        cuts = np.cumsum([len(window) for window in inside])[:-1]
        positions = tuple(np.split(np.arange(len(frame)), cuts)) if inside else ()
        return cls(frame, realised(config, frame, positive), positions, positive)

    def obstacle(self, config: MonitorConfig) -> str:
        if len(self.frame) < MINIMUM_ROWS:
            return f"{len(self.frame)} rows have a label and a prediction, at least {MINIMUM_ROWS} are needed; train on more windows"
        if config.task == "binary" and not 0 < self.actual[:, 0].sum() < len(self.frame):
            return f"the labelled rows hold one class only (positive label {self.positive!r}); train on more windows"
        if config.task == "regression" and not self.actual.any():
            return "every prediction equals its target, so there is no error to learn from; check that the target is not a feature"
        return ""

    def pieces(self, minimum_rows: int) -> list[np.ndarray]:
        """Return the windows with enough rows; if they are too few, consecutive pieces of the rows."""
        enough = [window for window in self.windows if len(window) >= minimum_rows]
        if len(enough) >= MINIMUM_WINDOWS:
            return enough
        count = max(MINIMUM_WINDOWS, min(PIECES, len(self.frame) // max(minimum_rows, 1)))
        return np.array_split(np.arange(len(self.frame)), count)


def _fitted(config: MonitorConfig, training: _Training, seed: int) -> Estimator:
    pieces = training.pieces(config.measures.minimum_rows)
    expected = _cross_fitted(config, training, pieces, seed)
    spreads = _spreads(config.task, training, pieces, expected, seed)
    if not spreads:
        return _unable(config, len(training.frame), "no score exists in enough windows; train on more windows")
    return Estimator(
        monitor=config.id,
        task=config.task,
        rows=len(training.frame),
        model=_model(config, training, np.arange(len(training.frame)), seed),
        positive=training.positive,
        spreads=spreads,
        reference=score_function(config.task)(training.actual),
    )


def _model(config: MonitorConfig, training: _Training, rows: np.ndarray, seed: int) -> LossModel | Calibrator:
    frame, actual = training.frame.iloc[rows], training.actual[rows]
    if config.task == "regression":
        return fit_loss_model(config, frame, actual, seed)
    return fit_calibrator(actual[:, 2], actual[:, 0])


def _expected(config: MonitorConfig, model: LossModel | Calibrator | None, positive: str | None, frame: pd.DataFrame) -> np.ndarray:
    if isinstance(model, LossModel):
        return model.table(frame)
    assert model is not None
    proba = frame[str(config.columns.prediction_proba)].to_numpy(dtype="float64")
    return expected_binary(config, frame, positive, model.chance(proba))


# --- uncertainty ------------------------------------------------------------------------------------------------------


def _cross_fitted(config: MonitorConfig, training: _Training, pieces: Sequence[np.ndarray], seed: int) -> np.ndarray:
    """Return the expected table, every block of windows by a model that has not seen it nor anything between its windows."""
    expected = np.full_like(training.actual, np.nan)
    for numbers in np.array_split(np.arange(len(pieces)), FOLDS):
        first, last = pieces[numbers[0]][0], pieces[numbers[-1]][-1]
        outside = np.concatenate([np.arange(first), np.arange(last + 1, len(training.frame))])
        inside = np.arange(first, last + 1)
        if not training.actual[outside].any():
            continue
        expected[inside] = _expected(config, _model(config, training, outside, seed), training.positive, training.frame.iloc[inside])
    return expected


def _spreads(task: str, training: _Training, pieces: Sequence[np.ndarray], expected: np.ndarray, seed: int) -> dict[str, Spread]:
    """Learn, per metric, how far the score of a window is from its estimate."""
    chooser = np.random.default_rng(seed)
    whole = [_differences(task, training.actual[piece], expected[piece]) for piece in pieces]
    halved = [_halved(task, training.actual[mixed], expected[mixed]) for piece in pieces for mixed in _mixed(chooser, piece)]
    found = {}
    for name in metrics(task):
        known = [(difference[name], len(piece)) for difference, piece in zip(whole, pieces, strict=True) if name in difference]
        halves = [item[name] for item in halved if name in item]
        spread = learn_spread(name, [item[0] for item in known], [item[1] for item in known], halves)
        if spread is not None:
            found[name] = spread
    return found


def _differences(task: str, actual: np.ndarray, expected: np.ndarray) -> dict[str, float]:
    """Return realised minus estimated on the scale of every metric that has both."""
    scores = score_function(task)
    have, want = scores(actual), scores(expected)
    found = {name: to_scale(scale_of(name), have[name]) - to_scale(scale_of(name), want[name]) for name in have if name in want}
    return {name: value for name, value in found.items() if math.isfinite(value)}


def _mixed(chooser: np.random.Generator, piece: np.ndarray) -> Iterator[np.ndarray]:
    for _ in range(SPLITS):
        yield chooser.permutation(piece)


def _halved(task: str, actual: np.ndarray, expected: np.ndarray) -> dict[str, float]:
    """Return, per metric, the noise of one row as the two halves of the rows show it."""
    rows, middle = len(actual), len(actual) // 2
    first, second = (_differences(task, actual[part], expected[part]) for part in (slice(None, middle), slice(middle, None)))
    return {name: rows * (first[name] - second[name]) ** 2 / 4 for name in first if name in second}
