"""Command ``driftgate storage``: where data lies, and whether this machine can write, read, list and remove there."""

from __future__ import annotations

import argparse
import secrets
import time
from collections.abc import Iterator

from driftgate.errors import ServiceError, SettingsError
from driftgate.files import write_text
from driftgate.settings import Settings
from driftgate.storage import DataPath, remove_tree, server_of

_LABEL = 14


def add_storage_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the parser of ``driftgate``."""
    storage = commands.add_parser("storage", help="where data lies, and whether this machine can write and read it")
    storage.set_defaults(command=_storage)


def _storage(_: argparse.Namespace, settings: Settings) -> int:
    took = probe(settings.data_dir)
    for name, text in describe(settings):
        print(f"{name:<{_LABEL}}{text}")
    print(f"{'checked':<{_LABEL}}written, read, listed and removed in {took:.2f} s")
    return 0


def probe(root: DataPath) -> float:
    """Write a small file, read it, find it and remove it; return the seconds.

    Raises
    ------
    SettingsError
        If the place cannot be written, or does not give back what was written.
    ServiceError
        If a server does not answer.
    """
    folder, content, started = root / f".probe-{secrets.token_hex(8)}", secrets.token_hex(8), time.monotonic()
    try:
        write_text(folder / "probe.txt", content)
        is_whole = (folder / "probe.txt").read_text(encoding="utf-8") == content
        is_listed = len(list(folder.rglob("*.txt"))) == 1
        remove_tree(folder)
        if not (is_whole and is_listed) or (folder / "probe.txt").is_file():
            raise ServiceError(f"{root}: what was just written, or removed, does not show; the store must be consistent at once, as S3 is")
    except OSError as error:
        raise SettingsError(
            f"{root}: cannot be written and read ({error}); check free space, permissions and DRIFTGATE_DATA_URL"
        ) from error
    return time.monotonic() - started


def describe(settings: Settings) -> Iterator[tuple[str, str]]:
    """Yield what lies where, in words."""
    shared = settings.data_url is not None
    yield "data", f"{settings.data_dir}{server_of(settings.data_dir)}" + ("" if shared else " (the state folder; set DRIFTGATE_DATA_URL)")
    yield "caches", f"{settings.references_dir} (of this machine, made anew where missing)"
    yield "Evidently UI", str(settings.evidently_dir) + _workspace_note(settings)


def _workspace_note(settings: Settings) -> str:
    if settings.data_url is None:
        return ""
    if settings.evidently_workspace is not None:
        return " (must be the same folder for every worker and for the Evidently UI)"
    return (
        " (of this machine: windows that other machines run are not shown there; set DRIFTGATE_EVIDENTLY_DIR to a folder that all "
        "share, or sinks: {evidently: false} in the monitor files)"
    )
