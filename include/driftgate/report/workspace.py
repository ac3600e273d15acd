"""The workspace of the Evidently UI: one project per monitor, with a dashboard and the snapshots of its last windows.

The files have the form of Evidently's own file workspace, but each is written whole or not at all, under one lock: two tasks may
add windows at the same time, and one that is killed leaves nothing that the server cannot read. Everything here is derived: a
workspace that is lost fills again with the windows that run from then on, and no other result depends on it.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from evidently.core.report import Snapshot
from evidently.legacy.utils import NumpyEncoder
from evidently.sdk.models import ProjectModel

from driftgate.config.models import MonitorConfig
from driftgate.config.windows import label
from driftgate.errors import DriftgateError
from driftgate.files import LockHeldError, locked, replacing
from driftgate.records import Window
from driftgate.report.dashboard import dashboard

KEPT_WINDOWS = 60
"""Snapshots per monitor; the server holds the numbers of all of them in memory."""
KEPT_BYTES = 100_000_000
"""Snapshots of one monitor on disk, together; wide monitors keep fewer windows."""
LOCK_SECONDS = 30.0

_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "urn:driftgate:monitor")
_PROJECT_NAME, _DASHBOARD_NAME, _SNAPSHOTS = "metadata.json", "dashboard.json", "snapshots"
_VARYING_PARAMETERS = ("columns", "per_column_method", "per_column_threshold")


class WorkspaceError(DriftgateError):
    """A snapshot could not be put into the workspace of the Evidently UI; nothing else is affected."""


def project_id(monitor: str) -> uuid.UUID:
    """Id of a monitor's project: the same in every process, so that none ever makes a second one."""
    return uuid.uuid5(_NAMESPACE, monitor)


def snapshot_id(monitor: str, window: Window) -> uuid.UUID:
    """Id of a window's snapshot: a version 7 UUID whose time is the window's start, so that ids sort as windows do."""
    milliseconds = max(int(window.start.timestamp() * 1000), 0)
    chance = int.from_bytes(hashlib.sha256(f"{monitor} {window.key}".encode()).digest()[:10], "big")
    number = (milliseconds & (1 << 48) - 1) << 80 | chance
    number = number & ~(0xF << 76) | 7 << 76
    return uuid.UUID(int=number & ~(0x3 << 62) | 0x2 << 62)


def add_snapshot(
    config: MonitorConfig,
    snapshot: Snapshot,
    folder: Path,
    window: Window,
    *,
    model_version: str | None = None,
    keep: int = KEPT_WINDOWS,
    keep_bytes: int = KEPT_BYTES,
) -> Path | None:
    """Show a window in the Evidently UI: make or renew the monitor's project and put the window's snapshot into it.

    The same window again replaces its snapshot. Windows are kept by their own time, not by when they ran.

    Parameters
    ----------
    config
        The monitor.
    snapshot
        The report of the window as Evidently computed it.
    folder
        The workspace; made when it does not exist.
    window
        The window; its start, in the monitor's time zone, is where the charts draw it.
    model_version
        Shown beside the snapshot.
    keep, keep_bytes
        How many windows and how many bytes of this monitor stay; the oldest are deleted, the newest one never.

    Returns
    -------
    Path or None
        The snapshot's file; None when the window is older than everything that is kept.

    Raises
    ------
    WorkspaceError
        The workspace cannot be written, or somebody has held its lock for too long.
    """
    project = folder / str(project_id(config.id))
    target = project / _SNAPSHOTS / f"{snapshot_id(config.id, window)}.json"
    text = _snapshot_text(config, snapshot, window, model_version)
    panels = _json(dashboard(config, snapshot, project_id(config.id)).dict())
    try:
        with _locked(folder, config.id):
            target.parent.mkdir(parents=True, exist_ok=True)
            kept = _prune(target, len(text.encode()), keep, keep_bytes)
            if kept:
                _write(target, text)
            if target == _latest(target.parent) or not (project / _DASHBOARD_NAME).is_file():
                _write(project / _DASHBOARD_NAME, panels)
            _write(project / _PROJECT_NAME, _project_text(config))
    except OSError as error:
        raise WorkspaceError(
            f"monitor {config.id}, {window}: the snapshot cannot be written into {folder} ({error}); the report itself is complete. "
            "Free space or repair that folder (it may be deleted: windows that run from then on appear in it again)"
        ) from error
    return target if kept else None


def _snapshot_text(config: MonitorConfig, snapshot: Snapshot, window: Window, model_version: str | None) -> str:
    """Everything the pages show. The drawings of single metrics are left out: the report's own list holds them already."""
    model = snapshot.to_snapshot_model()
    local = window.start.astimezone(config.schedule.zone).replace(tzinfo=None)
    version = {"model_version": model_version} if model_version else {}
    content = model.copy(
        update={
            "name": label(config, window),
            "timestamp": local,
            "metadata": {"window": window.key, **version},
            "tags": [f"model {model_version}"] if model_version else [],
            "metric_results": {key: _bare(result) for key, result in model.metric_results.items()},
        }
    ).dict()
    content["widgets"] = _strict(content["widgets"])
    return _json(content)


def _bare(result: Any) -> Any:
    """Return a metric's numbers without its drawing, and without parameters that would cut one chart line into pieces."""
    bare = result.copy(update={"widget": None}, deep=True)
    for part in (bare, *(getattr(bare, name, None) for name in ("count", "share"))):
        if part is not None and part.metric_value_location is not None:
            parameters = part.metric_value_location.metric.params
            for name in _VARYING_PARAMETERS:
                parameters.pop(name, None)
    return bare


def _strict(content: Any) -> Any:
    """Replace NaN and infinities by null: browsers refuse them."""
    return json.loads(_json(content), parse_constant=lambda _: None)


def _project_text(config: MonitorConfig) -> str:
    description = " ".join(part for part in (config.description, f"Owner: {config.owner}.") if part)
    return _json(ProjectModel(id=project_id(config.id), name=config.id, description=description).dict())


def _json(content: Mapping[str, Any] | list[Any]) -> str:
    return json.dumps(content, cls=NumpyEncoder)


def _write(path: Path, text: str) -> None:
    """Write a file unless it holds this text already."""
    try:
        if path.read_text(encoding="utf-8") == text:
            return
    except (OSError, UnicodeDecodeError):
        pass  # missing or damaged: written anew
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _prune(target: Path, size: int, keep: int, keep_bytes: int) -> bool:
    """Delete what will be too much beside a new snapshot of this size; return whether the new one is to be kept itself.

    Called under the lock, so temporary files found here belong to nobody any more.
    """
    for left in target.parent.glob(".*"):
        left.unlink(missing_ok=True)
    sizes = {path: path.stat().st_size for path in target.parent.glob("*.json")} | {target: size}
    used, stays = 0, True
    for rank, path in enumerate(sorted(sizes, key=lambda path: path.name, reverse=True)):
        used += sizes[path]
        if rank and (rank >= keep or used > keep_bytes):
            path.unlink(missing_ok=True)
            stays = stays and path != target
    return stays


def _latest(folder: Path) -> Path | None:
    return max(folder.glob("*.json"), key=lambda path: path.name, default=None)


@contextmanager
def _locked(folder: Path, monitor: str) -> Iterator[None]:
    """Hold the workspace's lock."""
    try:
        with locked(folder / ".lock", LOCK_SECONDS):
            yield
    except LockHeldError as error:
        raise WorkspaceError(f"monitor {monitor}: {error}; end it, then run the task again") from None
