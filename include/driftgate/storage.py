"""Where data lies: in folders of this machine, or in an object store that every machine reaches (S3 and its like, by fsspec).

Code that reads and writes data takes a :class:`DataPath`: a ``pathlib.Path``, or a :class:`RemotePath`, which has the same methods as far
as they are used here. Nothing of an object store is imported before the first one is used. Its faults come as three kinds: an object
that is not there as ``FileNotFoundError``, as for a file; a wrong bucket or missing permission as SettingsError; a server that does
not answer as ServiceError, which the tasks try again. An object appears whole or not at all.
"""

from __future__ import annotations

import io
import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path, PurePath, PurePosixPath
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol, Self, cast

from driftgate.errors import ServiceError, SettingsError

if TYPE_CHECKING:
    import pandas as pd
    from _typeshed import WriteableBuffer

SCHEMES = ("s3", "gs", "az")
"""Kinds of object stores; only S3 is tested."""

_WHOLE_BYTES = 8 * 1024 * 1024
"""Objects up to this size are fetched at once; of larger ones only the ranges that are read."""
_ADDRESS = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]*)://(?P<place>.*)", re.DOTALL)
_OPTIONS: dict[str, dict[str, Any]] = {
    "s3": {"config_kwargs": {"connect_timeout": 5, "read_timeout": 60, "retries": {"mode": "standard", "max_attempts": 3}}}
}
"""A server that is gone is reported within seconds; the tasks try again."""


class DataPath(Protocol):
    """What ``pathlib.Path`` and :class:`RemotePath` have in common."""

    @property
    def name(self) -> str: ...
    @property
    def suffix(self) -> str: ...
    @property
    def parent(self) -> Self: ...
    def __truediv__(self, other: str, /) -> Self: ...
    def __lt__(self, other: Any, /) -> bool: ...
    def joinpath(self, *parts: str) -> Self: ...
    def with_name(self, name: str) -> Self: ...
    def with_suffix(self, suffix: str) -> Self: ...
    def relative_to(self, other: Any, /) -> PurePath: ...
    def absolute(self) -> Self: ...
    def is_file(self) -> bool: ...
    def read_bytes(self) -> bytes: ...
    def read_text(self, encoding: str | None = None) -> str: ...
    def rglob(self, pattern: str) -> Iterable[Self]: ...
    def unlink(self, missing_ok: bool = False) -> None: ...


# --- addresses --------------------------------------------------------------------------------------------------------


def locate(address: str | DataPath) -> DataPath:
    """Return the path that a text means, as settings, records and messages between tasks hold it.

    Raises
    ------
    SettingsError
        If it is a URL, but not of an object store that is known, or has no bucket.
    """
    if not isinstance(address, str):
        return address
    found = _ADDRESS.fullmatch(address)
    if found is None:
        return Path(address)
    scheme, place = found["scheme"], found["place"].rstrip("/")
    if scheme == "file":
        return Path(place)
    bucket = place.split("/", 1)[0]
    forms = ", ".join(f"{name}://bucket/prefix" for name in SCHEMES)
    if "@" in bucket or ":" in bucket:
        raise SettingsError(
            f"an address {scheme}://... holds a login or a server: write one of {forms}, and give credentials and server in the "
            "environment (for S3 AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_ENDPOINT_URL)"
        )
    if scheme not in SCHEMES or not bucket:
        raise SettingsError(f"{address!r} is no place for data: write a folder, or one of {forms}")
    return RemotePath(scheme, PurePosixPath(_inside(place)))


def _inside(place: str) -> str:
    """Refuse a part of an address that leads out of what it is appended to."""
    parts = PurePosixPath(place).parts
    if ".." in parts or place.startswith("/"):
        raise ValueError(f"{place!r} leads out of its folder")
    return place


@dataclass(frozen=True, order=True)
class RemotePath:
    """An object, or a prefix of objects, in an object store."""

    scheme: str
    place: PurePosixPath
    """Bucket and key."""

    def __str__(self) -> str:
        return f"{self.scheme}://{self.place}"

    def __truediv__(self, other: str, /) -> RemotePath:
        return RemotePath(self.scheme, self.place / _inside(other))

    @property
    def name(self) -> str:
        return self.place.name

    @property
    def suffix(self) -> str:
        return self.place.suffix

    @property
    def parent(self) -> RemotePath:
        return RemotePath(self.scheme, self.place.parent)

    def joinpath(self, *parts: str) -> RemotePath:
        return RemotePath(self.scheme, self.place.joinpath(*map(_inside, parts)))

    def with_name(self, name: str) -> RemotePath:
        return RemotePath(self.scheme, self.place.with_name(name))

    def with_suffix(self, suffix: str) -> RemotePath:
        return RemotePath(self.scheme, self.place.with_suffix(suffix))

    def relative_to(self, other: RemotePath, /) -> PurePosixPath:
        return self.place.relative_to(other.place)

    def absolute(self) -> RemotePath:
        return self

    def is_file(self) -> bool:
        """Whether there is such an object; a server that does not answer is an error, not a no."""
        return self.size() is not None

    def size(self) -> int | None:
        """Return the object's size in bytes; None where there is none."""
        try:
            with self._reached() as store:
                found = store.info(str(self.place))
        except FileNotFoundError:
            return None
        return int(found["size"]) if found["type"] == "file" else None

    def read_bytes(self) -> bytes:
        with self._reached() as store:
            return bytes(store.cat_file(str(self.place)))

    def read_range(self, start: int, end: int) -> bytes:
        """Return the bytes from ``start`` up to, not including, ``end``."""
        with self._reached() as store:
            return bytes(store.cat_file(str(self.place), start=start, end=end))

    def read_text(self, encoding: str | None = None) -> str:
        return self.read_bytes().decode(encoding or "utf-8")

    def upload(self, file: Path) -> None:
        """Make a local file the object; whoever reads gets the former one or all of the new one."""
        with self._reached() as store:
            store.put_file(str(file), str(self.place))

    def download(self, file: Path) -> None:
        with self._reached() as store:
            store.get_file(str(self.place), str(file))

    def rglob(self, pattern: str) -> Iterator[RemotePath]:
        """Yield the objects below, at any depth, whose name fits."""
        with self._reached() as store:
            found = store.find(str(self.place))
        for place in map(PurePosixPath, found):
            if fnmatchcase(place.name, pattern):
                yield RemotePath(self.scheme, place)

    def unlink(self, missing_ok: bool = False) -> None:
        if not missing_ok and not self.is_file():
            raise FileNotFoundError(f"there is no {self}")
        with self._reached() as store:
            store.rm_file(str(self.place))

    def remove_below(self) -> None:
        """Delete every object below this prefix."""
        with self._reached() as store:
            found = store.find(str(self.place))
            if found:
                store.rm(found)

    @contextmanager
    def _reached(self) -> Iterator[Any]:
        """Yield the store; faults become errors that name the address and what to do."""
        try:
            yield _store(self.scheme, os.getpid())
        except Exception as error:
            raise _fault(self, error) from error


@cache
def _store(scheme: str, process: int) -> Any:
    """Return the one connection of this process (a fork must not use its parent's)."""
    import fsspec

    return fsspec.filesystem(scheme, skip_instance_cache=True, use_listings_cache=False, **_OPTIONS.get(scheme, {}))


# --- faults -----------------------------------------------------------------------------------------------------------


def _fault(path: RemotePath, error: Exception) -> Exception:
    response = getattr(error.__cause__ or error, "response", None)
    response = response if isinstance(response, dict) else {}
    code = str(response.get("Error", {}).get("Code", ""))
    where = f"{path}{server_of(path)}"
    detail = f"{type(error).__name__}: {error}".rstrip(": ")
    if code == "NoSuchBucket":
        return SettingsError(f"{where}: there is no bucket {path.place.parts[0]!r}; make it, or correct DRIFTGATE_DATA_URL")
    if isinstance(error, FileNotFoundError):
        return FileNotFoundError(f"there is no {path}")
    if isinstance(error, PermissionError) or "Credentials" in type(error).__name__:
        return SettingsError(
            f"{where}: no permission ({detail}); check the credentials (for S3 AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or the "
            "machine's role) and that they may get, put, delete and list objects there"
        )
    if isinstance(error, ImportError):
        return SettingsError(f"{where}: a package for such addresses is missing ({detail})")
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", getattr(error, "status", getattr(error, "code", None)))
    if type(error).__name__ == "ParamValidationError" or (isinstance(status, int) and 400 <= status < 500 and status not in (408, 429)):
        return SettingsError(f"{where}: the request was refused ({detail}); check DRIFTGATE_DATA_URL, the region and the credentials")
    return ServiceError(f"{where}: the store did not answer ({detail}); try again, or check its address and the network")


def server_of(path: DataPath) -> str:
    """Return `` (server URL)`` where the environment names a server of S3 other than Amazon's, else an empty text."""
    if not (isinstance(path, RemotePath) and path.scheme == "s3"):
        return ""
    named = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    return f" (server {named})" if named else ""


# --- reading and removing ---------------------------------------------------------------------------------------------


def open_binary(path: str | DataPath) -> BinaryIO:
    """Open a file or object for reading, with ``seek``.

    ``pyarrow.parquet.ParquetFile(open_binary(path), pre_buffer=True)`` fetches only the footer, and the columns and row groups read.

    Raises
    ------
    FileNotFoundError
        If it is not there.
    """
    path = locate(path)
    if not isinstance(path, RemotePath):
        return cast(Path, path).open("rb")
    size = path.size()
    if size is None:
        raise FileNotFoundError(f"there is no {path}")
    return io.BytesIO(path.read_bytes()) if size <= _WHOLE_BYTES else cast(BinaryIO, _Ranges(path, size))


def read_frame(path: str | DataPath, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """Read a Parquet file, or only some of its columns; faults as of :func:`open_binary`, and those of pandas."""
    import pandas as pd

    path, wanted = locate(path), None if columns is None else list(columns)
    if not isinstance(path, RemotePath):
        return pd.read_parquet(cast(Path, path), columns=wanted)
    with open_binary(path) as stream:
        return pd.read_parquet(stream, columns=wanted)


class _Ranges(io.RawIOBase):
    """A large object, of which each read fetches just its own bytes."""

    def __init__(self, path: RemotePath, size: int) -> None:
        self._path, self._size, self._position = path, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = max(0, base + offset)
        return self._position

    def read(self, size: int | None = -1, /) -> bytes:
        start = min(self._position, self._size)
        end = self._size if size is None or size < 0 else min(self._size, start + size)
        if start == end:
            return b""
        content = self._path.read_range(start, end)
        self._position = start + len(content)
        return content

    def readall(self) -> bytes:
        return self.read()

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        view = memoryview(buffer).cast("B")
        content = self.read(len(view))
        view[: len(content)] = content
        return len(content)


@contextmanager
def as_local(path: DataPath) -> Iterator[Path]:
    """Yield a local file with this content and name, for programs that read only such; a copy is gone when the block ends."""
    if not isinstance(path, RemotePath):
        yield cast(Path, path)
        return
    with tempfile.TemporaryDirectory(prefix="driftgate-copy-") as folder:
        copy = Path(folder) / path.name
        path.download(copy)
        yield copy


def remove_tree(path: DataPath) -> None:
    """Delete everything below; what is not there is no error."""
    if isinstance(path, RemotePath):
        path.remove_below()
    else:
        shutil.rmtree(cast(Path, path), ignore_errors=True)
