"""Concept drift: residuals by hand, scores against SciPy, labels that are missing or few."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from driftgate.config.models import MonitorConfig
from driftgate.measure.concept import concept_drift
from driftgate.measure.residuals import residuals
from driftgate.records import Family, Metric, MetricVerdict
from factories import make_binary_config, make_binary_frame, make_config, make_frame


def found(config: MonitorConfig, current: pd.DataFrame, reference: pd.DataFrame) -> dict[str, Metric]:
    return {item.metric: item for item in concept_drift(config, current, reference)}


def test_regression_compares_prediction_minus_target() -> None:
    current, reference = make_frame(300, seed=1, slope=3.4), make_frame(3000, seed=2)
    ours = found(make_config(), current, reference)
    errors, usual = (frame["prediction"] - frame["duration"] for frame in (current, reference))
    assert ours["drift_score"].value == pytest.approx(stats.wasserstein_distance(usual, errors) / np.std(usual), abs=1e-9)
    assert ours["residual_mean"].value == pytest.approx(errors.mean())
    assert ours["residual_mean"].reference_value == pytest.approx(usual.mean())
    assert {(item.family, item.column) for item in ours.values()} == {(Family.CONCEPT_DRIFT, "residual")}
    assert (ours["drift_score"].verdict, ours["residual_mean"].verdict) == (MetricVerdict.ALARM, None)


def test_a_changed_relation_is_seen_and_shifted_features_alone_are_not() -> None:
    reference = make_frame(3000, seed=2)
    assert found(make_config(), make_frame(500, seed=1, shift=3.0), reference)["drift_score"].verdict is MetricVerdict.OK
    assert found(make_config(), make_frame(500, seed=1, slope=2.5), reference)["drift_score"].verdict is MetricVerdict.ALARM


@pytest.mark.parametrize("positive", [None, "yes"])
def test_binary_with_a_probability_is_probability_minus_label(positive: str | None) -> None:
    frame = make_binary_frame(50)
    columns = {**make_binary_config().columns.model_dump(), "positive_label": positive}
    expected = frame["late_proba"] - (frame["late"] == "1")
    if positive:
        frame = frame.replace({"late": {"1": "yes", "0": "no"}, "prediction": {"1": "yes", "0": "no"}})
    frame.loc[3, "late_proba"] = np.nan
    ours = residuals(make_binary_config(columns=columns), frame)
    pd.testing.assert_series_equal(ours.values, expected.drop(3), check_names=False)
    assert ours.kind == "num"


def test_without_a_probability_errors_are_counted() -> None:
    columns = {**make_binary_config().columns.model_dump(), "prediction_proba": None}
    config = make_binary_config(columns=columns)
    current, reference = make_binary_frame(300, seed=1), make_binary_frame(700, seed=2)
    wrong, usual = ((frame["late"] != frame["prediction"]) for frame in (current, reference))
    ours = found(config, current, reference)
    pooled = (wrong.sum() + usual.sum()) / 1000
    z = (usual.mean() - wrong.mean()) / np.sqrt(pooled * (1 - pooled) * (1 / 300 + 1 / 700))
    assert ours["drift_score"].method == "z"
    assert ours["drift_score"].value == pytest.approx(2 * stats.norm.sf(abs(z)), abs=1e-9)
    assert ours["residual_mean"].value == pytest.approx(wrong.mean())


def test_multiclass_counts_errors_whatever_the_type_of_the_labels() -> None:
    frame = pd.DataFrame({"late": [1.0, 2.0, 3.0, np.nan], "prediction": ["1", "3", "3", "1"]})
    columns = {**make_binary_config().columns.model_dump(), "prediction_proba": None}
    ours = residuals(make_binary_config(task="multiclass", columns=columns), frame)
    assert (ours.kind, list(ours.values)) == ("cat", [0.0, 1.0, 0.0])


def test_only_rows_with_a_finite_label_count() -> None:
    current = make_frame(200, seed=1)
    current.loc[:99, "duration"] = np.nan
    current.loc[100, "duration"] = np.inf
    assert len(residuals(make_config(), current).values) == 99


def test_without_labels_there_is_nothing() -> None:
    current, reference = make_frame(200, seed=1), make_frame(2000)
    for frame in (current.assign(duration=np.nan), current.drop(columns="duration"), current.head(0)):
        assert concept_drift(make_config(), frame, reference) == []
        assert concept_drift(make_config(), current, frame) == []
    columns = {**make_config().columns.model_dump(), "target": None}
    config = make_config(
        columns=columns, model={"predictions": "source"}, reference={"kind": "window", "start": "2024-01-01", "end": "2024-02-01"}
    )
    assert concept_drift(config, current, reference) == []


def test_few_labels_are_too_few_rows() -> None:
    current = make_frame(200, seed=1, slope=9.0)
    current.loc[29:, "duration"] = np.nan
    assert found(make_config(), current, make_frame(2000))["drift_score"].verdict is MetricVerdict.TOO_FEW_ROWS


def test_a_perfect_model_has_constant_residuals_and_no_drift() -> None:
    current, reference = (make_frame(rows).assign(duration=lambda frame: frame["prediction"]) for rows in (100, 500))
    assert found(make_config(), current, reference)["drift_score"].verdict is MetricVerdict.OK
    columns = {**make_binary_config().columns.model_dump(), "prediction_proba": None}
    right, usual = (make_binary_frame(rows).assign(late=lambda frame: frame["prediction"]) for rows in (100, 500))
    assert found(make_binary_config(columns=columns), right, usual)["drift_score"].verdict is MetricVerdict.OK


def test_a_users_own_column_named_residual_keeps_its_name() -> None:
    columns = {**make_config().columns.model_dump(), "numerical": ["distance", "hour", "residual"], "id": ["residual_"]}
    frame = make_frame(200).assign(residual=1.0)
    assert {item.column for item in concept_drift(make_config(columns=columns), frame, frame)} == {"residual__"}


def test_row_order_is_irrelevant() -> None:
    current, reference = make_frame(300, seed=1, slope=3.2), make_frame(700, seed=2)
    mixed = found(make_config(), current.sample(frac=1, random_state=1), reference.sample(frac=1, random_state=1))
    for name, item in found(make_config(), current, reference).items():
        assert mixed[name].value == pytest.approx(item.value, abs=1e-12)
