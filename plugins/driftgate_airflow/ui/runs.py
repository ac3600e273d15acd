"""DAG runs that the pages start and look at.

The only module of the pages that writes into Airflow's own database; who may ask for it is up to the route.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import HTTPException


@dataclass(frozen=True)
class Run:
    """One run of a DAG."""

    run_id: str
    state: str
    """``queued``, ``running``, ``success`` or ``failed``."""

    @property
    def is_active(self) -> bool:
        return self.state in ("queued", "running")


def newest(dag_id: str, prefix: str) -> Run | None:
    """Return the newest run of a DAG whose id begins with ``prefix``."""
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session
    from sqlalchemy import select

    query = select(DagRun.run_id, DagRun.state).where(DagRun.dag_id == dag_id, DagRun.run_id.startswith(prefix, autoescape=True))
    with create_session() as session:
        row = session.execute(query.order_by(DagRun.id.desc()).limit(1)).first()
    return None if row is None else Run(row.run_id, str(getattr(row.state, "value", row.state)))


def start(dag_id: str, run_id: str, conf: Mapping[str, Any], user_name: str) -> Run:
    """Start a run in a user's name.

    Raises
    ------
    HTTPException
        409 if the DAG is paused (its runs would wait unseen), 503 if Airflow does not know it (yet).
    """
    from airflow.api.common.trigger_dag import trigger_dag
    from airflow.exceptions import DagNotFound, DagRunAlreadyExists
    from airflow.models.dag import DagModel
    from airflow.utils.types import DagRunTriggeredByType

    model = DagModel.get_current(dag_id)
    if model is not None and model.is_paused:
        raise HTTPException(409, f"The DAG {dag_id} is paused, so nothing would happen. Unpause it in Airflow first.")
    try:
        trigger_dag(
            dag_id, triggered_by=DagRunTriggeredByType.UI, triggering_user_name=user_name, run_id=run_id, conf=dict(conf), logical_date=None
        )
    except DagRunAlreadyExists:  # two people at once
        return Run(run_id, "queued")
    except DagNotFound:
        raise HTTPException(503, f"Airflow does not know the DAG {dag_id} yet. Is its DAG processor running? Try again soon.") from None
    return Run(run_id, "queued")
