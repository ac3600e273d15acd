"""Batches that are larger than memory may be: typed, scored, hashed and written piece by piece, row group by row group.

The file is read like that of a small batch and holds the same values. Two things differ on purpose: rows stay in the order of the source
(sorting them would need all of them), and the content hash is a sum over rows (:class:`driftgate.row_hashes.ContentSum`), marked by the
prefix ``rowsum:``, so that it depends neither on that order nor on the pieces.
"""

from __future__ import annotations

import itertools
import re
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from driftgate.config.models import MonitorConfig
from driftgate.errors import SourceError
from driftgate.files import replacing
from driftgate.growing import Growing
from driftgate.ingest.batch_store import StoredBatch
from driftgate.ingest.pieces import MOST_ROWS, piece_rows
from driftgate.ingest.roles import copies_note, typed_rows
from driftgate.records import Window
from driftgate.row_hashes import ContentSum, copies
from driftgate.storage import DataPath, RemotePath

PREFIX = "rowsum:"
"""What the content hash of such a batch begins with."""
_COUNTED = re.compile(r"^(\d+) (.*)$", re.DOTALL)

Score = Callable[[pd.DataFrame], pd.DataFrame]


def split(pieces: Iterable[pd.DataFrame], limit: int) -> tuple[list[pd.DataFrame], Iterator[pd.DataFrame] | None]:
    """Take pieces as long as they hold ``limit`` rows or fewer together; return them, and the rest, which is None when there is none."""
    source = iter(pieces)
    taken: list[pd.DataFrame] = []
    rows = 0
    for piece in source:
        rows += len(piece)
        if rows > limit:
            return taken, itertools.chain([piece], source)
        taken.append(piece)
    return taken, None


def write_stream(
    pieces: Iterable[pd.DataFrame],
    config: MonitorConfig,
    window: Window,
    folder: DataPath,
    score: Score | None = None,
    version: str | None = None,
) -> tuple[StoredBatch | None, str | None]:
    """Type, score and write pieces as ``batch-<first 12 digits of the hash>.parquet``.

    Parameters
    ----------
    pieces
        Untyped rows, as the source has them.
    score
        Adds the predictions to typed rows; None: the rows stay as they are.
    version
        What scores them; it is part of the content hash instead of the predictions, whose last digits may depend on the pieces.

    Returns
    -------
    tuple
        The batch (None: no row lies in the window), and what people should know about it: the notes of
        :func:`driftgate.ingest.roles.apply_roles`, their counts over all pieces. Copies are counted by 64-bit hashes of the rows, see
        :mod:`driftgate.row_hashes` for the chance of a false one.

    Raises
    ------
    SourceError
        If the rows do not fit the column roles, or the folder cannot be written. Nothing is left behind then.
    """
    content, hashes, notes = ContentSum(), Growing("uint64"), _Notes()
    try:
        with _scratch(folder) as target:
            with _Writer(target) as writer:
                for piece in pieces:
                    found: list[str] = []
                    frame = typed_rows(piece, config, window, found)
                    notes.add(found)
                    if not frame.empty:
                        frame = frame.reset_index(drop=True)
                        hashes.append(content.add(frame))
                        writer.write(frame if score is None else score(frame))
            pa.default_memory_pool().release_unused()  # what the last pieces took is wanted by the next steps
            if not content.rows:
                return None, notes.text()
            twice, digest = copies(hashes.take()), content.hexdigest(version or "")
            path, size = folder / f"batch-{digest[:12]}.parquet", target.stat().st_size
            with replacing(path) as temporary:
                target.replace(temporary)
    except OSError as error:
        raise SourceError(f"cannot write a batch below {folder}: {error.strerror or error}; check free space and permissions") from error
    note = notes.text([copies_note(twice, content.rows)] if twice else [])
    return StoredBatch(path.absolute(), content.rows, size, f"{PREFIX}{digest}"), note


@contextmanager
def _scratch(folder: DataPath) -> Iterator[Path]:
    """Yield a local file to write to: beside the batch, so that it becomes the batch by a new name, or where it is sent from."""
    beside = None if isinstance(folder, RemotePath) else Path(str(folder))
    if beside is not None:
        beside.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".stream-", dir=beside) as name:
        yield Path(name) / "batch.parquet"


class _Notes:
    """Notes of several pieces, as one would have made them: leading counts are added up."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._plain: list[str] = []

    def add(self, notes: Sequence[str]) -> None:
        for note in notes:
            counted = _COUNTED.match(note)
            if counted:
                self._counts[counted[2]] += int(counted[1])
            elif note not in self._plain:
                self._plain.append(note)

    def text(self, more: Sequence[str] = ()) -> str | None:
        return "; ".join([*self._plain, *(f"{count} {text}" for text, count in self._counts.items()), *more]) or None


class _Writer:
    """A Parquet file of row groups of equal size; the schema is that of the first rows."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: pq.ParquetWriter | None = None
        self._waiting: list[pa.Table] = []
        self._group = MOST_ROWS

    def __enter__(self) -> _Writer:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            self._flush(1)
        if self._file is not None:
            self._file.close()

    def write(self, frame: pd.DataFrame) -> None:
        table = pa.Table.from_pandas(frame, schema=None if self._file is None else self._file.schema, preserve_index=False)
        if self._file is None:
            self._group = piece_rows(frame)
            self._file = pq.ParquetWriter(self._path, table.schema, compression="snappy")
        self._waiting.append(table)
        self._flush(self._group)

    def _flush(self, least: int) -> None:
        """Write what is waiting in whole row groups; with ``least`` 1 the rest too."""
        rows = sum(table.num_rows for table in self._waiting)
        if rows < least or self._file is None:
            return
        table = pa.concat_tables(self._waiting)
        whole = rows if least == 1 else rows - rows % self._group
        self._file.write_table(table.slice(0, whole), row_group_size=self._group)
        self._waiting = [table.slice(whole)] if whole < rows else []
