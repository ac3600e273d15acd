"""Files of a window in pieces: Parquet by row groups, CSV by blocks of lines; never a whole file in memory."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import fsspec
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from driftgate.config.models import MonitorConfig
from driftgate.config.sources import FilesSource
from driftgate.errors import SchemaError
from driftgate.ingest.csv_files import csv_pieces
from driftgate.ingest.files import find_files, format_of, is_http, is_remote, open_file, reading, remote_error, row_groups, suffixes
from driftgate.ingest.pieces import FEWEST_ROWS, MOST_ROWS, piece_rows
from driftgate.records import Window
from driftgate.settings import Settings


def file_pieces(
    config: MonitorConfig, source: FilesSource, window: Window, columns: list[str], settings: Settings
) -> Iterator[pd.DataFrame]:
    """Yield the columns of every file that the path template means for this window, untyped, in pieces of bounded size.

    Raises
    ------
    SourceError
        If a file is missing or cannot be parsed.
    SchemaError
        If files of the window have different columns.
    ServiceError
        If a remote server cannot be reached.
    """
    where = f"monitor {config.id}, window {window}"
    names, options = find_files(config, source, window, settings, where)
    everywhere: list[str] | None = None
    for name in names:
        kind = format_of(name, source, where)
        with _opened(name, kind, options, where) as stream, reading(name, kind, where):
            if kind == "csv":
                pieces = csv_pieces(stream, suffixes(name), source.read_options, config, columns)
            else:
                pieces = _parquet_pieces(stream, config, window, columns, source.read_options)
            for piece in pieces:
                present = [column for column in columns if column in piece.columns]
                everywhere = present if everywhere is None else everywhere
                _check_same(name, present, everywhere, where)
                yield piece[present]


def parquet_rows(config: MonitorConfig, source: FilesSource, window: Window, settings: Settings) -> int | None:
    """Return how many rows the Parquet files of a window may hold by their metadata; None where that cannot be had without reading.

    Row groups that lie outside the window by their statistics do not count.
    """
    where = f"monitor {config.id}, window {window}"
    names, options = find_files(config, source, window, settings, where)
    if any(is_http(name) or format_of(name, source, where) != "parquet" for name in names):
        return None
    rows = 0
    for name in names:
        with open_file(name, options, where, whole=False) as stream, reading(name, "parquet", where):
            file = pq.ParquetFile(stream)
            rows += sum(file.metadata.row_group(group).num_rows for group in row_groups(file, config.columns.timestamp, window))
    return rows


@contextmanager
def _opened(name: str, kind: str, options: Mapping[str, Any], where: str) -> Iterator[BinaryIO]:
    """Open a file; what cannot be read in parts is first copied to the disk, not into memory."""
    if not is_remote(name) or (kind == "parquet" and not is_http(name)):
        with open_file(name, options, where, whole=False) as stream:
            yield stream
        return
    folder = Path(tempfile.mkdtemp(prefix="driftgate-"))
    try:
        _fetch(name, options, folder / "file", where)
        with (folder / "file").open("rb") as local:
            yield local
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _fetch(name: str, options: Mapping[str, Any], target: Path, where: str) -> None:
    try:
        filesystem, path = fsspec.core.url_to_fs(name, **options)
        filesystem.get_file(path, str(target))
    except Exception as error:
        raise remote_error(name, error, where) from error


def _parquet_pieces(
    stream: BinaryIO, config: MonitorConfig, window: Window, columns: list[str], options: Mapping[str, Any]
) -> Iterator[pd.DataFrame]:
    plain = pq.ParquetFile(stream)
    schema = plain.schema_arrow
    present = [name for name in columns if name in schema.names]
    texts = [name for name in present if pa.types.is_string(schema.field(name).type) or pa.types.is_large_string(schema.field(name).type)]
    groups = row_groups(plain, config.columns.timestamp, window)
    file = pq.ParquetFile(stream, read_dictionary=texts, pre_buffer=False)
    if not groups:
        yield schema.empty_table().select(present).to_pandas()
        return
    sample = next(file.iter_batches(FEWEST_ROWS, row_groups=groups, columns=present), None)
    rows = MOST_ROWS if sample is None else piece_rows(sample.to_pandas())
    for batch in file.iter_batches(rows, row_groups=groups, columns=present, **options):
        yield batch.to_pandas()


def _check_same(name: str, present: list[str], everywhere: list[str], where: str) -> None:
    """Refuse files of one window of which some lack a column: joining them would fill it with nulls without a word."""
    differing = sorted(set(everywhere) ^ set(present))
    if differing:
        raise SchemaError(
            f"{where}: {name} differs from other files of the window in column {', '.join(map(repr, differing))}; "
            "repair it: all files of a window have the same columns"
        )
