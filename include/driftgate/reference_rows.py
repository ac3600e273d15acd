"""Rows of a stretch of time as a reference: which kept batches or windows of the source, and what is left out and why."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Self

from driftgate.config.models import MonitorConfig
from driftgate.config.windows import add
from driftgate.context import Context
from driftgate.errors import SourceError
from driftgate.known_labels import with_known_labels
from driftgate.records import Batch, BatchStatus, Window
from driftgate.sampling import thin
from driftgate.seasons import inside
from driftgate.storage import locate

if TYPE_CHECKING:
    import pandas as pd

    from driftgate.record.history import PastWindow

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class History:
    """The windows of the records that a reference is made of, before their files are read."""

    batches: tuple[Batch, ...]
    """In the order in which they claim moments that several of them cover."""
    excluded: tuple[Window, ...] = ()
    """Windows whose rows must not be used, whatever batch holds them."""

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        return cls(tuple(map(Batch.from_dict, data["batches"])), tuple(map(Window.from_dict, data["excluded"])))


NO_HISTORY = History(())


@dataclass(frozen=True)
class Rows:
    """Rows of a stretch of time, oldest first."""

    frame: pd.DataFrame
    history: History = NO_HISTORY
    """The kept batches that gave them; those that gave none are left out."""
    notes: tuple[str, ...] = ()


# --- which windows ----------------------------------------------------------------------------------------------------


def ordinary_history(context: Context, stretch: Window, window: Window, version: str | None) -> History:
    """Return the windows before this one that may serve as a trailing reference.

    They were measured and decided upon for this model version, were not breached, and their data set did not count as drifted.
    Where windows of several sizes overlap, those of this window's length come first, then the latest.
    """
    from driftgate.record.history import past_windows

    past = [item for item in past_windows(context.store.engine, context.config.id, stretch) if item.batch.window.end <= window.start]
    ordinary = [item.batch for item in past if item.is_ordinary and item.batch.model_version == version]
    return History(_in_order(ordinary, window), tuple(item.batch.window for item in past if item.is_unusual))


def kept_history(context: Context, stretch: Window, window: Window) -> tuple[History, bool]:
    """Return the windows of a stretch that passed the gate, and whether the records know every moment of it."""
    from driftgate.record.history import past_windows

    past = past_windows(context.store.engine, context.config.id, stretch)
    passed = [item.batch for item in past if item.has_passed and item.batch.status in (BatchStatus.INGESTED, BatchStatus.MEASURED)]
    stopped = tuple(item.batch.window for item in past if item.batch.status is BatchStatus.QUARANTINED)
    return History(_in_order(passed, window), stopped), _covers([item.batch.window for item in past if _is_known(item)], stretch)


def _is_known(item: PastWindow) -> bool:
    return item.has_passed or item.batch.status in (BatchStatus.QUARANTINED, BatchStatus.NO_DATA)


def _covers(windows: Sequence[Window], stretch: Window) -> bool:
    reached = stretch.start
    for window in sorted(windows):
        if window.start > reached:
            return False
        reached = max(reached, window.end)
    return reached >= stretch.end


def _in_order(batches: Sequence[Batch], window: Window) -> tuple[Batch, ...]:
    length = window.end - window.start
    latest = sorted(batches, key=lambda batch: batch.window, reverse=True)
    return tuple(sorted(latest, key=lambda batch: abs(batch.window.end - batch.window.start - length)))


# --- their rows -------------------------------------------------------------------------------------------------------


def read_history(context: Context, history: History, stretch: Window) -> Rows:
    """Read the rows of the stretch, each moment from one window only; what cannot be read is left out and noted."""
    frames: list[pd.DataFrame] = []
    used: list[Batch] = []
    lost: list[str] = []
    for batch in history.batches:
        frame = _read(context, batch, lost)
        if frame is None:
            continue
        frame = _clip(context.config, frame, stretch, [*history.excluded, *(item.window for item in used)])
        if len(frame):
            frames.append(frame)
            used.append(batch)
    return Rows(_together(context.config, frames), replace(history, batches=tuple(used)), _notes(lost))


def _read(context: Context, batch: Batch, lost: list[str]) -> pd.DataFrame | None:
    from driftgate.ingest.batch_store import read_batch

    if batch.path is None or not locate(batch.path).is_file():
        lost.append(f"{batch.window} (its file is gone; run it again with 'reprocess')")
        return None
    try:
        frame = with_known_labels(context, batch, read_batch(batch.path))
    except SourceError as error:
        lost.append(f"{batch.window} ({error})")
        return None
    strange = _strange_column(context.config, frame)
    if strange is not None:
        lost.append(f"{batch.window} (kept when column {strange!r} was not there or had another role; run it again with 'reprocess')")
        return None
    return frame


def _strange_column(config: MonitorConfig, frame: pd.DataFrame) -> str | None:
    """Return a feature that the kept rows lack or hold in another type."""
    from pandas.api.types import is_numeric_dtype

    for name in config.columns.features:
        if name not in frame or is_numeric_dtype(frame[name]) != (name in config.columns.numerical):
            return name
    return None


def _clip(config: MonitorConfig, frame: pd.DataFrame, stretch: Window, taken: Sequence[Window]) -> pd.DataFrame:
    moments = frame[config.columns.timestamp]
    kept = inside(moments, stretch)
    for other in taken:
        kept = kept & ~inside(moments, other)
    return frame if kept.all() else frame[kept]


def _notes(lost: Sequence[str]) -> tuple[str, ...]:
    if not lost:
        return ()
    more = f", and {len(lost) - 3} more" if len(lost) > 3 else ""
    return (f"{len(lost)} windows are left out of the reference: {'; '.join(lost[:3])}{more}",)


def _together(config: MonitorConfig, frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    import pandas as pd

    if not frames:
        return empty_rows(config)
    together = pd.concat(frames, ignore_index=True)
    kept = [name for name in config.columns.all if name in together]
    return together[kept].sort_values(config.columns.timestamp, kind="stable", ignore_index=True)


def empty_rows(config: MonitorConfig) -> pd.DataFrame:
    """Return no rows with every column of the monitor, typed as ingest does."""
    import pandas as pd

    roles = config.columns
    numbers = {*roles.numerical, roles.prediction_proba, *((roles.target, roles.prediction) if config.task == "regression" else ())}
    types = {name: "float64" if name in numbers else "datetime64[us, UTC]" if name == roles.timestamp else "str" for name in roles.all}
    return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in types.items()})


# --- from the source --------------------------------------------------------------------------------------------------


def read_source(context: Context, stretch: Window, window: Window, version: str | None) -> Rows:
    """Read a stretch from the source, scored by a model version (None: as it is), window by window in the monitor's own size.

    The windows are cut as this window's neighbours, because a source may have one file per window. Windows that cannot be read are
    left out and noted.
    """
    from driftgate.window_rows import read_window

    frames: list[pd.DataFrame] = []
    lost: list[str] = []
    for earlier in neighbours(context.config, window, stretch):
        try:
            frame, _ = read_window(context, earlier, version, labelled=True)
        except SourceError as error:
            lost.append(f"{earlier} ({error})")
            continue
        frame = _clip(context.config, frame, stretch, ())
        if len(frame):
            frames.append(frame)
    return Rows(_together(context.config, frames), notes=_notes(lost))


def neighbours(config: MonitorConfig, window: Window, stretch: Window) -> Iterator[Window]:
    """Yield the windows of the monitor's size that cover an earlier stretch and end, one after the other, at this window's start."""
    found: list[Window] = []
    end = window.start
    while end > stretch.start:
        start = add(config, end, -config.window.size)
        if start < stretch.end:
            found.append(Window(start, end))
        end = start
    yield from reversed(found)


# --- the model's part -------------------------------------------------------------------------------------------------


def scored_by(context: Context, rows: Rows, version: str) -> Rows:
    """Give every row the predictions of one model version, where other versions, or none, made them."""
    if all(batch.model_version == version for batch in rows.history.batches) or rows.frame.empty:
        return rows
    from driftgate.serve.scoring import score

    return replace(rows, frame=score(context.config, rows.frame, context.registry.load(context.config.model_name, version)))


def with_own_rows(config: MonitorConfig, rows: Rows, own: pd.DataFrame, stretch: Window) -> Rows:
    """Let a model version's own reference stand for the time in which it was trained and tested.

    Its predictions there were made without having seen the row; those of kept batches were not, or were made by another version.
    Where the own rows were thinned, the others are thinned to as many rows per day, so that no day counts for more than others.
    """
    moments = own[config.columns.timestamp]
    trained = Window(moments.min().to_pydatetime(), moments.max().to_pydatetime() + timedelta(microseconds=1))
    rest = _clip(config, rows.frame, stretch, [trained])
    own_part = own[inside(moments, stretch)]
    if len(own) >= config.reference.max_rows and len(rest):
        rest = thin(rest, max(1, round(len(own) / _days(moments) * _days(rest[config.columns.timestamp]))))
    parts = [part for part in (own_part, rest) if len(part)]
    return replace(rows, frame=_together(config, parts))


def _days(moments: pd.Series) -> int:
    """Count the days (UTC) that have rows."""
    return int(moments.dt.floor("D").nunique())
