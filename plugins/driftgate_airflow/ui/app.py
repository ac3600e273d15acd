"""The pages: Data Docs and Evidently reports, served file by file behind Airflow's permissions.

Mounted static folders would bypass the permissions of the application, hence routes.
"""

from __future__ import annotations

import re
from pathlib import Path

from fastapi import FastAPI, HTTPException
from fastapi.responses import FileResponse, HTMLResponse, RedirectResponse, Response

from driftgate.settings import Settings, load
from driftgate_airflow.ui import access
from driftgate_airflow.ui.assets import VENDOR_DIR, localise
from driftgate_airflow.ui.files import ASSET_HEADERS, DOCS_HEADERS, REPORT_HEADERS, find

_DAG_ID = re.compile(r"monitor__([a-z][a-z0-9_]{0,62})")
_WINDOW_KEY = re.compile(r"\d{8}T\d{6}Z-\d{8}T\d{6}Z")
_REWRITTEN = {".html": "text/html", ".css": "text/css"}
_NO_DOCS = (
    "<!doctype html><title>Data Docs</title><p style='font-family: sans-serif; margin: 2em'>"
    "There are no Data Docs yet: they are written when a batch reaches the gate. Trigger a <code>monitor__</code> DAG first.</p>"
)


def create_app(settings: Settings | None = None) -> FastAPI:
    """Build the application; ``settings`` default to those of the installation."""
    resolved = settings or load()
    app = FastAPI(title="Driftgate", docs_url=None, redoc_url=None, openapi_url=None)

    @app.get("/data-docs", dependencies=[access.website()])
    def data_docs_root() -> Response:
        return RedirectResponse("data-docs/index.html")

    @app.get("/data-docs/{path:path}", dependencies=[access.website()])
    def data_docs(path: str) -> Response:
        return _data_docs_file(resolved.data_docs_dir, path)

    @app.get("/vendor/{path:path}", dependencies=[access.website()])
    def vendor(path: str) -> Response:
        return FileResponse(_found(find(VENDOR_DIR, path)), headers=ASSET_HEADERS)

    @app.get("/reports/{dag_id}/{window_key}/evidently.html", dependencies=[access.dag_runs()])
    def report(dag_id: str, window_key: str) -> Response:
        return FileResponse(_report_file(resolved, dag_id, window_key), media_type="text/html", headers=REPORT_HEADERS)

    return app


def _found(path: Path | None) -> Path:
    if path is None:
        raise HTTPException(404, "There is no such file.")
    return path


def _data_docs_file(root: Path, path: str) -> Response:
    file = find(root, path)
    if file is None and path in ("", "index.html"):
        return HTMLResponse(_NO_DOCS, headers=DOCS_HEADERS)
    file = _found(file)
    if file.suffix not in _REWRITTEN:
        return FileResponse(file, headers=DOCS_HEADERS)
    text = localise(file.read_text(encoding="utf-8"), file.relative_to(root.resolve()).as_posix())
    return Response(text, media_type=_REWRITTEN[file.suffix], headers=DOCS_HEADERS)


def _report_file(settings: Settings, dag_id: str, window_key: str) -> Path:
    monitor = _DAG_ID.fullmatch(dag_id)
    if monitor is None or not _WINDOW_KEY.fullmatch(window_key):
        raise HTTPException(404, "There is no such report.")
    return _found(find(settings.window_dir(monitor[1], window_key), "evidently.html"))
