"""Finding files below a root, and the headers they are served with."""

from __future__ import annotations

import posixpath
from mimetypes import guess_type
from pathlib import Path

from fastapi import Request
from fastapi.responses import FileResponse, Response

from driftgate.storage import DataPath, RemotePath

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


def find_data(root: DataPath, path: str) -> tuple[DataPath, str] | None:
    """Do the same in the data location; also return the place below the root, with all ``..`` resolved."""
    if isinstance(root, RemotePath):
        return _find_object(root, path)
    base = Path(str(root))
    file = find(base, path)
    return None if file is None else (file, file.relative_to(base.resolve()).as_posix())


def _find_object(root: RemotePath, path: str) -> tuple[RemotePath, str] | None:
    """Find an object; there are no links in an object store, so the names alone decide."""
    place = posixpath.normpath(path or ".")
    if "\0" in path or place.startswith(("/", "..")):
        return None
    for name in (place, posixpath.normpath(posixpath.join(place, "index.html"))):
        if name != "." and (root / name).is_file():
            return root / name, name
    return None


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


def send(file: DataPath, headers: dict[str, str], kind: str | None = None) -> Response:
    """Answer with a file or an object of the data location; ``kind`` is its media type where that cannot be guessed."""
    if isinstance(file, RemotePath):
        return Response(file.read_bytes(), media_type=kind or guess_type(file.name)[0], headers=headers)
    return FileResponse(str(file), media_type=kind, headers=headers)


def serve(file: Path, request: Request, headers: dict[str, str]) -> Response:
    """Answer with a file, or with 304 if the browser has this very version."""
    status = file.stat()
    tag = f'"{status.st_mtime_ns:x}-{status.st_size:x}"'
    tagged = {**headers, "ETag": tag}
    if tag in (part.strip().removeprefix("W/") for part in request.headers.get("if-none-match", "").split(",")):
        return Response(status_code=304, headers=tagged)
    return FileResponse(file, media_type=media_type(file), headers=tagged)
