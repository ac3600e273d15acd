"""Data Docs: the page of each validation, the pages of the suites and the index over all of them.

A window costs the same however many windows there are: its own page is drawn, and three pages of the index are written from
what :mod:`driftgate.gate.docs_state` keeps. When that is lost it is made anew from the stored results.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from driftgate.config.loader import load_monitors
from driftgate.config.models import MonitorConfig
from driftgate.errors import GateError
from driftgate.files import locked
from driftgate.gate.context import open_context
from driftgate.gate.docs_entries import Entry, asset_name, make_entry, monitor_of, read_result
from driftgate.gate.docs_index import INDEX, entries_page, first_page, monitor_page, period_page, periods_page
from driftgate.gate.docs_pages import (
    copy_assets,
    stored_path,
    suite_html,
    suite_path,
    validation_html,
    validation_path,
    version,
    write_page,
)
from driftgate.gate.docs_state import Change, DocsState, Site, StateLostError
from driftgate.gate.later_pages import is_promise
from driftgate.gate.suites import load_suite, suite_names, suites_dir
from driftgate.settings import Settings
from driftgate.storage import DataPath, RemotePath, remove_tree

if TYPE_CHECKING:
    from great_expectations.data_context import AbstractDataContext

logger = logging.getLogger(__name__)

Progress = Callable[[int, int], None]
"""Told how many of how many stored results are done."""

_LOCK_FILE = ".data_docs.lock"
_STATE = "docs_index"


def update_site(
    context: AbstractDataContext,
    stored: DataPath,
    config: MonitorConfig,
    settings: Settings,
    where: str,
    lock: AbstractContextManager[None] | None = None,
) -> str:
    """Write the page of a stored result and bring the index up to date; other pages stay as they are.

    Parameters
    ----------
    stored
        File of the validation result below ``settings.validations_dir``.
    where
        Monitor and window, for messages.
    lock
        Held while the index changes; default: :func:`site_lock`.

    Returns
    -------
    str
        Path of the page relative to the site.

    Raises
    ------
    GateError
        If a page was not written.
    """
    try:
        page = validation_path(stored, settings.validations_dir)
        content = read_result(stored)
        write_page(settings.data_docs_dir, page, validation_html(content, asset_name(content, config), context))
        with lock or site_lock(settings):
            _enter([make_entry(content, page, config)], config, settings)
    except OSError as error:
        raise GateError(
            f"{where}: Data Docs cannot be written below {settings.data_docs_dir.parent}: {error}; check space and rights"
        ) from error
    except GateError as error:
        raise GateError(f"{where}: {error}") from error
    return page


def enter_windows(
    pages: Iterable[str], config: MonitorConfig, settings: Settings, *, lock: AbstractContextManager[None] | None = None
) -> int:
    """Bring validations of a monitor whose pages are there, drawn or promised, into the index; it is written once for all of them.

    Parameters
    ----------
    pages
        Their paths relative to the site.
    lock
        Held while the index changes; default: :func:`site_lock`.

    Returns
    -------
    int
        How many windows were entered.

    Raises
    ------
    GateError
        If a result cannot be read or a page was not written.
    """
    entries = [make_entry(read_result(stored_path(page, settings.validations_dir)), page, config) for page in pages]
    if entries:
        with lock or site_lock(settings):
            _enter(entries, config, settings)
    return len(entries)


def rebuild_docs(
    settings: Settings,
    progress: Progress | None = None,
    *,
    redraw: bool = False,
    lock: AbstractContextManager[None] | None = None,
) -> int:
    """Make the index anew from the stored validation results, and the pages that are missing.

    Parameters
    ----------
    progress
        Called after each stored result with the number done and the number of all.
    redraw
        Draw every page again, not only those that are missing (after an upgrade of Great Expectations).
    lock
        Held while the index changes; default: :func:`site_lock`.

    Returns
    -------
    int
        Number of windows that the index lists.

    Raises
    ------
    GateError
        If a page or the index was not written.
    """
    configs = _configs(settings)
    context = open_context()
    _add_suites(context, settings)
    stored = _stored(settings)
    for index, path in enumerate(stored):
        _draw(context, path, configs, settings, redraw=redraw)
        if progress:
            progress(index + 1, len(stored))
    with lock or site_lock(settings):
        return _replace(settings, configs)


def draw_page(page: str, settings: Settings) -> None:
    """Draw one validation's page from its stored result, in place of a promise of it.

    Parameters
    ----------
    page
        Path relative to the site.

    Raises
    ------
    GateError
        If there is no such result, or the page was not written.
    """
    stored = stored_path(page, settings.validations_dir)
    content = read_result(stored)
    context = open_context()
    _add_suites(context, settings)
    asset = asset_name(content, _configs(settings).get(monitor_of(content)))
    write_page(settings.data_docs_dir, page, validation_html(content, asset, context))


def site_lock(settings: Settings) -> AbstractContextManager[None]:
    """Hold the index alone, among all processes of this machine: it is read, then written.

    Raises
    ------
    GateError
        If the site lies where other machines write it too: a lock of the records is needed then.
    """
    if settings.data_url is not None:
        raise GateError(f"the index of Data Docs in {settings.data_docs_dir} is shared by machines: it needs a lock of the records")
    return locked(settings.home / "gx" / _LOCK_FILE)


def _enter(entries: Sequence[Entry], config: MonitorConfig, settings: Settings) -> None:
    """Bring windows into the index; where its files are lost, bring in all of them."""
    state = DocsState(_state_dir(settings))
    try:
        site = state.site()
        changes = {(change.monitor, change.period): change for change in (state.add(site, entry) for entry in entries)}
    except StateLostError as lost:
        logger.info("the index of Data Docs is made anew from the stored results: there is no use in %s", lost)
        _replace(settings, {**_configs(settings), config.id: config})
        return
    _write_index(site, changes.values(), settings)
    state.save_site(site)


def _replace(settings: Settings, configs: Mapping[str, MonitorConfig]) -> int:
    state = DocsState(_state_dir(settings))
    remove_tree(settings.data_docs_dir / "results")
    site, changes = state.replace(_entries(settings, configs))
    _write_index(site, changes, settings)
    state.save_site(site)
    return sum(sum(summary.counts.values()) for summary in site.monitors.values())


def _write_index(site: Site, changes: Iterable[Change], settings: Settings) -> None:
    root = settings.data_docs_dir
    _write_assets(site, root)
    _write_suites(site, settings)
    periods_of = {}
    for change in changes:
        write_page(root, period_page(change.monitor, change.period), entries_page(change))
        periods_of[change.monitor] = change.periods
    for monitor, periods in periods_of.items():
        write_page(root, monitor_page(monitor), periods_page(monitor, periods))
    write_page(root, INDEX, first_page(site))


def _write_assets(site: Site, root: DataPath) -> None:
    if site.assets != version():
        copy_assets(root)
        site.assets = version()


def _write_suites(site: Site, settings: Settings) -> None:
    """Draw the pages of the suites that are new or changed; a broken suite is left out and logged."""
    known, site.suites = site.suites, {}
    for name in suite_names(settings):
        mark = _mark(suites_dir(settings) / f"{name}.json")
        try:
            if known.get(name) != mark or _is_lost(settings.data_docs_dir / suite_path(name)):
                write_page(settings.data_docs_dir, suite_path(name), suite_html(load_suite(name, settings, "data docs")))
            site.suites[name] = mark
        except GateError as error:
            logger.warning("left out of the data docs: %s", error)


def _mark(path: DataPath) -> str:
    return hashlib.sha256(path.read_bytes() + version().encode()).hexdigest()


def _is_lost(page: DataPath) -> bool:
    """Whether a page that was written is gone; objects do not go by themselves, and asking for every suite would take long."""
    return not isinstance(page, RemotePath) and not page.is_file()


def _entries(settings: Settings, configs: Mapping[str, MonitorConfig]) -> Iterator[Entry]:
    """Yield an entry for every stored result that has a page; results of other programs are left out and logged."""
    for stored in _stored(settings):
        page = validation_path(stored, settings.validations_dir)
        if not (settings.data_docs_dir / page).is_file():
            continue
        try:
            content = read_result(stored)
        except GateError as error:
            logger.warning("left out of the data docs: %s", error)
            continue
        yield make_entry(content, page, configs.get(monitor_of(content)))


def _draw(
    context: AbstractDataContext, stored: DataPath, configs: Mapping[str, MonitorConfig], settings: Settings, *, redraw: bool
) -> None:
    page = validation_path(stored, settings.validations_dir)
    file = settings.data_docs_dir / page
    if not redraw and file.is_file() and not is_promise(file):
        return
    try:
        content = read_result(stored)
    except GateError:
        return  # told when the index is made
    asset = asset_name(content, configs.get(monitor_of(content)))
    write_page(settings.data_docs_dir, page, validation_html(content, asset, context))


def _stored(settings: Settings) -> list[DataPath]:
    return sorted(settings.validations_dir.rglob("*.json"))


def _configs(settings: Settings) -> dict[str, MonitorConfig]:
    return {name: loaded.config for name, loaded in load_monitors(settings.monitors_dir).monitors.items()}


def _add_suites(context: AbstractDataContext, settings: Settings) -> None:
    for name in suite_names(settings):
        try:
            context.suites.add(load_suite(name, settings, "data docs"))
        except GateError as error:
            logger.warning("the notes of this suite are left out of the data docs: %s", error)


def _state_dir(settings: Settings) -> DataPath:
    return settings.data_docs_dir.parent / _STATE
