"""Incidents, messages and sinks as JSON, and the one thing that the pages change: a person acknowledges an incident."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import JSONResponse

from driftgate.config.models import MonitorConfig
from driftgate.record import overview_lists
from driftgate.record.incidents import IncidentStore
from driftgate.record.rows import Row, window_of
from driftgate.records import Cause, Window
from driftgate_airflow.ui import access, requests
from driftgate_airflow.ui.access import CurrentUser
from driftgate_airflow.ui.database import records_engine
from driftgate_airflow.ui.reader import Reader, answer
from driftgate_airflow.ui.shapes import Json, Shapes, message_item, moment, row_window

if TYPE_CHECKING:
    from sqlalchemy import Connection

State = Literal["open", "all"]
PageLimit = Annotated[int, Query(ge=1, le=500)]
Before = Annotated[int | None, Query(ge=1)]


def add_incidents(router: APIRouter, reader: Reader) -> None:
    """Add the routes about incidents and about what the sinks and messages are doing."""

    @router.get("/incidents", dependencies=[access.website()])
    def get_incidents(user: CurrentUser, state: State = "open", limit: PageLimit = 100, before: Before = None) -> JSONResponse:
        return answer(_listing(reader, user, reader.readable(user), state, limit, before))

    @router.get("/monitors/{dag_id}/incidents", dependencies=[access.dag_runs()])
    def get_monitor_incidents(
        dag_id: str, user: CurrentUser, state: State = "open", limit: PageLimit = 100, before: Before = None
    ) -> JSONResponse:
        config = reader.config(dag_id)
        return answer(_listing(reader, user, {config.id: config}, state, limit, before))

    @router.post("/monitors/{dag_id}/incidents/{incident_id}/acknowledge", dependencies=[access.dag_runs_changes()])
    def acknowledge(dag_id: str, incident_id: int, request: Request, user: CurrentUser) -> JSONResponse:
        requests.refuse_other_sites(request)
        config = reader.config(dag_id)
        _acknowledge(reader, config, incident_id, by=user.get_name())
        with reader.reading() as connection:
            row = overview_lists.incident(connection, config.id, incident_id)
            items = _items(connection, reader, {config.id: config}, [row] if row else [], changeable={dag_id})
        return answer(items[0])

    @router.get("/health", dependencies=[access.website()])
    def get_health(user: CurrentUser) -> JSONResponse:
        configs = reader.readable(user)
        with reader.reading() as connection:
            sinks = overview_lists.failed_exports(connection, list(configs))
            counts = overview_lists.message_counts(connection, list(configs))
            recent = overview_lists.recent_messages(connection, list(configs))
        return answer({"records": {"state": "ok"}, "sinks": [_sink(configs, row) for row in sinks], "messages": _messages(counts, recent)})


def _listing(reader: Reader, user: Any, configs: Mapping[str, MonitorConfig], state: State, limit: int, before: int | None) -> Json:
    changeable = access.changeable(user, {config.monitor_dag_id for config in configs.values()})
    with reader.reading() as connection:
        rows = overview_lists.incidents(connection, list(configs), open_only=state == "open", limit=limit, before=before)
        counts = overview_lists.incident_counts(connection, list(configs))
        items = _items(connection, reader, configs, rows[:limit], changeable)
    more = len(rows) > limit and state == "all"
    return {"items": items, "next_before": items[-1]["id"] if more else None, "total": counts["total"], "open": counts["open"]}


def _items(
    connection: Connection, reader: Reader, configs: Mapping[str, MonitorConfig], rows: Sequence[Row], changeable: set[str]
) -> list[Json]:
    messages = overview_lists.messages(connection, [row["id"] for row in rows])
    pages = _gate_pages(connection, rows)

    def write(row: Row) -> Json:
        config = configs[row["monitor"]]
        shapes = Shapes(config, reader.settings)
        page = pages.get((row["monitor"], window_of(row, "last_seen")))
        return shapes.incident_item(
            row,
            messages.get(row["id"], []),
            data_docs=page,
            may_acknowledge=config.monitor_dag_id in changeable and row["resolved"] is None,
        )

    return [write(row) for row in rows]


def _gate_pages(connection: Connection, rows: Sequence[Row]) -> Mapping[tuple[str, Window], str]:
    keys = [(row["monitor"], window_of(row, "last_seen")) for row in rows if row["cause"] == Cause.GATE.value]
    return overview_lists.gate_pages(connection, keys) if keys else {}


def _acknowledge(reader: Reader, config: MonitorConfig, incident_id: int, by: str) -> None:
    """Note who knows of an incident of this monitor; 404 and 409 say why not."""
    with reader.reading() as connection:
        row = overview_lists.incident(connection, config.id, incident_id)
    if row is None:
        raise HTTPException(404, f"Monitor {config.id} has no incident {incident_id}.")
    if row["resolved"] is None and IncidentStore(records_engine(reader.settings)).acknowledge(incident_id, by) is not None:
        return
    raise HTTPException(409, f"Incident {incident_id} is resolved; there is nothing to acknowledge any more.")


def _sink(configs: Mapping[str, MonitorConfig], row: Row) -> Json:
    window = row_window(configs[row["monitor"]], row)
    last = {"monitor": row["monitor"], "window": window, "at": moment(row["updated_at"])}
    return {"sink": row["sink"], "failed": row["failed"], "last_error": row["error"], "last_failed": last}


def _messages(counts: Mapping[str, int], recent: Sequence[Row]) -> Json:
    states = {name: counts.get(name, 0) for name in ("pending", "sent", "failed", "dropped")}
    last_error = next((row["last_error"] for row in recent if row["last_error"]), None)
    items = [{"monitor": row["monitor"], **message_item(row), "at": moment(row["created_at"])} for row in recent]
    return {**states, "last_error": last_error, "recent": items}
