"""What every route of the pages' data needs: the monitors that a user may read, and a look into the records."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from fastapi import HTTPException
from fastapi.responses import JSONResponse

from driftgate.config.models import MonitorConfig
from driftgate.record import overview
from driftgate.settings import Settings
from driftgate_airflow.ui import access
from driftgate_airflow.ui.database import records_engine
from driftgate_airflow.ui.known import KnownMonitors, monitor_id
from driftgate_airflow.ui.shapes import Json

if TYPE_CHECKING:
    from sqlalchemy import Connection

_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
_SEE_ALSO = ("retrain__", "performance__", "backfill__")


def answer(content: Json) -> JSONResponse:
    """Answer with data that is never kept by a browser or proxy."""
    return JSONResponse(content, headers=_HEADERS)


class Reader:
    """Settings, the monitors' files, the records."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.known = KnownMonitors(settings.monitors_dir)

    def config(self, dag_id: str) -> MonitorConfig:
        """Return the monitor behind a DAG; 404 with what to do when there is none."""
        monitor = monitor_id(dag_id)
        if monitor is None:
            raise HTTPException(404, _no_monitor_dag(dag_id))
        found = self.known.all()
        if monitor in found.monitors:
            return found.monitors[monitor].config
        problems = [problem for path, error in found.errors.items() if path.stem == monitor for problem in error.problems]
        if problems:
            raise HTTPException(404, f"The file of monitor {monitor} is not valid, so it does not run: " + "; ".join(problems))
        raise HTTPException(404, f"There is no monitor {monitor}: no file {monitor}.yaml is in the folder of monitors.")

    def readable(self, user: Any) -> dict[str, MonitorConfig]:
        """Return the monitors that a user may read, by id."""
        configs = {name: loaded.config for name, loaded in self.known.all().monitors.items()}
        allowed = access.readable(user, {config.monitor_dag_id for config in configs.values()})
        return {name: config for name, config in configs.items() if config.monitor_dag_id in allowed}

    def broken(self, user: Any) -> list[Json]:
        """Return what is wrong with monitor files, as far as a user may read the DAGs that they would be."""
        errors = {f"monitor__{path.stem}": (path, error) for path, error in self.known.all().errors.items()}
        allowed = access.readable(user, set(errors))
        return [
            {"name": path.stem, "file": path.name, "problems": list(error.problems)}
            for dag_id, (path, error) in sorted(errors.items())
            if dag_id in allowed
        ]

    def reading(self) -> AbstractContextManager[Connection]:
        """Open one consistent look at the records."""
        return overview.reading(records_engine(self.settings))


def _no_monitor_dag(dag_id: str) -> str:
    prefix = next((prefix for prefix in _SEE_ALSO if dag_id.startswith(prefix)), None)
    if prefix:
        return f"{dag_id} belongs to a monitor, but the page is on the monitor's own DAG: open monitor__{dag_id.removeprefix(prefix)}."
    return f"{dag_id} is not the DAG of a monitor; Driftgate's pages are about DAGs named monitor__<id>."
