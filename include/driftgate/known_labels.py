"""The labels that are known of a window, filled into its rows; for whoever reads a batch of a monitor with a section ``labels``."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from driftgate.context import Context
from driftgate.errors import SourceError
from driftgate.records import Batch, Window
from driftgate.storage import locate

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from driftgate.label_records import LabelBatch

log = logging.getLogger(__name__)


def with_known_labels(context: Context, batch: Batch, frame: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of a batch with the labels that arrived since it was ingested; unchanged without a section ``labels``.

    Raises
    ------
    SourceError
        If labels have arrived but their file is gone.
    """
    from driftgate.labels.joining import fill_labels

    known = _latest(context, batch)
    return frame if known is None else fill_labels(context.config, frame, known)


def known_filling(context: Context, batch: Batch) -> Callable[[pd.DataFrame], pd.DataFrame] | None:
    """Return what fills the labels that arrived since a batch was ingested into pieces of it; None where there are none.

    The labels are held in memory, some 100 bytes for each.

    Raises
    ------
    SourceError
        If labels have arrived but their file is gone.
    """
    from driftgate.labels.joining import Filling

    known = _latest(context, batch)
    return None if known is None else Filling(context.config, known).fill


def _latest(context: Context, batch: Batch) -> pd.DataFrame | None:
    """Return the labels that arrived since a batch was ingested; None where there are none, or no section ``labels``."""
    if context.config.labels is None:
        return None
    from driftgate.record.labels import LabelStore

    return read_known(LabelStore(context.store.engine).latest(batch.monitor, batch.window))


def with_source_labels(context: Context, window: Window, frame: pd.DataFrame) -> pd.DataFrame:
    """Return rows of a window with the labels that the source of labels has now; keeps nothing.

    For rows that are never restated: a reference window, and windows of the first training. Unchanged without a section ``labels``,
    and as long as there is no file of labels.

    Raises
    ------
    SourceError
        If the labels cannot be read.
    """
    if context.config.labels is None or frame.empty:
        return frame
    from driftgate.labels.joining import join_labels

    labels = source_labels(context, window)
    return frame if labels is None else join_labels(context.config, frame, labels).frame


def with_best_labels(context: Context, batch: Batch, frame: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of a batch to train on: with the labels known of the window or, when none were joined yet, those of the source."""
    if context.config.labels is None:
        return frame
    from driftgate.record.labels import LabelStore

    latest = LabelStore(context.store.engine).latest(batch.monitor, batch.window)
    if latest is None or latest.path is None:
        return with_source_labels(context, batch.window, frame)
    return with_known_labels(context, batch, frame)


def source_labels(context: Context, window: Window) -> pd.DataFrame | None:
    """Read the labels of a window from their source; None as long as there is no file."""
    from driftgate.ingest.labels import read_labels
    from driftgate.labels.joining import KNOWN_AT

    return read_labels(context.config, window, context.settings, known_at=KNOWN_AT, connection_uri=context.connection_uri)


def read_known(labels: LabelBatch | None) -> pd.DataFrame | None:
    """Read the labels of a revision; None where none ever arrived.

    Raises
    ------
    SourceError
        If the file is gone.
    """
    from driftgate.ingest.batch_store import read_batch

    if labels is None or labels.path is None:
        return None
    if not locate(labels.path).is_file():
        raise SourceError(
            f"monitor {labels.monitor}, window {labels.window}: the labels known of it (revision {labels.revision}) are gone from "
            f"{labels.path}; restore the file, or read the labels again with `driftgate labels {labels.monitor} "
            f"--window {labels.window.start:%Y-%m-%dT%H:%M}Z`"
        )
    return read_batch(labels.path)
