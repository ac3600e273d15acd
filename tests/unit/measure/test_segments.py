"""Performance by segment: against scikit-learn and against the functions that measure the whole window."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as sk

from driftgate.columns import MAX_SEGMENTS, segment_rows
from driftgate.config.models import MonitorConfig
from driftgate.measure.measures import measure_batch
from driftgate.measure.performance import performance_scores
from driftgate.measure.segments import segment_performance
from driftgate.records import Family, Metric
from driftgate.rules import evaluate
from factories import make_binary_config, make_binary_frame, make_config, make_frame, make_window


def segmented(make: Any = make_config, **columns: Any) -> MonitorConfig:
    roles = {**make().columns.model_dump(), "segments": ["vendor"], **columns}
    config: MonitorConfig = make(columns=roles, measures={"minimum_segment_rows": 20})
    return config


def by_segment(found: list[Metric]) -> dict[str, dict[str, float | None]]:
    values: dict[str, dict[str, float | None]] = {}
    for metric in found:
        values.setdefault(metric.segment, {})[metric.metric] = metric.value
    return values


def measured(config: MonitorConfig, frame: pd.DataFrame, reference: Mapping[str, Mapping[str, float]] | None = None) -> dict[str, Any]:
    return by_segment(segment_performance(config, frame, make_frame(0), reference))


def multiclass(rows: int = 400) -> tuple[MonitorConfig, pd.DataFrame]:
    rng = np.random.default_rng(0)
    frame = make_frame(rows)
    frame["duration"] = pd.Series(rng.choice(["low", "mid", "high"], rows), dtype="str")
    guess = pd.Series(rng.choice(["low", "mid", "high"], rows), dtype="str")
    frame["prediction"] = frame["duration"].where(pd.Series(rng.random(rows) < 0.6), guess)
    return make_config(task="multiclass", measures={"minimum_segment_rows": 20}), frame


def test_regression_of_a_segment_equals_scikit_learn() -> None:
    frame = make_frame(400, seed=1)
    frame["duration"] = np.round(frame["duration"] - 10)
    frame.loc[:20, "duration"] = np.nan
    found = measured(segmented(), frame)
    assert set(found) == {"vendor=a", "vendor=b", "vendor=c"}
    for name in "abc":
        rows = frame[(frame["vendor"] == name) & frame["duration"].notna()]
        target, prediction = rows["duration"], rows["prediction"]
        nonzero = target != 0
        expected = {
            "me": (prediction - target).mean(),
            "mae": sk.mean_absolute_error(target, prediction),
            "rmse": sk.root_mean_squared_error(target, prediction),
            "mape": 100 * sk.mean_absolute_percentage_error(target[nonzero], prediction[nonzero]),
            "r2": sk.r2_score(target, prediction),
        }
        assert found[f"vendor={name}"] == pytest.approx(expected, abs=1e-9)


def test_binary_of_a_segment_equals_scikit_learn() -> None:
    frame = make_binary_frame(400, seed=1)
    frame.loc[:5, "late_proba"] = np.nan
    found = measured(segmented(make_binary_config), frame)
    for name in "abc":
        rows = frame[frame["vendor"] == name]
        target, prediction = rows["late"] == "1", rows["prediction"] == "1"
        chance = rows["late_proba"].dropna()
        expected = {
            "accuracy": sk.accuracy_score(target, prediction),
            "precision": sk.precision_score(target, prediction),
            "recall": sk.recall_score(target, prediction),
            "f1": sk.f1_score(target, prediction),
            "roc_auc": sk.roc_auc_score(target[chance.index], chance),
            "log_loss": sk.log_loss(target[chance.index], chance),
        }
        assert found[f"vendor={name}"] == pytest.approx(expected, abs=1e-9)


def test_multiclass_of_a_segment_equals_scikit_learns_macro_averages() -> None:
    config, frame = multiclass()
    frame = frame[~((frame["vendor"] == "c") & ((frame["duration"] == "mid") | (frame["prediction"] == "mid")))]
    found = measured(config, frame)
    for name in "abc":
        rows = frame[frame["vendor"] == name]
        target, prediction = rows["duration"], rows["prediction"]
        how = {"average": "macro", "zero_division": 0}
        expected = {
            "accuracy": sk.accuracy_score(target, prediction),
            "precision": sk.precision_score(target, prediction, **how),
            "recall": sk.recall_score(target, prediction, **how),
            "f1": sk.f1_score(target, prediction, **how),
        }
        assert found[f"vendor={name}"] == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("task", ["regression", "binary", "multiclass"])
def test_one_segment_that_is_the_whole_window_has_the_scores_of_the_window(task: str) -> None:
    config, frame = segmented(), make_frame(400, seed=1).assign(duration=lambda rows: np.round(rows["duration"] - 10))
    if task == "binary":
        config, frame = segmented(make_binary_config), make_binary_frame(400, seed=1)
        frame.loc[:5, "late_proba"] = [0.0, 1.0, np.nan, 0.0, 1.0, 0.5]
    elif task == "multiclass":
        config, frame = multiclass()
    frame["vendor"] = pd.Series("all", index=frame.index, dtype="str")
    assert measured(config, frame) == {"vendor=all": pytest.approx(performance_scores(config, frame), abs=1e-9)}


@pytest.mark.parametrize(
    ("target", "prediction", "expected"),
    [
        ("1", "1", {"accuracy": 1, "precision": 1, "recall": 1, "f1": 1}),
        ("0", "0", {"accuracy": 1}),
        ("0", "1", {"accuracy": 0, "precision": 0, "f1": 0}),
        ("1", "0", {"accuracy": 0, "recall": 0, "f1": 0}),
    ],
)
def test_a_segment_of_one_class_lacks_only_what_is_not_defined(target: str, prediction: str, expected: dict[str, float]) -> None:
    frame = make_binary_frame(400, seed=1)
    frame.loc[frame["vendor"] == "b", ["late", "prediction"]] = [target, prediction]
    found = measured(segmented(make_binary_config), frame)
    assert found["vendor=b"] == expected
    assert len(found["vendor=a"]) == 6


def test_only_rows_with_label_and_prediction_count() -> None:
    frame = make_frame(400, seed=1)
    rows = frame.index[frame["vendor"] == "b"]
    frame.loc[rows[20:], "duration"] = np.nan
    assert "vendor=b" in measured(segmented(), frame)
    frame.loc[rows[0], "prediction"] = np.nan
    assert set(measured(segmented(), frame)) == {"vendor=a", "vendor=c"}
    assert measured(segmented(), frame.assign(duration=np.nan)) == {}
    assert measured(segmented(), frame.drop(columns="duration")) == {}
    assert measured(segmented(segments=[]), frame) == {}


def test_row_order_and_index_are_irrelevant() -> None:
    frame = make_frame(400, seed=1)
    frame.loc[:50, "duration"] = np.nan
    mixed = frame.sample(frac=1, random_state=3)
    found, again = measured(segmented(), frame), measured(segmented(), mixed)
    assert list(found) == list(again)
    for segment, scores in found.items():
        assert again[segment] == pytest.approx(scores)


def test_the_reference_value_is_that_of_the_same_segment_where_it_has_enough_rows() -> None:
    current, reference = make_frame(400, seed=1), make_frame(400, seed=2)
    reference = reference[~((reference["vendor"] == "c") & (reference["vendor"].eq("c").cumsum() > 19))]
    found = {(item.segment, item.metric): item.reference_value for item in segment_performance(segmented(), current, reference)}
    only_a = reference[reference["vendor"] == "a"]
    assert found["vendor=a", "mae"] == pytest.approx(sk.mean_absolute_error(only_a["duration"], only_a["prediction"]))
    assert found["vendor=b", "mae"] is not None
    assert found["vendor=c", "mae"] is None
    taken = segment_performance(segmented(), current, reference, {"vendor=a": {"mae": 0.5}})
    known = {(item.segment, item.metric): item.reference_value for item in taken if item.reference_value is not None}
    assert known == {("vendor=a", "mae"): 0.5}


def test_segments_are_recorded_but_no_rule_judges_them() -> None:
    rules = {"rules": [{"metric": "mae", "above": 5}]}
    config = make_config(decision=rules, measures={"minimum_segment_rows": 20})
    current = make_frame(400, seed=1)
    current.loc[current["vendor"] == "c", "prediction"] += 10
    found = measure_batch(config, current, make_frame(400), window=make_window(), model_version="1")
    segments = [item for item in found.metrics if item.segment]
    assert {item.segment for item in segments} == {"vendor=a", "vendor=b", "vendor=c"}
    assert {(item.family, item.column, item.threshold, item.direction, item.verdict) for item in segments} == {
        (Family.PERFORMANCE, "", None, None, None)
    }
    whole, part = found.find("mae"), found.find("mae", segment="vendor=c")
    assert whole is not None
    assert part is not None
    assert part.value is not None
    assert part.value > 9
    assert whole.value == pytest.approx((current["prediction"] - current["duration"]).abs().mean())
    (outcome,) = evaluate(config.decision.rules, found)
    assert (outcome.is_judged, outcome.is_broken) == (True, False)
    assert len({item.address for item in found.metrics}) == len(found.metrics)


def test_at_most_fifty_values_are_segments_the_largest_ones() -> None:
    sizes = {f"v{index:02d}": 20 + index for index in range(60)}
    values = pd.Series([name for name, size in sizes.items() for _ in range(size)], dtype="str")
    found = list(segment_rows(values, "vendor", 20))
    assert found == [f"vendor=v{index:02d}" for index in range(59, 59 - MAX_SEGMENTS, -1)]


def test_values_of_any_type_have_one_spelling_and_missing_ones_are_a_segment() -> None:
    numbers = segment_rows(pd.Series([1.0, 1.0, np.nan, 1234567.0, 1234568.0, 0.25]), "x", 1)
    assert {name: list(rows) for name, rows in numbers.items()} == {
        "x=1": [0, 1], "x=(missing)": [2], "x=1234567": [3], "x=1234568": [4], "x=0.25": [5],
    }  # fmt: skip
    texts = segment_rows(pd.Series(["a", None, "(missing)", ""], dtype="str"), "x", 1)
    assert {name: list(rows) for name, rows in texts.items()} == {"x=(missing)": [1, 2], "x=": [3], "x=a": [0]}
    assert segment_rows(pd.Series([], dtype="str"), "x", 1) == {}


def test_values_that_a_store_refuses_are_shortened_and_stay_apart() -> None:
    awkward = ["x" * 5000, "x" * 5001, "a\x00b", "a\x01b", "größe/ß"]
    names = list(segment_rows(pd.Series(awkward, dtype="str"), "vendor", 1))
    assert len(set(names)) == len(awkward)
    assert "vendor=größe/ß" in names
    assert all(name.isprintable() and len(name) < 150 for name in names)
