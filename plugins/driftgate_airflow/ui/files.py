"""Finding files below a root, and the headers they are served with."""

from __future__ import annotations

from pathlib import Path

from fastapi import Request
from fastapi.responses import FileResponse, Response

PAGES_DIR = Path(__file__).parent / "pages"
"""The pages that this package brings along."""
ICONS_DIR = Path(__file__).parent / "icons"

_COMMON = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin"}

DOCS_HEADERS = {
    **_COMMON,
    "Cache-Control": "no-store",
    # Pages navigate within the site, so they keep Airflow's origin; but they can neither call its API nor send anything away.
    "Content-Security-Policy": (
        "default-src 'self' 'unsafe-inline' data:; script-src 'self' 'unsafe-inline' 'unsafe-eval'; connect-src 'none'; "
        "form-action 'none'; base-uri 'none'; object-src 'none'; frame-src 'none'; frame-ancestors 'self'"
    ),
}
REPORT_HEADERS = {
    **_COMMON,
    "Cache-Control": "no-store",
    # A single file with scripts of its own: it gets an origin of its own, so Airflow's cookie and API are out of its reach.
    "Content-Security-Policy": (
        "sandbox allow-scripts allow-downloads; default-src 'unsafe-inline' 'unsafe-eval' data: blob:; connect-src 'none'; "
        "form-action 'none'; base-uri 'none'; frame-ancestors 'self'"
    ),
}
PAGE_HEADERS = {
    **_COMMON,
    "Cache-Control": "private, no-cache",  # kept, but asked for again: an update of the package shows at once
    # The charts' tooltips are positioned by style attributes, hence inline styles; scripts come from this server's files only.
    "Content-Security-Policy": (
        "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; connect-src 'self'; "
        "form-action 'none'; base-uri 'none'; object-src 'none'; frame-src 'none'; frame-ancestors 'self'"
    ),
}
ASSET_HEADERS = {**_COMMON, "Cache-Control": "private, max-age=86400"}


def find(root: Path, path: str) -> Path | None:
    """Return the file at ``path`` below ``root``; None if there is none or the path leads out of the root."""
    if "\0" in path:
        return None
    base = root.resolve()
    candidate = (base / path).resolve()
    if candidate.is_dir():
        candidate = candidate / "index.html"
    return candidate if candidate.is_relative_to(base) and candidate.is_file() else None


# Not left to the system's own table of types, which may be empty or changed; scripts of another type are refused by browsers.
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".txt": "text/plain; charset=utf-8",
    ".woff2": "font/woff2",
}


def media_type(file: Path) -> str | None:
    """Return the type a file is served with; None where it can be guessed."""
    return _TYPES.get(file.suffix)


def serve(file: Path, request: Request, headers: dict[str, str]) -> Response:
    """Answer with a file, or with 304 if the browser has this very version."""
    status = file.stat()
    tag = f'"{status.st_mtime_ns:x}-{status.st_size:x}"'
    tagged = {**headers, "ETag": tag}
    if tag in (part.strip().removeprefix("W/") for part in request.headers.get("if-none-match", "").split(",")):
        return Response(status_code=304, headers=tagged)
    return FileResponse(file, media_type=media_type(file), headers=tagged)
