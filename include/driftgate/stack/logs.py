"""The programs' log files: the last lines, and following them across rotation."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO

_BLOCK = 64 * 1024
_POLL_SECONDS = 0.5


def last_lines(path: Path, count: int) -> list[str]:
    """Return the last lines of a file, read from its end; empty for a file that is missing."""
    try:
        with path.open("rb") as stream:
            return _tail(stream, count)
    except FileNotFoundError:
        return []


def _tail(stream: BinaryIO, count: int) -> list[str]:
    position = stream.seek(0, os.SEEK_END)
    content = b""
    while position > 0 and content.count(b"\n") <= count:
        start = max(0, position - _BLOCK)
        stream.seek(start)
        content = stream.read(position - start) + content
        position = start
    return content.decode(errors="replace").splitlines()[-count:] if count > 0 else []


def follow(paths: Sequence[Path], write: Callable[[Path, str], None], *, until: Callable[[], bool] = lambda: False) -> None:
    """Report every new line of the files until ``until`` says so (or Ctrl-C); a rotated file is followed in its new form."""
    followers = [_Follower(path) for path in paths]
    while not until():
        for follower in followers:
            for line in follower.new_lines():
                write(follower.path, line)
        time.sleep(_POLL_SECONDS)


class _Follower:
    """Reads what is appended to one file; starts at its present end."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._inode, self._position = self._look()
        self._partial = b""

    def new_lines(self) -> list[str]:
        inode, size = self._look()
        if inode != self._inode or size < self._position:
            self._inode, self._position, self._partial = inode, 0, b""
        if size <= self._position:
            return []
        with self.path.open("rb") as stream:
            stream.seek(self._position)
            content = self._partial + stream.read()
            self._position = stream.tell()
        *whole, self._partial = content.split(b"\n")
        return [line.decode(errors="replace") for line in whole]

    def _look(self) -> tuple[int, int]:
        try:
            found = self.path.stat()
        except FileNotFoundError:
            return 0, 0
        return found.st_ino, found.st_size
