"""Honest predictions of training rows, against folds that scikit-learn cuts and trains itself."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import KFold, cross_val_predict

from driftgate.config.models import MonitorConfig
from driftgate.errors import RetrainError
from driftgate.retrain.out_of_fold import FOLDS, Train, out_of_fold
from factories import make_binary_config, make_binary_frame, make_config, make_frame

COLUMNS = {"timestamp": "ts", "id": ["trip_id"], "target": "duration", "numerical": ["distance", "hour"]}
FEATURES = ["distance", "hour"]


def trainer(config: MonitorConfig, model: type = LinearRegression) -> Train:
    def train(rows: pd.DataFrame) -> Any:
        if config.task != "regression" and rows[str(config.columns.target)].nunique() < 2:
            raise RetrainError("the training rows hold only one class of the target")
        return model().fit(rows[FEATURES], rows[str(config.columns.target)])

    return train


def binary_config(**columns: Any) -> MonitorConfig:
    return make_binary_config(columns={**make_binary_config().columns.model_dump(), "categorical": [], **columns})


@pytest.mark.parametrize("rows", [200, 203, 7])
def test_predictions_are_those_of_folds_trained_elsewhere(rows: int) -> None:
    config, frame = make_config(columns=COLUMNS), make_frame(rows).drop(columns=["prediction"])
    train = trainer(config)
    found = out_of_fold(config, frame, train, train(frame))
    expected = cross_val_predict(LinearRegression(), frame[FEATURES], frame["duration"], cv=KFold(FOLDS))
    np.testing.assert_allclose(found["prediction"], expected, rtol=1e-9)
    pd.testing.assert_frame_equal(found.drop(columns=["prediction"]), frame)


def test_the_index_of_the_rows_does_not_matter() -> None:
    config, frame = make_config(columns=COLUMNS), make_frame(100).drop(columns=["prediction"])
    train = trainer(config)
    plain = out_of_fold(config, frame, train, train(frame))
    twice = frame.set_axis([0] * 50 + [1] * 50)
    np.testing.assert_array_equal(out_of_fold(config, twice, train, train(frame))["prediction"], plain["prediction"])


def test_classes_and_probabilities_are_those_of_folds_trained_elsewhere() -> None:
    config, frame = binary_config(), make_binary_frame(300).drop(columns=["prediction", "late_proba"])
    train = trainer(config, LogisticRegression)
    found = out_of_fold(config, frame, train, train(frame))
    chances = cross_val_predict(LogisticRegression(), frame[FEATURES], frame["late"], cv=KFold(FOLDS), method="predict_proba")
    np.testing.assert_allclose(found["late_proba"], chances[:, 1], rtol=1e-6)
    assert list(found["prediction"]) == ["1" if chance > 0.5 else "0" for chance in chances[:, 1]]
    assert found["prediction"].dtype == frame["late"].dtype


def test_a_fold_without_a_class_is_predicted_by_the_model_itself_and_it_is_said(caplog: pytest.LogCaptureFixture) -> None:
    config, frame = binary_config(), make_binary_frame(100).drop(columns=["prediction", "late_proba"])
    frame["late"] = pd.Series(["1"] * 20 + ["0"] * 80, dtype="str")  # only the first block has the class
    frame["distance"] = frame["distance"].where(frame.index >= 20, frame["distance"] + 5)
    train = trainer(config, LogisticRegression)
    fitted = train(frame)
    with caplog.at_level(logging.WARNING, logger="driftgate"):
        found = out_of_fold(config, frame, train, fitted)
    np.testing.assert_allclose(found["late_proba"][:20], fitted.predict_proba(frame[FEATURES])[:20, 1])
    np.testing.assert_allclose(found["late_proba"][20:40], train(frame.drop(index=range(20, 40))).predict_proba(frame[FEATURES])[20:40, 1])
    [message] = [record.getMessage() for record in caplog.records]
    assert message.startswith("trips: 20 of 100 training rows are predicted by the model that was trained on them (the training rows hold")


def test_a_trainer_that_needs_more_rows_leaves_the_model_itself(caplog: pytest.LogCaptureFixture) -> None:
    config, frame = make_config(columns=COLUMNS), make_frame(3).drop(columns=["prediction"])
    fitted = trainer(config)(frame)

    def train(rows: pd.DataFrame) -> Any:
        raise ValueError("n_samples=2 should be >= 3")

    with caplog.at_level(logging.WARNING, logger="driftgate"):
        found = out_of_fold(config, frame, train, fitted)
    np.testing.assert_allclose(found["prediction"], fitted.predict(frame[FEATURES]))
    assert len(caplog.records) == 3


def test_several_classes_keep_their_type() -> None:
    columns = {"timestamp": "ts", "target": "zone", "numerical": FEATURES}
    config, frame = make_config(task="multiclass", columns=columns), make_frame(150).drop(columns=["prediction"])
    frame["zone"] = pd.cut(frame["distance"], [-1, 2, 5, 99], labels=["near", "middle", "far"]).astype("str")
    train = trainer(config, LogisticRegression)
    found = out_of_fold(config, frame, train, train(frame))
    expected = cross_val_predict(LogisticRegression(), frame[FEATURES], frame["zone"], cv=KFold(FOLDS))
    assert list(found["prediction"]) == list(expected)
