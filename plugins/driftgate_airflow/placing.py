"""Gives the tasks of a DAG the queue and the pool of their weight."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
        weight = getattr(task, "weight", "light")
        places = [installed.get(weight)]
        if config is not None:
            places.insert(0, getattr(config.execution, weight))
        for name in ("queue", "pool"):
            value = next((found for place in places if (found := getattr(place, name, None))), None)
            if value is not None:
                setattr(task, name, value)
    return dag
