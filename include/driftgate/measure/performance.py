"""Realised performance: Evidently's own metrics on the rows whose target is known.

Metrics are read from Evidently's snapshot by their type, never by position. A number that does not exist is None, not a
stand-in: 0/0 (recall without a positive row), ROC AUC and log loss of a single class, r2 of a single row.

``mape`` is Evidently's mean absolute percentage error, in per cent, over the rows whose target is not zero. Evidently 0.7
divides by ``max(target, 2e-16)``, so a single negative target (an early arrival) makes it about 1e18; it is therefore given
targets and predictions with both signs turned where the target is negative, which changes neither the errors nor the size of
the target: mean of |prediction - target| / |target|.
"""

from __future__ import annotations

import logging
import math
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from evidently import BinaryClassification, DataDefinition, Dataset, MulticlassClassification, Regression, Report
from evidently.metrics import MAE, MAPE, RMSE, Accuracy, F1Score, LogLoss, MeanError, Precision, R2Score, Recall, RocAuc
from sklearn.metrics import log_loss, roc_auc_score

from driftgate.columns import labels, positive_label
from driftgate.config.models import MonitorConfig, performance_metrics
from driftgate.errors import MeasureError
from driftgate.measure.window_rows import WindowRows, frame_of, window_rows
from driftgate.records import Family, Metric, MetricVerdict
from driftgate.rules import judge

log = logging.getLogger(__name__)
Scores = dict[str, float | None]

# Fixed names, because Evidently reads meaning into a column that is named like a class.
_TARGET, _PREDICTION, _PROBA = "dg_target", "dg_prediction", "dg_proba"
_SIZE, _SIZE_PREDICTION = "dg_target_size", "dg_prediction_for_size"


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
    """Return the scores of labelled rows by the same definitions without Evidently, in a hundredth of the time: for many small groups.

    Those that do not exist for the rows are left out.
    """
    if config.task == "regression":
        found = _regression_by_definition(rows)
    elif config.task == "binary":
        found = _binary_by_definition(config, rows)
    else:
        found = _multiclass_by_definition(rows)
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
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what cannot be computed becomes None
        if config.task == "regression":
            found = _regression(rows)
        elif config.task == "binary":
            found = _binary(config, rows)
        else:
            found = _multiclass(rows)
    return {name: _finite(found.get(name)) for name in performance_metrics(config.task)}


def _regression(rows: pd.DataFrame) -> Scores:
    sign = np.where(rows[_TARGET] < 0, -1.0, 1.0)
    sized = rows.assign(**{_SIZE: rows[_TARGET] * sign, _SIZE_PREDICTION: rows[_PREDICTION] * sign})
    definition = DataDefinition(
        numerical_columns=list(sized.columns),
        regression=[
            Regression(name="default", target=_TARGET, prediction=_PREDICTION),
            Regression(name="size", target=_SIZE, prediction=_SIZE_PREDICTION),
        ],
    )
    plain: dict[str, Any] = {"error_plot": False, "error_distr": False}
    metrics = [
        MeanError(**plain),
        MAE(**plain),
        RMSE(**plain),
        R2Score(error_distr=False),
        MAPE(regression_name="size", zero_handling="drop", perc_error_plot=False),
    ]
    try:
        values = _run(sized, definition, metrics)
    except (ValueError, IndexError, ArithmeticError) as error:
        # Evidently also fits a constant baseline and bins for plots, which fail on single rows and on targets that are all zero.
        log.info("Evidently cannot measure these %d rows (%s); computed from the same definitions", len(rows), error)
        return _regression_by_definition(rows)
    return {"me": values["MeanError"], "mae": values["MAE"], "rmse": values["RMSE"], "mape": values["MAPE"], "r2": values["R2Score"]}


def _regression_by_definition(rows: pd.DataFrame) -> Scores:
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
    classes = sorted({*rows[_TARGET].unique(), *rows[_PREDICTION].unique()})
    positive = positive_label(config, classes)
    check_classes(config, classes, positive)
    task = BinaryClassification(target=_TARGET, prediction_labels=_PREDICTION, pos_label=positive)
    found: Scores = _label_scores(rows, task)
    found = _without_undefined(found, rows, positive, is_single=len(classes) == 1)
    return {**found, **_probability_scores(rows, positive)}


def _binary_by_definition(config: MonitorConfig, rows: pd.DataFrame) -> Scores:
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


def _without_undefined(found: Scores, rows: pd.DataFrame, positive: str, *, is_single: bool) -> Scores:
    """Replace what is 0/0: precision without a predicted, recall without an actual positive row, f1 without either."""
    predicted = bool((rows[_PREDICTION] == positive).any())
    actual = bool((rows[_TARGET] == positive).any())
    if is_single:  # Evidently averages over the only class, even when that is the negative one
        return {**found, **dict.fromkeys(("precision", "recall", "f1"), 1.0 if actual and predicted else None)}
    defined = {"precision": predicted, "recall": actual, "f1": predicted or actual}
    return {name: value if defined.get(name, True) else None for name, value in found.items()}


def _probability_scores(rows: pd.DataFrame, positive: str) -> Scores:
    """ROC AUC and log loss; Evidently needs both classes among the targets."""
    if _PROBA not in rows:
        return {}
    known = rows[np.isfinite(rows[_PROBA])]
    if known[_TARGET].nunique() < 2:
        return {}
    definition = DataDefinition(
        categorical_columns=[_TARGET],
        numerical_columns=[_PROBA],
        classification=[BinaryClassification(target=_TARGET, prediction_probas=_PROBA, pos_label=positive)],
    )
    values = _run(known[[_TARGET, _PROBA]], definition, [RocAuc(roc_curve=False), LogLoss()])
    return {"roc_auc": values["RocAuc"], "log_loss": values["LogLoss"]}


def _multiclass(rows: pd.DataFrame) -> Scores:
    """Macro averages, as Evidently takes them for more than two classes; for two or one of them Evidently needs a positive label."""
    classes = {*rows[_TARGET].unique(), *rows[_PREDICTION].unique()}
    if len(classes) != 2:
        return _label_scores(rows, MulticlassClassification(target=_TARGET, prediction_labels=_PREDICTION))
    each = [_label_scores(rows, BinaryClassification(target=_TARGET, prediction_labels=_PREDICTION, pos_label=name)) for name in classes]
    return {name: _mean([scores[name] for scores in each]) for name in each[0]}


def _multiclass_by_definition(rows: pd.DataFrame) -> Scores:
    codes, classes = pd.factorize(np.concatenate([rows[name].to_numpy(dtype=object) for name in (_TARGET, _PREDICTION)]))
    actual, predicted = codes[: len(rows)], codes[len(rows) :]
    hits, wanted, named = (np.bincount(part, minlength=len(classes)) for part in (actual[actual == predicted], actual, predicted))
    return {
        "accuracy": float((actual == predicted).mean()),
        "precision": float((hits / np.maximum(named, 1)).mean()),
        "recall": float((hits / np.maximum(wanted, 1)).mean()),
        "f1": float((2 * hits / (wanted + named)).mean()),
    }


def _label_scores(rows: pd.DataFrame, task: BinaryClassification | MulticlassClassification) -> Scores:
    definition = DataDefinition(categorical_columns=[_TARGET, _PREDICTION], classification=[task])
    metrics = [Accuracy(), Precision(conf_matrix=False), Recall(conf_matrix=False), F1Score(conf_matrix=False)]
    values = _run(rows[[_TARGET, _PREDICTION]], definition, metrics)
    return {"accuracy": values["Accuracy"], "precision": values["Precision"], "recall": values["Recall"], "f1": values["F1Score"]}


def _run(frame: pd.DataFrame, definition: DataDefinition, metrics: Sequence[Any]) -> dict[str, float | None]:
    """Run Evidently and return the values by the short type of the metric, for example ``MAE``."""
    snapshot = Report(list(metrics), include_tests=False).run(Dataset.from_pandas(frame, data_definition=definition), None)
    return {_metric_type(item): _value(item) for item in snapshot.dict()["metrics"]}


def _metric_type(item: Mapping[str, Any]) -> str:
    return str(item["config"]["type"]).rsplit(":", 1)[-1]


def _value(item: Mapping[str, Any]) -> float | None:
    value = item["value"]
    mean = value["mean"] if isinstance(value, Mapping) else value
    return None if mean is None else float(mean)


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _finite(value: float | None) -> float | None:
    return float(value) if value is not None and math.isfinite(value) else None
