"""The reference a window is compared with: the rows of a model version, or a fixed window of the source."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from driftgate.config.windows import localise
from driftgate.context import Context
from driftgate.errors import MeasureError
from driftgate.files import write_json
from driftgate.records import Window
from driftgate.sampling import thin

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Reference:
    """Reference rows and how well the model did on rows it had not seen."""

    frame: pd.DataFrame
    performance: Mapping[str, float]
    segments: Mapping[str, Mapping[str, float]] | None = None
    """The same per segment; None: the model has not seen ``frame``, so its rows tell."""


def load_reference(context: Context, model_version: str | None) -> Reference:
    """Return the reference for a model version (None: the rows bring their own predictions)."""
    if context.config.reference.kind == "training":
        return _of_model(context, model_version)
    return _of_window(context, model_version)


def _of_model(context: Context, model_version: str | None) -> Reference:
    from driftgate.ingest.batch_store import read_batch
    from driftgate.serve.references import fetch_reference, reference_scores

    if model_version is None:
        raise MeasureError(
            f"monitor {context.config.id}: the batch was not scored by a champion, so there is no training reference; "
            "run the window again with 'reprocess', or set reference.kind to window"
        )
    path = fetch_reference(context.config, context.settings, model_version)
    return Reference(read_batch(path), *reference_scores(context.config, context.settings, model_version))


def _of_window(context: Context, model_version: str | None) -> Reference:
    from driftgate.ingest.batch_store import read_batch

    config = context.config.reference
    assert config.start is not None  # the monitor file was validated
    assert config.end is not None
    window = Window(localise(context.config, config.start), localise(context.config, config.end))
    path = _window_path(context, window, model_version)
    if not path.is_file():
        _build_window_reference(context, window, model_version, path)
    return Reference(read_batch(path), json.loads(_performance_path(path).read_text(encoding="utf-8")))


def _window_path(context: Context, window: Window, model_version: str | None) -> Path:
    """Name the file after everything that decides its content."""
    source = context.config.model_dump_json(include={"source", "columns", "reference", "task"})
    digest = hashlib.sha256(source.encode()).hexdigest()[:12]
    name = f"window-{window.key}-v{model_version or 'source'}-{digest}.parquet"
    return context.settings.references_dir / context.config.id / name


def _performance_path(path: Path) -> Path:
    return path.with_suffix(".performance.json")


def _build_window_reference(context: Context, window: Window, model_version: str | None, path: Path) -> None:
    from driftgate.ingest.batch_store import write_batch
    from driftgate.measure.performance import performance_scores
    from driftgate.window_rows import read_window

    with context.store.window_lock(context.config.id, window, "reference"):
        if path.is_file():
            return
        frame, _ = read_window(context, window, model_version)
        if frame.empty:
            raise MeasureError(
                f"monitor {context.config.id}: the reference window {window} holds no rows; correct reference.start and reference.end"
            )
        frame = thin(frame, context.config.reference.max_rows)
        write_json(_performance_path(path), performance_scores(context.config, frame))
        stored = write_batch(frame, path.parent / "build")
        stored.path.replace(path)
