"""Fit and estimate: what is estimated, for whom, and what happens at the edges."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from driftgate.config.models import MonitorConfig
from driftgate.errors import MeasureError
from driftgate.estimate.estimator import Estimator, estimate, fit
from driftgate.records import Family, Metric, MetricVerdict
from factories import make_binary_config, make_config


def by_name(metrics: list[Metric]) -> dict[str, Metric]:
    return {item.metric: item for item in metrics}


def expected_mae(frame: pd.DataFrame) -> float:
    """The truth of conftest's trips: a normal error has the mean size sqrt(2 / pi) times its scale."""
    scale = (0.5 + 0.3 * frame["distance"]) * np.where(frame["vendor"] == "c", 2.0, 1.0)
    return float(scale.mean() * np.sqrt(2 / np.pi))


# --- what is estimated ------------------------------------------------------------------------------------------------


def test_a_window_of_regression_has_mae_and_rmse_with_their_range(
    config: MonitorConfig, estimator: Estimator, make_trips: Callable
) -> None:
    frame, _ = make_trips(1, 1, 400)
    found = by_name(estimate(config, estimator, frame.drop(columns="duration")))
    assert list(found) == ["estimated_mae", "estimated_rmse"]
    for item in found.values():
        assert (item.family, item.method, item.threshold, item.verdict) == (Family.PERFORMANCE_ESTIMATED, "dle", None, None)
        assert item.low < item.value < item.high
    error = frame["prediction"] - frame["duration"]
    assert found["estimated_mae"].value == pytest.approx(expected_mae(frame), rel=0.05)
    assert found["estimated_mae"].low < error.abs().mean() < found["estimated_mae"].high
    assert found["estimated_rmse"].low < (error**2).mean() ** 0.5 < found["estimated_rmse"].high


def test_the_reference_value_is_the_realised_score_of_the_rows_of_the_fit(
    config: MonitorConfig, estimator: Estimator, make_trips: Callable
) -> None:
    rows, _ = make_trips(0, 20, 300)
    found = by_name(estimate(config, estimator, rows[:300]))
    assert found["estimated_mae"].reference_value == pytest.approx((rows["prediction"] - rows["duration"]).abs().mean())


def test_harder_rows_raise_the_estimate_as_they_raise_the_error(config: MonitorConfig, estimator: Estimator, make_trips: Callable) -> None:
    easy, hard = make_trips(2, 1, 400)[0], make_trips(2, 1, 400, shift=3.0)[0]
    hard = hard.assign(vendor=pd.Series(np.where(np.arange(400) % 2, "c", hard["vendor"]), dtype="str"))
    before, after = (by_name(estimate(config, estimator, frame))["estimated_mae"].value for frame in (easy, hard))
    assert after / before == pytest.approx(expected_mae(hard) / expected_mae(easy), rel=0.1)
    assert after > 1.5 * before


def test_a_change_of_what_the_features_mean_does_not_move_the_estimate(
    config: MonitorConfig, estimator: Estimator, make_trips: Callable
) -> None:
    frame, _ = make_trips(3, 1, 400)
    changed = frame.assign(duration=frame["duration"] + 100)
    assert estimate(config, estimator, changed) == estimate(config, estimator, frame)


def test_a_window_of_a_binary_model_has_the_scores_of_cbpe(
    binary_config: MonitorConfig, binary_estimator: Estimator, make_late_trips: Callable
) -> None:
    found = by_name(estimate(binary_config, binary_estimator, make_late_trips(1, 1, 400)[0].drop(columns="late")))
    assert list(found) == [f"estimated_{name}" for name in ("accuracy", "precision", "recall", "f1", "roc_auc", "log_loss")]
    assert {item.method for item in found.values()} == {"cbpe"}
    assert all(item.low < item.value < item.high for item in found.values())


def test_an_overconfident_probability_is_calibrated(
    binary_config: MonitorConfig, binary_estimator: Estimator, make_late_trips: Callable
) -> None:
    """Taken at its word, the model would be right far more often than it is."""
    frame, _ = make_late_trips(2, 1, 20_000)
    found = by_name(estimate(binary_config, binary_estimator, frame))["estimated_accuracy"].value
    claimed = np.maximum(frame["late_proba"], 1 - frame["late_proba"]).mean()
    actual = (frame["late"] == frame["prediction"]).mean()
    assert found == pytest.approx(actual, abs=0.015)
    assert claimed > actual + 0.05


def test_positive_labels_of_other_spellings_are_found() -> None:
    rng = np.random.default_rng(0)
    proba = rng.random(2000)
    late = rng.random(2000) < proba
    frame = pd.DataFrame(
        {"distance": proba, "late": np.where(late, "yes", "no"), "late_proba": proba, "prediction": np.where(proba > 0.5, "yes", "no")}
    )
    columns = {"timestamp": "ts", "target": "late", "prediction_proba": "late_proba", "positive_label": "yes", "numerical": ["distance"]}
    config = make_binary_config(columns=columns)
    fitted = fit(config, frame, np.array_split(np.arange(2000), 10))
    assert fitted.positive == "yes"
    assert by_name(estimate(config, fitted, frame))["estimated_recall"].value == pytest.approx(0.75, abs=0.03)


def test_the_same_rows_in_any_order_have_the_same_estimate(
    config: MonitorConfig,
    estimator: Estimator,
    binary_config: MonitorConfig,
    binary_estimator: Estimator,
    make_trips: Callable,
    make_late_trips: Callable,
) -> None:
    for how, fitted, frame in (
        (config, estimator, make_trips(4, 1, 500)[0]),
        (binary_config, binary_estimator, make_late_trips(4, 1, 500)[0]),
    ):
        assert estimate(how, fitted, frame.sample(frac=1, random_state=1)) == estimate(how, fitted, frame)


def test_the_same_fit_twice_is_the_same(config: MonitorConfig, estimator: Estimator, make_trips: Callable) -> None:
    again = fit(config, *make_trips(0, 20, 300))
    frame, _ = make_trips(5, 1, 300)
    assert again.spreads == estimator.spreads
    assert estimate(config, again, frame) == estimate(config, estimator, frame)


# --- edges of a window ------------------------------------------------------------------------------------------------


def test_an_empty_window_and_one_without_predictions_have_no_estimate(
    config: MonitorConfig, estimator: Estimator, make_trips: Callable
) -> None:
    frame, _ = make_trips(6, 1, 50)
    assert estimate(config, estimator, frame[:0]) == []
    assert estimate(config, estimator, frame.assign(prediction=np.nan)) == []


def test_a_tiny_window_rests_on_too_few_rows(config: MonitorConfig, estimator: Estimator, make_trips: Callable) -> None:
    frame, _ = make_trips(6, 1, config.measures.minimum_rows)
    assert {item.verdict for item in estimate(config, estimator, frame)} == {None}
    tiny = estimate(config, estimator, frame[1:])
    assert {item.verdict for item in tiny} == {MetricVerdict.TOO_FEW_ROWS}
    assert all(item.low < item.value < item.high for item in tiny)


def test_rows_without_a_finite_prediction_do_not_count(config: MonitorConfig, estimator: Estimator, make_trips: Callable) -> None:
    frame, _ = make_trips(7, 1, 200)
    more = pd.concat([frame, frame[:20].assign(prediction=np.inf), frame[:20].assign(prediction=np.nan)], ignore_index=True)
    assert estimate(config, estimator, more) == estimate(config, estimator, frame)


@pytest.mark.parametrize(
    "change",
    [{"distance": np.nan}, {"distance": np.inf}, {"vendor": None}, {"vendor": "new"}, {"hour": 7.0}],
    ids=["all null", "all infinite", "no category", "a new category", "a constant"],
)
def test_odd_features_still_have_an_estimate(config: MonitorConfig, estimator: Estimator, make_trips: Callable, change: dict) -> None:
    frame = make_trips(8, 1, 200)[0].assign(**change)
    frame["vendor"] = frame["vendor"].astype("str")
    for item in estimate(config, estimator, frame):
        assert item.low < item.value < item.high < np.inf
        assert 0.3 < item.value / item.reference_value < 3


def test_the_expected_loss_of_a_row_stands_at_its_place(config: MonitorConfig, estimator: Estimator, make_trips: Callable) -> None:
    frame = make_trips(7, 1, 50)[0]
    losses = estimator.losses(config, frame)
    assert losses.mean() == pytest.approx(estimate(config, estimator, frame)[0].value)
    found = estimator.losses(config, frame.assign(prediction=frame["prediction"].where(np.arange(50) != 7)))
    assert np.isnan(found).nonzero()[0].tolist() == [7]
    assert found[8:].tolist() == losses[8:].tolist()
    assert len(estimator.losses(config, frame[:0])) == 0


def test_a_missing_column_is_named(
    config: MonitorConfig,
    estimator: Estimator,
    binary_config: MonitorConfig,
    binary_estimator: Estimator,
    make_trips: Callable,
    make_late_trips: Callable,
) -> None:
    with pytest.raises(MeasureError, match=r"monitor trips: .* no column 'vendor'; correct the column roles"):
        estimate(config, estimator, make_trips(0, 1, 50)[0].drop(columns="vendor"))
    with pytest.raises(MeasureError, match="no column 'late_proba'"):
        estimate(binary_config, binary_estimator, make_late_trips(0, 1, 50)[0].drop(columns="late_proba"))
    with pytest.raises(MeasureError, match="no column 'duration'"):
        fit(config, make_trips(0, 5, 50)[0].drop(columns="duration"), [np.arange(250)])


def test_precision_without_a_predicted_positive_row_has_no_value(
    binary_config: MonitorConfig, binary_estimator: Estimator, make_late_trips: Callable
) -> None:
    frame = make_late_trips(9, 1, 100)[0].assign(prediction="0")
    found = by_name(estimate(binary_config, binary_estimator, frame))
    assert (found["estimated_precision"].value, found["estimated_precision"].low) == (None, None)
    assert found["estimated_accuracy"].value is not None


# --- edges of the fit -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("overrides", "reason"),
    [
        ({"task": "multiclass"}, "not the probability of every class"),
        ({"task": "binary"}, "no column has the role prediction_proba"),
    ],
)
def test_without_probabilities_there_is_no_estimate_and_the_reason_says_so(overrides: dict, reason: str, make_trips: Callable) -> None:
    config, (rows, windows) = make_config(**overrides), make_trips(0, 5, 50)
    fitted = fit(config, rows, windows)
    assert fitted.reason.startswith("monitor trips: performance cannot be estimated without labels: ")
    assert reason in fitted.reason
    assert estimate(config, fitted, rows) == []


def test_rows_that_teach_nothing_are_said_to(
    config: MonitorConfig, binary_config: MonitorConfig, make_trips: Callable, make_late_trips: Callable
) -> None:
    rows, windows = make_trips(0, 5, 100)
    assert "99 rows have a label and a prediction, at least 100" in fit(config, rows[:99], [np.arange(99)]).reason
    assert "0 rows have" in fit(config, rows, []).reason
    assert "0 rows have" in fit(config, rows.assign(duration=np.nan), windows).reason
    assert "every prediction equals its target" in fit(config, rows.assign(duration=rows["prediction"]), windows).reason
    late, days = make_late_trips(0, 5, 100)
    assert "one class only (positive label '1')" in fit(binary_config, late.assign(late="0"), days).reason


def test_a_feature_without_any_value_is_left_out(config: MonitorConfig, make_trips: Callable) -> None:
    rows, windows = make_trips(0, 10, 100)
    empty = {"hour": np.nan, "vendor": pd.Series(None, index=rows.index, dtype="str")}
    fitted = fit(config, rows.assign(**empty), windows)
    assert fitted.columns(config) == ["distance", "prediction"]
    assert estimate(config, fitted, rows) == estimate(config, fitted, rows.assign(**empty))


def test_labels_that_are_missing_are_left_out_of_the_fit(config: MonitorConfig, make_trips: Callable) -> None:
    rows, windows = make_trips(0, 10, 100)
    rows["duration"] = rows["duration"].where(np.arange(1000) % 4 > 0)
    fitted = fit(config, rows, windows)
    assert fitted.rows == 750
    assert fitted.spreads["mae"].windows == 10


def test_few_long_windows_are_cut_into_pieces(config: MonitorConfig, make_trips: Callable) -> None:
    rows, _ = make_trips(0, 20, 150)
    fitted = fit(config, rows, np.array_split(np.arange(3000), 3))
    assert fitted.spreads["mae"].windows == 20


def test_the_spread_between_windows_is_found(config: MonitorConfig, make_trips: Callable) -> None:
    calm, restless = (fit(config, *make_trips(1, 40, 200, level=level)).spreads["mae"] for level in (0.0, 0.3))
    assert calm.between**0.5 < 0.06
    assert restless.between**0.5 == pytest.approx(0.3, rel=0.35)
    assert restless.within == pytest.approx(calm.within, rel=0.3)
    # one row's error relative to the expected mean: of a normal error pi / 2 - 1 at one scale, more over mixed scales
    assert 0.57 < calm.within < 1.5
