"""Settings of the installation: where things live and how servers are reached.

The only module that reads Driftgate's own variables (a monitor file may name more, for its source). The order for every value:
environment variable, then what the embedded stack wrote into its state folder, then a default. Secrets are never defaulted.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from driftgate.errors import SettingsError
from driftgate.placement import WEIGHTS, Placement, Weight
from driftgate.placement import read as read_placement
from driftgate.storage import DataPath, locate

STACK_FILE = "stack.json"
"""Name of the file (mode 0600) in the state folder into which the embedded stack writes its addresses and secrets."""


@dataclass(frozen=True)
class InfluxSettings:
    """An InfluxDB with the v2 write interface; empty text where a variable is not set."""

    url: str
    token: str = field(repr=False)
    org: str
    bucket: str


@dataclass(frozen=True)
class Settings:
    """Resolved settings; build with :func:`load`."""

    project_root: Path
    home: Path
    """State folder of this machine: databases, logs, secrets, caches; the data too, unless ``data_url`` says otherwise."""
    monitors_dir: Path
    gx_dir: Path
    database_uri: str | None = field(repr=False)
    mlflow_uri: str | None
    airflow_url: str | None
    mlflow_public_url: str | None = None
    """Address of MLflow in a browser, where it differs from the one that programs use (containers, proxies)."""
    grafana_url: str | None = None
    evidently_url: str | None = None
    """Address of the Evidently UI in a browser."""
    prometheus_gateway: str | None = field(default=None, repr=False)
    """Pushgateway, ``host:port`` or URL; None: nothing is exported to Prometheus."""
    influxdb: InfluxSettings | None = None
    """None: nothing is exported to InfluxDB."""
    environment: str = "production"
    """Label that exported metrics carry beside monitor and model version."""
    notifications_file: Path | None = None
    """Where messages go; default: include/notifications.yaml of the project."""
    data_url: str | None = None
    """Data location that every machine reaches, ``s3://bucket/prefix`` or a shared folder; None: the state folder."""
    evidently_workspace: Path | None = None
    """Folder that the tasks and the Evidently UI share; default: in the state folder."""
    placements: Mapping[Weight, Placement] = field(default_factory=dict)
    """Where tasks of a weight run; a weight that is missing has no queue and no pool of its own."""

    @property
    def queues(self) -> tuple[str, ...]:
        """Names of the queues that workers have to listen on beside Airflow's default one."""
        return tuple(placement.queue for placement in self.placements.values() if placement.queue)

    @property
    def data_dir(self) -> DataPath:
        """Where everything lies that one task writes and another one, or a page, reads."""
        return self.home if self.data_url is None else locate(self.data_url)

    @property
    def batches_dir(self) -> DataPath:
        return self.data_dir / "batches"

    @property
    def references_dir(self) -> Path:
        """Local copies of the references that live beside each model version in MLflow."""
        return self.home / "references"

    @property
    def shared_references_dir(self) -> DataPath:
        """References that were read from the source, and estimators of performance: what is dear to make and kept nowhere else."""
        return self.data_dir / "references"

    @property
    def validations_dir(self) -> DataPath:
        return self.data_dir / "gx" / "validations"

    @property
    def data_docs_dir(self) -> DataPath:
        """Root of the Data Docs site (the folder that holds its index.html)."""
        return self.data_dir / "gx" / "data_docs"

    @property
    def evidently_dir(self) -> Path:
        """Workspace of the Evidently UI: always a folder."""
        return self.evidently_workspace or self.home / "evidently"

    @property
    def notifications_path(self) -> Path:
        return self.notifications_file or self.project_root / "include" / "notifications.yaml"

    def window_dir(self, monitor: str, window_key: str) -> DataPath:
        """Folder of everything made for one window: batch, measures, reports."""
        return self.batches_dir / monitor / window_key

    def training_dir(self, monitor: str, window_key: str) -> DataPath:
        """Folder of the training set of a retraining, by its trigger window."""
        return self.data_dir / "training" / monitor / window_key

    def require_database(self) -> str:
        if not self.database_uri:
            raise SettingsError(
                "no database is configured: set DRIFTGATE_DATABASE_URI (postgresql+psycopg2://user:password@host:port/name) "
                "or start the embedded stack with `driftgate up`"
            )
        return self.database_uri

    def require_mlflow(self) -> str:
        if not self.mlflow_uri:
            raise SettingsError(
                "no MLflow server is configured: set MLFLOW_TRACKING_URI (http://host:port) or start the embedded stack with `driftgate up`"
            )
        return self.mlflow_uri


def _find_project_root(start: Path) -> Path:
    for folder in (start, *start.parents):
        if (folder / "include" / "monitors").is_dir():
            return folder
    return Path(__file__).resolve().parents[2]


def _read_stack_file(home: Path) -> Mapping[str, str]:
    path = home / STACK_FILE
    try:
        content = json.loads(path.read_text())
    except (FileNotFoundError, PermissionError):
        return {}
    except json.JSONDecodeError as error:
        raise SettingsError(f"{path}: not valid JSON ({error}); remove it and run `driftgate up` again") from error
    return {key: value for key, value in content.get("settings", {}).items() if isinstance(value, str)}


def load(environ: Mapping[str, str] | None = None) -> Settings:
    """Resolve the settings from the environment and the embedded stack's state folder.

    Variables: DRIFTGATE_PROJECT_ROOT, DRIFTGATE_HOME, DRIFTGATE_MONITORS_DIR, DRIFTGATE_GX_DIR, DRIFTGATE_DATABASE_URI,
    MLFLOW_TRACKING_URI, DRIFTGATE_MLFLOW_URL (for people), DRIFTGATE_AIRFLOW_URL (for people), DRIFTGATE_EVIDENTLY_URL (for people),
    GRAFANA_URL (for people), DRIFTGATE_DATA_URL, DRIFTGATE_EVIDENTLY_DIR,
    DRIFTGATE_NOTIFICATIONS_FILE, DRIFTGATE_ENVIRONMENT, PROMETHEUS_GATEWAY, INFLUXDB_URL with INFLUXDB_TOKEN,
    INFLUXDB_ORG and INFLUXDB_BUCKET, and those of :mod:`driftgate.placement`.
    """
    env = os.environ if environ is None else environ
    root = Path(env["DRIFTGATE_PROJECT_ROOT"]) if env.get("DRIFTGATE_PROJECT_ROOT") else _find_project_root(Path.cwd())
    root = root.resolve()
    home = Path(env.get("DRIFTGATE_HOME") or root / ".driftgate").absolute()
    stack = _read_stack_file(home)
    return Settings(
        project_root=root,
        home=home,
        monitors_dir=Path(env.get("DRIFTGATE_MONITORS_DIR") or root / "include" / "monitors"),
        gx_dir=Path(env.get("DRIFTGATE_GX_DIR") or root / "great_expectations"),
        database_uri=env.get("DRIFTGATE_DATABASE_URI") or stack.get("database_uri"),
        mlflow_uri=env.get("MLFLOW_TRACKING_URI") or stack.get("mlflow_uri"),
        airflow_url=env.get("DRIFTGATE_AIRFLOW_URL") or stack.get("airflow_url"),
        mlflow_public_url=env.get("DRIFTGATE_MLFLOW_URL") or None,
        grafana_url=(env.get("GRAFANA_URL") or "").rstrip("/") or None,
        evidently_url=env.get("DRIFTGATE_EVIDENTLY_URL") or stack.get("evidently_url"),
        prometheus_gateway=env.get("PROMETHEUS_GATEWAY") or None,
        influxdb=_influx(env),
        environment=env.get("DRIFTGATE_ENVIRONMENT") or "production",
        notifications_file=Path(env["DRIFTGATE_NOTIFICATIONS_FILE"]) if env.get("DRIFTGATE_NOTIFICATIONS_FILE") else None,
        data_url=_data_url(env.get("DRIFTGATE_DATA_URL", stack.get("data_url"))),
        evidently_workspace=Path(env["DRIFTGATE_EVIDENTLY_DIR"]).absolute() if env.get("DRIFTGATE_EVIDENTLY_DIR") else None,
        placements={weight: read_placement(env, weight) for weight in WEIGHTS},
    )


def _data_url(value: str | None) -> str | None:
    """Read where the data is; a wrong address is refused here, before anything is written. Empty: the state folder, whatever was before."""
    if not value:
        return None
    try:
        return str(locate(value).absolute())
    except (SettingsError, ValueError) as error:
        raise SettingsError(f"DRIFTGATE_DATA_URL: {error}") from error


def _influx(env: Mapping[str, str]) -> InfluxSettings | None:
    """Read where InfluxDB is; what is missing beside the address is reported when something is sent, not here."""
    if not env.get("INFLUXDB_URL"):
        return None
    token, org, bucket = (env.get(name, "") for name in ("INFLUXDB_TOKEN", "INFLUXDB_ORG", "INFLUXDB_BUCKET"))
    return InfluxSettings(env["INFLUXDB_URL"].rstrip("/"), token, org, bucket)
