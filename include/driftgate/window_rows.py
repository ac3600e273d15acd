"""The typed rows of a window, as the source has them or scored by a model version. Keeps nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from driftgate.context import Context
from driftgate.known_labels import with_source_labels
from driftgate.records import Window

if TYPE_CHECKING:
    import pandas as pd

    from driftgate.ingest.roles import PlacedRows


def read_window(
    context: Context, window: Window, version: str | None, *, labelled: bool = False, placed: PlacedRows | None = None
) -> tuple[pd.DataFrame, str | None]:
    """Return the rows of a window, typed by role, and what people should know about them.

    Parameters
    ----------
    version
        The model version that scores the rows; None leaves them as the source has them.
    labelled
        Fill in the labels that their own source has now: for rows that are never restated, those of a reference.
    placed
        An answer of the source that holds the window's rows; None: the source is asked.

    Raises
    ------
    SourceError
        The rows could not be read or do not fit the column roles.
    """
    from driftgate.ingest.roles import place_rows, source_columns, type_rows
    from driftgate.ingest.source import read_rows
    from driftgate.serve.scoring import score

    config = context.config
    if placed is None:
        found = read_rows(config, window, source_columns(config), context.settings, connection_uri=context.connection_uri)
        placed = place_rows(found, config, window)
    frame, note = type_rows(placed, config, window)
    if labelled:
        frame = with_source_labels(context, window, frame)
    if version is None or frame.empty:
        return frame, note
    return score(config, frame, context.registry.load(config.model_name, version)), note
