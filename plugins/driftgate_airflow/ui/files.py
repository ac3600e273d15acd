"""Finding files below a root, and the headers they are served with."""

from __future__ import annotations

from pathlib import Path

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
