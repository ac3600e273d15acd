"""Batches at rest: one Parquet file per window and content, named by a hash of its values."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa

from driftgate.errors import SourceError
from driftgate.files import replacing
from driftgate.storage import DataPath, read_frame


@dataclass(frozen=True)
class StoredBatch:
    """A written batch."""

    path: DataPath
    rows: int
    bytes: int
    content_hash: str
    """SHA-256 over names, types and values, in hexadecimal."""


def write_batch(frame: pd.DataFrame, folder: DataPath) -> StoredBatch:
    """Write a batch as ``batch-<first 12 digits of the hash>.parquet``; the same content gives the same name.

    Raises
    ------
    SourceError
        If the folder cannot be written.
    """
    digest = content_hash(frame)
    path = folder / f"batch-{digest[:12]}.parquet"
    size = write_rows(frame, path)
    return StoredBatch(path.absolute(), len(frame), size, digest)


def write_rows(frame: pd.DataFrame, path: DataPath) -> int:
    """Write rows as Parquet, whole or not at all; return the bytes. Errors as for :func:`write_batch`."""
    try:
        with replacing(path) as temporary:
            frame.to_parquet(temporary, index=False)
            return temporary.stat().st_size
    except OSError as error:
        raise SourceError(f"cannot write the rows {path}: {error.strerror or error}; check free space and permissions") from error


def read_batch(path: str | DataPath, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """Read a batch, or only some of its columns.

    Raises
    ------
    SourceError
        If the file is gone or damaged.
    """
    try:
        return read_frame(path, columns)
    except FileNotFoundError as error:
        raise SourceError(f"the batch {path} is gone; run its window again with reprocess") from error
    except (pa.ArrowException, OSError, ValueError) as error:
        raise SourceError(f"the batch {path} cannot be read ({error}); run its window again with reprocess") from error


def content_hash(frame: pd.DataFrame) -> str:
    """Hash names, types and values in row order, independent of the versions of pandas and of the Parquet library."""
    digest = hashlib.sha256()
    digest.update(f"{len(frame)}".encode())
    for name in frame.columns:
        kind, content = _canonical(frame[name])
        digest.update(f"\x00{name}\x00{kind}\x00".encode())
        digest.update(content)
    return digest.hexdigest()


def _canonical(values: pd.Series) -> tuple[str, bytes]:
    if isinstance(values.dtype, pd.DatetimeTZDtype):
        return "time", values.dt.tz_convert("UTC").dt.as_unit("us").astype("int64").to_numpy().astype("<i8").tobytes()
    if pd.api.types.is_bool_dtype(values.dtype) or pd.api.types.is_integer_dtype(values.dtype):
        return "whole", values.to_numpy(dtype="int64").astype("<i8").tobytes()
    if pd.api.types.is_float_dtype(values.dtype):
        numbers = values.to_numpy(dtype="float64") + 0.0  # -0.0 becomes 0.0
        return "number", np.where(np.isnan(numbers), np.nan, numbers).astype("<f8").tobytes()
    texts = [None if missing else str(value) for value, missing in zip(values, values.isna(), strict=True)]
    lengths = np.array([-1 if text is None else len(text) for text in texts], dtype="<i8")
    return "text", lengths.tobytes() + "".join(text or "" for text in texts).encode()
