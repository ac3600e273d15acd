"""Drift scores against Evidently's own Report, against SciPy, and on awkward data."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
from evidently import DataDefinition, Dataset, Report
from evidently.metrics import DriftedColumnsCount, ValueDrift
from evidently.presets import DataDriftPreset
from scipy import stats
from scipy.spatial.distance import jensenshannon

from driftgate.config.models import DRIFT_METHODS, P_VALUE_METHODS, MonitorConfig
from driftgate.errors import MeasureError
from driftgate.measure.drift import column_drift, dataset_drift
from driftgate.records import Direction, Family, Metric, MetricVerdict
from driftgate.two_sample import REPLACED
from factories import make_binary_config, make_binary_frame, make_config, make_frame

NUMERICAL = ("distance", "hour", "duration", "prediction")
COLUMNS = [*NUMERICAL, "vendor"]
CLOSE = 1e-9


def scores(config: MonitorConfig, current: pd.DataFrame, reference: pd.DataFrame) -> dict[str, Metric]:
    return {item.column: item for item in column_drift(config, current, reference)}


def total(config: MonitorConfig, current: pd.DataFrame, reference: pd.DataFrame) -> dict[str, Metric]:
    return {item.metric: item for item in dataset_drift(config, column_drift(config, current, reference))}


def report(metrics: list[Any], current: pd.DataFrame, reference: pd.DataFrame) -> list[dict[str, Any]]:
    definition = DataDefinition(numerical_columns=list(NUMERICAL), categorical_columns=["vendor"])
    both = [Dataset.from_pandas(frame[COLUMNS], data_definition=definition) for frame in (current, reference)]
    return list(Report(metrics, include_tests=False).run(*both).dict()["metrics"])


def soiled(frame: pd.DataFrame) -> pd.DataFrame:
    """Nulls and infinities in every measured column."""
    frame = frame.copy()
    frame.loc[frame.index[3:9], "distance"] = np.nan
    frame.loc[frame.index[10], "distance"] = np.inf
    frame.loc[frame.index[5:8], "vendor"] = None
    return frame


def frequencies(values: pd.Series, keys: list[Any]) -> np.ndarray:
    return np.array([(values == key).mean() for key in keys])


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("reference_rows", [600, 3000], ids=["p-values", "distances"])
def test_scores_equal_evidentlys_data_drift_preset(reference_rows: int) -> None:
    current, reference = soiled(make_frame(300, seed=1, shift=0.5)), soiled(make_frame(reference_rows, seed=2))
    values = {
        item["config"]["column"]: item
        for item in report([DataDriftPreset(columns=COLUMNS)], current, reference)
        if "column" in item["config"]
    }
    ours = scores(make_config(), current, reference)
    assert set(values) == set(ours) == set(COLUMNS)
    for name, item in values.items():
        if ours[name].method not in REPLACED.values():  # Evidently's chi-square takes the reference for exact
            assert ours[name].value == pytest.approx(item["value"], abs=CLOSE)
        assert ours[name].threshold == item["config"]["threshold"]
    assert [name for name in values if ours[name].method in REPLACED.values()] == (["vendor"] if reference_rows == 600 else [])


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("method", sorted({*DRIFT_METHODS} - {"chisquare", "mannw"}))
def test_every_method_equals_evidentlys_value_drift(method: str) -> None:
    current, reference = make_frame(60, seed=1, shift=0.5), make_frame(80, seed=2)
    column = "vendor" if method == "z" else "distance"
    config = make_config(measures={"columns": {column: {"method": method}}})
    [expected] = report([ValueDrift(column=column, method=method)], current, reference)
    metric = scores(config, current, reference)[column]
    assert metric.method == method
    assert metric.value == pytest.approx(expected["value"], abs=CLOSE)
    assert metric.threshold == expected["config"]["threshold"]


@pytest.mark.parametrize("method", DRIFT_METHODS)
def test_direction_says_on_which_side_drift_lies(method: str) -> None:
    column = "vendor" if method in {"chisquare", "z"} else "distance"
    config = make_config(measures={"columns": {column: {"method": method}}})
    reference, same, moved = make_frame(400, seed=2), make_frame(400, seed=1), make_frame(400, seed=1, shift=9.0)
    moved["vendor"] = pd.Series("c", index=moved.index, dtype="str")
    near, far = scores(config, same, reference)[column], scores(config, moved, reference)[column]
    assert far.verdict is MetricVerdict.ALARM
    assert far.direction is (Direction.BELOW if method in P_VALUE_METHODS else Direction.ABOVE)
    assert (far.value < near.value) is (far.direction is Direction.BELOW)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("shift", [0.0, 0.3, 3.0])
def test_drifted_columns_equal_evidentlys_count_over_features_prediction_and_target(shift: float) -> None:
    current, reference = make_frame(300, seed=1, shift=shift), make_frame(3000, seed=2)
    [expected] = report([DriftedColumnsCount(columns=COLUMNS)], current, reference)
    ours = total(make_config(), current, reference)
    assert ours["drifted_columns"].value == expected["value"]["count"]
    assert ours["drift_share"].value == pytest.approx(expected["value"]["share"])
    assert ours["dataset_drift"].value == float(expected["value"]["share"] >= 0.5)


def test_the_data_set_drifts_from_the_configured_share_on() -> None:
    current, reference = make_frame(300, seed=1, shift=3.0), make_frame(3000, seed=2)
    share = total(make_config(), current, reference)["drift_share"].value
    assert share is not None
    assert 0 < share < 1
    for limit, drifted in ((share, 1.0), (share + 0.01, 0.0)):
        found = total(make_config(measures={"drift_share": limit}), current, reference)
        assert found["dataset_drift"].value == drifted
        assert (found["drift_share"].verdict is MetricVerdict.ALARM) is bool(drifted)


def test_large_reference_numeric_is_wasserstein_over_the_references_deviation() -> None:
    current, reference = make_frame(300, seed=1, shift=0.5), make_frame(3000, seed=2)
    metric = scores(make_config(), current, reference)["distance"]
    expected = stats.wasserstein_distance(reference["distance"], current["distance"]) / np.std(reference["distance"])
    assert (metric.method, metric.threshold, metric.direction) == ("wasserstein", 0.1, Direction.ABOVE)
    assert metric.value == pytest.approx(expected, abs=CLOSE)


def test_large_reference_categorical_is_jensen_shannon_of_the_frequencies() -> None:
    current, reference = make_frame(300, seed=1), make_frame(3000, seed=2)
    metric = scores(make_config(), current, reference)["vendor"]
    keys = ["a", "b", "c"]
    expected = jensenshannon(frequencies(reference["vendor"], keys), frequencies(current["vendor"], keys))
    assert (metric.method, metric.threshold, metric.direction) == ("jensenshannon", 0.1, Direction.ABOVE)
    assert metric.value == pytest.approx(expected, abs=CLOSE)


def test_large_reference_numeric_of_few_values_is_jensen_shannon() -> None:
    current, reference = make_frame(300, seed=1), make_frame(3000, seed=2)
    for frame in (current, reference):
        frame["hour"] = frame["hour"] % 4
    metric = scores(make_config(), current, reference)["hour"]
    expected = jensenshannon(frequencies(reference["hour"], [0, 1, 2, 3]), frequencies(current["hour"], [0, 1, 2, 3]))
    assert metric.method == "jensenshannon"
    assert metric.value == pytest.approx(expected, abs=CLOSE)


def test_numeric_jensen_shannon_is_over_bins_of_both_samples() -> None:
    current, reference = make_frame(300, seed=1, shift=0.5), make_frame(3000, seed=2)
    config = make_config(measures={"columns": {"distance": {"method": "jensenshannon"}}})
    edges = np.histogram_bin_edges(np.concatenate([reference["distance"], current["distance"]]), bins="sturges")
    binned = [np.histogram(frame["distance"], edges)[0] / len(frame) for frame in (reference, current)]
    assert scores(config, current, reference)["distance"].value == pytest.approx(jensenshannon(*binned), abs=CLOSE)


def test_small_reference_numeric_is_kolmogorov_smirnov() -> None:
    current, reference = make_frame(300, seed=1, shift=0.5), make_frame(800, seed=2)
    metric = scores(make_config(), current, reference)["distance"]
    assert (metric.method, metric.threshold, metric.direction) == ("ks", 0.05, Direction.BELOW)
    assert metric.value == pytest.approx(stats.ks_2samp(reference["distance"], current["distance"]).pvalue, abs=CLOSE)


def test_small_reference_categorical_is_the_two_sample_chi_square_of_the_counts() -> None:
    current, reference = make_frame(300, seed=1), make_frame(800, seed=2)
    metric = scores(make_config(), current, reference)["vendor"]
    table = [[(frame["vendor"] == key).sum() for key in ("a", "b", "c")] for frame in (reference, current)]
    assert (metric.method, metric.threshold, metric.direction) == ("chisquare_two_sample", 0.05, Direction.BELOW)
    assert metric.value == pytest.approx(stats.chi2_contingency(table, correction=False).pvalue, abs=CLOSE)
    named = scores(make_config(measures={"method_categorical": "chisquare"}), current, reference)["vendor"]
    assert named == metric


def test_small_reference_numeric_of_few_values_is_the_two_sample_chi_square() -> None:
    current, reference = (make_frame(rows, seed=rows) for rows in (300, 800))
    for frame in (current, reference):
        frame["hour"] = frame["hour"] % 4
    metric = scores(make_config(), current, reference)["hour"]
    table = [[(frame["hour"] == key).sum() for key in range(4)] for frame in (reference, current)]
    assert metric.method == "chisquare_two_sample"
    assert metric.value == pytest.approx(stats.chi2_contingency(table, correction=False).pvalue, abs=CLOSE)


def test_cramer_von_mises_is_evidentlys_without_ties_and_calm_with_them() -> None:
    config = make_config(measures={"method_numerical": "cramer_von_mises"})
    found = scores(config, make_frame(50, seed=1), make_frame(500, seed=2))
    assert (found["distance"].method, found["hour"].method) == ("cramer_von_mises", "cramer_von_mises_ties")
    assert found["hour"].threshold == found["distance"].threshold == 0.1
    assert found["hour"].verdict is MetricVerdict.OK  # Evidently's p-value of these whole numbers is 0


@pytest.mark.parametrize("shift", [-2.0, 2.0])
def test_mann_whitney_sees_both_sides(shift: float) -> None:
    current, reference = make_frame(300, seed=1, shift=shift), make_frame(800, seed=2)
    metric = scores(make_config(measures={"columns": {"distance": {"method": "mannw"}}}), current, reference)["distance"]
    expected = stats.mannwhitneyu(reference["distance"], current["distance"], alternative="two-sided").pvalue
    assert (metric.method, metric.verdict) == ("mannw_two_sided", MetricVerdict.ALARM)
    assert metric.value == pytest.approx(expected, rel=1e-9)


def test_small_reference_with_two_categories_is_a_z_test_of_proportions() -> None:
    current, reference = make_frame(300, seed=1), make_frame(800, seed=2)
    for frame in (current, reference):
        frame["vendor"] = frame["vendor"].replace("c", "b")
    metric = scores(make_config(), current, reference)["vendor"]
    one, two = (reference["vendor"] == "b").mean(), (current["vendor"] == "b").mean()
    pooled = (one * 800 + two * 300) / 1100
    z = (one - two) / np.sqrt(pooled * (1 - pooled) * (1 / 800 + 1 / 300))
    assert (metric.method, metric.direction) == ("z", Direction.BELOW)
    assert metric.value == pytest.approx(2 * (1 - stats.norm.cdf(abs(z))), abs=CLOSE)


def test_each_column_is_in_its_family() -> None:
    found = scores(make_config(), make_frame(100, seed=1), make_frame(2000))
    families = {name: item.family for name, item in found.items()}
    assert families["prediction"] is Family.PREDICTION_DRIFT
    assert families["duration"] is Family.TARGET_DRIFT
    assert families["distance"] is families["vendor"] is Family.DATA_DRIFT


def test_classification_outcomes_are_compared_as_classes_whatever_their_type() -> None:
    current, reference = make_binary_frame(300, seed=1), make_binary_frame(2000)
    expected = scores(make_binary_config(), current, reference)["late"]
    current["late"] = current["late"].astype("float64")
    reference["late"] = reference["late"].astype("int64")
    assert scores(make_binary_config(), current, reference)["late"] == expected
    assert expected.method == "jensenshannon"


@pytest.mark.parametrize("reference_rows", [600, 3000], ids=["p-values", "distances"])
def test_text_labels_of_a_binary_task_drift_like_numbers(reference_rows: int) -> None:
    current, reference = make_binary_frame(300, seed=1), make_binary_frame(reference_rows, seed=2)
    current["late"] = current["late"].mask(current.index % 3 == 0, "1")
    expected = scores(make_binary_config(), current, reference)
    for frame in (current, reference):
        frame[["late", "prediction"]] = frame[["late", "prediction"]].replace({"1": "late", "0": "on time"})
    config = make_binary_config(columns={**make_binary_config().columns.model_dump(), "positive_label": "late"})
    found = scores(config, current, reference)
    for name, family in (("late", Family.TARGET_DRIFT), ("prediction", Family.PREDICTION_DRIFT)):
        assert found[name].family is family
        assert found[name].value == pytest.approx(expected[name].value, abs=1e-12)
    assert (found["late"].verdict, found["prediction"].verdict) == (MetricVerdict.ALARM, MetricVerdict.OK)


def test_same_data_does_not_drift() -> None:
    reference = make_frame(3000)
    for frame in (reference, make_frame(500)):
        found = scores(make_config(), frame, frame)
        assert {item.verdict for item in found.values()} == {MetricVerdict.OK}
    assert all(item.value == pytest.approx(0, abs=CLOSE) for item in scores(make_config(), reference, reference).values())


@pytest.mark.parametrize("reference_rows", [600, 3000])
def test_row_order_is_irrelevant(reference_rows: int) -> None:
    current, reference = make_frame(300, seed=1, shift=0.5), make_frame(reference_rows, seed=2)
    mixed = scores(make_config(), current.sample(frac=1, random_state=1), reference.sample(frac=1, random_state=2))
    for name, item in scores(make_config(), current, reference).items():
        assert mixed[name].value == pytest.approx(item.value, abs=CLOSE)


def test_a_larger_shift_has_a_larger_score() -> None:
    reference = make_frame(3000)
    found = [scores(make_config(), make_frame(300, seed=1, shift=shift), reference)["distance"].value for shift in (0.5, 1, 2, 4)]
    assert found == sorted(found)
    assert found[0] < found[-1]


def test_drift_of_a_column_can_be_switched_off() -> None:
    config = make_config(measures={"columns": {"hour": {"drift": False}, "duration": {"drift": False}}})
    assert set(scores(config, make_frame(100), make_frame(200))) == {"distance", "vendor", "prediction"}


def test_method_and_threshold_of_the_file_are_used() -> None:
    config = make_config(measures={"method_numerical": "psi", "columns": {"hour": {"threshold": 0.3}, "distance": {"method": "auto"}}})
    found = scores(config, make_frame(300, seed=1), make_frame(3000))
    assert (found["hour"].method, found["hour"].threshold) == ("psi", 0.3)
    assert (found["prediction"].method, found["prediction"].threshold) == ("psi", 0.1)
    assert found["distance"].method == "wasserstein"


def test_the_threshold_decides_the_verdict() -> None:
    current, reference = make_frame(300, seed=1, shift=0.5), make_frame(3000)
    verdicts = []
    for threshold in (0.01, 5.0):
        config = make_config(measures={"columns": {"distance": {"threshold": threshold}}})
        verdicts.append(scores(config, current, reference)["distance"].verdict)
    assert verdicts == [MetricVerdict.ALARM, MetricVerdict.OK]


def test_a_method_of_the_wrong_column_type_is_refused_with_the_remedy() -> None:
    config = make_config(measures={"columns": {"distance": {"method": "chisquare"}}})
    with pytest.raises(MeasureError, match=r"trips.*'chisquare'.*'distance'.*measures\.columns\.distance\.method"):
        column_drift(config, make_frame(100), make_frame(100))


def test_a_missing_feature_is_an_error_that_names_it() -> None:
    with pytest.raises(MeasureError, match="current rows lack the feature 'hour'"):
        column_drift(make_config(), make_frame(100).drop(columns="hour"), make_frame(100))


def test_an_all_null_column_is_too_few_rows_and_does_not_count() -> None:
    current = make_frame(300, seed=1)
    current["distance"], current["vendor"] = np.nan, pd.Series(None, index=current.index, dtype="str")
    found = scores(make_config(), current, make_frame(3000))
    for name in ("distance", "vendor"):
        assert (found[name].value, found[name].verdict) == (None, MetricVerdict.TOO_FEW_ROWS)
    assert total(make_config(), current, make_frame(3000))["judged_columns"].value == 3


@pytest.mark.parametrize("rows", [1, 2, 29])
@pytest.mark.parametrize("reference_rows", [500, 3000])
def test_few_rows_are_measured_but_not_judged(rows: int, reference_rows: int) -> None:
    current, reference = make_frame(rows, seed=1, shift=50), make_frame(reference_rows)
    for first, second in ((current, reference), (reference, current)):
        found = scores(make_config(), first, second)
        assert {item.verdict for item in found.values()} == {MetricVerdict.TOO_FEW_ROWS}
        share = total(make_config(), first, second)["drift_share"]
        assert (share.value, share.verdict) == (None, MetricVerdict.TOO_FEW_ROWS)


def test_no_rows_are_too_few_rows() -> None:
    found = scores(make_config(), make_frame(100).head(0), make_frame(3000))
    assert set(found) == {"distance", "hour", "vendor"}
    assert {item.verdict for item in found.values()} == {MetricVerdict.TOO_FEW_ROWS}


def test_labels_that_have_not_arrived_are_no_target_drift() -> None:
    current = make_frame(300, seed=1).assign(duration=np.nan)
    assert "duration" not in scores(make_config(), current, make_frame(3000))
    assert "duration" not in scores(make_config(), current.drop(columns="duration"), make_frame(3000))


@pytest.mark.parametrize("reference_rows", [500, 3000])
def test_a_new_category_is_drift(reference_rows: int) -> None:
    current = make_frame(300, seed=1)
    current["vendor"] = pd.Series("new", index=current.index, dtype="str")
    assert scores(make_config(), current, make_frame(reference_rows))["vendor"].verdict is MetricVerdict.ALARM


@pytest.mark.parametrize("reference_rows", [500, 3000])
def test_a_constant_column_is_judged(reference_rows: int) -> None:
    current, reference = make_frame(300, seed=1), make_frame(reference_rows)
    for frame in (current, reference):
        frame["distance"], frame["vendor"] = 5.0, pd.Series("a", index=frame.index, dtype="str")
    same = scores(make_config(), current, reference)
    assert same["distance"].verdict is same["vendor"].verdict is MetricVerdict.OK
    current["distance"] = 6.0
    assert scores(make_config(), current, reference)["distance"].verdict is MetricVerdict.ALARM


def test_what_a_method_cannot_judge_has_no_value_and_is_not_counted(caplog: pytest.LogCaptureFixture) -> None:
    config = make_config(measures={"columns": {"distance": {"method": "es"}}})
    current, reference = (frame.assign(distance=5.0) for frame in (make_frame(300, seed=1), make_frame(3000)))
    metric = scores(config, current, reference)["distance"]
    assert (metric.value, metric.verdict, metric.method) == (None, None, "es")
    assert "method es cannot judge column distance" in caplog.text
    assert total(config, current, reference)["judged_columns"].value == 4


@pytest.mark.parametrize("reference_rows", [40, 500, 3000])
def test_no_warning_leaks_from_awkward_data(reference_rows: int) -> None:
    current, reference = soiled(make_frame(60, seed=1)), soiled(make_frame(reference_rows))
    current["vendor"] = pd.Series(["new", None] * 30, dtype="str")
    current["hour"] = np.inf
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = scores(make_config(), current, reference)
    assert found["hour"].verdict is MetricVerdict.TOO_FEW_ROWS


def test_measuring_leaves_the_frames_alone() -> None:
    current, reference = soiled(make_frame(100, seed=1)), soiled(make_frame(2000))
    before = current.copy(), reference.copy()
    column_drift(make_config(measures={"method_numerical": "hellinger", "method_categorical": "hellinger"}), current, reference)
    pd.testing.assert_frame_equal(current, before[0])
    pd.testing.assert_frame_equal(reference, before[1])
