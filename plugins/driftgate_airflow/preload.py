"""Imported once by the fork server of the local executor, so that tasks inherit what they would else load one by one.

Named in AIRFLOW__CORE__MP_FORKSERVER_PRELOAD. An import that fails here only makes tasks slower, so it is reported and
passed over: an error that escaped would end the fork server. No engine, client or context is made here: those do not
survive a fork.
"""

from __future__ import annotations

import gc
import importlib
import os
import pkgutil
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial

AIRFLOW = (
    "airflow.sdk.execution_time.supervisor",
    "airflow.sdk.execution_time.task_runner",
    "airflow.sdk.execution_time.cache",
    "airflow.dag_processing.dagbag",
    "airflow.providers.standard.operators.branch",
    "airflow.providers.standard.operators.empty",
    "airflow.providers.standard.operators.hitl",
    "airflow.providers.standard.operators.python",
    "airflow.providers.standard.operators.trigger_dagrun",
    "airflow.providers.postgres.hooks.postgres",
)
LIBRARIES = (
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
)
FIRST_USE = (
    "encodings.cp437",
    "jinja2.ext",
    "mlflow.tracking.request_header.registry",
    "narwhals._pandas_like.dataframe",
    "opentelemetry.sdk.metrics",
    "pandas.api.internals",
    "pandas.core.arrays.arrow.extension_types",
    "plotly.tools",
    "pyarrow.csv",
    "pyarrow.dataset",
    "pyarrow.pandas_compat",
)
"""What the libraries import only when they are used for the first time, which would be in every task anew."""

OWN = ("driftgate", "driftgate_airflow")
_NOT_FOR_TASKS = ("cli", "commands", "demo", "migrations", "preload", "stack", "ui", "ui_server", "worker")
"""Parts of our own packages that no task uses."""


def _log(text: str) -> None:
    print(f"driftgate preload: {text}", file=sys.stderr, flush=True)


def own_modules() -> Iterator[str]:
    """Yield the names of all our own modules that a task may use."""
    for package in OWN:
        yield from _below(package)


def _below(package: str) -> Iterator[str]:
    for found in pkgutil.iter_modules(importlib.import_module(package).__path__, f"{package}."):
        if _is_for_tasks(found.name.rpartition(".")[2]):
            yield found.name
            if found.ispkg:
                yield from _below(found.name)


def _is_for_tasks(name: str) -> bool:
    return not name.startswith(("_", "cli_")) and name not in _NOT_FOR_TASKS


def preload() -> list[str]:
    """Import everything, and do once what is kept in memory; return what failed."""
    names = ["driftgate", *LIBRARIES, *FIRST_USE, *_stores(), *AIRFLOW, *own_modules()]  # the first chooses how NumPy sorts
    steps: list[tuple[str, Callable[[], object]]] = [(name, partial(importlib.import_module, name)) for name in names]
    steps += [(step.__name__.strip("_"), step) for step in (_load_plugins, _compile_templates, _find_extensions)]
    return [name for name, step in steps if not _done(name, step)]


def _done(name: str, step: Callable[[], object]) -> bool:
    try:
        step()
    except Exception as error:
        _log(f"{name} is not preloaded, every task does it itself: {error!r}")
        return False
    return True


def _stores() -> tuple[str, ...]:
    """Return what tasks need to reach data in an object store, where it lies in one."""
    return ("s3fs",) if os.environ.get("DRIFTGATE_DATA_URL", "").startswith("s3://") else ()


def _load_plugins() -> None:
    from airflow.sdk.plugins_manager import _get_plugins

    _get_plugins()


def _compile_templates() -> None:
    from driftgate.gate.docs_pages import compile_templates

    compile_templates()


def _find_extensions() -> None:
    """Let MLflow and scikit-learn look for extensions among the installed packages: each reads the metadata of all of them once."""
    from mlflow.tracking._model_registry.utils import _get_store_registry
    from sklearn.metrics import r2_score

    _get_store_registry()
    r2_score([0.0, 1.0], [0.0, 1.0])


def _reseed() -> None:
    """Give every forked task its own random numbers: NumPy's global generator would repeat itself in all of them."""
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        numpy.random.seed()


_started = time.monotonic()
_failed = preload()
os.register_at_fork(after_in_child=_reseed)
# What is there by now is never garbage. Left to the collector, every task would go through it again and copy the memory it lies in.
gc.collect()
gc.freeze()
_log(f"ready after {time.monotonic() - _started:.1f} s, {len(_failed)} parts left out")
