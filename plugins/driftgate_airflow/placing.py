"""Gives the tasks of a DAG the queue and the pool of their weight."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from driftgate.settings import load

if TYPE_CHECKING:
    from airflow.sdk import DAG

    from driftgate.config.models import MonitorConfig


def placed(dag: DAG, config: MonitorConfig | None = None) -> DAG:
    """Set queue and pool of every task and return the DAG: as the monitor file says, else the installation's, else Airflow's own.

    An operator says by its attribute ``weight`` whether it reads the rows of a window; operators without one are light.
    """
    installed = load().placements
    for task in dag.tasks:
        weight = getattr(getattr(task, "operator_class", task), "weight", "light")
        places = [installed.get(weight)]
        if config is not None:
            places.insert(0, getattr(config.execution, weight))
        for name in ("queue", "pool"):
            value = next((found for place in places if (found := getattr(place, name, None))), None)
            if value is not None:
                _set(task, name, value)
    return dag


def _set(task: Any, name: str, value: str) -> None:
    """Set an attribute of a task; a mapped one keeps it for the tasks that it becomes."""
    if hasattr(task, "partial_kwargs"):
        task.partial_kwargs[name] = value
    else:
        setattr(task, name, value)
