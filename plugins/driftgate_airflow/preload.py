"""Imported once by the fork server of the local executor, so that tasks inherit the heavy libraries instead of importing them.

Named in AIRFLOW__CORE__MP_FORKSERVER_PRELOAD. An import that fails here only makes tasks slower, so it is reported and
passed over: an error that escaped would end the fork server. No engine, client or context is made here: those do not
survive a fork.
"""

from __future__ import annotations

import importlib
import os
import sys
import time

MODULES = (
    "airflow.sdk.execution_time.supervisor",
    "airflow.sdk.execution_time.task_runner",
    "airflow.dag_processing.dagbag",
    "airflow.providers.standard.operators.branch",
    "airflow.providers.standard.operators.empty",
    "airflow.providers.standard.operators.hitl",
    "airflow.providers.standard.operators.python",
    "airflow.providers.standard.operators.trigger_dagrun",
    "airflow.providers.postgres.hooks.postgres",
    "pandas",
    "pyarrow.parquet",
    "scipy.stats",
    "sklearn.ensemble",
    "sklearn.pipeline",
    "skops.io",
    "sqlalchemy.dialects.postgresql",
    "great_expectations",
    "evidently",
    "evidently.presets",
    "mlflow",
    "mlflow.sklearn",
    "driftgate.pipeline",
    "driftgate.retraining",
)


def _log(text: str) -> None:
    print(f"driftgate preload: {text}", file=sys.stderr, flush=True)


def preload() -> list[str]:
    """Import everything; return the modules that could not be imported."""
    failed = []
    for name in (*MODULES, *_stores()):
        try:
            importlib.import_module(name)
        except Exception as error:
            _log(f"{name} is not preloaded, tasks import it themselves: {error!r}")
            failed.append(name)
    try:
        _load_plugins()
    except Exception as error:
        _log(f"plugins are not preloaded: {error!r}")
        failed.append("plugins")
    return failed


def _stores() -> tuple[str, ...]:
    """Return what tasks need to reach data in an object store, where it lies in one."""
    return ("s3fs",) if os.environ.get("DRIFTGATE_DATA_URL", "").startswith("s3://") else ()


def _load_plugins() -> None:
    from airflow.sdk.plugins_manager import _get_plugins

    _get_plugins()


def _reseed() -> None:
    """Give every forked task its own random numbers: NumPy's global generator would repeat itself in all of them."""
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        numpy.random.seed()


_started = time.monotonic()
_failed = preload()
os.register_at_fork(after_in_child=_reseed)
_log(f"{len(MODULES) - len(_failed)} of {len(MODULES)} modules in {time.monotonic() - _started:.1f} s")
