"""The model registry: versions, the aliases `champion` and `challenger`, and loading a version."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from driftgate.config.models import MonitorConfig
from driftgate.errors import ModelNotFoundError
from driftgate.mlflow_client import client, guarded, safe_address, tracking

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion

CHAMPION = "champion"
CHALLENGER = "challenger"

_CACHE_SIZE = 8
_loaded: dict[tuple[str, str, str], Any] = {}
"""Estimators of this process; a registered version never changes, so its content need not be checked again."""


class Registry:
    """MLflow's registry at one address.

    Every method raises ServiceError when the server does not answer.
    """

    def __init__(self, tracking_uri: str) -> None:
        self.tracking_uri = tracking_uri

    def champion_version(self, model_name: str) -> str | None:
        """Return the version the alias `champion` points at; None when there is none."""
        return self.alias_version(model_name, CHAMPION)

    def alias_version(self, model_name: str, alias: str) -> str | None:
        """Return the version an alias points at; None when the model or the alias does not exist."""
        from mlflow.exceptions import MlflowException

        with guarded(self.tracking_uri):
            try:
                return str(client(self.tracking_uri).get_model_version_by_alias(model_name, alias).version)
            except MlflowException as error:
                if _is_missing(error):
                    return None
                raise

    def require_champion(self, config: MonitorConfig) -> str:
        """Return the champion's version.

        Raises
        ------
        ModelNotFoundError
            If the monitor's model has no champion; says how to get one.
        """
        version = self.champion_version(config.model_name)
        if version is None:
            raise ModelNotFoundError(
                f"monitor {config.id}: model {config.model_name!r} has no champion in the registry at {safe_address(self.tracking_uri)}; "
                f"train the first one with `driftgate train {config.id} --from DATE --to DATE`, or trigger the DAG {config.retrain_dag_id}"
            )
        return version

    def load(self, model_name: str, version: str) -> Any:
        """Return the scikit-learn estimator of a version, loaded once per process.

        Raises
        ------
        ModelNotFoundError
            If the registry does not hold this version.
        """
        key = (self.tracking_uri, model_name, str(version))
        if key not in _loaded:
            estimator = self._load(self.describe(model_name, version))
            while len(_loaded) >= _CACHE_SIZE:
                _loaded.pop(next(iter(_loaded)))
            _loaded[key] = estimator
        return _loaded[key]

    def _load(self, known: ModelVersion) -> Any:
        import mlflow
        from mlflow.exceptions import MlflowException

        with tracking(self.tracking_uri):
            try:
                return mlflow.sklearn.load_model(known.source)
            except (MlflowException, OSError) as error:
                if isinstance(error, MlflowException) and not _is_missing(error) and "No such" not in str(error):
                    raise
                raise ModelNotFoundError(
                    f"version {known.version} of model {known.name!r} is registered but its files are gone ({str(error).splitlines()[0]}); "
                    "roll back to another version or train a new one"
                ) from error

    def describe(self, model_name: str, version: str) -> ModelVersion:
        """Return what the registry knows about a version: run id, tags, aliases.

        Raises
        ------
        ModelNotFoundError
            If the registry does not hold this version.
        """
        from mlflow.exceptions import MlflowException

        with guarded(self.tracking_uri):
            try:
                return client(self.tracking_uri).get_model_version(model_name, str(version))
            except MlflowException as error:
                if not _is_missing(error):
                    raise
                raise ModelNotFoundError(
                    f"the registry at {safe_address(self.tracking_uri)} has no version {version} of model {model_name!r}; "
                    "look at its Models page, or train a version with `driftgate train`"
                ) from error

    def tags(self, model_name: str, version: str) -> Mapping[str, str]:
        """Return the tags of a version."""
        return dict(self.describe(model_name, version).tags)

    def set_tag(self, model_name: str, version: str, key: str, value: str) -> None:
        """Set one tag of a version; the same tag again replaces its value."""
        with guarded(self.tracking_uri):
            client(self.tracking_uri).set_model_version_tag(model_name, str(version), key, value)

    def set_champion(self, model_name: str, version: str) -> None:
        """Point the alias `champion` at a version.

        Raises
        ------
        ModelNotFoundError
            If the registry does not hold this version.
        """
        self._set_alias(model_name, CHAMPION, version)

    def set_challenger(self, model_name: str, version: str) -> None:
        """Point the alias `challenger` at a version; errors as for :meth:`set_champion`."""
        self._set_alias(model_name, CHALLENGER, version)

    def _set_alias(self, model_name: str, alias: str, version: str) -> None:
        self.describe(model_name, version)
        with guarded(self.tracking_uri):
            client(self.tracking_uri).set_registered_model_alias(model_name, alias, str(version))


def _is_missing(error: Exception) -> bool:
    """Whether MLflow says that a model, alias or version does not exist (an unknown alias is an invalid parameter to it)."""
    code = getattr(error, "error_code", "")
    return code == "RESOURCE_DOES_NOT_EXIST" or (code == "INVALID_PARAMETER_VALUE" and "not found" in str(error))
