"""Training, registering, promoting and rolling back against real MLflow stores."""

from __future__ import annotations

import json
import logging
import math
import warnings
from dataclasses import replace
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest

from driftgate.errors import ConfigError, ModelNotFoundError, RetrainError, ServiceError
from driftgate.mlflow_client import client
from driftgate.records import Batch, BatchStatus
from driftgate.retrain import registration
from driftgate.retrain.promotion import promote, rollback
from driftgate.retrain.registration import register_challenger
from driftgate.retrain.training_set import TrainingSet, build
from driftgate.serve.references import fetch_reference, reference_performance, reference_scores
from driftgate.serve.registry import Registry
from driftgate.serve.scoring import score
from factories import make_binary_config, make_binary_frame, make_config, make_frame, make_window

RETRAIN = {"minimum_rows": 20, "params": {"max_iter": 20}}


def make_set(config, folder: Path, make=make_frame, days: int = 5) -> TrainingSet:
    batches = []
    folder.mkdir(exist_ok=True)
    for day in range(days):
        path = folder / f"{day}.parquet"
        make(120, seed=day, day=day).to_parquet(path, index=False)
        batches.append(Batch("trips", make_window(day), BatchStatus.MEASURED, rows=120, content_hash=str(day), path=str(path)))
    return build(config, batches, folder / "set")


@pytest.fixture
def here(settings, mlflow_uri):
    return replace(settings, mlflow_uri=mlflow_uri)


def register(config, settings, folder: Path, day: int = 4, make=make_frame):
    return register_challenger(
        config, settings, make_set(config, folder, make), make_window(day), config_fingerprint="abc", dag_run="run-1"
    )


def test_a_challenger_has_model_reference_performance_tags_and_alias(here, tmp_path: Path) -> None:
    config = make_config(retrain=RETRAIN)
    made = register(config, here, tmp_path / "data")
    registry = Registry(here.mlflow_uri)
    assert registry.alias_version("trips", "challenger") == made.version
    assert registry.champion_version("trips") is None
    tags = registry.tags("trips", made.version)
    assert tags["driftgate.monitor"] == "trips"
    assert tags["driftgate.trigger_window"] == make_window(4).key
    assert len(tags["driftgate.training_hash"]) == 64
    run = client(here.mlflow_uri).get_run(made.run_id)
    assert run.info.status == "FINISHED"
    assert run.data.params["trainer.max_iter"] == "20"
    reference = pd.read_parquet(fetch_reference(config, here, made.version))
    assert len(reference) == 600
    assert reference["ts"].is_monotonic_increasing
    held_out = reference["ts"] >= make_window(4).start
    scored = score(config, reference, registry.load("trips", made.version))
    np.testing.assert_allclose(scored["prediction"][held_out], reference["prediction"][held_out])
    assert not np.allclose(scored["prediction"][~held_out], reference["prediction"][~held_out]), "training rows are predicted out of fold"


def test_the_reference_is_as_hard_as_rows_that_the_model_has_not_seen(here, tmp_path: Path) -> None:
    config = make_config(retrain={**RETRAIN, "params": {"max_iter": 300, "min_samples_leaf": 2}})
    made = register(config, here, tmp_path / "data")
    reference = pd.read_parquet(fetch_reference(config, here, made.version))
    scored = score(config, reference, Registry(here.mlflow_uri).load("trips", made.version))
    held_out = reference["ts"] >= make_window(4).start
    error, in_sample = ((frame["prediction"] - frame["duration"]).abs() for frame in (reference, scored))
    assert in_sample[~held_out].mean() < 0.5 * in_sample[held_out].mean(), "the model knows its training rows by heart"
    assert error[~held_out].mean() == pytest.approx(error[held_out].mean(), rel=0.3)


def test_all_scored_rows_are_kept_beside_the_training_set(here, tmp_path: Path) -> None:
    config = make_config(retrain=RETRAIN, reference={"max_rows": 100})
    training_set = make_set(config, tmp_path / "data")
    made = register_challenger(config, here, training_set, make_window(4))
    scored, reference = (
        pd.read_parquet(registration.scored_path(training_set)),
        pd.read_parquet(fetch_reference(config, here, made.version)),
    )
    assert (len(scored), len(reference)) == (600, 100)
    kept = reference.merge(scored, on="trip_id", suffixes=("", "_all"))
    assert len(kept) == 100
    np.testing.assert_array_equal(kept["prediction"], kept["prediction_all"])


def test_the_performance_is_that_of_the_held_out_rows_only(here, tmp_path: Path) -> None:
    config = make_config(retrain=RETRAIN)
    training_set = make_set(config, tmp_path / "data")
    made = register_challenger(config, here, training_set, make_window(4))
    held_out = pd.read_parquet(training_set.held_out_path)
    scored = score(config, held_out, Registry(here.mlflow_uri).load("trips", made.version))
    performance = reference_performance(config, here, made.version)
    assert set(performance) == {"me", "mae", "rmse", "mape", "r2"}
    assert performance["mae"] == pytest.approx(np.abs(scored["prediction"] - scored["duration"]).mean())
    assert client(here.mlflow_uri).get_run(made.run_id).data.metrics["held_out.mae"] == pytest.approx(performance["mae"])
    only_a = scored[scored["vendor"] == "a"]
    segments = reference_scores(config, here, made.version)[1]
    assert set(segments) == {f"vendor={name}" for name, rows in scored.groupby("vendor") if len(rows) >= 50}
    assert segments["vendor=a"]["mae"] == pytest.approx(np.abs(only_a["prediction"] - only_a["duration"]).mean())


def test_a_rerun_finds_the_version_and_does_not_train_again(here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = make_config(retrain=RETRAIN)
    first = register(config, here, tmp_path / "data")
    monkeypatch.setattr(registration, "_train", lambda *_: pytest.fail("trained again"))
    again = register(config, here, tmp_path / "data")
    assert (again.version, again.run_id, again.reused) == (first.version, first.run_id, True)
    monkeypatch.undo()
    assert register(config, here, tmp_path / "data", day=5).version != first.version


def test_what_an_interrupted_run_left_is_replaced(here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = make_config(retrain=RETRAIN)
    with monkeypatch.context() as patch:
        patch.setattr(registration, "_create_version", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            register(config, here, tmp_path / "data")
    made = register(config, here, tmp_path / "data")
    experiment = client(here.mlflow_uri).get_experiment_by_name("driftgate/trips/retraining")
    assert [run.info.run_id for run in client(here.mlflow_uri).search_runs([experiment.experiment_id])] == [made.run_id]


def test_logging_and_loading_are_silent(here, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    config = make_config(retrain=RETRAIN)
    with warnings.catch_warnings(record=True) as caught, caplog.at_level(logging.WARNING):
        warnings.simplefilter("always")
        made = register(config, here, tmp_path / "data")
        Registry(here.mlflow_uri).load("trips", made.version)
    ours = [item for item in caught if "mlflow" in item.filename or "skops" in item.filename or "sklearn" in item.filename]
    assert [str(item.message) for item in ours] == []
    assert [record.getMessage() for record in caplog.records if record.name.startswith(("mlflow", "skops"))] == []


@pytest.mark.parametrize("trainer", ["hist_gradient_boosting", "linear"])
def test_a_binary_model_brings_labels_and_the_probability_of_the_positive_one(here, tmp_path: Path, trainer: str) -> None:
    config = make_binary_config(retrain={"minimum_rows": 20, "trainer": f"driftgate.retrain.trainers:{trainer}"})
    made = register(config, here, tmp_path / "data", make=make_binary_frame)
    fresh = make_binary_frame(300, seed=9).drop(columns=["prediction", "late_proba"])
    scored = score(config, fresh, Registry(here.mlflow_uri).load("trips", made.version))
    assert set(scored["prediction"]) == {"0", "1"}
    assert scored.loc[scored["late"] == "1", "late_proba"].mean() > scored.loc[scored["late"] == "0", "late_proba"].mean() + 0.1
    assert set(reference_performance(config, here, made.version)) == {"accuracy", "precision", "recall", "f1", "roc_auc", "log_loss"}
    assert {"prediction", "late_proba"} <= set(pd.read_parquet(fetch_reference(config, here, made.version)).columns)


def test_a_large_reference_is_thinned_evenly_and_the_same_way(here, tmp_path: Path) -> None:
    config = make_config(retrain=RETRAIN, reference={"kind": "training", "max_rows": 100})
    one = fetch_reference(config, here, register(config, here, tmp_path / "data").version).read_bytes()
    two = fetch_reference(config, here, register(config, here, tmp_path / "data", day=5).version)
    assert two.read_bytes() == one
    per_day = pd.read_parquet(two)["ts"].dt.date.value_counts()
    assert per_day.sum() == 100
    assert per_day.between(19, 21).all()


def test_a_damaged_local_reference_is_fetched_again(here, tmp_path: Path) -> None:
    config = make_config(retrain=RETRAIN)
    made = register(config, here, tmp_path / "data")
    path = fetch_reference(config, here, made.version)
    whole = path.read_bytes()
    path.write_bytes(whole[:100])
    assert fetch_reference(config, here, made.version).read_bytes() == whole


def test_a_reference_of_another_store_with_the_same_version_number_is_not_used(here, tmp_path: Path) -> None:
    config = make_config(retrain=RETRAIN)
    fetch_reference(config, here, register(config, here, tmp_path / "data").version)
    other = replace(here, mlflow_uri=f"sqlite:///{tmp_path / 'other.db'}")
    made = register_challenger(config, other, make_set(config, tmp_path / "small", days=3), make_window(9))
    assert made.version == "1"
    assert len(pd.read_parquet(fetch_reference(config, other, "1"))) == 360


def test_a_version_without_reference_says_what_to_do(here) -> None:
    config = make_config()
    api = client(here.mlflow_uri)
    run = api.create_run(api.create_experiment("by hand"))
    api.create_registered_model("trips")
    api.create_model_version("trips", f"runs:/{run.info.run_id}/model", run_id=run.info.run_id)
    with pytest.raises(ModelNotFoundError, match=r"has no reference/reference.parquet.*reference.kind"):
        fetch_reference(config, here, "1")


def test_a_trainer_that_fails_or_returns_nothing_useful_is_named(here, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"has no 'magic'"):
        register(make_config(retrain={**RETRAIN, "trainer": "driftgate.retrain.trainers:magic"}), here, tmp_path / "data")
    with pytest.raises(RetrainError, match=r"json:loads failed"):
        register(make_config(retrain={**RETRAIN, "trainer": "json:loads"}), here, tmp_path / "data")


def test_promotion_is_idempotent_and_rollback_goes_back_step_by_step(here, tmp_path: Path) -> None:
    config = make_config(retrain=RETRAIN)
    registry = Registry(here.mlflow_uri)
    with pytest.raises(ModelNotFoundError, match=r"no champion"):
        rollback(registry, config)
    versions = [register(config, here, tmp_path / "data", day=day).version for day in (4, 5, 6)]
    assert promote(registry, config, versions[0]) is None
    assert promote(registry, config, versions[1]) == versions[0]
    assert promote(registry, config, versions[1]) == versions[0]
    assert promote(registry, config, versions[2]) == versions[1]
    assert rollback(registry, config) == (versions[2], versions[1])
    assert registry.champion_version("trips") == versions[1]
    assert rollback(registry, config) == (versions[1], versions[0])
    with pytest.raises(RetrainError, match=r"no champion before version 1"):
        rollback(registry, config)
    assert promote(registry, config, versions[2]) == versions[0]
    assert rollback(registry, config) == (versions[2], versions[0])


def test_rollback_passes_over_versions_that_were_rolled_back(here, tmp_path: Path) -> None:
    config = make_config(retrain=RETRAIN)
    registry = Registry(here.mlflow_uri)
    one, two = (register(config, here, tmp_path / "data", day=day).version for day in (4, 5))
    for version in (one, two, one):
        promote(registry, config, version)
    assert rollback(registry, config) == (one, two)
    with pytest.raises(RetrainError):
        rollback(registry, config)


def test_promoting_a_version_that_does_not_exist_changes_nothing(here, tmp_path: Path) -> None:
    config = make_config(retrain=RETRAIN)
    registry = Registry(here.mlflow_uri)
    made = register(config, here, tmp_path / "data")
    promote(registry, config, made.version)
    with pytest.raises(ModelNotFoundError, match=r"no version 99"):
        promote(registry, config, "99")
    assert registry.champion_version("trips") == made.version


def test_everything_works_over_http_and_leaves_mlflows_addresses_alone(settings, mlflow_server: str, tmp_path: Path) -> None:
    config = make_config(retrain=RETRAIN)
    here = replace(settings, mlflow_uri=mlflow_server)
    before = mlflow.get_tracking_uri()
    registry = Registry(mlflow_server)
    assert registry.champion_version("trips") is None
    made = register(config, here, tmp_path / "data")
    assert register(config, here, tmp_path / "data").reused
    promote(registry, config, made.version)
    assert registry.require_champion(config) == made.version
    reference = pd.read_parquet(fetch_reference(config, here, made.version))
    held_out = reference[reference["ts"] >= make_window(4).start]
    scored = score(config, held_out, registry.load("trips", made.version))
    np.testing.assert_allclose(scored["prediction"], held_out["prediction"])
    assert math.isfinite(reference_performance(config, here, made.version)["mae"])
    with pytest.raises(ModelNotFoundError, match=r"no version 7"):
        registry.load("trips", "7")
    assert mlflow.get_tracking_uri() == before
    assert json.loads((here.references_dir / "trips" / "v1.json").read_text())["run_id"] == made.run_id


def test_a_server_that_is_down_is_a_service_error(settings, tmp_path: Path) -> None:
    config = make_config(retrain=RETRAIN)
    with pytest.raises(ServiceError, match=r"does not answer"):
        register(config, replace(settings, mlflow_uri="http://127.0.0.1:9"), tmp_path / "data")
