"""The pages: the monitors' state, Data Docs and Evidently reports, served behind Airflow's permissions.

Mounted static folders would bypass the permissions of the application, hence routes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from typing import Any, TypeVar

from fastapi import FastAPI, HTTPException, Request
from fastapi.exception_handlers import http_exception_handler
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from driftgate.errors import DriftgateError, ServiceError, SettingsError
from driftgate.settings import Settings, load
from driftgate.storage import DataPath
from driftgate_airflow.ui import access
from driftgate_airflow.ui.access import CurrentUser
from driftgate_airflow.ui.api import create_router
from driftgate_airflow.ui.assets import VENDOR_DIR, localise
from driftgate_airflow.ui.docs_access import shown_monitors
from driftgate_airflow.ui.files import (
    ASSET_HEADERS,
    DOCS_HEADERS,
    ICONS_DIR,
    PAGE_HEADERS,
    PAGES_DIR,
    REPORT_HEADERS,
    find,
    find_data,
    send,
    serve,
)
from driftgate_airflow.ui.known import KnownMonitors, monitor_id
from driftgate_airflow.ui.later_pages import draw_if_promised

_WINDOW_KEY = re.compile(r"\d{8}T\d{6}Z-\d{8}T\d{6}Z")
_REWRITTEN = {".html": "text/html", ".css": "text/css"}
_NO_DOCS = (
    "<!doctype html><title>Data Docs</title><p style='font-family: sans-serif; margin: 2em'>"
    "There are no Data Docs yet: they are written when a batch reaches the gate. Trigger a <code>monitor__</code> DAG first.</p>"
)


F = TypeVar("F")


def create_app(settings: Settings | None = None) -> FastAPI:
    """Build the application; ``settings`` default to those of the installation."""
    resolved = settings or load()
    app = FastAPI(title="Driftgate", docs_url=None, redoc_url=None, openapi_url=None)
    _add_files(app, resolved)
    app.include_router(create_router(resolved))
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(RequestValidationError, _unreadable)
    app.add_exception_handler(DriftgateError, _failed)
    return app


def _add_files(app: FastAPI, settings: Settings) -> None:
    @app.get("/pages/{path:path}", dependencies=[access.website()])
    def pages(path: str, request: Request) -> Response:
        return serve(_found(find(PAGES_DIR, path)), request, PAGE_HEADERS)

    @app.get("/data-docs", dependencies=[access.website()])
    def data_docs_root() -> Response:
        return RedirectResponse("data-docs/index.html")

    known = KnownMonitors(settings.monitors_dir)

    @app.get("/data-docs/{path:path}", dependencies=[access.website()])
    def data_docs(path: str, user: CurrentUser) -> Response:
        return _data_docs_file(settings, path, lambda shown: _refuse_others(user, shown, known.all().monitors))

    @app.get("/icons/{path:path}", dependencies=[access.website()])
    def icons(path: str, request: Request) -> Response:
        return serve(_found(find(ICONS_DIR, path)), request, ASSET_HEADERS)

    @app.get("/vendor/{path:path}", dependencies=[access.website()])
    def vendor(path: str, request: Request) -> Response:
        return serve(_found(find(VENDOR_DIR, path)), request, ASSET_HEADERS)

    @app.get("/reports/{dag_id}/{window_key}/evidently.html", dependencies=[access.dag_runs()])
    def report(dag_id: str, window_key: str) -> Response:
        return send(_report_file(settings, dag_id, window_key), REPORT_HEADERS, "text/html")


def _found(found: F | None) -> F:
    if found is None:
        raise HTTPException(404, "There is no such file.")
    return found


def _refuse_others(user: Any, page: str, known: Collection[str]) -> None:
    """Refuse a page with results of a monitor whose runs the user may not read."""
    wanted = {f"monitor__{name}" for name in shown_monitors(page, known)}
    if wanted - access.readable(user, wanted):
        raise HTTPException(403, "This page shows results of monitors that you may not read; open those of yours from their own pages.")


def _data_docs_file(settings: Settings, path: str, refuse_others: Callable[[str], None]) -> Response:
    found = find_data(settings.data_docs_dir, path)
    if found is None and path in ("", "index.html"):
        return HTMLResponse(_NO_DOCS, headers=DOCS_HEADERS)
    file, place = _found(found)
    refuse_others(place)
    draw_if_promised(file, place, settings)
    if file.suffix not in _REWRITTEN:
        return send(file, DOCS_HEADERS)
    text = localise(file.read_text(encoding="utf-8"), place)
    return Response(text, media_type=_REWRITTEN[file.suffix], headers=DOCS_HEADERS)


def _report_file(settings: Settings, dag_id: str, window_key: str) -> DataPath:
    monitor = monitor_id(dag_id)
    if monitor is None or not _WINDOW_KEY.fullmatch(window_key):
        raise HTTPException(404, "There is no such report.")
    file, _ = _found(find_data(settings.window_dir(monitor, window_key), "evidently.html"))
    return file


# --- what is answered instead of a page -------------------------------------------------------------------------------


async def _refused(request: Request, error: Exception) -> Response:
    """Lead a person without a login to Airflow's login page; everything else is told the status."""
    assert isinstance(error, HTTPException)
    is_page = request.method == "GET" and request.url.path.endswith(".html") and "text/html" in request.headers.get("accept", "")
    if error.status_code == 401 and is_page:
        query = f"?{request.url.query}" if request.url.query else ""
        return RedirectResponse(access.login_address(f"{request.url.path}{query}"), 302, headers={"Cache-Control": "no-store"})
    return await http_exception_handler(request, error)


async def _unreadable(request: Request, error: Exception) -> Response:
    """Say in one line which parameter cannot be read, and why."""
    assert isinstance(error, RequestValidationError)
    problems = (f"{problem['loc'][-1]}: {problem['msg'][:1].lower()}{problem['msg'][1:]}" for problem in error.errors())
    return JSONResponse({"detail": "; ".join(problems)}, 422)


async def _failed(request: Request, error: Exception) -> Response:
    """Say what the records' server said: not there or not set up (503), or a fault of our own (500)."""
    status = 503 if isinstance(error, (ServiceError, SettingsError)) else 500
    return JSONResponse({"detail": str(error)}, status, headers={"Cache-Control": "no-store"})
