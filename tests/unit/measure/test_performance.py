"""Performance metrics against scikit-learn, and on awkward data."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
from evidently import DataDefinition, Dataset, Regression, Report
from evidently.metrics import MAPE
from sklearn import metrics as sk

import evidently_performance
from driftgate.config.models import MonitorConfig
from driftgate.errors import MeasureError
from driftgate.measure.performance import labelled, performance, performance_scores
from driftgate.records import Direction, Metric, MetricVerdict
from factories import make_binary_config, make_binary_frame, make_config, make_frame


def measured(config: MonitorConfig, frame: pd.DataFrame, reference: dict[str, float] | None = None) -> dict[str, Metric]:
    return {item.metric: item for item in performance(config, frame, reference or {})}


def positive_frame(rows: int = 300) -> pd.DataFrame:
    frame = make_frame(rows, seed=1)
    return frame.assign(duration=frame["duration"].abs() + 1)


def test_regression_equals_scikit_learn() -> None:
    frame = positive_frame()
    target, prediction = frame["duration"], frame["prediction"]
    found = performance_scores(make_config(), frame)
    assert found == pytest.approx(
        {
            "me": (prediction - target).mean(),
            "mae": sk.mean_absolute_error(target, prediction),
            "rmse": sk.root_mean_squared_error(target, prediction),
            "mape": 100 * sk.mean_absolute_percentage_error(target, prediction),
            "r2": sk.r2_score(target, prediction),
        },
        abs=1e-9,
    )


def test_mape_is_evidentlys_where_all_targets_are_positive() -> None:
    frame = positive_frame()[["duration", "prediction"]]
    definition = DataDefinition(numerical_columns=list(frame), regression=[Regression(target="duration", prediction="prediction")])
    snapshot = Report([MAPE()], include_tests=False).run(Dataset.from_pandas(frame, data_definition=definition), None)
    assert performance_scores(make_config(), positive_frame())["mape"] == pytest.approx(snapshot.dict()["metrics"][0]["value"]["mean"])


def test_mape_with_negative_and_zero_targets_is_over_the_nonzero_ones() -> None:
    frame = make_frame(300, seed=1)
    frame["duration"] = np.round(frame["duration"] - 10)
    target, prediction = frame["duration"], frame["prediction"]
    assert (target < 0).any()
    assert (target == 0).any()
    nonzero = target != 0
    expected = 100 * sk.mean_absolute_percentage_error(target[nonzero], prediction[nonzero])
    found = performance_scores(make_config(), frame)
    assert found["mape"] == pytest.approx(expected)
    assert found["mae"] == pytest.approx(sk.mean_absolute_error(target, prediction))


def test_rows_without_a_target_are_left_out() -> None:
    frame = make_frame(300, seed=1)
    late = frame.copy()
    late.loc[100:, "duration"] = np.nan
    late.loc[0, "prediction"] = np.inf
    assert performance_scores(make_config(), late) == pytest.approx(performance_scores(make_config(), frame.loc[1:99]))


@pytest.mark.parametrize("lost", ["null", "gone", "not configured"])
def test_without_targets_there_is_no_performance(lost: str) -> None:
    config, frame = make_config(), make_frame(100)
    if lost == "null":
        frame["duration"] = np.nan
    elif lost == "gone":
        frame = frame.drop(columns="duration")
    else:
        columns = {"timestamp": "ts", "numerical": ["distance"]}
        reference = {"kind": "window", "start": "2024-01-01", "end": "2024-01-02"}
        config = make_config(columns=columns, model={"predictions": "source"}, reference=reference)
    assert performance(config, frame, {}) == []
    assert performance_scores(config, frame) == {}


@pytest.mark.parametrize(
    ("targets", "expected"),
    [
        ([2.0], {"me": 1.0, "mae": 1.0, "rmse": 1.0, "mape": 50.0, "r2": None}),
        ([0.0, 0.0, 0.0], {"me": 3.0, "mae": 3.0, "mape": None}),
        ([-1.0, 1.0], {"me": 3.0, "mae": 3.0, "mape": 300.0}),
        ([5.0, 5.0, 5.0, 5.0], {"me": -2.0, "mae": 2.0, "mape": 40.0}),
    ],
    ids=["one row", "all zero", "weights cancel", "constant"],
)
def test_regression_of_awkward_targets_is_a_number_or_none(targets: list[float], expected: dict[str, float | None]) -> None:
    frame = make_frame(len(targets)).assign(duration=targets, prediction=3.0)
    if targets == [-1.0, 1.0]:
        frame["prediction"] = [2.0, 4.0]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = {name: item.value for name, item in measured(make_config(), frame).items()}
    for name, value in expected.items():
        assert found[name] == (None if value is None else pytest.approx(value)), name
    assert set(found) == {"me", "mae", "rmse", "mape", "r2"}


@pytest.mark.parametrize("seed", range(5))
def test_regression_is_evidentlys(seed: int) -> None:
    frame = make_frame(50 * 3**seed, seed=seed)
    frame["duration"] = np.round(frame["duration"] - 10, 6 - seed)  # negative ones, zeros, ties
    rows = labelled(make_config(), frame)
    assert performance_scores(make_config(), frame) == pytest.approx(evidently_performance.regression(rows), abs=1e-9)


@pytest.mark.parametrize("seed", range(5))
def test_classification_is_evidentlys(seed: int) -> None:
    config, frame = make_binary_config(), make_binary_frame(50 * 3**seed, seed=seed)
    frame.loc[frame.index[:3], "late_proba"] = np.nan
    assert performance_scores(config, frame) == pytest.approx(evidently_performance.binary(labelled(config, frame), "1"), abs=1e-9)
    many, rng = make_config(task="multiclass"), np.random.default_rng(seed)
    classes = np.array(["red", "green", "blue", "1", "never predicted"])
    frame = make_frame(50 * 3**seed).assign(duration=rng.choice(classes, 50 * 3**seed), prediction=rng.choice(classes[:4], 50 * 3**seed))
    assert performance_scores(many, frame) == pytest.approx(evidently_performance.multiclass(labelled(many, frame)), abs=1e-9)


def test_binary_equals_scikit_learn() -> None:
    frame = make_binary_frame(300, seed=1)
    target, prediction, chance = frame["late"] == "1", frame["prediction"] == "1", frame["late_proba"]
    assert performance_scores(make_binary_config(), frame) == pytest.approx(
        {
            "accuracy": sk.accuracy_score(target, prediction),
            "precision": sk.precision_score(target, prediction),
            "recall": sk.recall_score(target, prediction),
            "f1": sk.f1_score(target, prediction),
            "roc_auc": sk.roc_auc_score(target, chance),
            "log_loss": sk.log_loss(target, chance),
        },
        abs=1e-9,
    )


def test_binary_labels_count_not_the_probability_cut_at_one_half() -> None:
    frame = make_binary_frame(300, seed=1)
    frame["prediction"] = pd.Series(np.where(frame["late_proba"] > 0.9, "1", "0"), dtype="str")
    expected = sk.recall_score(frame["late"] == "1", frame["prediction"] == "1")
    assert performance_scores(make_binary_config(), frame)["recall"] == pytest.approx(expected)


@pytest.mark.parametrize("kind", ["int64", "float64", "bool"])
def test_the_type_of_binary_labels_does_not_matter(kind: Any) -> None:
    frame = make_binary_frame(300, seed=1)
    expected = performance_scores(make_binary_config(), frame)
    frame["late"] = frame["late"].astype("int64").astype(kind)
    assert performance_scores(make_binary_config(), frame) == expected


def test_the_positive_label_is_the_configured_one() -> None:
    frame = make_binary_frame(300, seed=1)
    for name in ("late", "prediction"):
        frame[name] = frame[name].map({"1": "yes", "0": "no"}).astype("str")
    config = make_binary_config(columns={**make_binary_config().columns.model_dump(), "positive_label": "yes"})
    expected = performance_scores(make_binary_config(), make_binary_frame(300, seed=1))
    assert performance_scores(config, frame) == pytest.approx(expected)


def test_without_probabilities_there_is_no_roc_auc() -> None:
    frame = make_binary_frame(300, seed=1).drop(columns="late_proba")
    found = measured(make_binary_config(), frame)
    assert found["roc_auc"].value is found["log_loss"].value is None
    assert found["accuracy"].value is not None


@pytest.mark.parametrize(
    ("target", "prediction", "expected"),
    [
        ("1", "1", {"accuracy": 1, "precision": 1, "recall": 1, "f1": 1}),
        ("0", "0", {"accuracy": 1, "precision": None, "recall": None, "f1": None}),
        ("0", "1", {"accuracy": 0, "precision": 0, "recall": None, "f1": 0}),
        ("1", "0", {"accuracy": 0, "precision": None, "recall": 0, "f1": 0}),
    ],
)
def test_one_class_only_is_no_crash_and_what_is_undefined_is_none(target: str, prediction: str, expected: dict[str, float | None]) -> None:
    frame = make_binary_frame(50)
    frame["late"], frame["prediction"] = (pd.Series(name, index=frame.index, dtype="str") for name in (target, prediction))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = {name: item.value for name, item in measured(make_binary_config(), frame).items()}
    assert found == {**expected, "roc_auc": None, "log_loss": None}


@pytest.mark.parametrize("classes", [("yes", "no"), ("0", "1", "2")])
def test_classes_that_do_not_fit_the_task_are_an_error_that_names_them(classes: tuple[str, ...]) -> None:
    frame = make_binary_frame(60)
    frame["late"] = frame["prediction"] = pd.Series([classes[index % len(classes)] for index in range(60)], dtype="str")
    with pytest.raises(MeasureError, match=rf"positive label '1'.*'{classes[0]}'.*'late'.*columns\.positive_label"):
        performance_scores(make_binary_config(), frame)


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_multiclass_equals_scikit_learns_macro_averages(count: int) -> None:
    rng = np.random.default_rng(0)
    frame = make_frame(300)
    names = [f"class {index}" for index in range(count)]
    frame["duration"] = pd.Series(rng.choice(names, 300), dtype="str")
    frame["prediction"] = frame["duration"].where(pd.Series(rng.random(300) < 0.7), pd.Series(rng.choice(names, 300)))
    target, prediction = frame["duration"], frame["prediction"]
    assert performance_scores(make_config(task="multiclass"), frame) == pytest.approx(
        {
            "accuracy": sk.accuracy_score(target, prediction),
            "precision": sk.precision_score(target, prediction, average="macro"),
            "recall": sk.recall_score(target, prediction, average="macro"),
            "f1": sk.f1_score(target, prediction, average="macro"),
        },
        abs=1e-9,
    )


def test_metrics_carry_the_reference_and_the_limit_of_the_rule_that_names_them() -> None:
    rules = {"rules": [{"metric": "mae", "above_reference": 1.5}, {"metric": "r2", "below": 0.9}, {"metric": "me", "above": 5}]}
    found = measured(make_config(decision=rules), make_frame(200, seed=1), {"mae": 0.4, "rmse": 2.0})
    assert (found["mae"].threshold, found["mae"].direction) == (pytest.approx(0.6), Direction.ABOVE)
    assert (found["mae"].reference_value, found["mae"].verdict) == (0.4, MetricVerdict.ALARM)
    assert (found["r2"].threshold, found["r2"].direction, found["r2"].verdict) == (0.9, Direction.BELOW, MetricVerdict.OK)
    assert (found["rmse"].threshold, found["rmse"].verdict, found["rmse"].reference_value) == (None, None, 2.0)


def test_few_labels_are_not_judged() -> None:
    frame = make_frame(200, seed=1)
    frame.loc[29:, "duration"] = np.nan
    config = make_config(decision={"rules": [{"metric": "mae", "above": 0.01}]})
    assert {item.verdict for item in performance(config, frame, {})} == {MetricVerdict.TOO_FEW_ROWS}
    frame.loc[29, "duration"] = 1.0
    assert measured(config, frame)["mae"].verdict is MetricVerdict.ALARM


def test_row_order_is_irrelevant() -> None:
    frame = make_binary_frame(300, seed=1)
    mixed = performance_scores(make_binary_config(), frame.sample(frac=1, random_state=3))
    assert mixed == pytest.approx(performance_scores(make_binary_config(), frame), abs=1e-9)


def test_a_worse_model_has_a_larger_error() -> None:
    errors = [performance_scores(make_config(), make_frame(300, slope=slope))["mae"] for slope in (3.0, 4.0, 6.0)]
    assert errors == sorted(errors)
    assert errors[2] > errors[0]
