"""Champion against challenger: scores, intervals, verdicts, reasons."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn import metrics

from driftgate.errors import RetrainError
from driftgate.predictions import Predictions
from driftgate.records import Comparison, to_dict
from driftgate.resampling import MAXIMUM_UNITS, blocks, single_rows, values
from driftgate.retrain.bootstrap import paired_interval
from driftgate.retrain.compare import compare
from driftgate.retrain.scores import Outcome, make_outcome, scores
from factories import make_binary_config, make_binary_frame, make_config, make_frame


class Fixed:
    """An estimator that repeats a column: the predictions of a test are written down, not learned."""

    def __init__(self, values: str, *, classes: tuple[str, ...] | None = None) -> None:
        self.feature_names_in_ = [values]
        if classes:
            self.classes_ = np.array(classes)
            self.predict_proba = lambda frame: np.column_stack([1 - frame[values], frame[values]])

    def predict(self, frame: pd.DataFrame) -> np.ndarray:
        column = frame[self.feature_names_in_[0]].to_numpy()
        return self.classes_[(column > 0.5).astype(int)] if hasattr(self, "classes_") else column


def held_out(days: int, rows: int, *, day_noise: float = 0.0, gain: float = 0.0, seed: int = 0) -> pd.DataFrame:
    """Rows with two predictions, `old` and `new`, whose errors share what a day does to both; `new` is nearer by `gain`."""
    rng = np.random.default_rng(seed)
    frame = pd.concat([make_frame(rows, seed=seed * 1000 + day, day=day) for day in range(days)], ignore_index=True)
    per_day = np.repeat(rng.normal(0, day_noise, days) if day_noise else np.zeros(days), rows)
    frame["old"] = frame["duration"] + 5 + rng.normal(0, 1, len(frame)) + per_day
    frame["new"] = frame["duration"] + 5 + rng.normal(0, 1, len(frame)) - gain
    return frame


def regression(predictions: np.ndarray, target: np.ndarray) -> Outcome:
    return Outcome("regression", target, predictions)


# --- the verdict ------------------------------------------------------------------------------------------------------


def test_without_champion_the_challenger_wins() -> None:
    result = compare(make_config(), held_out(1, 100), None, Fixed("new"))
    assert result.challenger_wins
    assert result.reason.startswith("there is no champion yet")
    assert (result.gain, dict(result.champion)) == (None, {})
    assert result.challenger["mae"] > 0


def test_a_clearly_better_challenger_wins_and_the_reason_has_the_numbers() -> None:
    frame = held_out(1, 500, gain=1.0)
    result = compare(make_config(), frame, Fixed("old"), Fixed("new"))
    assert result.challenger_wins
    expected = np.abs(frame["old"] - frame["duration"]).mean() - np.abs(frame["new"] - frame["duration"]).mean()
    assert result.gain == pytest.approx(expected)
    assert result.gain_low < result.gain < result.gain_high
    assert f"{result.champion['mae']:.4g}" in result.reason
    assert "500 held-out rows" in result.reason
    assert "resampled by rows" in result.reason


def test_a_worse_challenger_loses() -> None:
    assert not compare(make_config(), held_out(1, 500, gain=-1.0), Fixed("old"), Fixed("new")).challenger_wins


def test_the_same_model_twice_never_wins() -> None:
    result = compare(make_config(), held_out(12, 50), Fixed("old"), Fixed("old"))
    assert (result.challenger_wins, result.gain, result.gain_low) == (False, 0.0, 0.0)


def test_a_gain_within_the_minimum_gain_does_not_win() -> None:
    frame = held_out(1, 2000, gain=0.3)
    assert compare(make_config(), frame, Fixed("old"), Fixed("new")).challenger_wins
    result = compare(make_config(retrain={"minimum_gain": 0.1}), frame, Fixed("old"), Fixed("new"))
    assert not result.challenger_wins
    assert "not beyond the minimum gain of 0.4972" in result.reason


def test_whole_days_are_resampled_when_there_are_ten_of_them() -> None:
    assert "by rows" in compare(make_config(), held_out(9, 30), Fixed("old"), Fixed("new")).reason
    assert "by days" in compare(make_config(), held_out(10, 30), Fixed("old"), Fixed("new")).reason
    hourly = make_config(window={"size": "1h"})
    assert "by windows" in compare(hourly, held_out(1, 240), Fixed("old"), Fixed("new")).reason


def test_days_that_disagree_make_the_interval_wide() -> None:
    frame = held_out(12, 200, day_noise=3.0)
    by_days = compare(make_config(), frame, Fixed("old"), Fixed("new"))
    outcomes = [regression(frame[name].to_numpy(), frame["duration"].to_numpy()) for name in ("old", "new")]
    by_rows = paired_interval("mae", *outcomes, single_rows(len(frame)), confidence=0.95)
    assert by_days.gain_high - by_days.gain_low > 3 * (by_rows.high - by_rows.low)


def test_segments_have_scores_of_both_models_where_there_are_enough_rows() -> None:
    frame = held_out(1, 500, gain=1.0)
    result = compare(make_config(), frame, Fixed("old"), Fixed("new"))
    counts = frame["vendor"].value_counts()
    expected = {f"vendor={name}" for name in counts.index if counts[name] >= 50}
    assert set(result.champion_segments) == set(result.challenger_segments) == expected
    only_a = frame[frame["vendor"] == "a"]
    assert result.challenger_segments["vendor=a"]["mae"] == pytest.approx(np.abs(only_a["new"] - only_a["duration"]).mean())


def test_a_missing_segment_value_is_a_segment_of_its_own() -> None:
    frame = held_out(1, 300)
    frame.loc[:99, "vendor"] = None
    assert "vendor=(missing)" in compare(make_config(), frame, None, Fixed("new")).challenger_segments


def test_segments_of_large_numbers_stay_apart() -> None:
    frame = held_out(1, 300)
    frame["vendor"] = np.where(np.arange(300) < 150, 1234567.0, 1234568.0)
    assert set(compare(make_config(), frame, None, Fixed("new")).challenger_segments) == {"vendor=1234567", "vendor=1234568"}


def test_a_champion_whose_columns_are_gone_is_replaced_and_the_reason_says_why() -> None:
    result = compare(make_config(), held_out(1, 100).drop(columns="old"), Fixed("old"), Fixed("new"))
    assert result.challenger_wins
    assert "the champion cannot score these rows" in result.reason
    assert "'old'" in result.reason


def test_without_any_target_there_is_nothing_to_compare() -> None:
    with pytest.raises(RetrainError, match=r"none of the 50 held-out rows"):
        compare(make_config(), held_out(1, 50).assign(duration=np.nan), None, Fixed("new"))


def test_one_row_never_wins() -> None:
    result = compare(make_config(), held_out(1, 1, gain=4.0), Fixed("old"), Fixed("new"))
    assert (result.challenger_wins, result.gain_low) == (False, None)


def test_a_comparison_survives_being_json() -> None:
    result = compare(make_config(), held_out(1, 200), Fixed("old"), Fixed("new"))
    assert Comparison.from_dict(to_dict(result)) == result


@pytest.mark.parametrize(
    ("metric", "used"), [(None, "log_loss"), ("roc_auc", "roc_auc"), ("f1", "f1"), ("accuracy", "accuracy"), ("recall", "recall")]
)
def test_binary_models_are_compared_by_the_metric_asked_for(metric: str | None, used: str) -> None:
    frame = make_binary_frame(800)
    rng = np.random.default_rng(5)
    frame["old"] = rng.random(len(frame))
    frame["new"] = frame["late_proba"]
    result = compare(
        make_binary_config(retrain={"metric": metric}), frame, Fixed("old", classes=("0", "1")), Fixed("new", classes=("0", "1"))
    )
    assert result.metric == used
    assert result.challenger_wins
    assert result.gain > 0


def test_labels_without_probabilities_are_compared_by_f1() -> None:
    class Labels(Fixed):
        classes_ = np.array(["0", "1"])

        def predict(self, frame: pd.DataFrame) -> np.ndarray:
            return frame[self.feature_names_in_[0]].to_numpy()

    result = compare(make_binary_config(), make_binary_frame(200).assign(old="1"), Labels("old"), Labels("prediction"))
    assert result.metric == "f1"
    assert set(result.challenger) == {"accuracy", "precision", "recall", "f1"}


def test_a_metric_that_the_rows_do_not_allow_is_refused() -> None:
    frame = make_binary_frame(100).assign(late="1", new=0.7)
    with pytest.raises(RetrainError, match=r"roc_auc cannot be computed"):
        compare(make_binary_config(retrain={"metric": "roc_auc"}), frame, None, Fixed("new", classes=("0", "1")))


# --- scores -----------------------------------------------------------------------------------------------------------


def outcomes() -> dict[str, Outcome]:
    rng = np.random.default_rng(1)
    target = rng.normal(10, 5, 400).round(1)
    target[:5] = 0
    proba = rng.random(400).round(2)  # rounded: ties
    truth = np.where(rng.random(400) < proba, "1", "0")
    binary = make_outcome(
        make_binary_config(),
        pd.Series(truth),
        Predictions(np.where(proba > 0.5, "1", "0"), np.column_stack([1 - proba, proba]), np.array(["0", "1"])),
    )
    labels = rng.choice(["a", "b", "c"], 400)
    chances = rng.dirichlet([1, 1, 1], 400)
    many = make_outcome(
        make_config(task="multiclass"),
        pd.Series(labels),
        Predictions(np.array(["a", "b", "c"])[chances.argmax(axis=1)], chances, np.array(["a", "b", "c"])),
    )
    return {"regression": regression(target + rng.normal(0, 2, 400), target), "binary": binary, "multiclass": many}


@pytest.mark.parametrize("task", ["regression", "binary", "multiclass"])
def test_the_bootstraps_metrics_are_those_of_scikit_learn(task: str) -> None:
    """With every row drawn once, and with rows drawn several times, against the rows repeated."""
    outcome = outcomes()[task]
    times = np.random.default_rng(2).integers(0, 4, len(outcome.target))
    repeated = scores(outcome.take(np.repeat(np.arange(len(times)), times)))
    weights = np.vstack([np.ones(len(times)), times]).astype(float)
    for metric, value in scores(outcome).items():
        found = values(metric, outcome, np.arange(len(times)), weights)
        assert found == pytest.approx([value, repeated[metric]]), metric


def test_log_loss_is_that_of_scikit_learn_and_an_unknown_label_costs_most() -> None:
    outcome = outcomes()["binary"]
    assert scores(outcome)["log_loss"] == pytest.approx(metrics.log_loss(outcome.target == "1", outcome.proba))
    unknown = make_outcome(
        make_config(task="multiclass"), pd.Series(["z"]), Predictions(np.array(["a"]), np.array([[1.0, 0.0]]), np.array(["a", "b"]))
    )
    assert scores(unknown)["log_loss"] > 30


def test_scores_by_hand() -> None:
    found = scores(regression(np.array([1.0, 3.0, 2.0]), np.array([2.0, 1.0, 0.0])))
    assert found == pytest.approx({"me": 1.0, "mae": 5 / 3, "rmse": 3**0.5, "mape": 125.0, "r2": 1 - 9 / 2})


def test_scores_that_mean_nothing_are_left_out() -> None:
    assert set(scores(regression(np.array([1.0, 2.0]), np.array([0.0, 0.0])))) == {"me", "mae", "rmse"}
    assert scores(regression(np.array([]), np.array([]))) == {}


# --- the interval -----------------------------------------------------------------------------------------------------


def test_the_interval_agrees_with_scipys_bootstrap() -> None:
    rng = np.random.default_rng(3)
    target = np.zeros(300)
    old, new = rng.normal(0, 2.0, 300), rng.normal(0, 1.8, 300)
    ours = paired_interval("mae", regression(old, target), regression(new, target), single_rows(300), confidence=0.9, resamples=20_000)
    theirs = stats.bootstrap(
        (np.abs(old) - np.abs(new),), np.mean, confidence_level=0.9, n_resamples=20_000, method="percentile", rng=np.random.default_rng(4)
    ).confidence_interval
    width = theirs.high - theirs.low
    assert ours.low == pytest.approx(theirs.low, abs=0.04 * width)
    assert ours.high == pytest.approx(theirs.high, abs=0.04 * width)


def test_the_interval_of_few_days_is_as_wide_as_students_t() -> None:
    """The mean of ten days: expanded percentiles must not be narrower than theory, plain ones are by about a fifth."""
    rng = np.random.default_rng(6)
    days = np.repeat(np.arange(10), 50)
    difference = np.repeat(rng.normal(0, 1, 10), 50)
    ours = paired_interval(
        "me",
        regression(100 + difference, np.zeros(500)),
        regression(np.full(500, 100.0), np.zeros(500)),
        days,
        confidence=0.95,
        resamples=20_000,
    )
    means = difference[::50]
    theory = stats.t.interval(0.95, 9, loc=means.mean(), scale=means.std(ddof=1) / 10**0.5)
    assert (ours.high - ours.low) / (theory[1] - theory[0]) == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize(("days", "rows", "day_noise"), [(1, 100, 0.0), (12, 40, 1.0), (30, 20, 0.5)], ids=["rows", "12 days", "30 days"])
def test_intervals_cover_the_true_gain_as_often_as_they_say_and_equal_models_seldom_win(days: int, rows: int, day_noise: float) -> None:
    """400 simulated comparisons of two equally good models; 95 % intervals, so about 2.5 % may win (limit 5 %, by binomial noise)."""
    rng = np.random.default_rng(7)
    units = blocks(np.repeat(np.arange(days), rows)) if days > 1 else single_rows(rows)
    target = np.zeros(days * rows)
    covered = wins = 0
    for seed in range(400):
        shared = rng.normal(5, 2, days * rows)
        shift = [np.repeat(rng.normal(0, day_noise, days), rows) for _ in range(2)]
        old, new = (shared + moved + rng.normal(0, 1, days * rows) for moved in shift)
        found = paired_interval("mae", regression(old, target), regression(new, target), units, confidence=0.95, seed=seed, resamples=1000)
        covered += found.low <= 0 <= found.high
        wins += found.low > 0
    assert wins / 400 <= 0.05
    assert 0.925 <= covered / 400 <= 0.985


def test_many_rows_in_random_groups_give_the_same_interval_as_single_rows() -> None:
    rng = np.random.default_rng(8)
    size = MAXIMUM_UNITS * 4
    target, old, new = np.zeros(size), rng.normal(0, 2, size), rng.normal(0, 1.9, size)
    assert len(np.unique(single_rows(size))) == MAXIMUM_UNITS
    grouped = paired_interval("mae", regression(old, target), regression(new, target), single_rows(size), confidence=0.95)
    theory = stats.sem(np.abs(old) - np.abs(new)) * 1.96
    assert (grouped.high - grouped.low) / 2 == pytest.approx(theory, rel=0.08)


def test_the_same_seed_gives_the_same_interval() -> None:
    frame = held_out(1, 300)
    assert compare(make_config(), frame, Fixed("old"), Fixed("new")) == compare(make_config(), frame, Fixed("old"), Fixed("new"))
