"""The trainers on small frames: what they learn, what they tolerate, what they refuse."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest

from driftgate.config.roles import ColumnRoles
from driftgate.errors import RetrainError
from driftgate.retrain.trainers import hist_gradient_boosting, linear, recency_weights

ROLES = ColumnRoles(timestamp="ts", target="y", numerical=["a", "empty"], categorical=["kind", "many", "blank"])
TRAINERS = pytest.mark.parametrize("trainer", [hist_gradient_boosting, linear], ids=["trees", "linear"])


def rows(count: int = 1500, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "ts": pd.date_range("2024-01-01", periods=count, freq="10min", tz="UTC"),
            "a": np.where(rng.random(count) < 0.05, np.nan, rng.normal(size=count)),
            "empty": np.nan,
            "kind": pd.Series(rng.choice(["x", "y", None], count), dtype="str"),
            "many": pd.Series([f"c{number}" for number in rng.integers(0, 600, count)], dtype="str"),
            "blank": pd.Series([None] * count, dtype="str"),
        }
    )
    frame["y"] = 2 * frame["a"].fillna(0) + 3 * (frame["kind"] == "x") + rng.normal(0, 0.3, count)
    return frame


def fit(trainer, frame: pd.DataFrame, task: str = "regression", **params):
    target = frame["y"] if task == "regression" else pd.Series(np.where(frame["y"] > 1, "1", "0"), dtype="str")
    return trainer(frame[ROLES.features], target, ROLES, task, params, frame["ts"])


@TRAINERS
def test_regression_is_learned_despite_nulls_empty_columns_and_600_categories(trainer) -> None:
    model = fit(trainer, rows())
    fresh = rows(seed=1)
    error = np.abs(model.predict(fresh[ROLES.features]) - fresh["y"]).mean()
    assert error < 0.5 * np.abs(fresh["y"] - fresh["y"].mean()).mean()


@TRAINERS
def test_classification_gives_labels_of_the_target_and_probabilities(trainer) -> None:
    model = fit(trainer, rows(), "binary")
    fresh = rows(seed=1)
    assert set(model.predict(fresh[ROLES.features])) == {"0", "1"}
    assert np.mean((model.predict_proba(fresh[ROLES.features])[:, 1] > 0.5) == (fresh["y"] > 1)) > 0.85


@TRAINERS
def test_unknown_categories_and_values_in_formerly_empty_columns_are_scored(trainer) -> None:
    model = fit(trainer, rows())
    fresh = rows(20, seed=2).assign(kind="never seen", blank="now here", empty=1.0)
    assert np.isfinite(model.predict(fresh[ROLES.features])).all()


@TRAINERS
def test_the_same_rows_give_the_same_model(trainer) -> None:
    fresh = rows(100, seed=3)[ROLES.features]
    np.testing.assert_array_equal(fit(trainer, rows()).predict(fresh), fit(trainer, rows()).predict(fresh))


@TRAINERS
def test_a_model_survives_pickling(trainer) -> None:
    model, fresh = fit(trainer, rows()), rows(50, seed=4)[ROLES.features]
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict(fresh), model.predict(fresh))


@TRAINERS
def test_with_recency_weights_the_latest_days_count_most(trainer) -> None:
    frame = rows()
    late = frame["ts"] >= frame["ts"].iloc[-300]
    frame.loc[late, "y"] += 10
    plain = fit(trainer, frame).predict(frame.loc[late, ROLES.features]).mean()
    recent = fit(trainer, frame, half_life_days=0.5).predict(frame.loc[late, ROLES.features]).mean()
    truth = frame.loc[late, "y"].mean()
    assert abs(recent - truth) < 0.5 * abs(plain - truth)


def test_a_row_one_half_life_older_counts_half() -> None:
    stamps = pd.Series(pd.to_datetime(["2024-01-01", "2024-01-03", "2024-01-05"], utc=True))
    np.testing.assert_allclose(recency_weights(stamps, 2), [0.25, 0.5, 1.0])


@pytest.mark.parametrize("value", [0, -1, "3d", True])
def test_a_half_life_that_is_no_positive_number_is_refused(value) -> None:
    with pytest.raises(RetrainError, match=r"half_life_days"):
        recency_weights(pd.Series(pd.to_datetime(["2024-01-01"], utc=True)), value)


@TRAINERS
def test_an_unknown_parameter_is_named_with_the_known_ones(trainer) -> None:
    with pytest.raises(RetrainError, match=r"retrain\.params\.maxiter is unknown.*half_life_days"):
        fit(trainer, rows(100), maxiter=3)


def test_a_value_that_scikit_learn_refuses_is_a_retrain_error() -> None:
    with pytest.raises(RetrainError, match=r"loss"):
        fit(hist_gradient_boosting, rows(100), loss="nonsense")


@TRAINERS
def test_one_class_only_is_refused(trainer) -> None:
    frame = rows(100).assign(y=5.0)
    with pytest.raises(RetrainError, match=r"only one class"):
        fit(trainer, frame, "binary")


def test_a_missing_feature_column_is_named() -> None:
    frame = rows(100)
    with pytest.raises(RetrainError, match=r"'many'"):
        hist_gradient_boosting(frame[["a", "empty", "kind", "blank"]], frame["y"], ROLES, "regression", {}, frame["ts"])
