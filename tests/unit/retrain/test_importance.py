"""Importance of features on models whose true weights are known, and its way through the registry."""

from __future__ import annotations

import json
import logging
import shutil
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.dummy import DummyRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from driftgate.mlflow_client import client
from driftgate.records import Batch, BatchStatus
from driftgate.retrain import registration
from driftgate.retrain.importance import MANY_FEATURES, REPEATS, ROWS, WIDE_REPEATS, WIDE_ROWS, feature_importance
from driftgate.retrain.promotion import promote, rollback
from driftgate.retrain.registration import register_challenger
from driftgate.retrain.training_set import build
from driftgate.serve.references import fetch_reference, load_importance
from driftgate.serve.registry import Registry
from factories import make_binary_config, make_config, make_frame, make_window


def wide_config(names: list[str], **overrides: Any) -> Any:
    columns = {"timestamp": "ts", "target": "y", "numerical": names}
    return make_config(columns=columns, **overrides)


def wide_frame(rows: int, features: int = 4) -> pd.DataFrame:
    """Standard normal features; y = 3 x0 + 1 x1, and nothing of the others."""
    rng = np.random.default_rng(5)
    frame = pd.DataFrame(rng.normal(size=(rows, features)), columns=[f"x{index}" for index in range(features)])
    return frame.assign(y=3 * frame["x0"] + frame["x1"])


NAMES = ["x0", "x1", "x2", "x3"]


def test_the_shares_are_those_that_follow_from_the_coefficients() -> None:
    frame = wide_frame(2000)
    estimator = LinearRegression().fit(frame[NAMES], frame["y"])
    found = feature_importance(wide_config(NAMES), frame, estimator)
    assert found is not None
    # the error of a shuffled normal column is normal: its mean size is proportional to the coefficient
    assert found.shares == pytest.approx({"x0": 0.75, "x1": 0.25, "x2": 0.0, "x3": 0.0}, abs=0.02)
    assert sum(found.shares.values()) == pytest.approx(1.0)
    assert (found.metric, found.rows, found.repeats) == ("mae", 2000, REPEATS)


def test_the_metric_is_that_of_the_comparison() -> None:
    frame = wide_frame(2000)
    estimator = LinearRegression().fit(frame[NAMES], frame["y"])
    for metric, expected in {"rmse": 0.75, "r2": 0.9}.items():  # r2 falls with the square: 9 to 1
        found = feature_importance(wide_config(NAMES, retrain={"metric": metric}), frame, estimator)
        assert found is not None
        assert found.metric == metric
        assert found.shares["x0"] == pytest.approx(expected, abs=0.02)


@pytest.mark.parametrize(
    "estimator",
    [KNeighborsRegressor(), make_pipeline(StandardScaler(), LinearRegression())],
    ids=lambda value: type(value).__name__,
)
def test_any_estimator_will_do(estimator: Any) -> None:
    frame = wide_frame(1000)
    found = feature_importance(wide_config(NAMES), frame, estimator.fit(frame[NAMES], frame["y"]))
    assert found is not None
    assert found.shares["x0"] > found.shares["x1"] > max(found.shares["x2"], found.shares["x3"])


def test_a_classifier_is_measured_by_its_probabilities_or_its_labels() -> None:
    frame = make_frame(600, seed=1)
    frame["late"] = pd.Series(np.where(frame["distance"] > 4, "1", "0"), dtype="str")
    numbers = {"timestamp": "ts", "target": "late", "numerical": ["distance", "hour"]}
    estimator = LogisticRegression(max_iter=1000).fit(frame[["distance", "hour"]], frame["late"])
    for metric in (None, "f1"):
        found = feature_importance(make_binary_config(columns=numbers, retrain={"metric": metric}), frame, estimator)
        assert found is not None
        assert found.metric == (metric or "log_loss")
        assert found.shares["distance"] > 0.95


def test_it_is_the_same_every_time_on_few_and_on_many_rows() -> None:
    for rows in (300, 5000):
        frame = wide_frame(rows)
        estimator = KNeighborsRegressor().fit(frame[NAMES].head(200), frame["y"].head(200))
        first, second = (feature_importance(wide_config(NAMES), frame, estimator) for _ in range(2))
        assert first is not None
        assert first == second
        assert first.rows == min(rows, ROWS)


def test_a_model_that_ignores_its_input_rests_on_nothing() -> None:
    frame = wide_frame(300)
    found = feature_importance(wide_config(NAMES), frame, DummyRegressor().fit(frame[NAMES], frame["y"]))
    assert found is not None
    assert set(found.shares.values()) == {0.0}


def test_many_features_are_measured_on_fewer_rows() -> None:
    names = [f"x{index}" for index in range(4 * MANY_FEATURES)]
    frame = wide_frame(1000, len(names))
    estimator = LinearRegression().fit(frame[names], frame["y"])
    began = time.perf_counter()
    found = feature_importance(wide_config(names), frame, estimator)
    seconds = time.perf_counter() - began
    assert found is not None
    assert (found.rows, found.repeats) == (WIDE_ROWS, WIDE_REPEATS)
    assert found.shares["x0"] == pytest.approx(0.75, abs=0.03)
    assert seconds < 30, f"{seconds:.1f} s"


@pytest.mark.parametrize("trouble", ["no rows", "no targets", "constant target"])
def test_what_cannot_be_measured_is_none_with_a_line_in_the_log(trouble: str, caplog: pytest.LogCaptureFixture) -> None:
    frame = wide_frame(300)
    estimator = LinearRegression().fit(frame[NAMES], frame["y"])
    spoilt = {"no rows": frame.head(0), "no targets": frame.assign(y=np.nan), "constant target": frame.assign(y=1.0)}[trouble]
    config = wide_config(NAMES, retrain={"metric": "r2"})
    assert feature_importance(config, spoilt, estimator) is None
    assert "importance of features is not known" in caplog.text


# --- the registry -----------------------------------------------------------------------------------------------------


@pytest.fixture
def here(settings, mlflow_uri):
    return replace(settings, mlflow_uri=mlflow_uri)


CONFIG = make_config(retrain={"minimum_rows": 20, "trainer": "driftgate.retrain.trainers:linear"})


def register(settings, folder: Path, day: int = 4, slope: float = 3.0) -> str:
    """Register a version; with ``slope`` 0 the target depends on nothing."""
    batches = []
    folder.mkdir(exist_ok=True)
    for number in range(5):
        path = folder / f"{day}-{number}.parquet"
        make_frame(120, seed=number, day=number, slope=slope).to_parquet(path, index=False)
        batches.append(Batch("trips", make_window(number), BatchStatus.MEASURED, rows=120, content_hash=str(number), path=str(path)))
    return register_challenger(CONFIG, settings, build(CONFIG, batches, folder / "set"), make_window(day)).version


def run_of(settings, version: str) -> str:
    return str(Registry(settings.mlflow_uri).describe("trips", version).run_id)


def test_the_importance_is_registered_with_the_version_and_kept_beside_its_reference(here, tmp_path: Path) -> None:
    version = register(here, tmp_path / "data")
    found = load_importance(CONFIG, here, version)
    assert found is not None
    assert set(found) == {"distance", "hour", "vendor"}
    assert sum(found.values()) == pytest.approx(1.0)
    assert found["distance"] > 0.9
    copy = json.loads((here.references_dir / "trips" / f"v{version}.importance.json").read_text())
    assert copy == {"run_id": run_of(here, version), "shares": found}


def test_the_importance_comes_back_with_a_rollback(here, tmp_path: Path) -> None:
    registry = Registry(here.mlflow_uri)
    one, two = register(here, tmp_path / "one"), register(here, tmp_path / "two", day=5, slope=0.0)
    for version in (one, two):
        promote(registry, CONFIG, version)
    before, now = (load_importance(CONFIG, here, version) for version in rollback(registry, CONFIG))
    assert before is not None
    assert now is not None
    assert now["distance"] > 0.9
    assert before != now


def test_a_copy_beside_its_reference_needs_no_server_and_without_one_there_is_no_ranking_and_no_error(
    here, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    version = register(here, tmp_path / "data")
    down = replace(here, mlflow_uri="http://127.0.0.1:9")
    assert load_importance(CONFIG, down, version) is None
    assert "does not answer" in caplog.text
    fetch_reference(CONFIG, here, version)
    known = load_importance(CONFIG, here, version)
    assert known is not None
    assert load_importance(CONFIG, down, version) == known
    assert load_importance(CONFIG, replace(here, mlflow_uri=None), version) == known


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"run_id": null, "shares": 3}'])
def test_a_damaged_copy_is_fetched_again(here, tmp_path: Path, content: str) -> None:
    version = register(here, tmp_path / "data")
    fetch_reference(CONFIG, here, version)
    known = load_importance(CONFIG, here, version)
    copy = here.references_dir / "trips" / f"v{version}.importance.json"
    copy.write_text(content)
    assert load_importance(CONFIG, here, version) == known
    assert json.loads(copy.read_text())["shares"] == known


def test_a_copy_of_another_store_with_the_same_version_number_is_not_used(here, tmp_path: Path, mlflow_database: Path) -> None:
    register(here, tmp_path / "one")
    load_importance(CONFIG, here, "1")
    shutil.copyfile(mlflow_database, tmp_path / "other.db")
    other = replace(here, mlflow_uri=f"sqlite:///{tmp_path / 'other.db'}")
    assert register(other, tmp_path / "two", slope=0.0) == "1"
    fetch_reference(CONFIG, other, "1")
    load_importance(CONFIG, other, "1")
    assert json.loads((here.references_dir / "trips" / "v1.importance.json").read_text())["run_id"] == run_of(other, "1")


def test_a_version_registered_without_importance_has_none(
    here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(registration, "feature_importance", lambda *_: None)
    version = register(here, tmp_path / "data")
    with caplog.at_level(logging.INFO):
        assert load_importance(CONFIG, here, version) is None
    assert "has no importance of features" in caplog.text
    assert not [record for record in caplog.records if record.levelno > logging.INFO and record.name.startswith("driftgate")]
    assert "importance" not in str([item.path for item in client(here.mlflow_uri).list_artifacts(run_of(here, version), "reference")])


def test_rows_that_bring_their_own_predictions_have_no_importance(settings) -> None:
    reference = {"kind": "window", "start": "2024-01-01", "end": "2024-01-02"}
    assert load_importance(make_config(model={"predictions": "source"}, reference=reference), settings, "source") is None
    assert load_importance(CONFIG, settings, None) is None
