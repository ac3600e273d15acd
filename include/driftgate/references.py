"""The reference a window is compared with: rows of a model version, of a fixed time, of the time before, or of last year.

See docs/references.md for the rules. The same window with the same records gives the same rows; which rows they were is described, so
that a number can be worked out again.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from driftgate.config.windows import localise
from driftgate.context import Context
from driftgate.errors import MeasureError
from driftgate.files import write_json
from driftgate.records import Window, to_dict
from driftgate.reference_rows import (
    NO_HISTORY,
    History,
    Rows,
    empty_rows,
    kept_history,
    ordinary_history,
    read_history,
    read_source,
    scored_by,
    with_own_rows,
)
from driftgate.sampling import thin
from driftgate.seasons import match_rows, minimum_rows, stretch_of

if TYPE_CHECKING:
    import pandas as pd

    from driftgate.measure.prepared import PreparedReference

log = logging.getLogger(__name__)

_FINGERPRINT = "fingerprint"
"""Key beside the scores of a fixed window: hash of its rows."""


@dataclass(frozen=True)
class Reference:
    """A reference, prepared for measuring, and how well the model did on rows it had not seen."""

    prepared: PreparedReference
    performance: Mapping[str, float] | None
    """None: the model has not seen the reference's rows, so they tell."""
    segments: Mapping[str, Mapping[str, float]] | None = None
    """The same per segment."""
    kind: str = "training"
    """What the rows are; differs from the monitor file's where that has too few rows."""
    match: str = "none"
    """What they were matched by; ``none`` also where too few rows matched."""
    stretch: Window | None = None
    """The time that was asked for; None: all of it."""
    history: History = NO_HISTORY
    """The kept batches that were read; a version's own rows and rows of the source are beside them."""
    notes: tuple[str, ...] = ()
    """Why other rows than the monitor file asks for were used, or fewer."""
    key: tuple[str, ...] | None = None
    """Names the rows in the memory of this process; None: they were put together for one window."""

    @property
    def frame(self) -> pd.DataFrame:
        """The rows; read from their file when they are first asked for, which measuring does not."""
        return self.prepared.frame


def load_reference(context: Context, model_version: str | None, window: Window) -> Reference:
    """Return the reference of a window scored by a model version (None: the rows bring their own predictions).

    Raises
    ------
    MeasureError
        If the kind needs a model version and there is none, or a fixed reference window holds no rows.
    ModelNotFoundError
        If the model version has no reference.
    """
    return _load(context, model_version, window, None)


def calibration_reference(context: Context, model_version: str | None, window: Window | None) -> Reference:
    """Return the reference from which limits are learned: all rows of the model version, or of the fixed window.

    Parameters
    ----------
    window
        The window that asks; needed only where a reference relative to it is all there is (rows with predictions of their own).

    Raises
    ------
    MeasureError
        If there is no such reference without a window.
    """
    config = context.config
    if config.reference.kind == "window":
        return _of_window(context, model_version)
    if config.model.predictions == "champion":
        return _of_model(context, model_version)
    if window is None:
        raise MeasureError(
            f"monitor {config.id}: a reference of kind {config.reference.kind} depends on the window; limits are learned when one is run"
        )
    return _whole(context, model_version, window, None)


def write_description(context: Context, reference: Reference, model_version: str | None, path: Path) -> None:
    """Write which rows a window was compared with, so that :func:`described_reference` finds them again."""
    write_json(path, describe(context, reference, model_version))


def describe(context: Context, reference: Reference, model_version: str | None) -> dict[str, Any]:
    """Return, JSON-ready, what was asked for and which rows these are: kind, match, counts, windows, a hash of their values.

    There is no hash of all rows of a model version or of a fixed window: those are known by version and by dates, and hashing
    50,000 rows takes 0.2 s.
    """
    from driftgate.ingest.batch_store import content_hash

    is_whole = reference.kind in ("training", "window") and reference.match == "none"
    windows = sorted(batch.window for batch in reference.history.batches)
    return {
        "asked": context.config.reference.model_dump(mode="json"),
        "kind": reference.kind,
        "match": reference.match,
        "model_version": model_version,
        "rows": reference.prepared.rows,
        "fingerprint": None if is_whole else content_hash(reference.frame),
        "stretch": None if reference.stretch is None else to_dict(reference.stretch),
        "windows": len(windows),
        "first": to_dict(windows[0]) if windows else None,
        "last": to_dict(windows[-1]) if windows else None,
        "history": to_dict(reference.history),
        "notes": list(reference.notes),
    }


def described_reference(context: Context, model_version: str | None, window: Window, path: Path) -> Reference:
    """Return the rows that a window was compared with when ``path`` was written, whatever was measured, or judged anew, since.

    Without such a file, or with one about another model version or other keys of the monitor file: :func:`load_reference`.
    """
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
        is_same = known["model_version"] == model_version and known["asked"] == context.config.reference.model_dump(mode="json")
        history = History.from_dict(known["history"])
    except (OSError, ValueError, KeyError, TypeError):
        return load_reference(context, model_version, window)
    return _load(context, model_version, window, history if is_same else None)


def _load(context: Context, model_version: str | None, window: Window, known: History | None) -> Reference:
    reference = _matched(context, _whole(context, model_version, window, known), window)
    for note in reference.notes:
        log.warning("monitor %s, window %s: %s", context.config.id, window, note)
    return reference


def _matched(context: Context, whole: Reference, window: Window) -> Reference:
    """Keep the rows whose calendar is that of the window."""
    if not whole.prepared.rows:
        return whole
    if context.config.reference.match == "none":
        return replace(whole, match="none")
    from driftgate.prepared_references import of_part

    chosen = match_rows(context.config, whole.frame, window)
    notes = (*whole.notes, *chosen.notes)
    if chosen.rows.all():
        return replace(whole, match=chosen.match, notes=notes)
    performance = None if whole.kind == "window" else whole.performance
    part = of_part(whole.prepared, whole.key, chosen.rows)
    return replace(whole, prepared=part, performance=performance, match=chosen.match, notes=notes)


def _whole(context: Context, model_version: str | None, window: Window, known: History | None) -> Reference:
    kind = context.config.reference.kind
    if kind == "window":
        return _of_window(context, model_version)
    own = _of_model(context, model_version) if kind == "training" or context.config.model.predictions == "champion" else None
    if kind == "training":
        assert own is not None
        return own
    return _of_stretch(context, own, model_version, window, known)


def _of_model(context: Context, model_version: str | None) -> Reference:
    from driftgate.ingest.batch_store import read_batch
    from driftgate.serve.references import fetch_reference, known_reference

    if model_version is None:
        raise MeasureError(
            f"monitor {context.config.id}: the batch was not scored by a champion, so there is no training reference; "
            "run the window again with 'reprocess', or set reference.kind to window"
        )
    known = known_reference(context.config, context.settings, model_version)

    def load() -> pd.DataFrame:
        return read_batch(fetch_reference(context.config, context.settings, model_version))

    return _of_file(context, known.rows.name, known.identity, load, performance=known.performance, segments=known.segments)


def _of_file(context: Context, name: str, identity: str, load: Callable[[], pd.DataFrame], **facts: Any) -> Reference:
    """Return a reference whose rows lie in a file of this name; their prepared form is kept on this machine."""
    from driftgate.prepared_references import SUFFIX, of_file

    path = (context.settings.references_dir / context.config.id / name).with_suffix(SUFFIX)
    return Reference(of_file(context.config, path, identity, load), key=(str(path), identity), **facts)


def _of_rows(context: Context, frame: pd.DataFrame) -> PreparedReference:
    from driftgate.measure.prepared import PreparedReference

    return PreparedReference(context.config, lambda: frame)


# --- the time before, the year before ---------------------------------------------------------------------------------


def _of_stretch(context: Context, own: Reference | None, model_version: str | None, window: Window, known: History | None) -> Reference:
    """Return the rows of a stretch relative to the window, or what stands in for them where they are too few.

    Rows that bring their own predictions have no training reference to stand in: then there are no rows and every verdict that needs
    them is ``too_few_rows``.
    """
    config = context.config
    stretch = stretch_of(config, window)
    assert stretch is not None  # only called for such kinds
    rows = _rows_of(context, stretch, window, model_version, known)
    if own is not None and model_version is not None:
        rows = with_own_rows(config, scored_by(context, rows, model_version), own.frame, stretch)
    if len(rows.frame) >= minimum_rows(config):
        scores = (None, None) if own is None else (own.performance, own.segments)
        frame = thin(rows.frame, config.reference.max_rows)
        return Reference(
            _of_rows(context, frame), *scores, kind=config.reference.kind, stretch=stretch, history=rows.history, notes=rows.notes
        )
    what = f"the {config.reference.kind} reference {stretch} has {len(rows.frame)} rows, {minimum_rows(config)} are needed"
    if own is not None:
        notes = (*rows.notes, f"{what}: the training reference of version {model_version} is used")
        return replace(own, history=rows.history, notes=notes)
    notes = (*rows.notes, f"{what}: the window is compared with nothing")
    return Reference(
        _of_rows(context, empty_rows(config)), None, kind=config.reference.kind, stretch=stretch, history=rows.history, notes=notes
    )


def _rows_of(context: Context, stretch: Window, window: Window, model_version: str | None, known: History | None) -> Rows:
    if context.config.reference.kind == "trailing":
        history = known or ordinary_history(context, stretch, window, model_version)
        return read_history(context, history, stretch)
    return _last_year(context, stretch, window, model_version, known)


def _last_year(context: Context, stretch: Window, window: Window, model_version: str | None, known: History | None) -> Rows:
    """Return the month of the records where they know all of it, else of the source, else what the records have."""
    history, is_complete = (known, bool(known.batches)) if known is not None else kept_history(context, stretch, window)
    if is_complete:
        return read_history(context, history, stretch)
    rows = _from_source(context, stretch, window, model_version)
    if len(rows.frame):
        return rows
    kept = read_history(context, history, stretch)
    return replace(kept, notes=(*rows.notes, *kept.notes))


def _from_source(context: Context, stretch: Window, window: Window, model_version: str | None) -> Rows:
    """Read the stretch from the source once; a complete answer is kept."""
    from driftgate.ingest.batch_store import read_batch

    path = _window_path(context, stretch, model_version)
    if path.is_file():
        return Rows(read_batch(path))
    with context.store.window_lock(context.config.id, stretch, "reference"):
        if path.is_file():
            return Rows(read_batch(path))
        rows = read_source(context, stretch, window, model_version)
        if len(rows.frame) and not rows.notes:
            _keep(thin(rows.frame, context.config.reference.max_rows), path)
        return rows


# --- a fixed window of the source -------------------------------------------------------------------------------------


def _of_window(context: Context, model_version: str | None) -> Reference:
    from driftgate.ingest.batch_store import read_batch

    config = context.config.reference
    assert config.start is not None  # the monitor file was validated
    assert config.end is not None
    window = Window(localise(context.config, config.start), localise(context.config, config.end))
    path = _window_path(context, window, model_version)
    if not (path.is_file() and _performance_path(path).is_file()):
        _build_window_reference(context, window, model_version, path)
    note = _performance_path(path).read_text(encoding="utf-8")
    performance = {name: score for name, score in json.loads(note).items() if name != _FINGERPRINT}
    identity = hashlib.sha256(note.encode()).hexdigest()
    return _of_file(context, path.name, identity, lambda: read_batch(path), performance=performance, kind="window", stretch=window)


def _window_path(context: Context, window: Window, model_version: str | None) -> Path:
    """Name the file after everything that decides its content."""
    parts: dict[str, Any] = {
        "source": True,
        "columns": True,
        "task": True,
        "labels": True,
        "reference": {"max_rows"},
        "schedule": {"timezone"},
    }
    digest = hashlib.sha256(context.config.model_dump_json(include=parts).encode()).hexdigest()[:12]
    name = f"window-{window.key}-v{model_version or 'source'}-{digest}.parquet"
    return context.settings.references_dir / context.config.id / name


def _performance_path(path: Path) -> Path:
    return path.with_suffix(".performance.json")


def _build_window_reference(context: Context, window: Window, model_version: str | None, path: Path) -> None:
    from driftgate.ingest.batch_store import content_hash
    from driftgate.measure.performance import performance_scores
    from driftgate.window_rows import read_window

    with context.store.window_lock(context.config.id, window, "reference"):
        if path.is_file() and _performance_path(path).is_file():
            return
        frame, _ = read_window(context, window, model_version, labelled=True)
        if frame.empty:
            raise MeasureError(
                f"monitor {context.config.id}: the reference window {window} holds no rows; correct reference.start and reference.end"
            )
        frame = thin(frame, context.config.reference.max_rows)
        write_json(_performance_path(path), {**performance_scores(context.config, frame), _FINGERPRINT: content_hash(frame)})
        _keep(frame, path)


def _keep(frame: pd.DataFrame, path: Path) -> None:
    from driftgate.ingest.batch_store import write_batch

    stored = write_batch(frame, path.parent / "build")
    stored.path.replace(path)
