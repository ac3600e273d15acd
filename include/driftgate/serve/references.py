"""The reference of a model version: an artifact of the version's MLflow run, kept in a local copy that is checked."""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from driftgate.config.models import MonitorConfig
from driftgate.errors import ModelNotFoundError
from driftgate.files import replacing, write_json
from driftgate.mlflow_client import tracking
from driftgate.serve.registry import Registry
from driftgate.settings import Settings

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion

log = logging.getLogger(__name__)

ROWS_ARTIFACT = "reference/reference.parquet"
PERFORMANCE_ARTIFACT = "reference/performance.json"
SEGMENTS = "segments"
"""Key in the performance, beside the names of the metrics: the same per segment."""
IMPORTANCE_ARTIFACT = "reference/importance.json"
SegmentScores = Mapping[str, Mapping[str, float]]
"""Scores by metric name, by segment, for example ``origin=EWR``."""
HASH_TAG = "driftgate.reference_sha256"
"""Tag of the model version: hash of the Parquet file."""


@dataclass(frozen=True)
class _Copy:
    """The local copy of one version's reference."""

    rows: Path
    note: Path
    """JSON: the MLflow run it came from, its hash, the performance."""


def fetch_reference(config: MonitorConfig, settings: Settings, version: str) -> Path:
    """Return the Parquet file with the reference rows of a model version.

    The local copy is used when it is that of the version's run and its hash is right; otherwise it is downloaded.

    Raises
    ------
    ModelNotFoundError
        If the version does not exist or has no reference.
    ServiceError
        If MLflow does not answer.
    """
    return _fetch(config, settings, version).rows


@dataclass(frozen=True)
class KnownReference:
    """What is known of a version's reference without opening its rows."""

    rows: Path
    """The local copy; read it by way of :func:`fetch_reference`, which checks it."""
    identity: str
    """The MLflow run and the hash of the rows."""
    performance: Mapping[str, float]
    segments: SegmentScores


def known_reference(config: MonitorConfig, settings: Settings, version: str) -> KnownReference:
    """Return the scores of a version and which rows its reference has; errors as for :func:`fetch_reference`."""
    uri = settings.require_mlflow()
    known = Registry(uri).describe(config.model_name, version)
    copy = _copy(settings.references_dir / config.id, version)
    if not (copy.rows.is_file() and _is_noted(copy, known)):
        _download(config, uri, known, copy)
    note = json.loads(copy.note.read_text(encoding="utf-8"))
    return KnownReference(copy.rows, f"{note['run_id']} {note['sha256']}", *_scores(note))


def _is_noted(copy: _Copy, known: ModelVersion) -> bool:
    """Whether the copy was downloaded from this very run; whether it is still whole is checked when it is read."""
    try:
        note = json.loads(copy.note.read_text(encoding="utf-8"))
        return bool(note["run_id"] == known.run_id and note["sha256"] == known.tags.get(HASH_TAG, note["sha256"]))
    except (OSError, ValueError, KeyError, TypeError):
        return False


def reference_performance(config: MonitorConfig, settings: Settings, version: str) -> Mapping[str, float]:
    """Return the model's scores on rows held out of its training; errors as for :func:`fetch_reference`."""
    return reference_scores(config, settings, version)[0]


def reference_scores(config: MonitorConfig, settings: Settings, version: str) -> tuple[Mapping[str, float], SegmentScores]:
    """Return :func:`reference_performance` and the same per segment; a version that was registered without segments has none."""
    return _scores(json.loads(_fetch(config, settings, version).note.read_text(encoding="utf-8")))


def _scores(note: Mapping[str, Any]) -> tuple[Mapping[str, float], SegmentScores]:
    performance = dict(note["performance"])
    segments = performance.pop(SEGMENTS, {})
    return _numbers(performance), {str(segment): _numbers(scores) for segment, scores in segments.items()}


def _numbers(content: Mapping[str, Any]) -> dict[str, float]:
    return {str(name): float(value) for name, value in content.items()}


def load_importance(config: MonitorConfig, settings: Settings, version: str | None) -> Mapping[str, float] | None:
    """Return the share of the model's importance per feature, measured when the version was registered.

    Kept in a local copy beside the reference, which is used without asking MLflow when it is of the same MLflow run as the copy of
    the reference. None, with a line in the log, where it cannot be had (rows that bring their own predictions, a version that
    was registered without it, MLflow down): what only ranks causes must never hold up an alarm.
    """
    if version is None or config.model.predictions == "source":
        return None
    folder = settings.references_dir / config.id
    try:
        return _kept_importance(folder, version) or _fetch_importance(config, settings, version)
    except ModelNotFoundError as error:
        log.info("monitor %s: version %s has no importance of features, causes are ranked without: %s", config.id, version, error)
    except Exception as error:
        log.warning("monitor %s: causes are ranked without the importance of features in version %s: %s", config.id, version, error)
    return None


def _kept_importance(folder: Path, version: str) -> dict[str, float] | None:
    """Return the local copy if it is of the run that the reference beside it came from."""
    try:
        kept = json.loads(_importance_copy(folder, version).read_text(encoding="utf-8"))
        note = json.loads(_copy(folder, version).note.read_text(encoding="utf-8"))
        return _shares(kept) if kept["run_id"] == note["run_id"] else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _fetch_importance(config: MonitorConfig, settings: Settings, version: str) -> dict[str, float]:
    uri = settings.require_mlflow()
    known = Registry(uri).describe(config.model_name, version)
    with tempfile.TemporaryDirectory(prefix="driftgate-importance-") as folder:
        found = json.loads(_artifact(config, uri, known, IMPORTANCE_ARTIFACT, folder).read_text(encoding="utf-8"))
    shares = _shares(found)
    write_json(_importance_copy(settings.references_dir / config.id, version), {"run_id": known.run_id, "shares": shares})
    return shares


def _shares(content: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    return _numbers(content["shares"])


def _fetch(config: MonitorConfig, settings: Settings, version: str) -> _Copy:
    uri = settings.require_mlflow()
    known = Registry(uri).describe(config.model_name, version)
    copy = _copy(settings.references_dir / config.id, version)
    if not _is_current(copy, known):
        _download(config, uri, known, copy)
    return copy


def _copy(folder: Path, version: str) -> _Copy:
    return _Copy(folder / f"v{version}.parquet", folder / f"v{version}.json")


def _importance_copy(folder: Path, version: str) -> Path:
    return folder / f"v{version}.importance.json"


def _is_current(copy: _Copy, known: ModelVersion) -> bool:
    """Whether the copy is whole and of this very run (another MLflow store may have the same version numbers)."""
    try:
        note = json.loads(copy.note.read_text(encoding="utf-8"))
        found = _sha256(copy.rows)
    except (OSError, ValueError):
        return False
    expected = known.tags.get(HASH_TAG, note.get("sha256"))
    return bool(note.get("run_id") == known.run_id and found == expected)


def _download(config: MonitorConfig, uri: str, known: ModelVersion, copy: _Copy) -> None:
    with tempfile.TemporaryDirectory(prefix="driftgate-reference-") as folder:
        rows = _artifact(config, uri, known, ROWS_ARTIFACT, folder)
        performance = json.loads(_artifact(config, uri, known, PERFORMANCE_ARTIFACT, folder).read_text(encoding="utf-8"))
        found = _sha256(rows)
        expected = known.tags.get(HASH_TAG, found)
        if found != expected:
            raise ModelNotFoundError(
                f"monitor {config.id}: {ROWS_ARTIFACT} of version {known.version} of model {config.model_name!r} "
                f"(MLflow run {known.run_id}) was changed after it was registered "
                f"(hash {found[:12]} instead of {expected[:12]}); train a new version"
            )
        with replacing(copy.rows) as temporary:
            shutil.copyfile(rows, temporary)
    write_json(copy.note, {"run_id": known.run_id, "sha256": found, "performance": performance})


def _artifact(config: MonitorConfig, uri: str, known: ModelVersion, name: str, folder: str) -> Path:
    import mlflow
    from mlflow.exceptions import MlflowException

    try:
        with tracking(uri):
            return Path(mlflow.artifacts.download_artifacts(run_id=known.run_id, artifact_path=name, dst_path=folder))
    except (MlflowException, OSError) as error:
        raise ModelNotFoundError(
            f"monitor {config.id}: version {known.version} of model {config.model_name!r} has no {name} in its MLflow run {known.run_id} "
            f"({str(error).splitlines()[0][:200]}); train a version with `driftgate train {config.id}`, or set reference.kind to window"
        ) from error


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
