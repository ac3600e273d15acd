"""Ranges of realised performance, against SciPy's bootstrap, theory and simulation."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn import metrics

from driftgate.config.models import MonitorConfig
from driftgate.measure.performance import performance
from driftgate.measure.ranges import with_ranges
from driftgate.measure.segments import segment_performance
from driftgate.records import Family, Metric
from factories import make_binary_config, make_binary_frame, make_config, make_frame

Ranges = dict[str, tuple[float, float]]


def by_hand(config: MonitorConfig, frame: pd.DataFrame, names: tuple[str, ...], value: float = 0.5, **options: Any) -> Ranges:
    """Ranges of metrics whose values are not computed: only whether they exist counts."""
    found = with_ranges(config, frame, [Metric(Family.PERFORMANCE, name, value) for name in names], **options)
    return {item.metric: (item.low, item.high) for item in found}


def scipys(frame: pd.DataFrame, statistic: Callable[..., float], *columns: str) -> tuple[float, float]:
    data = tuple(frame[name].to_numpy() for name in columns)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = stats.bootstrap(
            data, statistic, paired=True, vectorized=False, n_resamples=2000, method="percentile", rng=np.random.default_rng(5)
        )
    return found.confidence_interval.low, found.confidence_interval.high


def assert_near(ours: tuple[float, float], theirs: tuple[float, float]) -> None:
    width = theirs[1] - theirs[0]
    assert ours == pytest.approx(theirs, abs=0.08 * width)


# --- against SciPy ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("metric", "statistic"),
    [
        ("me", lambda target, prediction: np.mean(prediction - target)),
        ("mae", lambda target, prediction: np.mean(np.abs(prediction - target))),
        ("rmse", lambda target, prediction: np.sqrt(np.mean((prediction - target) ** 2))),
        ("mape", lambda target, prediction: 100 * np.mean(np.abs((prediction - target) / target))),
        ("r2", lambda target, prediction: 1 - np.sum((prediction - target) ** 2) / np.sum((target - target.mean()) ** 2)),
    ],
)
def test_regression_ranges_are_those_of_scipy(metric: str, statistic: Callable[..., float]) -> None:
    frame = make_frame(500, seed=3)
    frame["duration"] = frame["duration"].abs() + 5
    ours = by_hand(make_config(), frame, (metric,), resamples=4000)
    assert_near(ours[metric], scipys(frame, statistic, "duration", "prediction"))


@pytest.mark.parametrize(
    ("metric", "statistic"),
    [
        ("accuracy", lambda late, called, _: np.mean(late == called)),
        ("precision", lambda late, called, _: np.mean(late[called == 1])),
        ("recall", lambda late, called, _: np.mean(called[late == 1])),
        ("f1", lambda late, called, _: 2 * np.sum(late * called) / np.sum(late + called)),
        ("roc_auc", lambda late, _, proba: metrics.roc_auc_score(late, proba)),
        ("log_loss", lambda late, _, proba: -np.mean(np.log(np.where(late == 1, proba, 1 - proba)))),
    ],
)
def test_binary_ranges_are_those_of_scipy(metric: str, statistic: Callable[..., float]) -> None:
    frame = make_binary_frame(400, seed=3)
    ours = by_hand(make_binary_config(), frame, (metric,), resamples=4000)
    as_numbers = frame.assign(late=(frame["late"] == "1").astype(int), prediction=(frame["prediction"] == "1").astype(int))
    assert_near(ours[metric], scipys(as_numbers, statistic, "late", "prediction", "late_proba"))


def test_multiclass_ranges_are_those_of_the_means_over_labels() -> None:
    rng = np.random.default_rng(2)
    frame = make_frame(400).drop(columns="duration").assign(kind=rng.choice(["a", "b", "c"], 400))
    frame["prediction"] = np.where(rng.random(400) < 0.7, frame["kind"], "a")
    config = make_config(task="multiclass", columns={"timestamp": "ts", "target": "kind", "numerical": ["distance"]})
    ours = by_hand(config, frame, ("accuracy", "f1"), resamples=4000)
    codes = frame[["kind", "prediction"]].apply(lambda column: column.map({"a": 0, "b": 1, "c": 2}))

    def macro_f1(kind: np.ndarray, called: np.ndarray) -> float:
        hits, wanted, named = (np.bincount(part, minlength=3) for part in (kind[kind == called], kind, called))
        return float((2 * hits / (wanted + named)).mean())

    assert macro_f1(*codes.to_numpy().T) == pytest.approx(metrics.f1_score(codes["kind"], codes["prediction"], average="macro"))
    assert_near(ours["f1"], scipys(codes, macro_f1, "kind", "prediction"))
    assert_near(ours["accuracy"], scipys(codes, lambda kind, called: np.mean(kind == called), "kind", "prediction"))


# --- as they are used -------------------------------------------------------------------------------------------------


def test_every_metric_of_a_window_and_its_segments_lies_in_its_range() -> None:
    for config, frame in ((make_config(), make_frame(600)), (make_binary_config(), make_binary_frame(600))):
        found = [*performance(config, frame, {}), *segment_performance(config, frame, frame)]
        ranged = with_ranges(config, frame, found)
        assert [item.address for item in ranged] == [item.address for item in found]
        assert [item.value for item in ranged] == [item.value for item in found]
        for item in ranged:
            assert item.low is not None
            assert item.high is not None
            assert item.low < item.value < item.high, item


def test_a_segment_has_the_range_of_its_own_rows() -> None:
    config, frame = make_config(), make_frame(900)
    found = with_ranges(config, frame, segment_performance(config, frame, frame), resamples=4000)
    (mae,) = (item for item in found if (item.metric, item.segment) == ("mae", "vendor=b"))
    own = frame[frame["vendor"] == "b"]
    assert_near((mae.low, mae.high), by_hand(config, own, ("mae",), resamples=4000)["mae"])


def test_rows_in_any_order_have_the_same_ranges() -> None:
    for config, frame in ((make_config(), make_frame(300)), (make_binary_config(), make_binary_frame(300))):
        found = [*performance(config, frame, {}), *segment_performance(config, frame, frame)]
        assert with_ranges(config, frame.sample(frac=1, random_state=1), found) == with_ranges(config, frame, found)


def test_other_metrics_and_those_without_a_value_are_left_as_they_are() -> None:
    others = [
        Metric(Family.DATA_DRIFT, "drift_score", 0.2, "distance"),
        Metric(Family.PERFORMANCE_ESTIMATED, "estimated_mae", 1.0, low=0.5, high=2.0),
        Metric(Family.PERFORMANCE, "r2", None),
        Metric(Family.PERFORMANCE, "mae", 1.0, segment="vendor=unknown"),
    ]
    assert with_ranges(make_config(), make_frame(100), others) == others
    assert with_ranges(make_config(), make_frame(100), []) == []


def test_ten_days_are_drawn_as_days() -> None:
    """Errors that a whole day shares make the range wide, however many rows there are."""
    rng = np.random.default_rng(4)
    frame = pd.concat([make_frame(100, seed=day, day=day) for day in range(12)], ignore_index=True)
    levels = rng.normal(0, 1, 12)
    frame["prediction"] = frame["duration"] + np.repeat(levels, 100)
    low, high = by_hand(make_config(), frame, ("me",), resamples=4000)["me"]
    theory = stats.t.interval(0.95, 11, loc=levels.mean(), scale=levels.std(ddof=1) / math.sqrt(12))
    assert (high - low) / (theory[1] - theory[0]) == pytest.approx(1.0, abs=0.1)
    one_day = frame.assign(ts=frame["ts"].iloc[0])
    assert high - low > 5 * np.subtract(*by_hand(make_config(), one_day, ("me",))["me"][::-1])


# --- edges ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rows", [0, 1])
def test_no_row_and_a_single_row_have_no_range(rows: int) -> None:
    assert by_hand(make_config(), make_frame(rows), ("mae", "r2")) == {"mae": (None, None), "r2": (None, None)}
    assert by_hand(make_binary_config(), make_binary_frame(rows), ("accuracy",)) == {"accuracy": (None, None)}


def test_rows_without_label_or_with_infinite_values_do_not_count() -> None:
    frame = make_frame(200)
    more = pd.concat([frame, frame.assign(duration=np.nan), frame.assign(prediction=np.inf)], ignore_index=True)
    names = ("mae", "rmse")
    assert by_hand(make_config(), more, names) == by_hand(make_config(), frame, names)
    assert by_hand(make_config(), frame.drop(columns="duration"), names) == dict.fromkeys(names, (None, None))


def test_rows_without_a_probability_count_for_labels_only() -> None:
    frame = make_binary_frame(300)
    frame.loc[200:, "late_proba"] = np.nan
    found = by_hand(make_binary_config(), frame, ("accuracy", "roc_auc"))
    rest = by_hand(make_binary_config(), frame[:200], ("accuracy", "roc_auc"))
    assert found["roc_auc"][1] - found["roc_auc"][0] == pytest.approx(rest["roc_auc"][1] - rest["roc_auc"][0], rel=0.15)
    assert found["accuracy"][1] - found["accuracy"][0] < rest["accuracy"][1] - rest["accuracy"][0]
    without = make_binary_frame(50).drop(columns="late_proba")
    assert by_hand(make_binary_config(), without, ("roc_auc",)) == {"roc_auc": (None, None)}


def test_one_class_has_the_ranges_that_exist() -> None:
    config, frame = make_binary_config(), make_binary_frame(200).assign(late="0", prediction="0")
    found = {item.metric: (item.low, item.high) for item in with_ranges(config, frame, performance(config, frame, {}))}
    assert found["recall"] == found["roc_auc"] == (None, None)
    assert found["accuracy"][1] == 1.0


@pytest.mark.parametrize("is_right", [True, False])
def test_shares_that_all_rows_agree_on_have_wilsons_limits(is_right: bool) -> None:
    frame = make_binary_frame(60)
    frame["prediction"] = frame["late"] if is_right else frame["late"].map({"0": "1", "1": "0"}).astype("str")
    positive = int((frame["late"] == "1").sum())
    found = by_hand(make_binary_config(), frame, ("accuracy", "recall"))
    for name, rows in (("accuracy", 60), ("recall", positive)):
        wilson = stats.binomtest(rows if is_right else 0, rows).proportion_ci(0.95, method="wilson")
        assert found[name] == pytest.approx((wilson.low, wilson.high), abs=1e-12)


def test_errors_that_are_all_the_same_have_a_range_without_width() -> None:
    frame = make_frame(50)
    assert by_hand(make_config(), frame.assign(prediction=frame["duration"] + 2), ("mae",))["mae"] == pytest.approx((2.0, 2.0))


def test_ranges_cover_the_true_error_as_often_as_they_say() -> None:
    """300 simulated windows of 100 rows with normal errors; 3.5 standard errors of a share are 4.4 %."""
    truth, covered = math.sqrt(2 / math.pi), 0
    for seed in range(300):
        low, high = by_hand(make_config(), make_frame(100, seed=seed), ("mae",), resamples=400)["mae"]
        covered += low <= truth <= high
    assert 0.95 - 0.044 <= covered / 300 <= 0.95 + 0.044


def test_a_window_of_a_thousand_rows_takes_milliseconds() -> None:
    config, frame = make_binary_config(), make_binary_frame(1000)
    names = ("accuracy", "precision", "recall", "f1", "roc_auc", "log_loss")
    by_hand(config, frame, names)
    started = time.process_time()
    for _ in range(5):
        by_hand(config, frame, names)
    assert (time.process_time() - started) / 5 < 0.05
