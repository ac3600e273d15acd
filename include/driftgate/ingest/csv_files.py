"""CSV content: every line checked for its number of fields, then only the needed columns parsed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, BinaryIO, cast

import fsspec.compression
import pandas as pd
import pyarrow.csv

from driftgate.config.models import MonitorConfig
from driftgate.ingest.pieces import FEWEST_ROWS, piece_rows

COMPRESSIONS = {".gz": "gzip", ".bz2": "bz2", ".xz": "xz", ".zst": "zstd", ".zip": "zip"}
_OTHER_LAYOUT = frozenset(
    {"header", "names", "skiprows", "skipfooter", "comment", "quotechar", "quoting", "escapechar", "on_bad_lines", "engine"}
)
"""Options of pandas under which lines are not simply fields; with them the number of fields is not checked."""
_BLOCK = 1 << 24
"""Bytes checked at a time; no line may be longer."""


def read_csv(
    stream: BinaryIO, suffixes: Sequence[str], options: Mapping[str, Any], config: MonitorConfig, columns: Sequence[str]
) -> pd.DataFrame:
    """Parse the needed columns.

    Parameters
    ----------
    suffixes
        The file name's suffixes, which tell the compression and, for ``.tsv``, the separator.
    options
        Arguments of :func:`pandas.read_csv` from the monitor file.

    Raises
    ------
    ValueError, OSError, EOFError
        If the content is no CSV, or not what its compression promises. (Errors of pandas and pyarrow are ValueErrors.)
    """
    stream, arguments = _prepared(stream, suffixes, options, config, columns)
    return cast(pd.DataFrame, pd.read_csv(stream, **arguments))


def csv_pieces(
    stream: BinaryIO, suffixes: Sequence[str], options: Mapping[str, Any], config: MonitorConfig, columns: Sequence[str]
) -> Iterator[pd.DataFrame]:
    """Parse the needed columns in pieces of bounded size; see :func:`read_csv`.

    The types that pandas finds may differ from piece to piece; the roles of the columns settle them.
    """
    stream, arguments = _prepared(stream, suffixes, options, config, columns)
    with pd.read_csv(stream, **{**arguments, "iterator": True}) as reader:
        rows = FEWEST_ROWS
        try:
            while True:
                piece = reader.get_chunk(rows)
                rows = piece_rows(piece) if rows == FEWEST_ROWS else rows
                yield piece
        except StopIteration:
            return


def _prepared(
    stream: BinaryIO, suffixes: Sequence[str], options: Mapping[str, Any], config: MonitorConfig, columns: Sequence[str]
) -> tuple[BinaryIO, dict[str, Any]]:
    """Check the lines and return what pandas reads, with its arguments."""
    wanted = set(columns)
    arguments: dict[str, Any] = {
        "sep": "\t" if ".tsv" in suffixes else ",",
        "dtype": dict.fromkeys(_text_columns(config), "str"),
        **options,
        "usecols": lambda name: name in wanted,
    }
    compression = next((COMPRESSIONS[suffix] for suffix in suffixes[-1:] if suffix in COMPRESSIONS), None)
    if compression:
        stream = fsspec.compression.compr[compression](stream, mode="r")
    if not _OTHER_LAYOUT & options.keys():
        _check_fields(stream, str(arguments.get("delimiter") or arguments["sep"]), str(options.get("encoding", "utf8")))
        stream.seek(0)
    return stream, arguments


def _text_columns(config: MonitorConfig) -> list[str]:
    """Columns whose text is kept as it stands, so that "007" does not become 7."""
    roles = config.columns
    labels = [roles.target, roles.prediction] if config.task != "regression" else []
    texts = [roles.timestamp, *roles.id, *roles.categorical, *(name for name in labels if name)]
    return [name for name in texts if name not in roles.numerical]


def _check_fields(stream: BinaryIO, separator: str, encoding: str) -> None:
    """Raise when a line has more or fewer fields than the first; pandas would shift or pad it without a word."""
    if len(separator) != 1 or not stream.read(1):
        return  # pandas says what an empty file lacks
    stream.seek(0)
    reader = pyarrow.csv.open_csv(
        stream,
        read_options=pyarrow.csv.ReadOptions(block_size=_BLOCK, autogenerate_column_names=True, encoding=encoding),
        parse_options=pyarrow.csv.ParseOptions(delimiter=separator, newlines_in_values=True),
        convert_options=pyarrow.csv.ConvertOptions(include_columns=["f0"], column_types={"f0": pyarrow.binary()}),
    )
    for _ in reader:
        pass
