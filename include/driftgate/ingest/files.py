"""Source kind ``files``: CSV or Parquet, local or remote (http, https, s3, gs)."""

from __future__ import annotations

import glob
import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, cast

import fsspec
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from driftgate.config.models import MonitorConfig
from driftgate.config.sources import FilesSource
from driftgate.errors import DriftgateError, SchemaError, ServiceError, SourceError
from driftgate.ingest.csv_files import COMPRESSIONS, read_csv
from driftgate.ingest.placeholders import expand_environment, fill, folder_values, window_values
from driftgate.records import Window
from driftgate.settings import Settings

_FORMATS = {".csv": "csv", ".txt": "csv", ".tsv": "csv", ".parquet": "parquet", ".pq": "parquet"}
_HTTP_TIMEOUT = {"connect": 10.0, "total": 300.0}
"""Seconds to reach an HTTP server and to fetch one file."""


def read_files(config: MonitorConfig, source: FilesSource, window: Window, columns: list[str], settings: Settings) -> pd.DataFrame:
    """Read the columns from every file that the path template means for this window.

    Raises
    ------
    SourceError
        If a file is missing or cannot be parsed. A glob that matches nothing is no error: the answer is empty.
    ServiceError
        If a remote server cannot be reached.
    """
    where = f"monitor {config.id}, window {window}"
    names, options = find_files(config, source, window, settings, where)
    frames = [_read_one(name, options, source, config, window, columns, where) for name in names]
    check_same_columns(names, frames, where)
    frames = [frame for frame in frames if len(frame)] or frames[:1]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=columns)


def find_files(
    config: MonitorConfig, source: FilesSource, window: Window, settings: Settings, where: str
) -> tuple[list[str], dict[str, Any]]:
    """Return the files that the path template means for a window, sorted by name, and the options to open them with."""
    path = fill(source.path, {**window_values(config, window), **folder_values(settings)}, f"{where}, source.path")
    options = storage_options(path, source.storage_options, f"{where}, source.storage_options")
    return locate(path, options, settings, where), options


def check_same_columns(names: list[str], frames: list[pd.DataFrame], where: str) -> None:
    """Refuse files of one window of which some lack a column: joining them would fill it with nulls without a word."""
    everywhere = {column for frame in frames for column in frame.columns}
    for name, frame in zip(names, frames, strict=True):
        gone = sorted(everywhere - set(frame.columns))
        if gone:
            raise SchemaError(
                f"{where}: {name} has no column {', '.join(map(repr, gone))}, which other files of the window have; repair it"
            )


def is_remote(path: str) -> bool:
    """Whether a path is an address of another machine."""
    return "://" in path and not path.startswith("file://")


def is_http(path: str) -> bool:
    """Whether a path is a web address."""
    return path.startswith(("http://", "https://"))


def _has_glob(path: str) -> bool:
    return "*" in path if is_http(path) else glob.has_magic(path)


def storage_options(path: str, options: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Return what fsspec is given: secrets filled in, and time limits for the web."""
    filled: dict[str, Any] = dict(expand_environment(options, where))
    if is_http(path):
        import aiohttp

        client = {"timeout": aiohttp.ClientTimeout(**_HTTP_TIMEOUT), **filled.get("client_kwargs", {})}
        return {**filled, "client_kwargs": client}
    return filled


def locate(path: str, options: Mapping[str, Any], settings: Settings, where: str) -> list[str]:
    """Return the files meant, sorted by name; one name without a glob is returned whether or not it exists."""
    if is_remote(path):
        return _locate_remote(path, options, where) if _has_glob(path) else [path]
    path = path.removeprefix("file://")
    if not _has_glob(path):
        return [str(settings.project_root / path)]
    return sorted(glob.glob(str(Path(glob.escape(str(settings.project_root))) / path), recursive=True))


def _locate_remote(path: str, options: Mapping[str, Any], where: str) -> list[str]:
    try:
        filesystem, pattern = fsspec.core.url_to_fs(path, **options)
        return sorted(str(filesystem.unstrip_protocol(name)) for name in filesystem.glob(pattern))
    except FileNotFoundError:
        return []
    except Exception as error:
        raise remote_error(path, error, where) from error


def _read_one(
    name: str,
    options: Mapping[str, Any],
    source: FilesSource,
    config: MonitorConfig,
    window: Window,
    columns: list[str],
    where: str,
) -> pd.DataFrame:
    kind = format_of(name, source, where)
    with open_file(name, options, where, whole=kind == "csv" or is_http(name)) as stream, reading(name, kind, where):
        if kind == "csv":
            return read_csv(stream, suffixes(name), source.read_options, config, columns)
        return _read_parquet(stream, source.read_options, config, window, columns)


@contextmanager
def reading(name: str, kind: str, where: str) -> Iterator[None]:
    """Turn whatever goes wrong while a file is read into an error that names it."""
    try:
        yield
    except (DriftgateError, MemoryError):
        raise
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError, EOFError, pa.ArrowException, ValueError) as error:
        raise SourceError(f"{where}: cannot read {name} as {kind}: {error}; repair or replace the file") from error
    except Exception as error:
        if is_remote(name):
            raise remote_error(name, error, where) from error
        raise SourceError(f"{where}: cannot read {name} as {kind}: {type(error).__name__}: {error}") from error


def format_of(name: str, source: FilesSource, where: str) -> str:
    """Return ``csv`` or ``parquet``."""
    if source.format != "auto":
        return source.format
    endings = [suffix for suffix in suffixes(name) if suffix not in COMPRESSIONS]
    kind = _FORMATS.get(endings[-1]) if endings else None
    if kind is None:
        raise SourceError(f"{where}: cannot tell the format of {name} from its name; write source.format: csv or source.format: parquet")
    return kind


def suffixes(name: str) -> list[str]:
    """Return the lower-case suffixes of a file's name."""
    path = name.split("?", 1)[0] if is_http(name) else name
    return [suffix.lower() for suffix in PurePosixPath(path).suffixes]


def open_file(name: str, options: Mapping[str, Any], where: str, *, whole: bool) -> BinaryIO:
    """Open a file; ``whole``: fetch a remote one at once (CSV needs all of it, many HTTP servers cannot serve parts)."""
    if not is_remote(name):
        return _open_local(name, where)
    try:
        filesystem, path = fsspec.core.url_to_fs(name, **options)
        if whole:
            return io.BytesIO(filesystem.cat_file(path))
        return cast(BinaryIO, filesystem.open(path, "rb"))
    except Exception as error:
        raise remote_error(name, error, where) from error


def _open_local(name: str, where: str) -> BinaryIO:
    try:
        return Path(name).open("rb")
    except FileNotFoundError as error:
        raise SourceError(
            f"{where}: there is no file {name}; deliver it, correct source.path in the monitor file, "
            "or use a glob (for example *.csv) if windows without a file are normal"
        ) from error
    except OSError as error:
        raise SourceError(f"{where}: cannot open {name}: {error.strerror}; check the file and its permissions") from error


def remote_error(name: str, error: Exception, where: str) -> SourceError | ServiceError:
    """Tell a fault of the request (no such file, no permission) from a server that did not answer."""
    status = getattr(error, "status", None)
    detail = f"{type(error).__name__}: {error}".rstrip(": ")
    if isinstance(error, FileNotFoundError):
        return SourceError(f"{where}: there is no file {name}; deliver it or correct source.path in the monitor file")
    if isinstance(error, PermissionError) or status in (401, 403) or "Credentials" in type(error).__name__:
        return SourceError(f"{where}: no permission to read {name} ({detail}); check source.storage_options and the credentials")
    if isinstance(error, (ImportError, TypeError)) or (isinstance(status, int) and status < 500):
        return SourceError(f"{where}: cannot read {name} ({detail}); check source.path and source.storage_options")
    return ServiceError(f"{where}: the server of {name} did not answer ({detail}); try again, or check the address and the network")


def _read_parquet(stream: BinaryIO, options: Mapping[str, Any], config: MonitorConfig, window: Window, columns: list[str]) -> pd.DataFrame:
    file = pq.ParquetFile(stream)
    present = [name for name in columns if name in file.schema_arrow.names]
    groups = row_groups(file, config.columns.timestamp, window)
    return cast(pd.DataFrame, file.read_row_groups(groups, columns=present, **options).to_pandas())


def row_groups(file: pq.ParquetFile, timestamp: str, window: Window) -> list[int]:
    """Return the row groups that may hold rows of the window, by the statistics of a time-zone aware timestamp column."""
    every = list(range(file.num_row_groups))
    schema = file.schema_arrow
    index = schema.get_field_index(timestamp)
    if index < 0 or not pa.types.is_timestamp(schema.types[index]) or schema.types[index].tz is None:
        return every
    if file.metadata.num_columns != len(schema.names):  # nested columns: positions differ
        return every
    kept = []
    for group in every:
        statistics = file.metadata.row_group(group).column(index).statistics
        if statistics is None or not statistics.has_min_max or (statistics.max >= window.start and statistics.min < window.end):
            kept.append(group)
    return kept
