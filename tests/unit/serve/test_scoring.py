"""Estimators add predictions to rows, in the types that the other steps expect."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression

from driftgate.errors import SchemaError
from driftgate.serve.scoring import score
from factories import make_binary_config, make_binary_frame, make_config, make_frame

NUMBERS = ["distance", "hour"]


@pytest.fixture
def regressor() -> LinearRegression:
    frame = make_frame()
    return LinearRegression().fit(frame[NUMBERS], frame["duration"])


def classifier(labels=("0", "1")) -> LogisticRegression:
    frame = make_binary_frame()
    return LogisticRegression().fit(frame[NUMBERS], np.where(frame["late"] == "1", labels[1], labels[0]))


def test_a_regression_gets_numbers_and_the_rows_stay_as_they_are(regressor) -> None:
    frame = make_frame(50, seed=1).drop(columns="prediction")
    before = frame.copy()
    scored = score(make_config(), frame, regressor)
    assert scored["prediction"].dtype == "float64"
    np.testing.assert_allclose(scored["prediction"], regressor.predict(frame[NUMBERS]))
    pd.testing.assert_frame_equal(frame, before)
    pd.testing.assert_frame_equal(scored.drop(columns="prediction"), before)


def test_an_old_prediction_is_replaced(regressor) -> None:
    assert (score(make_config(), make_frame(10).assign(prediction=-99.0), regressor)["prediction"] != -99).all()


def test_a_binary_task_gets_text_labels_and_the_positive_probability() -> None:
    frame = make_binary_frame(50, seed=1).drop(columns=["prediction", "late_proba"])
    model = classifier()
    scored = score(make_binary_config(), frame, model)
    assert scored["prediction"].dtype == "str"
    np.testing.assert_allclose(scored["late_proba"], model.predict_proba(frame[NUMBERS])[:, 1])


def test_the_positive_label_is_the_one_of_the_monitor_file() -> None:
    columns = {**make_binary_config().columns.model_dump(), "positive_label": "aaa"}
    model = classifier(("zzz", "aaa"))
    frame = make_binary_frame(50)
    scored = score(make_binary_config(columns=columns), frame, model)
    np.testing.assert_allclose(scored["late_proba"], model.predict_proba(frame[NUMBERS])[:, 0])


def test_a_positive_label_that_the_model_does_not_know_is_refused() -> None:
    with pytest.raises(SchemaError, match=r"'no', 'yes'; set columns.positive_label"):
        score(make_binary_config(), make_binary_frame(10), classifier(("no", "yes")))


def test_whole_number_labels_become_text_like_the_target() -> None:
    model = DummyClassifier().fit(make_frame(10)[NUMBERS], np.array([0, 1] * 5))
    scored = score(make_binary_config(), make_binary_frame(10), model)
    assert set(scored["prediction"]) <= {"0", "1"}


def test_no_rows_give_no_predictions_but_their_columns(regressor) -> None:
    scored = score(make_config(), make_frame(5).iloc[:0].drop(columns="prediction"), regressor)
    assert len(scored) == 0
    assert scored["prediction"].dtype == "float64"


def test_a_column_of_the_training_that_is_gone_is_named_with_the_remedy(regressor) -> None:
    with pytest.raises(SchemaError, match=r"was trained with column 'hour'.*driftgate train trips"):
        score(make_config(), make_frame(10).drop(columns="hour"), regressor)


def test_values_that_the_model_cannot_digest_are_an_error_that_names_the_model(regressor) -> None:
    with pytest.raises(SchemaError, match=r"model 'trips' cannot score these rows: Input X contains NaN"):
        score(make_config(), make_frame(10).assign(hour=np.nan), regressor)


def test_an_infinite_value_is_scored_as_missing() -> None:
    from driftgate.retrain.trainers import hist_gradient_boosting

    config, frame = make_config(), make_frame(500)
    model = hist_gradient_boosting(
        frame[config.columns.features], frame["duration"], config.columns, "regression", {"max_iter": 10}, frame["ts"]
    )
    infinite = score(config, frame.assign(distance=np.inf), model)["prediction"]
    missing = score(config, frame.assign(distance=np.nan), model)["prediction"]
    np.testing.assert_array_equal(infinite, missing)
