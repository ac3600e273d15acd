"""Which monitors a DAG file builds, and which monitor files are broken."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from airflow.sdk import get_parsing_context

from driftgate.config.loader import find_monitor, load_monitors
from driftgate.config.models import LoadedMonitor
from driftgate.errors import ConfigError
from driftgate.settings import load


def monitors_for(prefix: str) -> list[LoadedMonitor]:
    """Return the monitors whose DAGs a file builds: all valid ones, or the running task's own.

    A task process parses its DAG file again before each task and needs one DAG of it; ``prefix`` is that of the file's DAG ids.
    """
    folder = load().monitors_dir
    wanted = get_parsing_context().dag_id
    if wanted is None:
        return list(load_monitors(folder).monitors.values())
    if not wanted.startswith(prefix):
        return []
    return [find_monitor(folder, wanted.removeprefix(prefix))]


def broken_monitors() -> Mapping[Path, ConfigError]:
    """Return what is wrong with each monitor file that has no DAGs."""
    return load_monitors(load().monitors_dir).errors
