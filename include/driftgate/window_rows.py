"""The typed rows of a window, as the source has them or scored by a model version. Keeps nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from driftgate.context import Context
from driftgate.known_labels import with_source_labels
from driftgate.records import Window

if TYPE_CHECKING:
    import pandas as pd


def read_window(context: Context, window: Window, version: str | None, *, labelled: bool = False) -> tuple[pd.DataFrame, str | None]:
    """Return the rows of a window, typed by role, and what people should know about them.

    Parameters
    ----------
    version
        The model version that scores the rows; None leaves them as the source has them.
    labelled
        Fill in the labels that their own source has now: for rows that are never restated, those of a reference.

    Raises
    ------
    SourceError
        The rows could not be read or do not fit the column roles.
    """
    from driftgate.ingest.roles import apply_roles, source_columns
    from driftgate.ingest.source import read_rows
    from driftgate.serve.scoring import score

    config = context.config
    found = read_rows(config, window, source_columns(config), context.settings, connection_uri=context.connection_uri)
    frame, note = apply_roles(found, config, window)
    if labelled:
        frame = with_source_labels(context, window, frame)
    if version is None or frame.empty:
        return frame, note
    return score(config, frame, context.registry.load(config.model_name, version)), note
