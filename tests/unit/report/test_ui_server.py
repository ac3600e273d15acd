"""The server of the Evidently UI on a real port: what changes on disk shows, what is broken is passed over, nobody changes anything."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from evidently.core.report import Snapshot

from driftgate.report.evidently_report import render_report
from driftgate.report.ui_server import FreshStorage
from driftgate.report.workspace import add_snapshot, project_id, snapshot_id
from factories import make_config, make_frame, make_window

SECRET = "the-secret-of-the-tests"
SERIES = {"series_filter": [{"tags": [], "metadata": {}, "metric": "evidently:metric_v2:RowCount", "metric_labels": {}}]}


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    return render_report(make_config(), make_frame(200, seed=1), make_frame(1500), tmp_path_factory.mktemp("report")).snapshot


class Server:
    """The running server and its workspace."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = int(free.getsockname()[1])
        self.log = (folder.parent / "server.log").open("w+")
        command = [sys.executable, "-m", "driftgate.report.ui_server", "--workspace", str(folder), "--port", str(self.port)]
        environ = {**os.environ, "EVIDENTLY_SECRET": SECRET, "GIT_COMMIT": "-"}
        self.process = subprocess.Popen(command, env=environ, stdout=self.log, stderr=self.log, cwd=folder.parent)

    def wait(self) -> None:
        deadline = time.monotonic() + 60
        while True:
            try:
                assert self.ask("version").status_code == 200
                return
            except requests.ConnectionError:
                assert self.process.poll() is None, Path(self.log.name).read_text()
                assert time.monotonic() < deadline, "the server does not answer"
                time.sleep(0.1)

    def ask(self, path: str, method: str = "GET", **options: Any) -> requests.Response:
        return requests.request(method, f"http://127.0.0.1:{self.port}/api/{path}", timeout=20, **options)

    def windows(self, monitor: str = "trips") -> list[str]:
        return sorted(item["name"] for item in self.ask(f"projects/{project_id(monitor)}/reports").json())

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(20)
        self.log.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose workspace was broken before it started."""
    folder = tmp_path_factory.mktemp("ui") / "evidently"
    for name, content in (("metadata.json", "{"), ("snapshots/00000000-0000-0000-0000-000000000001.json", "")):
        path = folder / "00000000-0000-0000-0000-000000000000" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    made = Server(folder)
    made.wait()
    yield made
    made.stop()


def test_a_broken_workspace_does_not_stop_the_server(server: Server) -> None:
    assert server.ask("projects").status_code == 200
    assert "00000000-0000-0000-0000-000000000000 is not shown" in Path(server.log.name).read_text()


def test_projects_and_snapshots_appear_change_and_go_without_a_restart(server: Server, snapshot: Snapshot) -> None:
    config = make_config(description="first")
    add_snapshot(config, snapshot, server.folder, make_window(0), keep=2)
    assert [item["description"] for item in server.ask("projects").json()] == ["first Owner: tests."]
    assert server.windows() == ["2024-01-01"]
    add_snapshot(config, snapshot, server.folder, make_window(0), model_version="7", keep=2)
    assert server.ask(f"projects/{project_id('trips')}/reports").json()[0]["tags"] == ["model 7"]
    for day in (1, 2):
        add_snapshot(make_config(description="second"), snapshot, server.folder, make_window(day), keep=2)
    assert server.windows() == ["2024-01-02", "2024-01-03"]
    assert [item["description"] for item in server.ask("projects").json()] == ["second Owner: tests."]


def test_charts_get_one_number_per_window(server: Server, snapshot: Snapshot) -> None:
    for day in range(3):
        add_snapshot(make_config(id="charts"), snapshot, server.folder, make_window(day))
    for _ in range(2):
        found = server.ask(f"v2/snapshots/{project_id('charts')}/data_series_batch", "POST", json=SERIES).json()
        assert [item["timestamp"][:10] for item in found["sources"]] == ["2024-01-01", "2024-01-02", "2024-01-03"]
        assert [item["values"] for item in found["series"]] == [[200.0] * 3]


def test_an_opened_snapshot_has_every_drawing_as_strict_json(server: Server, snapshot: Snapshot) -> None:
    add_snapshot(make_config(id="opened"), snapshot, server.folder, make_window())
    answer = server.ask(f"projects/{project_id('opened')}/{snapshot_id('opened', make_window())}/data").json()

    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is not JSON")

    shown = json.loads(answer, parse_constant=refuse) if isinstance(answer, str) else answer
    assert len(shown["widgets"]) == len(snapshot.to_snapshot_model().widgets)


@pytest.mark.parametrize("damage", [b"", b"{}", b'{"metric_results": {"a": 1}}', b"\xff\x00"])
def test_a_broken_snapshot_is_passed_over_and_shown_again_when_repaired(server: Server, snapshot: Snapshot, damage: bytes) -> None:
    config = make_config(id="repaired")
    for day in range(2):
        path = add_snapshot(config, snapshot, server.folder, make_window(day))
    assert path is not None
    path.write_bytes(damage)
    assert server.windows("repaired") == ["2024-01-01"]
    add_snapshot(config, snapshot, server.folder, make_window(1))
    assert server.windows("repaired") == ["2024-01-01", "2024-01-02"]


def test_memory_holds_no_more_windows_than_the_disk(snapshot: Snapshot, tmp_path: Path) -> None:
    current = FreshStorage(path=str(tmp_path)).project_manager_provider()
    config, project = make_config(), project_id("trips")
    for day in range(4):
        add_snapshot(config, snapshot, tmp_path, make_window(day), keep=2)
        manager = asyncio.run(current())
        state = manager.project_metadata.state
        assert len(state.snapshots[project]) == min(day + 1, 2)
    points = manager.data_storage._metrics_points
    assert set(points[project]) == set(state.snapshots[project]) == {snapshot_id("trips", make_window(day)) for day in (2, 3)}
    shutil.rmtree(tmp_path / str(project))
    assert asyncio.run(current()).project_metadata.state.projects == {}
    assert points == {}


def test_a_deleted_project_is_gone_and_may_come_back(server: Server, snapshot: Snapshot) -> None:
    config = make_config(id="deleted")
    for _ in range(2):
        add_snapshot(config, snapshot, server.folder, make_window())
        assert server.windows("deleted") == ["2024-01-01"]
        shutil.rmtree(server.folder / str(project_id("deleted")))
        assert "deleted" not in [item["name"] for item in server.ask("projects").json()]
        assert server.ask(f"projects/{project_id('deleted')}/reports").status_code == 404


CHANGES: dict[str, Callable[[str], tuple[str, str, dict[str, Any]]]] = {
    "delete a project": lambda project: ("DELETE", f"projects/{project}", {}),
    "delete a snapshot": lambda project: ("DELETE", f"projects/{project}/{snapshot_id('safe', make_window())}", {}),
    "add a project": lambda _: ("POST", "v2/projects", {"json": {"name": "mine"}}),
    "change the panels": lambda project: ("POST", f"v2/dashboards/{project}", {"json": {"tabs": [], "panels": []}}),
    "upload rows": lambda project: ("POST", f"datasets/upload?project_id={project}", {"data": {"name": "mine"}}),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("headers", [{}, {"evidently-secret": "guess"}], ids=["no secret", "wrong secret"])
def test_nobody_changes_anything_without_the_secret(server: Server, snapshot: Snapshot, change: str, headers: dict[str, str]) -> None:
    add_snapshot(make_config(id="safe"), snapshot, server.folder, make_window())
    before = {path: path.read_bytes() for path in server.folder.rglob("*") if path.is_file()}
    method, path, options = CHANGES[change](str(project_id("safe")))
    assert server.ask(path, method, headers=headers, **options).status_code == 403
    assert {path: path.read_bytes() for path in server.folder.rglob("*") if path.is_file()} == before


def test_the_refresh_button_works(server: Server, snapshot: Snapshot) -> None:
    add_snapshot(make_config(id="safe"), snapshot, server.folder, make_window())
    assert server.ask(f"projects/{project_id('safe')}/reload").status_code == 200


def test_requests_under_another_name_are_refused(server: Server) -> None:
    assert server.ask("projects", headers={"Host": "rebound.example"}).status_code == 400
    assert server.ask("projects", headers={"Host": f"localhost:{server.port}"}).status_code == 200


@pytest.mark.parametrize("path", ["../../../etc/passwd", "..%2f..%2fetc%2fpasswd", "%2e%2e/%2e%2e/etc/passwd"])
def test_paths_never_leave_the_pages(server: Server, path: str) -> None:
    import http.client

    link = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    link.request("GET", f"/{path}")
    answer = link.getresponse()
    body = answer.read()
    link.close()
    assert answer.status in (400, 404)
    assert b"root:" not in body
