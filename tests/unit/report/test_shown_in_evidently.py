"""The step that draws a window's report also shows it in the Evidently UI, and is complete without it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from evidently.ui.workspace import Workspace

from driftgate import pipeline
from driftgate.config.loader import load_monitor
from driftgate.context import Context
from driftgate.record.exports import ExportStore
from driftgate.records import Batch, Export, Sink
from driftgate.report.workspace import project_id
from driftgate.settings import Settings
from factories import make_config, make_frame, make_window


def make_context(tmp_path: Path, settings: Settings, store: Any, **overrides: Any) -> Context:
    """Return a monitor whose rows bring their predictions, compared with its first ten days."""
    content = make_config().model_dump(mode="json", include={"id", "owner", "task", "columns"}, exclude_defaults=True)
    content |= {
        "source": {"kind": "files", "path": "{home}/source/{window_start:%Y-%m-%d}.csv"},
        "model": {"predictions": "source"},
        "reference": {"kind": "window", "start": "2024-01-01", "end": "2024-01-03"},
        "gate": {"suite": "trips"},
        "decision": {"rules": [{"metric": "drift_share", "above": 0.5}]},
        **overrides,
    }
    path = tmp_path / "trips.yaml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    (settings.home / "source").mkdir(exist_ok=True)
    for day in range(4):
        name = f"{make_window(day).start:%Y-%m-%d}.csv"
        make_frame(300, seed=day, day=day).to_csv(settings.home / "source" / name, index=False)
    return Context(load_monitor(path), replace(settings, monitors_dir=tmp_path), store)


def ingest(context: Context) -> Batch:
    return pipeline.ingest(context, make_window(3))


def noted(context: Context) -> Export | None:
    return ExportStore(context.store.engine).find("trips", make_window(3), Sink.EVIDENTLY)


def test_a_drawn_window_is_in_the_ui_and_noted_as_sent(tmp_path: Path, settings: Settings, store: Any) -> None:
    context = make_context(tmp_path, settings, store)
    batch = ingest(context)
    for _ in range(2):
        pipeline.render_report(context, batch)
    assert len(Workspace(str(settings.evidently_dir)).list_runs(project_id("trips"))) == 1
    export = noted(context)
    assert export is not None
    assert (export.sent, export.error) == (True, None)


def test_a_broken_workspace_is_noted_and_the_report_is_complete(tmp_path: Path, settings: Settings, store: Any) -> None:
    context = make_context(tmp_path, settings, store)
    batch = ingest(context)
    settings.evidently_dir.write_text("not a folder")
    report = pipeline.render_report(context, batch)
    assert report.html.is_file()
    assert report.json.is_file()
    export = noted(context)
    assert export is not None
    assert not export.sent
    assert "cannot be written into" in (export.error or "")
    settings.evidently_dir.unlink()
    pipeline.render_report(context, batch)
    repaired = noted(context)
    assert repaired is not None
    assert repaired.sent


def test_whatever_goes_wrong_in_the_ui_never_fails_the_report(
    tmp_path: Path, settings: Settings, store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from driftgate.report import workspace

    def fail(*_: object, **__: object) -> None:
        raise KeyError("something new in Evidently")

    monkeypatch.setattr(workspace, "add_snapshot", fail)
    context = make_context(tmp_path, settings, store)
    assert pipeline.render_report(context, ingest(context)).html.is_file()
    export = noted(context)
    assert export is not None
    assert "something new in Evidently" in (export.error or "")


def test_a_monitor_that_does_not_want_it_is_not_in_the_ui(tmp_path: Path, settings: Settings, store: Any) -> None:
    context = make_context(tmp_path, settings, store, sinks={"evidently": False})
    pipeline.render_report(context, ingest(context))
    assert not settings.evidently_dir.exists()
    assert noted(context) is None
