"""Which monitors a DAG file builds, and which monitor files are broken."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from airflow.sdk import get_parsing_context

from driftgate.config.loader import find_monitor, load_monitors
from driftgate.config.models import LoadedMonitor
from driftgate.errors import ConfigError
from driftgate.settings import load

_LONGEST_TAG = 100  # Airflow's limit; a longer one would stop the whole DAG file


def monitors_for(prefix: str) -> list[LoadedMonitor]:
    """Return the monitors whose DAGs a file builds: all valid ones, or the running task's own.

    A task process parses its DAG file again before each task and needs one DAG of it; ``prefix`` is that of the file's DAG ids.
    """
    folder = load().monitors_dir
    wanted = get_parsing_context().dag_id
    if wanted is None:
        return [monitor for monitor in load_monitors(folder).monitors.values() if not _unfit(monitor)]
    if not wanted.startswith(prefix):
        return []
    return [find_monitor(folder, wanted.removeprefix(prefix))]


def broken_monitors() -> Mapping[Path, ConfigError]:
    """Return what is wrong with each monitor file that has no DAGs."""
    found = load_monitors(load().monitors_dir)
    unfit = {monitor.path: ConfigError(problems) for monitor in found.monitors.values() if (problems := _unfit(monitor))}
    return {**found.errors, **unfit}


def _unfit(monitor: LoadedMonitor) -> list[str]:
    """Find what only Airflow refuses; left alone, it would stop every DAG of the file that builds them."""
    from croniter import croniter

    config, problems = monitor.config, []
    cron = config.schedule.cron
    if cron is not None and not croniter.is_valid(cron):
        problems.append(f"{monitor.path}: schedule.cron: {cron!r} is not a cron expression; write for example '0 0 * * *', or null")
    if config.schedule.catchup and config.schedule.start is None:
        problems.append(f"{monitor.path}: schedule.start: is needed with catchup: true; write the date of the first window")
    too_long = [tag for tag in config.tags if not 0 < len(tag) <= _LONGEST_TAG]
    problems += [f"{monitor.path}: tags: {tag[:20]!r} has {len(tag)} characters; use 1 to {_LONGEST_TAG}" for tag in too_long]
    return problems
