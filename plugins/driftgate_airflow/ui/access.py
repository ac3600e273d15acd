"""Who may read what: Airflow's own login and permissions.

The only module that uses Airflow's internal security functions; they are not part of its public interface.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from typing import Annotated, Any

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import AccessView, DagAccessEntity, DagDetails
from airflow.api_fastapi.core_api.security import get_user, requires_access_dag, requires_access_view
from airflow.configuration import conf
from airflow.models.dag import DagModel
from fastapi import Depends

CurrentUser = Annotated[Any, Depends(get_user)]
"""Annotation of a route's argument: whoever is logged in; 401 without a login."""


def website() -> Any:
    """Allow whoever may use Airflow's UI; 401 without a login, 403 without the right."""
    return Depends(requires_access_view(AccessView.WEBSITE))


def dag_runs() -> Any:
    """Allow whoever may read the runs of the DAG in the path's ``dag_id``."""
    return Depends(requires_access_dag("GET", DagAccessEntity.RUN))


def dag_runs_changes() -> Any:
    """Allow whoever may trigger runs of the DAG in the path's ``dag_id``."""
    return Depends(requires_access_dag("POST", DagAccessEntity.RUN))


def readable(user: Any, dag_ids: AbstractSet[str]) -> set[str]:
    """Return those of the DAGs whose runs a user may read."""
    return _allowed("GET", user, dag_ids)


def changeable(user: Any, dag_ids: AbstractSet[str]) -> set[str]:
    """Return those of the DAGs of which a user may trigger runs."""
    return _allowed("POST", user, dag_ids)


def _allowed(method: Any, user: Any, dag_ids: AbstractSet[str]) -> set[str]:
    manager, teams = get_auth_manager(), _teams(dag_ids)

    def is_allowed(dag_id: str) -> bool:
        details = DagDetails(id=dag_id, team_name=teams.get(dag_id))
        return manager.is_authorized_dag(method=method, access_entity=DagAccessEntity.RUN, details=details, user=user)

    return {dag_id for dag_id in dag_ids if is_allowed(dag_id)}


def _teams(dag_ids: AbstractSet[str]) -> dict[str, str | None]:
    return DagModel.get_dag_id_to_team_name_mapping(sorted(dag_ids)) if conf.getboolean("core", "multi_team") else {}


def login_address(following: str) -> str:
    """Return the address of Airflow's login page that leads on to ``following``."""
    return get_auth_manager().get_url_login(next_url=following)
