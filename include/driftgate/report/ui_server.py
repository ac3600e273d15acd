"""The server of the Evidently UI, run as ``python -m driftgate.report.ui_server --workspace FOLDER --port PORT``.

Evidently's own pages and routes, with three differences from ``evidently ui``. A file that cannot be read is skipped and logged
instead of ending the server. Snapshots are read when their project is first looked at, without their drawings, and again when their
files change; so starting takes no longer with many windows, and memory holds numbers only. And only requests
that name this machine are answered, so that no web page elsewhere can read along through a name of its own.

With EVIDENTLY_SECRET set, whatever changes something is refused unless it brings the secret: browsers can only look.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import uuid
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

os.environ.setdefault("DO_NOT_TRACK", "1")

import uvicorn
from evidently._pydantic_compat import SecretStr, parse_obj_as
from evidently.core.serialization import SnapshotModel
from evidently.ui.service.app import get_config
from evidently.ui.service.components.base import AppBuilder
from evidently.ui.service.components.security import TokenSecurityComponent
from evidently.ui.service.components.storage import LocalStorageComponent
from evidently.ui.service.config import ConfigContext
from evidently.ui.service.managers.projects import ProjectManager
from evidently.ui.service.storage.common import NO_USER, NoopAuthManager
from evidently.ui.service.storage.local import create_local_project_manager
from evidently.ui.service.storage.local.base import LocalState, load_project
from litestar import Litestar
from litestar.config.allowed_hosts import AllowedHostsConfig
from litestar.handlers import BaseRouteHandler

from driftgate.report.dashboard import DRAWN_METRICS

log = logging.getLogger(__name__)

HOST = "127.0.0.1"

_PROJECT_NAME, _SNAPSHOTS = "metadata.json", "snapshots"
_Mark = tuple[int, int]
"""Time of change and size of a file."""


class FreshState(LocalState):  # type: ignore[misc]  # Evidently is not typed
    """Evidently's state of a file workspace, brought up to date whenever it is looked at."""

    def __init__(self, path: str) -> None:
        super().__init__(path, None)
        self.snapshots = _Snapshots(self)
        self.points: dict[uuid.UUID, dict[uuid.UUID, Any]] = {}
        """Numbers of the charts, which Evidently adds to but never takes from."""
        self._seen: dict[Path, _Mark] = {}

    def refresh_projects(self) -> None:
        """Read new and changed projects, forget those that are gone."""
        found = {path.parent.name: path for path in Path(self.path).glob(f"*/{_PROJECT_NAME}") if _is_id(path.parent.name)}
        for project_id in [known for known in self.projects if str(known) not in found]:
            self._forget(project_id)
            self._seen.pop(Path(self.path) / str(project_id) / _PROJECT_NAME, None)
        for name, path in found.items():
            if self._changed(path):
                self._read_project(name)

    def refresh_snapshots(self, project_id: uuid.UUID, known: dict[uuid.UUID, SnapshotModel]) -> None:
        """Read new and changed snapshots of one project, forget those that are gone."""
        folder = Path(self.path) / str(project_id) / _SNAPSHOTS
        found = {uuid.UUID(path.stem): path for path in folder.glob("*.json") if _is_id(path.stem)}
        for snapshot_id in [item for item in known if item not in found]:
            del known[snapshot_id]
            self.points.get(project_id, {}).pop(snapshot_id, None)
            self._seen.pop(folder / f"{snapshot_id}.json", None)
        for snapshot_id, path in found.items():
            if self._changed(path):
                self._read_snapshot(project_id, snapshot_id, path, known)

    def reload(self, force: bool = False) -> None:
        """Read everything that changed."""
        self.refresh_projects()

    def reload_snapshots(self, project_id: uuid.UUID, force: bool = False, skip_errors: bool = True) -> None:
        """Nothing to do: snapshots are refreshed when they are looked at."""

    def _read_project(self, name: str) -> None:
        try:
            project = load_project(self.location, name)
        except Exception as error:
            log.warning("project %s is not shown, its %s cannot be read: %r", name, _PROJECT_NAME, error)
            self._forget(uuid.UUID(name))
            return
        if project is not None:
            self.projects[project.id] = project.bind(self.project_manager, NO_USER.id)

    def _read_snapshot(self, project_id: uuid.UUID, snapshot_id: uuid.UUID, path: Path, known: dict[uuid.UUID, SnapshotModel]) -> None:
        try:
            model = parse_obj_as(SnapshotModel, _numbers(json.loads(path.read_bytes())))
            for callback in self.callbacks:
                callback(project_id, snapshot_id, model)
        except Exception as error:
            log.warning("snapshot %s is not shown, it cannot be read: %r", path, error)
            known.pop(snapshot_id, None)
            return
        known[snapshot_id] = model

    def _forget(self, project_id: uuid.UUID) -> None:
        self.projects.pop(project_id, None)
        self.snapshots.pop(project_id, None)
        self.points.pop(project_id, None)
        folder = Path(self.path) / str(project_id)
        self._seen = {path: mark for path, mark in self._seen.items() if folder not in path.parents or path.name == _PROJECT_NAME}

    def _changed(self, path: Path) -> bool:
        """Whether a file differs from what was last seen of it; it counts as seen from now on."""
        try:
            status = path.stat()
        except OSError:
            return False
        mark = (status.st_mtime_ns, status.st_size)
        if self._seen.get(path) == mark:
            return False
        self._seen[path] = mark
        return True


class _Snapshots(dict[uuid.UUID, dict[uuid.UUID, SnapshotModel]]):
    """Snapshots by project, each project read and refreshed when it is asked for."""

    def __init__(self, state: FreshState) -> None:
        super().__init__()
        self._state = state

    def __getitem__(self, project_id: uuid.UUID) -> dict[uuid.UUID, SnapshotModel]:
        known = self.setdefault(project_id, {})
        self._state.refresh_snapshots(project_id, known)
        return known


class ReadOnly(TokenSecurityComponent):  # type: ignore[misc]
    """Refuse every change without the secret. Evidently also guards one request that only reads, the button "refresh"."""

    class Config:
        type_alias = "driftgate"

    def get_auth_guard(self) -> Callable[[Any, BaseRouteHandler], None]:
        refuse = super().get_auth_guard()

        def guard(connection: Any, handler: BaseRouteHandler) -> None:
            if connection.scope["method"] != "GET":
                refuse(connection, handler)

        return guard


class FreshStorage(LocalStorageComponent):  # type: ignore[misc]
    """Evidently's file storage on a :class:`FreshState`."""

    class Config:
        type_alias = "driftgate"

    use_cache = False  # so that every request refreshes the list of projects; the manager itself is made once

    def project_manager_provider(self) -> Callable[[], Awaitable[ProjectManager]]:
        state = FreshState(self.path)
        manager = create_local_project_manager(self.path, autorefresh=False, auth=NoopAuthManager(), state=state)
        state.points = manager.data_storage._metrics_points

        async def current() -> ProjectManager:
            state.refresh_projects()
            return manager

        return current


def create_app(config: Any) -> Litestar:
    """Build Evidently's application, which answers only to the names of this machine."""
    with config.context() as context:
        builder = AppBuilder(context)
        assert isinstance(context, ConfigContext)
        context.apply(builder)
        names = [f"{name}:{config.service.port}" for name in (HOST, "localhost")]
        builder.kwargs["allowed_hosts"] = AllowedHostsConfig(allowed_hosts=names)
        builder.kwargs["logging_config"] = None  # Litestar's own would swallow what is logged here
        app: Litestar = builder.build()
        context.finalize(app)
        return app


def make_config(workspace: Path, port: int, secret: str | None) -> Any:
    """Return Evidently's configuration for a workspace; without a secret everybody may change everything."""
    config = get_config(host=HOST, port=port, workspace=str(workspace), secret=secret)
    config.storage = FreshStorage(path=str(workspace))
    if secret:
        config.security = ReadOnly(token=SecretStr(secret))
    return config


def main(arguments: list[str] | None = None, environ: Mapping[str, str] = os.environ) -> None:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser(description="The Evidently UI of Driftgate's snapshots, on 127.0.0.1 only.")
    parser.add_argument("--workspace", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    options.workspace.mkdir(parents=True, exist_ok=True)
    config = make_config(options.workspace, options.port, environ.get("EVIDENTLY_SECRET"))
    uvicorn.run(create_app(config), host=HOST, port=options.port, log_level="warning", timeout_graceful_shutdown=5)


def _numbers(content: dict[str, Any]) -> dict[str, Any]:
    """Return a snapshot with what the panels draw; a snapshot that is opened is read from its file anyway."""
    results = content["metric_results"].items()
    drawn = {key: result for key, result in results if _metric_name(result) in DRAWN_METRICS}
    return {**content, "metric_results": drawn, "top_level_metrics": [], "widgets": [], "tests_widgets": []}


def _metric_name(result: Mapping[str, Any]) -> str:
    return str(result["metric_value_location"]["metric"]["params"]["type"]).rsplit(":", 1)[-1]


def _is_id(name: str) -> bool:
    try:
        return str(uuid.UUID(name)) == name
    except ValueError:
        return False


if __name__ == "__main__":
    main()
