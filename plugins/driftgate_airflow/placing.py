"""What every task of a finished DAG gets and loses: the queue and the pool of its weight, and the copies of the form."""

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
        _forget_form(task, dag)
    return dag


def _forget_form(task: Any, dag: DAG) -> None:
    """Take the copies of the DAG's form fields from a task; a run fills them in from the DAG.

    Airflow validates each of them several times whenever it stores a DAG, by a schema that it checks anew every time. With 200 monitors
    that was most of what the dag-processor did.
    """
    fields = task.partial_kwargs.get("params", {}) if hasattr(task, "partial_kwargs") else task.params
    for name in [name for name in fields if name in dag.params and fields.get_param(name).source == "dag"]:
        del fields[name]


def _set(task: Any, name: str, value: str) -> None:
    """Set an attribute of a task; a mapped one keeps it for the tasks that it becomes."""
    if hasattr(task, "partial_kwargs"):
        task.partial_kwargs[name] = value
    else:
        setattr(task, name, value)
