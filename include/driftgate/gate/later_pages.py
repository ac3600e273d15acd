"""Pages of Data Docs that are drawn when somebody opens them: drawing a year of them takes longer than validating it.

Until then the page's file holds a promise, so that the index links to it and a listing finds it like any other page.
"""

from __future__ import annotations

from driftgate.errors import GateError
from driftgate.gate.docs_pages import validation_path, write_page
from driftgate.settings import Settings
from driftgate.storage import DataPath

_PROMISE = (
    "<!doctype html><!-- driftgate: drawn when opened --><meta charset='utf-8'><title>Data Docs</title>"
    "<p style='font-family: sans-serif; margin: 2em'>This page is drawn when it is opened in Airflow. "
    "To draw all such pages now, run <code>driftgate docs</code>.</p>"
)


def promise_page(stored: DataPath, settings: Settings, where: str) -> str:
    """Promise the page of a stored result and return its path relative to the site.

    Raises
    ------
    GateError
        If the file cannot be written.
    """
    page = validation_path(stored, settings.validations_dir)
    try:
        write_page(settings.data_docs_dir, page, _PROMISE)
    except GateError as error:
        raise GateError(f"{where}: {error}") from error
    return page


def is_promise(file: DataPath) -> bool:
    """Whether a page of the site was not drawn yet."""
    if file.suffix != ".html":
        return False
    try:
        return file.read_text(encoding="utf-8") == _PROMISE
    except (OSError, UnicodeDecodeError):
        return False
