"""Performance as Evidently's Report measures it, for comparison with the product's own numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from evidently import BinaryClassification, DataDefinition, Dataset, MulticlassClassification, Regression, Report
from evidently.metrics import MAE, MAPE, RMSE, Accuracy, F1Score, LogLoss, MeanError, Precision, R2Score, Recall, RocAuc

from driftgate.measure.performance import _PREDICTION, _PROBA, _TARGET

_SIZE, _SIZE_PREDICTION = "dg_target_size", "dg_prediction_for_size"


def regression(rows: pd.DataFrame) -> dict[str, float | None]:
    """Targets and predictions have both signs turned where the target is negative, else mape is about 1e18."""
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
    metrics = [MeanError(**plain), MAE(**plain), RMSE(**plain), R2Score(error_distr=False)]
    metrics.append(MAPE(regression_name="size", zero_handling="drop", perc_error_plot=False))
    values = _run(sized, definition, metrics)
    return {"me": values["MeanError"], "mae": values["MAE"], "rmse": values["RMSE"], "mape": values["MAPE"], "r2": values["R2Score"]}


def binary(rows: pd.DataFrame, positive: str) -> dict[str, float | None]:
    found = _label_scores(rows, BinaryClassification(target=_TARGET, prediction_labels=_PREDICTION, pos_label=positive))
    known = rows[np.isfinite(rows[_PROBA])]
    definition = DataDefinition(
        categorical_columns=[_TARGET],
        numerical_columns=[_PROBA],
        classification=[BinaryClassification(target=_TARGET, prediction_probas=_PROBA, pos_label=positive)],
    )
    values = _run(known[[_TARGET, _PROBA]], definition, [RocAuc(roc_curve=False), LogLoss()])
    return {**found, "roc_auc": values["RocAuc"], "log_loss": values["LogLoss"]}


def multiclass(rows: pd.DataFrame) -> dict[str, float | None]:
    """Macro averages, as Evidently takes them for more than two classes."""
    return _label_scores(rows, MulticlassClassification(target=_TARGET, prediction_labels=_PREDICTION))


def _label_scores(rows: pd.DataFrame, task: BinaryClassification | MulticlassClassification) -> dict[str, float | None]:
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
