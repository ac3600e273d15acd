"""Files written whole or not at all, and by one process at a time."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast

from driftgate.storage import DataPath, RemotePath, as_local

_POLL_S = 0.05


class LockHeldError(Exception):
    """Another process did not let go of a lock in time."""


@contextmanager
def replacing(path: DataPath) -> Iterator[Path]:
    """Yield a temporary file; it becomes ``path`` when the block ends well and is removed otherwise.

    Locally it lies in the same folder and is renamed, so that nobody sees half a file; to an object store it is sent as one object.
    """
    if isinstance(path, RemotePath):
        with tempfile.TemporaryDirectory(prefix="driftgate-") as folder:
            temporary = Path(folder) / path.name
            yield temporary
            path.upload(temporary)
        return
    with _replacing_file(cast(Path, path)) as temporary:
        yield temporary


@contextmanager
def _replacing_file(path: Path) -> Iterator[Path]:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o644)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def replacing_folder(path: DataPath) -> Iterator[Path]:
    """Yield an empty folder; it becomes ``path``, in an object store the one object ``<path>.zip``, when the block ends well."""
    if isinstance(path, RemotePath):
        with tempfile.TemporaryDirectory(prefix="driftgate-") as name:
            yield _empty(Path(name) / "new")
            _archived(path).upload(Path(shutil.make_archive(f"{name}/new", "zip", f"{name}/new")))
        return
    folder = cast(Path, path)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}.", dir=folder.parent) as name:
        made = _empty(Path(name) / "new")
        yield made
        if folder.exists():
            folder.rename(Path(name) / "old")
        made.rename(folder)


@contextmanager
def kept_folder(path: DataPath) -> Iterator[Path | None]:
    """Yield a folder that :func:`replacing_folder` wrote, or a copy of it for as long as the block lasts; None where there is none."""
    if not isinstance(path, RemotePath):
        yield cast(Path, path) if cast(Path, path).is_dir() else None
        return
    if not _archived(path).is_file():
        yield None
        return
    with as_local(_archived(path)) as archive:
        folder = archive.parent / "content"
        shutil.unpack_archive(archive, folder)
        yield folder


def _empty(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _archived(path: RemotePath) -> RemotePath:
    return path.with_name(f"{path.name}.zip")


@contextmanager
def locked(path: Path, wait_s: float | None = None, waiting: Callable[[], None] | None = None) -> Iterator[None]:
    """Hold a lock among the processes of this machine; it vanishes with the process that holds it.

    Parameters
    ----------
    path
        The lock's file; made, with its folder, when it is not there.
    wait_s
        Seconds to wait for another holder; None: as long as it takes.
    waiting
        Called once when there is another holder.

    Raises
    ------
    LockHeldError
        If another process has held the lock for all of that time.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as stream:
        if not _take(stream):
            if waiting is not None:
                waiting()
            _wait_for(stream, path, wait_s)
        yield


def _wait_for(stream: IO[str], path: Path, wait_s: float | None) -> None:
    if wait_s is None:
        fcntl.flock(stream, fcntl.LOCK_EX)
        return
    deadline = time.monotonic() + wait_s
    while not _take(stream):
        if time.monotonic() > deadline:
            raise LockHeldError(f"another process has held {path} for {wait_s:.0f} s")
        time.sleep(_POLL_S)


def _take(stream: IO[str]) -> bool:
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def write_text(path: DataPath, text: str) -> None:
    """Write a text atomically."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: DataPath, content: Any) -> None:
    """Write JSON atomically, keys in their given order."""
    write_text(path, json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n")
