"""The pages' data as JSON, below ``api/``. Every route asks Airflow whether the user may read (or act on) the DAGs concerned."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, HTTPException, Query
from fastapi.responses import JSONResponse

from driftgate.record import overview, overview_lists, overview_numbers, overview_series
from driftgate.records import Family
from driftgate.settings import Settings
from driftgate_airflow.ui import access, charts, fleet, requests, schedule
from driftgate_airflow.ui.access import CurrentUser
from driftgate_airflow.ui.incidents import add_incidents
from driftgate_airflow.ui.known import main_metric
from driftgate_airflow.ui.monitor_page import details
from driftgate_airflow.ui.numbers import add_numbers, limits
from driftgate_airflow.ui.reader import Reader, answer
from driftgate_airflow.ui.reports import add_reports
from driftgate_airflow.ui.requests import From, Last, To
from driftgate_airflow.ui.shapes import Shapes, moment

_MOST_COLUMNS = 12
_FAMILIES = (*(family.value for family in Family), overview_series.ROWS_FAMILY)

Columns = Annotated[list[str] | None, Query(alias="column", max_length=_MOST_COLUMNS)]
Text = Annotated[str, Query(max_length=500)]
OptionalText = Annotated[str | None, Query(max_length=500)]
PageLimit = Annotated[int, Query(ge=1, le=500)]
ListName = Literal["windows", "gates", "decisions", "retrainings"]


def create_router(settings: Settings) -> APIRouter:
    """Build the routes."""
    router, reader = APIRouter(prefix="/api", dependencies=[Depends(requests.refuse_nul)]), Reader(settings)
    _add_fleet(router, reader)
    _add_charts(router, reader)
    add_numbers(router, reader)
    add_reports(router, reader)
    add_incidents(router, reader)  # like the numbers, before the lists, whose path would match too
    _add_lists(router, reader)
    return router


def _add_fleet(router: APIRouter, reader: Reader) -> None:
    @router.get("/fleet", dependencies=[access.website()])
    def get_fleet(user: CurrentUser) -> JSONResponse:
        configs, now = reader.readable(user), datetime.now(UTC)
        with reader.reading() as connection:
            state = overview.fleet(connection, {name: main_metric(config) for name, config in configs.items()})
        dags = schedule.dag_states([config.monitor_dag_id for config in configs.values()])
        monitors = fleet.entries(list(configs.values()), reader.settings, state, dags, now)
        return answer({"generated_at": moment(now), "monitors": monitors, "broken": reader.broken(user)})

    @router.get("/monitors/{dag_id}", dependencies=[access.dag_runs()])
    def get_monitor(dag_id: str, user: CurrentUser) -> JSONResponse:
        config = reader.config(dag_id)
        with reader.reading() as connection:
            state = overview.fleet(connection, {config.id: main_metric(config)})
            contents = overview.contents(connection, config.id)
            calibrations = overview_numbers.calibrations(connection, config.id)
        dag = schedule.dag_states([dag_id]).get(dag_id)
        entry = fleet.entry(config, reader.settings, state, dag, datetime.now(UTC))
        may = dict.fromkeys(("acknowledge", "draw"), dag_id in access.changeable(user, {dag_id}))
        return answer({**entry, **details(config, *contents), "limits": limits(config, calibrations), "may": may})


def _add_charts(router: APIRouter, reader: Reader) -> None:
    @router.get("/monitors/{dag_id}/series", dependencies=[access.dag_runs()])
    def get_series(
        dag_id: str,
        family: Text,
        metric: Text,
        column: Columns = None,
        segment: Text = "",
        model_version: OptionalText = None,
        start: From = None,
        to: To = None,
        last: Last = None,
        points: Annotated[int, Query(ge=100, le=5000)] = 1500,
    ) -> JSONResponse:
        config = reader.config(dag_id)
        if family not in _FAMILIES:
            raise HTTPException(422, f"family: {family!r} is unknown; use one of {', '.join(_FAMILIES)}")
        columns = list(dict.fromkeys(column or [""])) if family != overview_series.ROWS_FAMILY else [""]
        query = overview_series.SeriesQuery(family, metric, columns, segment, model_version or None, points)
        span = requests.span(config, start, to, last)
        with reader.reading() as connection:
            rows = overview_series.series(connection, config.id, *overview.bounds(connection, config.id, span), query)
        return answer(charts.series(config, query, rows))

    @router.get("/monitors/{dag_id}/heatmap", dependencies=[access.dag_runs()])
    def get_heatmap(
        dag_id: str,
        metric: Literal["drift_score", "slow_drift", "missing_share"] = "drift_score",
        start: From = None,
        to: To = None,
        last: Last = None,
        limit: Annotated[int, Query(ge=1, le=200)] = 60,
        windows: Annotated[int, Query(ge=10, le=1000)] = 400,
        search: Text = "",
        model_version: OptionalText = None,
    ) -> JSONResponse:
        config = reader.config(dag_id)
        span = requests.span(config, start, to, last)
        with reader.reading() as connection:
            bounds = overview.bounds(connection, config.id, span)
            found = overview.windows(connection, config.id, *bounds)
            per_cell = charts.windows_per_cell(len(found), windows)
            query = overview_series.HeatmapQuery(metric, search.strip(), limit, per_cell, model_version or None)
            columns, cells = overview_series.heatmap(connection, config.id, *bounds, query)
        return answer(charts.heatmap(config, query, found, columns, cells))

    @router.get("/monitors/{dag_id}/marks", dependencies=[access.dag_runs()])
    def get_marks(dag_id: str, start: From = None, to: To = None, last: Last = None) -> JSONResponse:
        config = reader.config(dag_id)
        shapes = Shapes(config, reader.settings)
        with reader.reading() as connection:
            bounds = overview.bounds(connection, config.id, requests.span(config, start, to, last))
            rows = overview_series.marks(connection, config.id, *bounds)
        return answer({"marks": [shapes.mark(row) for row in reversed(rows)]})


def _add_lists(router: APIRouter, reader: Reader) -> None:
    def page(
        kind: ListName, dag_id: str, limit: int, before: str | None, start: str | None, to: str | None, only: str | None
    ) -> JSONResponse:
        config = reader.config(dag_id)
        wanted = requests.page(config, start, to, before, limit, only)
        with reader.reading() as connection:
            found = overview_lists.listing(connection, kind, config.id, wanted, main_metric(config))
        shapes = Shapes(config, reader.settings)
        write = {
            "windows": shapes.window_item,
            "gates": shapes.gate_item,
            "decisions": shapes.decision_item,
            "retrainings": shapes.retraining_item,
        }[kind]
        items = [write(row) for row in found.rows]
        return answer({"items": items, "next_before": items[-1]["window"]["key"] if found.more else None, "total": found.total})

    @router.get("/monitors/{dag_id}/{kind}", dependencies=[access.dag_runs()])
    def get_list(
        dag_id: str,
        kind: ListName,
        limit: PageLimit = 50,
        before: Annotated[str | None, Query(max_length=40)] = None,
        start: From = None,
        to: To = None,
        only: Annotated[str | None, Query(max_length=40)] = None,
    ) -> JSONResponse:
        return page(kind, dag_id, limit, before, start, to, only)
