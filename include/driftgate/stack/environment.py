"""Environment of every program of the stack: the only place where Airflow and MLflow are configured.

Secrets travel in these environments only; they are kept in files of mode 0600 and never appear on a command line.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from driftgate.config.loader import monitor_files
from driftgate.settings import Settings
from driftgate.stack import executors
from driftgate.stack.layout import Layout
from driftgate.stack.ports import HOST
from driftgate.stack.state import ADMIN, StackState

DROPPED = (
    "PYTHONDONTWRITEBYTECODE",  # without .pyc files every import of a task costs twice as much
    "PYTHONHOME",
    "AIRFLOW_CONFIG",
    "GUNICORN_CMD_ARGS",
    "DRIFTGATE_DATABASE_URI",
    "MLFLOW_TRACKING_URI",
    "DRIFTGATE_AIRFLOW_URL",
)
"""Variables that the programs never inherit from the shell in which the stack was started."""

_PLAIN = ("HOME", "LANG", "LC_ALL", "TZ", "TMPDIR")

_QUIET = {
    "DO_NOT_TRACK": "1",
    "SCARF_ANALYTICS": "false",
    "SCARF_NO_ANALYTICS": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "GX_ANALYTICS_ENABLED": "false",
    "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
}

_THREADS = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
"""A task is one process beside others: pools of threads would only fight over the cores, and do not survive a fork."""

AIRFLOW_TUNING: Mapping[str, str] = {
    "AIRFLOW__CORE__PARALLELISM": "6",
    # The local executor takes any number of tasks into its own queue, first come first served, and one that waits there for ten minutes
    # is taken back: only a pool bounds that. Used when the database is new.
    "AIRFLOW__CORE__DEFAULT_POOL_TASK_SLOT_COUNT": "8",
    "AIRFLOW__SCHEDULER__MP_START_METHOD": "forkserver",
    "AIRFLOW__CORE__MP_FORKSERVER_PRELOAD": "driftgate_airflow.preload",
    "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.2",
    "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "120",
    "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "30",
    "AIRFLOW__LOGGING__COLORED_CONSOLE_LOG": "False",
}
"""Settings that only change speed and comfort; the same variable in the user's environment wins."""

_PARSED_EVERY = 30
"""Seconds between two looks of the dag-processor at the monitor files, when they are few."""
_PARSING_PER_MONITOR = 0.6
"""Seconds that they count for each: its DAGs cost about 0.05 s of processor time, and so they all take less than a tenth of a core."""


def common(settings: Settings, layout: Layout, state: StackState, inherited: Mapping[str, str]) -> dict[str, str]:
    """Build what every Python program of the stack gets: where the project is and how its servers are reached."""
    return {
        **_QUIET,
        **_THREADS,
        "PATH": _joined(str(Path(sys.executable).parent), inherited.get("PATH", "/usr/local/bin:/usr/bin:/bin")),
        "PYTHONPATH": _python_path(settings, inherited),
        "PYTHONUNBUFFERED": "1",
        "NO_PROXY": _no_proxy(inherited),
        "no_proxy": _no_proxy(inherited),
        "DRIFTGATE_PROJECT_ROOT": str(settings.project_root),
        "DRIFTGATE_HOME": str(layout.home),
        "DRIFTGATE_MONITORS_DIR": str(settings.monitors_dir),
        "DRIFTGATE_GX_DIR": str(settings.gx_dir),
        "DRIFTGATE_DATA_URL": settings.data_url or "",
        "DRIFTGATE_DATABASE_URI": state.app_uri,
        "DRIFTGATE_AIRFLOW_URL": state.airflow_url,
        "MLFLOW_TRACKING_URI": state.mlflow_url,
    }


def airflow(settings: Settings, layout: Layout, state: StackState, inherited: Mapping[str, str]) -> dict[str, str]:
    """Environment of Airflow's components and of its command line."""
    wanted = {**executors.tuning(AIRFLOW_TUNING, state.broker), **_parsing(settings)}
    tuning = {name: inherited.get(name, value) for name, value in wanted.items()}
    database_uri = state.database_uri("airflow", "airflow")
    return {
        **common(settings, layout, state, inherited),
        **tuning,
        **executors.settings(state.broker, database_uri),
        "AIRFLOW_HOME": str(layout.airflow_home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(settings.project_root / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(settings.project_root / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__AUTH_MANAGER": "airflow.api_fastapi.auth.managers.simple.simple_auth_manager.SimpleAuthManager",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{ADMIN}:admin",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "False",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(layout.passwords),
        "AIRFLOW__CORE__FERNET_KEY": state.secrets["airflow_fernet_key"],
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{state.airflow_url}/execution/",
        "AIRFLOW__API__HOST": HOST,
        "AIRFLOW__API__PORT": str(state.ports["airflow"]),
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__API__BASE_URL": state.airflow_url,
        "AIRFLOW__API__EXPOSE_CONFIG": "False",
        "AIRFLOW__API__SECRET_KEY": state.secrets["airflow_api_secret_key"],
        "AIRFLOW__API_AUTH__JWT_SECRET": state.secrets["airflow_jwt_secret"],
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": database_uri,
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(layout.airflow_home / "logs"),
        "AIRFLOW_CONN_DRIFTGATE_DB": state.database_uri("driftgate_app", "driftgate", driver="postgres"),
    }


def _parsing(settings: Settings) -> dict[str, str]:
    seconds = max(_PARSED_EVERY, round(_PARSING_PER_MONITOR * len(monitor_files(settings.monitors_dir))))
    return {"AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": str(seconds)}


def mlflow(settings: Settings, layout: Layout, state: StackState, inherited: Mapping[str, str]) -> dict[str, str]:
    """Environment of the MLflow server; it gets no secret but that of its own database."""
    result = common(settings, layout, state, inherited)
    del result["DRIFTGATE_DATABASE_URI"]
    del result["MLFLOW_TRACKING_URI"]
    return {
        **result,
        "MLFLOW_BACKEND_STORE_URI": state.database_uri("mlflow", "mlflow"),
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    }


def evidently(settings: Settings, state: StackState, inherited: Mapping[str, str]) -> dict[str, str]:
    """Environment of the Evidently UI: no address, no password and no variable of the user's but where Python and files are."""
    return {
        **{name: inherited[name] for name in _PLAIN if name in inherited},
        **_QUIET,
        **_THREADS,
        "PATH": _joined(str(Path(sys.executable).parent), inherited.get("PATH", "/usr/local/bin:/usr/bin:/bin")),
        "PYTHONPATH": _python_path(settings, inherited),
        "PYTHONUNBUFFERED": "1",
        "EVIDENTLY_SECRET": state.secrets["evidently"],
        "GIT_COMMIT": "-",  # else every question for the version, so every health check, runs git
    }


def without_dropped(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the inherited environment less what would break or mislead the programs."""
    return {name: value for name, value in environ.items() if name not in DROPPED}


def _joined(first: str, rest: str) -> str:
    return os.pathsep.join([first, *(part for part in rest.split(os.pathsep) if part and part != first)])


def _python_path(settings: Settings, inherited: Mapping[str, str]) -> str:
    root = settings.project_root
    own = [str(root), str(root / "include"), str(root / "plugins")]
    extra = [part for part in inherited.get("PYTHONPATH", "").split(os.pathsep) if part and part not in own]
    return os.pathsep.join([*own, *extra])


def _no_proxy(inherited: Mapping[str, str]) -> str:
    """Keep requests between the programs away from any proxy."""
    listed = (inherited.get("NO_PROXY") or inherited.get("no_proxy") or "").split(",")
    return ",".join(dict.fromkeys([part.strip() for part in listed if part.strip()] + [HOST, "localhost"]))
