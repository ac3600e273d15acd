"""The workspace of the Evidently UI: one project per monitor, one snapshot per window, bounded, and never half a file."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from evidently.core.report import Snapshot
from evidently.ui.workspace import Workspace

from driftgate.config.models import MonitorConfig
from driftgate.report import workspace
from driftgate.report.dashboard import TOP_COLUMNS, dashboard
from driftgate.report.evidently_report import render_report
from driftgate.report.workspace import WorkspaceError, add_snapshot, project_id, snapshot_id
from factories import make_binary_config, make_binary_frame, make_config, make_frame, make_window


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    return render_report(make_config(), make_frame(200, seed=1), make_frame(1500), tmp_path_factory.mktemp("report")).snapshot


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "evidently"


def snapshots(folder: Path, config: MonitorConfig | None = None) -> list[str]:
    """Return the names of the kept snapshots, the oldest first."""
    runs = Workspace(str(folder)).list_runs(project_id((config or make_config()).id))
    return [Workspace(str(folder)).get_run(project_id((config or make_config()).id), run).name for run in sorted(runs)]


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_evidently_itself_reads_project_snapshot_and_dashboard(snapshot: Snapshot, folder: Path) -> None:
    config = make_config(description="Minutes of a trip.", owner="taxi")
    add_snapshot(config, snapshot, folder, make_window(), model_version="3")
    [project] = Workspace(str(folder)).list_projects()
    assert (project.name, project.description) == ("trips", "Minutes of a trip. Owner: taxi.")
    [run] = Workspace(str(folder)).list_runs(project.id)
    found = Workspace(str(folder)).get_run(project.id, run)
    assert (found.name, found.tags, found.timestamp) == ("2024-01-01", ["model 3"], datetime(2024, 1, 1))
    assert found.metadata == {"window": make_window().key, "model_version": "3"}
    assert {"Performance", "Share of drifted columns"} <= {panel.title for panel in project.dashboard.model().panels}


def test_an_opened_snapshot_shows_the_whole_report(snapshot: Snapshot, folder: Path) -> None:
    path = add_snapshot(make_config(), snapshot, folder, make_window())
    assert path is not None
    content = json.loads(path.read_text())
    assert len(content["widgets"]) == len(snapshot.to_snapshot_model().widgets)
    assert json.loads(Snapshot.load(path).json())["metrics"][0]["value"] == json.loads(snapshot.json())["metrics"][0]["value"]


def test_the_same_window_twice_is_one_snapshot_and_the_same_files(snapshot: Snapshot, folder: Path) -> None:
    for _ in range(2):
        add_snapshot(make_config(), snapshot, folder, make_window())
        first = files(folder)
    assert snapshots(folder) == ["2024-01-01"]
    add_snapshot(make_config(), snapshot, folder, make_window())
    assert files(folder) == first


def test_a_window_measured_again_replaces_its_snapshot(snapshot: Snapshot, folder: Path) -> None:
    add_snapshot(make_config(), snapshot, folder, make_window(), model_version="1")
    add_snapshot(make_config(), snapshot, folder, make_window(), model_version="2")
    [run] = Workspace(str(folder)).list_runs(project_id("trips"))
    assert Workspace(str(folder)).get_run(project_id("trips"), run).tags == ["model 2"]


def test_charts_draw_a_window_where_it_starts_in_the_monitors_time_zone(snapshot: Snapshot, folder: Path) -> None:
    config = make_config(schedule={"timezone": "America/New_York"})
    path = add_snapshot(config, snapshot, folder, make_window())
    assert path is not None
    assert json.loads(path.read_text())["timestamp"].startswith("2023-12-31T19:00")


def test_the_latest_windows_are_kept_whatever_the_order_they_ran_in(snapshot: Snapshot, folder: Path) -> None:
    for day in (3, 0, 5, 1, 4, 2):
        add_snapshot(make_config(), snapshot, folder, make_window(day), keep=3)
    assert snapshots(folder) == ["2024-01-04", "2024-01-05", "2024-01-06"]
    assert add_snapshot(make_config(), snapshot, folder, make_window(-5), keep=3) is None
    assert snapshots(folder) == ["2024-01-04", "2024-01-05", "2024-01-06"]


def test_a_wide_monitor_keeps_fewer_windows_but_always_the_newest(snapshot: Snapshot, folder: Path) -> None:
    path = add_snapshot(make_config(), snapshot, folder, make_window(0))
    assert path is not None
    enough_for_two = int(path.stat().st_size * 2.5)
    for day in (1, 2, 3):
        add_snapshot(make_config(), snapshot, folder, make_window(day), keep_bytes=enough_for_two)
    assert snapshots(folder) == ["2024-01-03", "2024-01-04"]
    add_snapshot(make_config(), snapshot, folder, make_window(4), keep_bytes=1)
    assert snapshots(folder) == ["2024-01-05"]


def test_a_snapshot_is_small_enough_to_keep_many(snapshot: Snapshot, folder: Path) -> None:
    path = add_snapshot(make_config(), snapshot, folder, make_window())
    assert path is not None
    assert path.stat().st_size < 500_000


def test_monitors_have_projects_of_their_own(snapshot: Snapshot, folder: Path) -> None:
    for name in ("trips", "other"):
        add_snapshot(make_config(id=name), snapshot, folder, make_window())
    assert sorted(project.name for project in Workspace(str(folder)).list_projects()) == ["other", "trips"]


def _fill(folder: Path, snapshot_file: Path, days: range) -> None:
    loaded = Snapshot.load(snapshot_file)
    for day in days:
        add_snapshot(make_config(), loaded, folder, make_window(day))


def test_two_processes_at_once_make_one_project_with_every_window(snapshot: Snapshot, folder: Path, tmp_path: Path) -> None:
    kept = tmp_path / "snapshot.json"
    kept.write_text(snapshot.dumps())
    context = multiprocessing.get_context("fork")
    both = [context.Process(target=_fill, args=(folder, kept, days)) for days in (range(0, 4), range(2, 6))]
    for process in both:
        process.start()
    for process in both:
        process.join(60)
    assert [process.exitcode for process in both] == [0, 0]
    assert len(Workspace(str(folder)).list_projects()) == 1
    assert len(snapshots(folder)) == 6
    assert [name for name in files(folder) if "/." in name] == []


def test_a_killed_writer_leaves_only_whole_files_and_no_lock(snapshot: Snapshot, folder: Path, tmp_path: Path) -> None:
    kept = tmp_path / "snapshot.json"
    kept.write_text(snapshot.dumps())
    code = f"import sys; sys.path[:0] = {sys.path!r}; import pathlib, test_workspace as t; print('go', flush=True)\n"
    code += f"while True: t._fill(pathlib.Path({str(folder)!r}), pathlib.Path({str(kept)!r}), range(40))"
    environ = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    writer = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, env=environ)
    assert writer.stdout is not None
    writer.stdout.readline()
    time.sleep(0.7)
    writer.send_signal(signal.SIGKILL)
    writer.wait(10)
    writer.stdout.close()
    for name, content in files(folder).items():
        if name.endswith(".json"):
            json.loads(content)
    add_snapshot(make_config(), snapshot, folder, make_window(50))
    assert snapshots(folder)[-1] == "2024-02-20"
    assert list((folder / str(project_id("trips")) / "snapshots").glob(".*")) == []


@pytest.mark.parametrize("damage", ["", "{", "[]", "\udcff"])
def test_a_damaged_project_is_repaired_by_the_next_window(snapshot: Snapshot, folder: Path, damage: str) -> None:
    add_snapshot(make_config(), snapshot, folder, make_window(0))
    whole = files(folder)
    for name in ("metadata.json", "dashboard.json"):
        (folder / str(project_id("trips")) / name).write_bytes(damage.encode(errors="surrogateescape"))
    add_snapshot(make_config(), snapshot, folder, make_window(0))
    assert files(folder) == whole


def test_a_workspace_that_cannot_be_written_is_an_error_that_says_where(snapshot: Snapshot, folder: Path) -> None:
    folder.mkdir()
    (folder / str(project_id("trips"))).write_text("not a folder")
    with pytest.raises(WorkspaceError, match=rf"trips, .*cannot be written into {folder}.*the report itself is complete"):
        add_snapshot(make_config(), snapshot, folder, make_window())


def test_a_lock_held_by_somebody_else_is_waited_for_and_then_an_error(
    snapshot: Snapshot, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workspace, "LOCK_SECONDS", 0.2)
    with workspace._locked(folder, "other"), pytest.raises(WorkspaceError, match=r"another process has held .*\.lock"):
        add_snapshot(make_config(), snapshot, folder, make_window())


def test_ids_are_the_same_in_every_process_and_sort_as_windows_do() -> None:
    assert str(project_id("trips")) == "a53740d7-9bd1-5f06-a23f-f293ee4f94e9"
    ids = [snapshot_id("trips", make_window(day)) for day in range(5)]
    assert sorted(ids) == ids
    assert [item.version for item in ids] == [7] * 5
    assert snapshot_id("trips", make_window()) != snapshot_id("other", make_window()) != snapshot_id("trips", make_window(0, days=7))


def _lines(model: Any) -> dict[str, list[str]]:
    return {panel.title: [value.metric_labels.get("column", value.metric) for value in panel.values] for panel in model.panels}


def test_panels_draw_the_metrics_of_the_task(snapshot: Snapshot) -> None:
    regression = _lines(dashboard(make_config(), snapshot, project_id("trips")))
    assert [name.rsplit(":", 1)[-1] for name in regression["Performance"]] == ["MAE", "RMSE"]
    assert regression["Drift score of the features"] == ["distance", "hour", "vendor"]
    assert regression["Drift score of prediction and target"] == ["prediction", "duration"]
    binary = _lines(dashboard(make_binary_config(), snapshot, project_id("trips")))
    assert binary["Performance"][0].endswith("Accuracy")


def test_every_line_finds_numbers_in_the_snapshot(tmp_path: Path) -> None:
    for config, make in ((make_config(), make_frame), (make_binary_config(), make_binary_frame)):
        made = render_report(config, make(200, 1), make(1500, 0), tmp_path).snapshot
        known = [result.metric_value_location.metric.params for result in made.metric_results.values()]
        for panel in dashboard(config, made, project_id(config.id)).panels:
            for value in panel.values:
                labels = {key: text for key, text in value.metric_labels.items() if key != "value_type"}
                assert [found for found in known if {"type": value.metric, **labels}.items() <= found.items()], (panel.title, value)


def test_of_a_wide_monitor_the_columns_that_drifted_most_are_drawn(tmp_path: Path) -> None:
    names = [f"c{number:02}" for number in range(15)]
    columns = {"timestamp": "ts", "id": ["trip_id"], "target": "duration", "numerical": names, "categorical": []}
    config = make_config(columns=columns)
    current, reference = (
        make_frame(300, seed=seed).assign(**{name: make_frame(300, seed=seed)["distance"] for name in names}) for seed in (1, 2)
    )
    for name in names[10:]:
        current[name] += 5
    made = render_report(config, current, reference, tmp_path).snapshot
    shown = _lines(dashboard(config, made, project_id("trips")))["Drift score of the features"]
    assert len(shown) == TOP_COLUMNS
    assert set(names[10:]) <= set(shown)
