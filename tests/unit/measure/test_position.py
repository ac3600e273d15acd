"""Position against SciPy's Mann-Whitney statistic and scikit-learn's area under the curve."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from driftgate.measure.drift import column_drift
from driftgate.measure.position import position, position_metrics
from driftgate.records import Family, Metric
from driftgate.samples import Numbers
from factories import make_binary_config, make_binary_frame, make_config, make_frame


def found(current: pd.DataFrame, reference: pd.DataFrame) -> dict[str, Metric]:
    return {item.column: item for item in position_metrics(make_config(), current, reference)}


@pytest.mark.parametrize("digits", [6, 0], ids=["no ties", "ties"])
def test_it_is_the_mann_whitney_statistic_per_pair(digits: int) -> None:
    rng = np.random.default_rng(1)
    current, reference = rng.normal(0.3, 1, 300).round(digits), rng.normal(0, 1, 700).round(digits)
    value = position(Numbers.of(current), Numbers.of(reference))
    assert value == pytest.approx(stats.mannwhitneyu(current, reference).statistic / (300 * 700), abs=1e-12)
    assert value == pytest.approx(roc_auc_score([1] * 300 + [0] * 700, np.concatenate([current, reference])), abs=1e-12)


@pytest.mark.parametrize(("current", "expected"), [([5.0, 6.0], 1.0), ([-1.0], 0.0), ([2.0], 0.5), ([1.0, 4.0], 7 / 12), ([], None)])
def test_worked_out_by_hand(current: list[float], expected: float | None) -> None:
    assert position(Numbers.of(current), Numbers.of([1.0, 2.0, 3.0])) == (None if expected is None else pytest.approx(expected))


def test_same_rows_are_exactly_in_the_middle() -> None:
    values = Numbers.of(np.random.default_rng(2).gamma(2, 2, 999).round(1))
    assert position(values, values) == 0.5


def test_numericals_prediction_target_and_residual_have_one_in_the_family_of_their_drift() -> None:
    current, reference = make_frame(200, seed=1, shift=1.0, slope=2.5), make_frame(2000)
    ours = found(current, reference)
    drift = {item.column: item.family for item in column_drift(make_config(), current, reference) if item.column != "vendor"}
    assert {name: item.family for name, item in ours.items()} == {**drift, "residual": Family.CONCEPT_DRIFT}
    assert {(item.metric, item.threshold, item.verdict) for item in ours.values()} == {("position", None, None)}
    assert ours["distance"].value is not None
    assert ours["residual"].value is not None
    assert ours["distance"].value > 0.6
    assert ours["residual"].value > 0.6  # predicted too high


def test_classification_has_no_position_of_labels_but_of_residuals() -> None:
    current, reference = make_binary_frame(300, seed=1), make_binary_frame(900, seed=2)
    ours = {item.column: item.value for item in position_metrics(make_binary_config(), current, reference)}
    assert set(ours) == {"distance", "hour", "residual"}
    columns = {**make_binary_config().columns.model_dump(), "prediction_proba": None}
    ours = {item.column: item.value for item in position_metrics(make_binary_config(columns=columns), current, reference)}
    wrong, usual = ((frame["late"] != frame["prediction"]).mean() for frame in (current, reference))
    assert ours["residual"] == pytest.approx(0.5 + (wrong - usual) / 2)


def test_columns_whose_drift_is_switched_off_are_left_out() -> None:
    config = make_config(measures={"columns": {"hour": {"drift": False}}})
    assert "hour" not in {item.column for item in position_metrics(config, make_frame(50), make_frame(100))}


def test_nulls_and_infinities_are_dropped() -> None:
    current, reference = make_frame(200, seed=1), make_frame(500)
    expected = found(current.drop(index=[3, 4, 5]), reference)["distance"]
    current.loc[[3, 4, 5], "distance"] = [np.nan, np.inf, -np.inf]
    assert found(current, reference)["distance"] == expected


def test_what_is_not_there_has_no_position() -> None:
    current, reference = make_frame(200, seed=1).assign(hour=np.nan, duration=np.nan), make_frame(500)
    ours = found(current, reference)
    assert ours["hour"].value is None
    assert not {"duration", "residual"} & set(ours)
    assert {item.value for item in found(current.head(0), reference).values()} == {None}


def test_row_order_is_irrelevant() -> None:
    current, reference = make_frame(300, seed=1, shift=0.2), make_frame(700)
    assert found(current.sample(frac=1, random_state=1), reference.sample(frac=1, random_state=2)) == found(current, reference)
