"""Data Docs: the page of each validation and the index over all of them."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from driftgate.errors import GateError
from driftgate.gate.context import SITE
from driftgate.settings import Settings

if TYPE_CHECKING:
    from great_expectations.checkpoint.checkpoint import CheckpointResult
    from great_expectations.data_context import AbstractDataContext

_LOCK_FILE = ".data_docs.lock"


def update_site(context: AbstractDataContext, result: CheckpointResult, settings: Settings, where: str) -> str:
    """Build the page of this result and the index; other pages stay as they are.

    Returns
    -------
    str
        Path of the page relative to the site.

    Raises
    ------
    GateError
        If the page was not written.
    """
    from great_expectations.checkpoint import UpdateDataDocsAction

    with site_lock(settings):
        UpdateDataDocsAction(name="update_data_docs", site_names=[SITE]).run(checkpoint_result=result)
    return _page(context, result, settings, where)


@contextmanager
def site_lock(settings: Settings) -> Iterator[None]:
    """Hold the site alone, among all processes of this machine: the index is read, then written."""
    folder = settings.data_docs_dir.parent
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / _LOCK_FILE).open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _page(context: AbstractDataContext, result: CheckpointResult, settings: Settings, where: str) -> str:
    identifier = next(iter(result.run_results))
    addresses = context.get_docs_sites_urls(resource_identifier=identifier, site_names=[SITE])
    address = addresses[0]["site_url"] if addresses else None
    page = Path(unquote(urlsplit(address).path)) if address else None
    if page is None or not page.is_file():
        raise GateError(f"{where}: the Data Docs page was not written below {settings.data_docs_dir}; check free space and permissions")
    return page.relative_to(settings.data_docs_dir).as_posix()
