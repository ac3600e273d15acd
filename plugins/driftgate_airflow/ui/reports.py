"""The report of a window on its monitor's page: whether it is drawn, and having it drawn.

Drawing is a run of the DAG ``driftgate__reports``, started in the user's name. Whoever may trigger runs of the monitor's own DAG may have
its reports drawn; no right on the other DAG is needed.
"""

from __future__ import annotations

from datetime import UTC, datetime

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import JSONResponse

from driftgate.config.models import MonitorConfig
from driftgate.record.store import RecordStore
from driftgate.records import BatchStatus, Window
from driftgate_airflow import links
from driftgate_airflow.ui import access, requests, runs
from driftgate_airflow.ui.access import CurrentUser
from driftgate_airflow.ui.database import records_engine
from driftgate_airflow.ui.reader import Reader, answer
from driftgate_airflow.ui.runs import Run
from driftgate_airflow.ui.shapes import Json

REPORTS_DAG = "driftgate__reports"


def add_reports(router: APIRouter, reader: Reader) -> None:
    """Add the routes about a window's report."""

    @router.get("/monitors/{dag_id}/windows/{key}/report", dependencies=[access.dag_runs()])
    def get_report(dag_id: str, key: str) -> JSONResponse:
        config, window = reader.config(dag_id), requests.window("window", key)
        return answer(_describe(config, window, runs.newest(REPORTS_DAG, _prefix(config, window)), _is_drawn(reader, config, window)))

    @router.post("/monitors/{dag_id}/windows/{key}/report", dependencies=[access.dag_runs_changes()])
    def draw_report(dag_id: str, key: str, request: Request, user: CurrentUser) -> JSONResponse:
        requests.refuse_other_sites(request)
        config, window = reader.config(dag_id), requests.window("window", key)
        _require_measured(reader, config, window)
        run = runs.newest(REPORTS_DAG, _prefix(config, window))
        if run is None or not run.is_active:
            run = runs.start(REPORTS_DAG, _run_id(config, window), _form(config, window), user.get_name())
        return answer(_describe(config, window, run, is_drawn=False))


def _describe(config: MonitorConfig, window: Window, run: Run | None, is_drawn: bool) -> Json:
    return {
        "state": _state(run, is_drawn),
        "draw": config.report.draw,
        "links": {
            "evidently": links.report_address(config.monitor_dag_id, window.key) if is_drawn else None,
            "dag_run": links.dag_address(REPORTS_DAG, run.run_id) if run else None,
        },
    }


def _state(run: Run | None, is_drawn: bool) -> str:
    if run is not None and run.is_active:
        return "drawing"
    if is_drawn:
        return "drawn"
    return "failed" if run is not None and run.state == "failed" else "not_drawn"


def _is_drawn(reader: Reader, config: MonitorConfig, window: Window) -> bool:
    return _store(reader).find_report(config.id, window, "evidently") is not None


def _require_measured(reader: Reader, config: MonitorConfig, window: Window) -> None:
    batch = _store(reader).find_batch(config.id, window)
    if batch is None:
        raise HTTPException(404, f"Monitor {config.id} has no window {window.key}.")
    if batch.status is not BatchStatus.MEASURED:
        raise HTTPException(409, f"This window is {batch.status.value.replace('_', ' ')}, not measured; there is nothing to draw.")


def _store(reader: Reader) -> RecordStore:
    return RecordStore(records_engine(reader.settings))


def _prefix(config: MonitorConfig, window: Window) -> str:
    return f"draw__{config.id}__{window.key}__"


def _run_id(config: MonitorConfig, window: Window) -> str:
    return f"{_prefix(config, window)}{datetime.now(UTC):%Y%m%dT%H%M%SZ}"


def _form(config: MonitorConfig, window: Window) -> Json:
    return {"monitor": config.id, "window_start": window.start.isoformat(), "window_end": window.end.isoformat()}
