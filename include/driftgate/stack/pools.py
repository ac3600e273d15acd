"""Airflow pools that the placement of tasks names: made when they are missing, never changed, since people tune their slots in the UI."""

from __future__ import annotations

import httpx

from driftgate.airflow_api import AirflowApi
from driftgate.errors import StackError
from driftgate.settings import Settings
from driftgate.stack.state import ADMIN, StackState


def ensure(settings: Settings, state: StackState) -> list[str]:
    """Make the missing pools and return their names. Without a configured pool Airflow is not asked at all."""
    wanted = {weight: placement for weight, placement in settings.placements.items() if placement.pool}
    if not wanted:
        return []
    api = AirflowApi(state.airflow_url, ADMIN, state.secrets["airflow_admin"])
    made = []
    for weight, placement in wanted.items():
        if api.request("GET", f"/pools/{placement.pool}").status_code != httpx.codes.NOT_FOUND:
            continue
        pool = {"name": placement.pool, "slots": placement.slots, "description": f"Driftgate: {weight} tasks", "include_deferred": False}
        answer = api.request("POST", "/pools", json=pool)
        if answer.is_error:
            raise StackError(f"the pool {placement.pool!r} could not be made: {answer.status_code} {answer.text[:200]}")
        made.append(str(placement.pool))
    api.close()
    return made
