"""All features together: changes that no single column shows, against scikit-learn's own pieces."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler

from driftgate.config.models import MonitorConfig
from driftgate.measure.drift import column_drift
from driftgate.measure.multivariate import EXPLAINED, multivariate_drift
from driftgate.records import Family, Metric, MetricVerdict
from factories import make_config, make_frame

METHODS = ("pca", "domain_classifier")


def config_of(method: str, **measures: object) -> MonitorConfig:
    return make_config(measures={"multivariate": method, **measures})


def linked(rows: int, seed: int) -> pd.DataFrame:
    """Trips whose distance goes with the hour and whose vendor goes with the distance."""
    frame = make_frame(rows, seed)
    rng = np.random.default_rng(seed + 100)
    frame["hour"] = frame["distance"] * 2 + rng.normal(0, 0.3, rows)
    frame["vendor"] = pd.Series(np.where(frame["distance"] > 4, "a", "b"), dtype="str")
    return frame


def torn(frame: pd.DataFrame) -> pd.DataFrame:
    """The same columns, each for itself, and nothing goes with anything."""
    rng = np.random.default_rng(3)
    return frame.assign(**{name: rng.permutation(frame[name].to_numpy()) for name in ("distance", "vendor")})


def one(method: str, current: pd.DataFrame, reference: pd.DataFrame, **measures: object) -> Metric:
    (metric,) = multivariate_drift(config_of(method, **measures), current, reference)
    return metric


def value(method: str, current: pd.DataFrame, reference: pd.DataFrame) -> float:
    found = one(method, current, reference).value
    assert found is not None
    return found


def test_nothing_is_measured_unless_asked_for() -> None:
    assert make_config().measures.multivariate == "none"
    assert multivariate_drift(config_of("none"), linked(100, 1), linked(500, 2)) == []


@pytest.mark.parametrize("method", METHODS)
def test_it_is_one_number_about_the_whole_window(method: str) -> None:
    metric = one(method, linked(300, 1), linked(1500, 2))
    assert metric.address == (Family.DATA_DRIFT.value, "multivariate_drift", "", "")
    assert (metric.method, metric.threshold, metric.verdict) == (method, None, None)


@pytest.mark.parametrize("method", METHODS)
def test_a_broken_relation_is_seen_that_no_single_column_shows(method: str) -> None:
    reference, same = linked(2000, 2), linked(400, 1)
    before = {item.column: item.value for item in column_drift(make_config(), same, reference) if item.family is Family.DATA_DRIFT}
    after = {item.column: item.value for item in column_drift(make_config(), torn(same), reference) if item.family is Family.DATA_DRIFT}
    assert after == pytest.approx(before)
    usual = [value(method, linked(400, seed), reference) for seed in range(10, 20)]
    assert value(method, torn(same), reference) > max(usual) + 2 * np.std(usual)


def test_no_change_is_close_to_the_neutral_value() -> None:
    reference = linked(2000, 2)
    assert value("pca", reference, reference) == pytest.approx(0, abs=1e-12)
    assert np.mean([value("domain_classifier", linked(400, seed), reference) for seed in range(6)]) == pytest.approx(0.5, abs=0.03)


def test_reconstruction_is_that_of_scikit_learns_pca() -> None:
    columns = {"timestamp": "ts", "target": "duration", "numerical": ["distance", "hour", "age"]}
    config = make_config(columns=columns, measures={"multivariate": "pca"})
    current, reference = (linked(rows, rows).assign(age=lambda frame: np.sqrt(frame["distance"])) for rows in (300, 2000))
    scaler = StandardScaler().fit(reference[columns["numerical"]].to_numpy())
    frames = [scaler.transform(frame[columns["numerical"]].to_numpy()) for frame in (current, reference)]
    model = PCA(EXPLAINED, svd_solver="full").fit(frames[1])
    errors, usual = (np.linalg.norm(rows - model.inverse_transform(model.transform(rows)), axis=1) for rows in frames)
    (metric,) = multivariate_drift(config, current, reference)
    assert metric.value == pytest.approx(abs(errors.mean() - usual.mean()) / usual.std(), rel=1e-6)


def test_rows_that_are_told_apart_easily_have_an_area_of_nearly_one() -> None:
    assert value("domain_classifier", linked(300, 1).assign(hour=1000.0), linked(1000, 2)) > 0.99


@pytest.mark.parametrize("method", METHODS)
def test_row_order_is_irrelevant_and_repeating_gives_the_same(method: str) -> None:
    current, reference = linked(300, 1), linked(1500, 2)
    expected = value(method, current, reference)
    assert value(method, current, reference) == expected
    mixed = value(method, current.sample(frac=1, random_state=1), reference.sample(frac=1, random_state=2))
    assert mixed == pytest.approx(expected, abs=1e-10)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("rows", "reference_rows"), [(0, 500), (29, 500), (300, 20), (300, 0)])
def test_few_rows_are_too_few_rows(method: str, rows: int, reference_rows: int) -> None:
    metric = one(method, linked(500, 1).head(rows), linked(500, 2).head(reference_rows))
    assert (metric.value, metric.verdict) == (None, MetricVerdict.TOO_FEW_ROWS)


@pytest.mark.parametrize("method", METHODS)
def test_awkward_columns_have_a_number_and_no_warning(method: str) -> None:
    current, reference = linked(200, 1), linked(800, 2)
    for frame in (current, reference):
        frame["hour"] = 5.0
        frame.loc[frame.index[:5], "distance"] = [np.inf, -np.inf, np.nan, np.nan, np.inf]
        frame.loc[frame.index[5:9], "vendor"] = None
    current["vendor"] = pd.Series("new", index=current.index, dtype="str")
    nothing = current.assign(distance=np.nan, vendor=pd.Series(None, index=current.index, dtype="str"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isfinite(value(method, current, reference))
        assert np.isfinite(value(method, nothing, reference))
        assert np.isfinite(value(method, current, nothing))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("roles", [{"numerical": ["hour"]}, {"categorical": ["vendor"]}])
def test_a_single_feature_has_a_number(method: str, roles: dict[str, list[str]]) -> None:
    config = make_config(columns={"timestamp": "ts", "target": "duration", **roles}, measures={"multivariate": method})
    (metric,) = multivariate_drift(config, linked(300, 1), linked(1000, 2))
    assert metric.value is not None
    assert np.isfinite(metric.value)


def test_independent_features_leave_a_direction_to_look_at() -> None:
    rng = np.random.default_rng(4)
    reference, current = (make_frame(rows, rows).assign(hour=rng.normal(size=rows)) for rows in (2000, 400))
    columns = {"timestamp": "ts", "target": "duration", "numerical": ["distance", "hour"]}
    config = make_config(columns=columns, measures={"multivariate": "pca"})
    (usual,), (tied,) = (multivariate_drift(config, frame, reference) for frame in (current, current.assign(hour=-2 * current["distance"])))
    assert usual.value is not None
    assert tied.value is not None
    assert tied.value > 5 * usual.value


@pytest.mark.parametrize("method", METHODS)
def test_many_categories_are_no_obstacle(method: str) -> None:
    rng = np.random.default_rng(5)
    frames = [linked(rows, rows).assign(vendor=pd.Series(rng.integers(0, 900, rows)).astype("str")) for rows in (400, 3000)]
    assert np.isfinite(value(method, *frames))


@pytest.mark.parametrize("method", METHODS)
def test_columns_whose_drift_is_switched_off_do_not_count(method: str) -> None:
    current, reference = linked(300, 1), linked(1500, 2)
    off = {"columns": {"hour": {"drift": False}}}
    assert one(method, current.assign(hour=1000.0), reference, **off) == one(method, current, reference, **off)
    every = {"columns": {name: {"drift": False} for name in ("distance", "hour", "vendor")}}
    assert multivariate_drift(config_of(method, **every), current, reference) == []


@pytest.mark.parametrize("method", METHODS)
def test_the_frames_are_left_alone(method: str) -> None:
    current, reference = linked(100, 1), linked(500, 2)
    before = current.copy(), reference.copy()
    one(method, current, reference)
    pd.testing.assert_frame_equal(current, before[0])
    pd.testing.assert_frame_equal(reference, before[1])
