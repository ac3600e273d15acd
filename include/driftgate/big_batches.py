"""Batches of any size: which are held in memory as one frame, and which are streamed from their source to the records.

The limit is ``batch.stream_above`` of the monitor file; docs/big-batches.md says what is streamed and what a row costs.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, cast

from driftgate.config.models import MonitorConfig
from driftgate.context import Context
from driftgate.errors import SourceError
from driftgate.known_labels import known_filling, with_known_labels
from driftgate.records import Batch, Window
from driftgate.storage import DataPath, RemotePath, locate

if TYPE_CHECKING:
    import pandas as pd

    from driftgate.ingest.batch_store import StoredBatch
    from driftgate.ingest.roles import PlacedRows
    from driftgate.measure.file_rows import FileRows

SPREAD_ROWS = 50_000
"""So many rows of a big batch are drawn in its report and looked at for likely causes."""


def is_big(config: MonitorConfig, rows: int) -> bool:
    """Whether a batch of so many rows is never one frame."""
    return rows > config.batch.stream_above


def keep_window(context: Context, window: Window, version: str | None) -> tuple[StoredBatch | None, str | None]:
    """Read, type, score and keep the rows of a window; return the batch (None: no rows) and what people should know about it.

    Raises
    ------
    SourceError
        The rows could not be read or do not fit the column roles.
    """
    from driftgate.ingest.roles import place_rows
    from driftgate.ingest.stream import split, write_stream

    config, folder = context.config, context.settings.window_dir(context.config.id, window.key)
    pieces, most = _pieces(context, window)
    is_known = most is not None and is_big(config, most)
    head, rest = ([], pieces) if is_known else split(pieces, config.batch.stream_above)
    if rest is None:
        return keep_rows(context, window, version, place_rows(_joined(config, head), config, window))
    score = None if version is None else lambda frame: _scored(context, frame, version)
    return write_stream(_then(head, rest), config, window, folder, score, version)


def keep_rows(context: Context, window: Window, version: str | None, placed: PlacedRows) -> tuple[StoredBatch | None, str | None]:
    """Keep the rows of a window out of an answer of the source that is in memory; see :func:`keep_window`."""
    from driftgate.ingest.batch_store import write_batch
    from driftgate.ingest.roles import type_rows

    frame, note = type_rows(placed, context.config, window)
    if frame.empty:
        return None, note
    return write_batch(_scored(context, frame, version), context.settings.window_dir(context.config.id, window.key)), note


def _then(head: list[pd.DataFrame], rest: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
    """Yield all pieces and let each of them go."""
    head.reverse()
    while head:
        yield head.pop()
    yield from rest


def _pieces(context: Context, window: Window) -> tuple[Iterator[pd.DataFrame], int | None]:
    from driftgate.ingest.roles import source_columns
    from driftgate.ingest.source import read_pieces

    config = context.config
    limit = config.batch.stream_above
    return read_pieces(config, window, source_columns(config), context.settings, limit=limit, connection_uri=context.connection_uri)


def _joined(config: MonitorConfig, pieces: list[pd.DataFrame]) -> pd.DataFrame:
    import pandas as pd

    from driftgate.ingest.roles import source_columns

    kept = [piece for piece in pieces if len(piece)] or pieces[:1]
    return pd.concat(kept, ignore_index=True) if kept else pd.DataFrame(columns=source_columns(config))


def _scored(context: Context, frame: pd.DataFrame, version: str | None) -> pd.DataFrame:
    from driftgate.serve.scoring import score

    if version is None:
        return frame
    return score(context.config, frame, context.registry.load(context.config.model_name, version))


# --- rows of a kept batch ---------------------------------------------------------------------------------------------


def gate_rows(context: Context, batch: Batch) -> pd.DataFrame | Path:
    """Return what the gate looks at: the rows, or the file of a big batch."""
    return _file(batch) if is_big(context.config, batch.rows) else _frame(batch)


def measured_rows(context: Context, batch: Batch, frame: pd.DataFrame | None = None) -> pd.DataFrame | FileRows:
    """Return the rows of a batch with the labels known by now, those of a big batch to be read piece by piece.

    Parameters
    ----------
    frame
        The batch's rows, where they are in memory already.
    """
    from driftgate.measure.file_rows import FileRows

    if not is_big(context.config, batch.rows):
        return with_known_labels(context, batch, _frame(batch) if frame is None else frame)
    filling, target = known_filling(context, batch), context.config.columns.target
    if filling is None or target is None:
        return FileRows(_file(batch))
    return FileRows(_file(batch), fill=filling, filled=[target], needed=[*context.config.columns.id, target])


def spread_rows(context: Context, batch: Batch, most: int = SPREAD_ROWS) -> pd.DataFrame:
    """Return the rows of a batch with the labels known by now; of a big one so many, evenly spread over its file, always the same."""
    import numpy as np
    import pandas as pd

    rows = measured_rows(context, batch)
    if isinstance(rows, pd.DataFrame):
        return rows
    places = np.linspace(0, rows.rows - 1, min(most, rows.rows)).round().astype(int)
    found, start = [], 0
    for chunk in rows.chunks(rows.columns):
        found.append(chunk.iloc[places[(places >= start) & (places < start + len(chunk))] - start])
        start += len(chunk)
    return pd.concat(found, ignore_index=True)


def _frame(batch: Batch) -> pd.DataFrame:
    from driftgate.ingest.batch_store import read_batch

    return read_batch(_path(batch))


def _file(batch: Batch) -> Path:
    """Return the batch as a file of this machine: a column is read several times, so one in an object store is fetched once."""
    path = _path(batch)
    if not path.is_file():
        raise SourceError(f"the batch {path} is gone; run its window again with reprocess")
    return _fetched(path)[1] if isinstance(path, RemotePath) else cast(Path, path)


@lru_cache(maxsize=1)
def _fetched(path: RemotePath) -> tuple[TemporaryDirectory[str], Path]:
    """Fetch an object into a folder that is gone with the process, or with the next object."""
    folder = TemporaryDirectory(prefix="driftgate-batch-")
    file = Path(folder.name) / path.name
    path.download(file)
    return folder, file


def _path(batch: Batch) -> DataPath:
    if batch.path is None:
        raise SourceError(f"monitor {batch.monitor}: window {batch.window} has no data; nothing can be computed on it")
    return locate(batch.path)
