"""Who may read what: Airflow's own login and permissions.

The only module that uses Airflow's internal security functions; they are not part of its public interface.
"""

from __future__ import annotations

from typing import Any

from airflow.api_fastapi.auth.managers.models.resource_details import AccessView, DagAccessEntity
from airflow.api_fastapi.core_api.security import requires_access_dag, requires_access_view
from fastapi import Depends


def website() -> Any:
    """Allow whoever may use Airflow's UI; 401 without a login, 403 without the right."""
    return Depends(requires_access_view(AccessView.WEBSITE))


def dag_runs() -> Any:
    """Allow whoever may read the runs of the DAG in the path's ``dag_id``."""
    return Depends(requires_access_dag("GET", DagAccessEntity.RUN))
