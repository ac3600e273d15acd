"""Training a challenger and registering it: one MLflow run, one model version, one reference per trigger window."""

from __future__ import annotations

import hashlib
import logging
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Any, Self

import pandas as pd

from driftgate.callables import resolve
from driftgate.config.models import MonitorConfig
from driftgate.errors import DriftgateError, RetrainError
from driftgate.files import replacing, write_json
from driftgate.mlflow_client import client, guarded, tracking
from driftgate.predictions import few_threads, predict
from driftgate.records import Window
from driftgate.retrain.importance import feature_importance
from driftgate.retrain.out_of_fold import out_of_fold, with_predictions
from driftgate.retrain.scores import make_outcome, scores, segment_scores
from driftgate.retrain.training_set import TrainingSet
from driftgate.sampling import thin
from driftgate.settings import Settings
from driftgate.storage import DataPath, locate, read_frame

log = logging.getLogger(__name__)

CHALLENGER = "challenger"
SCORED_FILE = "scored.parquet"
MONITOR_TAG = "driftgate.monitor"
TRIGGER_TAG = "driftgate.trigger_window"
HASH_TAG = "driftgate.reference_sha256"
"""Tag of the model version: hash of reference.parquet, by which local copies are checked."""


@dataclass(frozen=True)
class Challenger:
    """A registered version that wants to be champion."""

    version: str
    run_id: str
    reused: bool = False
    """True: an earlier run for the same trigger window had registered it."""

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        return cls(**data)


def register_challenger(
    config: MonitorConfig,
    settings: Settings,
    training_set: TrainingSet,
    trigger_window: Window,
    *,
    config_fingerprint: str = "",
    dag_run: str | None = None,
) -> Challenger:
    """Train, log and register the challenger of a trigger window, or return the one that is there already.

    The version is registered last, when its run is complete, so a version that exists is always whole; what an interrupted
    run left behind is deleted. The alias ``challenger`` moves to the version.

    Raises
    ------
    RetrainError
        If the trainer fails or returns something that cannot predict.
    ConfigError
        If the trainer named in the monitor file does not exist.
    ServiceError
        If MLflow does not answer.
    """
    uri = settings.require_mlflow()
    found = find_challenger(config, uri, trigger_window)
    if found is None:
        rows = read_frame(training_set.train_path)
        estimator = _train(config, settings, rows)
        scored = _scored(config, settings, training_set, rows, estimator)
        run_id, tags = _log_run(
            config, uri, training_set, trigger_window, estimator, scored, _run_tags(config, config_fingerprint, dag_run)
        )
        found = Challenger(_create_version(config, uri, run_id, tags), run_id)
    else:
        log.info("%s: version %s was registered for %s before and is used again", config.id, found.version, trigger_window)
    with guarded(uri):
        client(uri).set_registered_model_alias(config.model_name, CHALLENGER, found.version)
    return found


def find_challenger(config: MonitorConfig, uri: str, trigger_window: Window) -> Challenger | None:
    """Return the version that was registered for this trigger window; the latest should there be several."""
    wanted = f"name = '{config.model_name}' AND tags.`{TRIGGER_TAG}` = '{trigger_window.key}' AND tags.`{MONITOR_TAG}` = '{config.id}'"
    with guarded(uri):
        versions = client(uri).search_model_versions(wanted)
    if not versions:
        return None
    latest = max(versions, key=lambda item: int(item.version))
    return Challenger(str(latest.version), str(latest.run_id), reused=True)


# --- training ---------------------------------------------------------------------------------------------------------


def _train(config: MonitorConfig, settings: Settings, rows: pd.DataFrame) -> Any:
    trainer = resolve(config.retrain.trainer, settings.project_root)
    roles = config.columns
    try:
        with few_threads(len(rows)):
            estimator = trainer(
                rows[roles.features], rows[str(roles.target)], roles, config.task, dict(config.retrain.params), rows[roles.timestamp]
            )
    except DriftgateError:
        raise
    except Exception as error:
        raise RetrainError(
            f"monitor {config.id}: the trainer {config.retrain.trainer} failed on {len(rows)} rows with {type(error).__name__}: {error}"
        ) from error
    if not hasattr(estimator, "predict"):
        raise RetrainError(
            f"monitor {config.id}: the trainer {config.retrain.trainer} returned a {type(estimator).__name__} without 'predict'; "
            "return a fitted scikit-learn estimator"
        )
    return estimator


# --- the run ----------------------------------------------------------------------------------------------------------


def _run_tags(config: MonitorConfig, fingerprint: str, dag_run: str | None) -> dict[str, str]:
    tags = {MONITOR_TAG: config.id, "driftgate.kind": "retraining", "driftgate.config": fingerprint, "driftgate.dag_run": dag_run or ""}
    return {name: value for name, value in tags.items() if value}


def _log_run(
    config: MonitorConfig,
    uri: str,
    training_set: TrainingSet,
    trigger_window: Window,
    estimator: Any,
    scored: pd.DataFrame,
    run_tags: Mapping[str, str],
) -> tuple[str, dict[str, str]]:
    """Write the complete run; return its id and the tags for the version."""
    import mlflow

    held_out = read_frame(training_set.held_out_path)
    outcome = make_outcome(config, held_out[str(config.columns.target)], predict(config, estimator, held_out))
    performance = scores(outcome)  # on rows the estimator has not seen: what the monitor may expect of it
    segments = segment_scores(held_out, config.columns.segments, outcome, config.measures.minimum_segment_rows)
    version_tags = _version_tags(config, training_set, trigger_window)
    with tracking(uri), tempfile.TemporaryDirectory(prefix="driftgate-retrain-") as name:
        folder = Path(name)
        version_tags[HASH_TAG] = _write_reference(config, scored, folder)
        write_json(folder / "performance.json", {**performance, "segments": segments})
        _write_importance(config, held_out, estimator, folder)
        experiment_id = _experiment(uri, f"driftgate/{config.id}/retraining")
        _delete_leftovers(uri, experiment_id, trigger_window)
        with mlflow.start_run(
            experiment_id=experiment_id, run_name=f"retrain {trigger_window.key}", tags={**run_tags, **version_tags}
        ) as run:
            mlflow.log_params(_params(config, training_set))
            mlflow.log_metrics({f"held_out.{metric}": value for metric, value in performance.items()})
            mlflow.log_artifacts(str(folder), "reference")
            _log_model(config, estimator, held_out)
        return run.info.run_id, version_tags


def _version_tags(config: MonitorConfig, training_set: TrainingSet, trigger_window: Window) -> dict[str, str]:
    return {
        MONITOR_TAG: config.id,
        TRIGGER_TAG: trigger_window.key,
        "driftgate.training_windows": f"{training_set.first.start.isoformat()}/{training_set.last.end.isoformat()}",
        "driftgate.training_window_count": str(training_set.windows),
        "driftgate.training_hash": training_set.content_hash,
    }


def _params(config: MonitorConfig, training_set: TrainingSet) -> dict[str, Any]:
    return {
        "trainer": config.retrain.trainer,
        **{f"trainer.{name}": value for name, value in config.retrain.params.items()},
        "features": ",".join(config.columns.features),
        "target": config.columns.target,
        "train_rows": training_set.train_rows,
        "held_out_rows": training_set.held_out_rows,
        "windows": training_set.windows,
        "held_out_windows": training_set.held_out_windows,
        "first_window": str(training_set.first),
        "last_window": str(training_set.last),
    }


def _experiment(uri: str, name: str) -> str:
    """Find or create the experiment; not by ``mlflow.set_experiment``, which would stay set for the whole process."""
    api = client(uri)
    found = api.get_experiment_by_name(name)
    return str(found.experiment_id if found is not None else api.create_experiment(name))


def _delete_leftovers(uri: str, experiment_id: str, trigger_window: Window) -> None:
    """Delete runs of an interrupted attempt: no version was registered for them."""
    api = client(uri)
    for run in api.search_runs([experiment_id], f"tags.`{TRIGGER_TAG}` = '{trigger_window.key}'"):
        api.delete_run(run.info.run_id)


# --- the reference ----------------------------------------------------------------------------------------------------


def _scored(config: MonitorConfig, settings: Settings, training_set: TrainingSet, rows: pd.DataFrame, estimator: Any) -> pd.DataFrame:
    """Return training and held-out rows in the order of time, each predicted by a model that had not seen it; also kept as a file."""
    held_out = read_frame(training_set.held_out_path)
    trained = out_of_fold(config, rows, lambda part: _train(config, settings, part), estimator)
    scored = pd.concat([trained, with_predictions(config, held_out, predict(config, estimator, held_out))], ignore_index=True)
    scored = scored.sort_values(config.columns.timestamp, kind="stable", ignore_index=True)
    with replacing(scored_path(training_set)) as temporary:
        scored.to_parquet(temporary, index=False)
    return scored


def scored_path(training_set: TrainingSet) -> DataPath:
    """Return where the scored rows of a training set lie, beside them."""
    return locate(training_set.train_path).with_name(SCORED_FILE)


def _write_reference(config: MonitorConfig, scored: pd.DataFrame, folder: Path) -> str:
    """Write the scored rows, thinned evenly over time where there are many; return the file's hash."""
    path = folder / "reference.parquet"
    thin(scored, config.reference.max_rows).to_parquet(path, index=False)
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _write_importance(config: MonitorConfig, held_out: pd.DataFrame, estimator: Any, folder: Path) -> None:
    """Write the importance of the features beside the reference, where it can be measured."""
    found = feature_importance(config, held_out, estimator)
    if found is not None:
        write_json(folder / "importance.json", asdict(found))


# --- the model --------------------------------------------------------------------------------------------------------


def _log_model(config: MonitorConfig, estimator: Any, held_out: pd.DataFrame) -> None:
    """Log the estimator, as skops where it can be (loads without running code), else as cloudpickle."""
    import mlflow
    from mlflow.models import infer_signature

    sample = held_out[config.columns.features].head(100)
    trusted = _skops_types(estimator)
    how: dict[str, Any] = {"serialization_format": "cloudpickle", "pip_requirements": _requirements("cloudpickle")}
    if trusted is not None:
        how = {"serialization_format": "skops", "skops_trusted_types": trusted, "pip_requirements": _requirements("skops")}
    with _quiet():
        mlflow.sklearn.log_model(estimator, name="model", signature=infer_signature(sample, estimator.predict(sample)), **how)


def _skops_types(estimator: Any) -> list[str] | None:
    """Return the types that loading needs beyond the harmless ones; None when skops cannot hold the estimator.

    The estimator was trained in this very process, so its own types are trusted.
    """
    import skops.io  # type: ignore[import-untyped]

    try:
        content = skops.io.dumps(estimator)
        trusted: list[str] = skops.io.get_untrusted_types(data=content)
        skops.io.loads(content, trusted=trusted)
    except Exception as error:
        log.info("skops cannot hold %s (%s); it is kept as cloudpickle", type(estimator).__name__, error)
        return None
    return trusted


def _requirements(serializer: str) -> list[str]:
    """Pin what scoring needs; left to itself MLflow loads the model in another process to find out, which takes many seconds."""
    return [f"{name}=={installed_version(name)}" for name in ("mlflow", "scikit-learn", "pandas", "numpy", serializer)]


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence MLflow's general advice on pickles and integers, which asks nothing of the reader."""
    logger = logging.getLogger("mlflow.sklearn")
    level = logger.level
    logger.setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="mlflow")
        try:
            yield
        finally:
            logger.setLevel(level)


# --- the version ------------------------------------------------------------------------------------------------------


def _create_version(config: MonitorConfig, uri: str, run_id: str, tags: dict[str, str]) -> str:
    from mlflow.exceptions import MlflowException

    with tracking(uri):  # a store in a database looks the model up by the process-wide address
        api = client(uri)
        try:
            api.create_registered_model(config.model_name, tags={MONITOR_TAG: config.id}, description=config.description or None)
        except MlflowException as error:
            if getattr(error, "error_code", "") != "RESOURCE_ALREADY_EXISTS":
                raise
        model_id = api.get_run(run_id).outputs.model_outputs[0].model_id
        version = api.create_model_version(
            config.model_name, f"models:/{model_id}", run_id=run_id, tags=tags, await_creation_for=0, model_id=model_id
        )
    return str(version.version)
