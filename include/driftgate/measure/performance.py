"""Realised performance: Evidently's metrics on the rows whose target is known, worked out by their definitions.

Evidently's Report takes a tenth of a second for them, whatever the number of rows; here it is a hundredth of that, and tests compare
the numbers with the Report's to 1e-9. A number that does not exist is None, not a stand-in: 0/0 (recall without a positive row), ROC
AUC and log loss of a single class, r2 of a single row or of a constant target.

``mape`` is Evidently's mean absolute percentage error, in per cent, over the rows whose target is not zero. Evidently 0.7
divides by ``max(target, 2e-16)``, so a single negative target (an early arrival) makes it about 1e18; here it is the mean of
|prediction - target| / |target|.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from sklearn.metrics import log_loss, roc_auc_score

from driftgate.columns import labels, positive_label
from driftgate.config.models import MonitorConfig, performance_metrics
from driftgate.errors import MeasureError
from driftgate.measure.window_rows import WindowRows, frame_of, window_rows
from driftgate.records import Family, Metric, MetricVerdict
from driftgate.rules import judge

Scores = dict[str, float | None]

# Fixed names, because Evidently reads meaning into a column that is named like a class.
_TARGET, _PREDICTION, _PROBA = "dg_target", "dg_prediction", "dg_proba"


def performance(config: MonitorConfig, current: pd.DataFrame | WindowRows, reference_scores: Mapping[str, float]) -> list[Metric]:
    """Return the performance metrics of a window, each with the limit of the decision rule that names it.

    Without any known target there are none. With fewer known targets than ``measures.minimum_rows`` the verdict is
    ``too_few_rows``.

    Raises
    ------
    MeasureError
        If the classes in the data do not fit the task or its positive label.
    """
    scores, count = _window_scores(config, current)
    if not count:
        return []
    metrics = [
        Metric(Family.PERFORMANCE, name, scores[name], reference_value=reference_scores.get(name))
        for name in performance_metrics(config.task)
    ]
    is_enough = count >= config.measures.minimum_rows
    return [judge(config.rules, metric, unjudged=None if is_enough else MetricVerdict.TOO_FEW_ROWS) for metric in metrics]


def _window_scores(config: MonitorConfig, current: pd.DataFrame | WindowRows) -> tuple[Scores, int]:
    """Return the scores and the number of labelled rows."""
    frame = frame_of(current)
    if frame is not None:
        rows = _labelled(config, frame)
        return ({} if rows.empty else _scores(config, rows)), len(rows)
    from driftgate.measure.accumulate import WHOLE, score_sums

    sums = [part for part in score_sums(config, window_rows(current)) if WHOLE in part.slots]
    found: Scores = dict.fromkeys(performance_metrics(config.task))
    for part in sums:
        found |= part.scores()[WHOLE]
    return found, sums[0].rows if sums else 0


def performance_scores(config: MonitorConfig, frame: pd.DataFrame) -> dict[str, float]:
    """Return the performance metrics of one frame by name; those that do not exist for it are left out.

    Raises
    ------
    MeasureError
        If the classes in the data do not fit the task or its positive label.
    """
    rows = _labelled(config, frame)
    scores: Scores = {} if rows.empty else _scores(config, rows)
    return {name: value for name, value in scores.items() if value is not None}


def scores_by_definition(config: MonitorConfig, rows: pd.DataFrame) -> dict[str, float]:
    """Return the scores of labelled rows, whatever their classes: for many small groups. Those that do not exist are left out."""
    if config.task == "regression":
        found = _regression(rows)
    elif config.task == "binary":
        found = _binary(config, rows)
    else:
        found = _multiclass(rows)
    finite = {name: _finite(found.get(name)) for name in performance_metrics(config.task)}
    return {name: value for name, value in finite.items() if value is not None}


def labelled(config: MonitorConfig, frame: pd.DataFrame) -> pd.DataFrame:
    """Target, prediction and probability under fixed names, for the rows that have both a target and a prediction.

    The index holds the positions of the rows in the frame.
    """
    columns, frame = config.columns, frame.reset_index(drop=True)
    if columns.target is None or columns.target not in frame or columns.prediction not in frame:
        return pd.DataFrame(columns=[_TARGET, _PREDICTION])
    target, prediction = frame[columns.target], frame[columns.prediction]
    if config.task == "regression":
        rows = pd.DataFrame({_TARGET: target.astype("float64"), _PREDICTION: prediction.astype("float64")})
        return rows.replace([np.inf, -np.inf], np.nan).dropna()
    rows = pd.DataFrame({_TARGET: labels(target), _PREDICTION: labels(prediction)})
    if columns.prediction_proba is not None and columns.prediction_proba in frame:
        rows[_PROBA] = frame[columns.prediction_proba].astype("float64")
    return rows.dropna(subset=[_TARGET, _PREDICTION])


def _labelled(config: MonitorConfig, frame: pd.DataFrame) -> pd.DataFrame:
    return labelled(config, frame).reset_index(drop=True)


def _scores(config: MonitorConfig, rows: pd.DataFrame) -> Scores:
    if config.task == "binary":
        classes = sorted({*rows[_TARGET].unique(), *rows[_PREDICTION].unique()})
        check_classes(config, classes, positive_label(config, classes))
    found = scores_by_definition(config, rows)
    return {name: found.get(name) for name in performance_metrics(config.task)}


def _regression(rows: pd.DataFrame) -> Scores:
    target, error = rows[_TARGET], rows[_PREDICTION] - rows[_TARGET]
    spread = float(((target - target.mean()) ** 2).sum())
    nonzero = target.abs() > np.finfo(np.float64).eps
    return {
        "me": float(error.mean()),
        "mae": float(error.abs().mean()),
        "rmse": math.sqrt(float((error**2).mean())),
        "mape": float(100 * (error.abs() / target.abs())[nonzero].mean()),
        "r2": 1 - float((error**2).sum()) / spread if spread else None,
    }


def _binary(config: MonitorConfig, rows: pd.DataFrame) -> Scores:
    positive = positive_label(config, [*rows[_TARGET].unique(), *rows[_PREDICTION].unique()])
    actual, predicted = ((rows[name] == positive).to_numpy(dtype=bool) for name in (_TARGET, _PREDICTION))
    hits, wanted, named = int((actual & predicted).sum()), int(actual.sum()), int(predicted.sum())
    found: Scores = {
        "accuracy": float((actual == predicted).mean()),
        "precision": hits / named if named else None,
        "recall": hits / wanted if wanted else None,
        "f1": 2 * hits / (wanted + named) if wanted + named else None,
    }
    chance = rows[_PROBA].to_numpy() if _PROBA in rows else np.full(len(rows), np.nan)
    actual, chance = actual[np.isfinite(chance)], chance[np.isfinite(chance)]
    if actual.any() and not actual.all():
        found |= {"roc_auc": roc_auc_score(actual, chance), "log_loss": log_loss(actual, chance)}
    return found


def check_classes(config: MonitorConfig, classes: Sequence[str], positive: str) -> None:
    """Refuse classes that do not fit a binary task.

    Raises
    ------
    MeasureError
        Names the classes and what to correct.
    """
    if len(classes) > 2 or (len(classes) == 2 and positive not in classes):
        raise MeasureError(
            f"monitor {config.id}: task binary with positive label {positive!r} does not fit the classes "
            f"{', '.join(map(repr, classes[:10]))} in {config.columns.target!r} and {config.columns.prediction!r}; "
            "correct columns.positive_label or task in the monitor file, or the data"
        )


def _multiclass(rows: pd.DataFrame) -> Scores:
    codes, classes = pd.factorize(np.concatenate([rows[name].to_numpy(dtype=object) for name in (_TARGET, _PREDICTION)]))
    actual, predicted = codes[: len(rows)], codes[len(rows) :]
    hits, wanted, named = (np.bincount(part, minlength=len(classes)) for part in (actual[actual == predicted], actual, predicted))
    return {
        "accuracy": float((actual == predicted).mean()),
        "precision": float((hits / np.maximum(named, 1)).mean()),
        "recall": float((hits / np.maximum(wanted, 1)).mean()),
        "f1": float((2 * hits / (wanted + named)).mean()),
    }


def _finite(value: float | None) -> float | None:
    return float(value) if value is not None and math.isfinite(value) else None
