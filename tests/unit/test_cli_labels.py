"""`driftgate labels` from the outside: what it prints and its exit codes."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

import factories
from driftgate import pipeline
from driftgate.cli_labels import add_label_commands
from driftgate.context import open_context
from driftgate.settings import Settings


@pytest.fixture
def installation(tmp_path: Path, settings: Settings, store: Any, mlflow_uri: str, postgres_uri: str) -> Settings:
    home = settings.home
    for folder in (tmp_path / "monitors", home / "source", home / "labels"):
        folder.mkdir(parents=True)
    content = factories.make_config().model_dump(mode="json", exclude_unset=True) | {
        "source": {"kind": "files", "path": "{home}/source/{window_start:%Y-%m-%d}.csv"},
        "labels": {"source": {"kind": "files", "path": "{home}/labels/{window_start:%Y-%m-%d}.csv"}},
        "model": {"predictions": "source"},
        "reference": {"kind": "window", "start": "2024-01-01", "end": "2024-01-02"},
        "decision": {"rules": [{"metric": "mae", "above_reference": 1.5}]},
    }
    (tmp_path / "monitors" / "trips.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    for day in (0, 7):
        name = f"{factories.make_window(day).start:%Y-%m-%d}.csv"
        rows = factories.make_frame(150, seed=day, day=day)
        (rows if day == 0 else rows.drop(columns=["duration"])).to_csv(home / "source" / name, index=False)
        if day:
            rows.assign(duration=rows["prediction"] + 9)[["trip_id", "duration"]].to_csv(home / "labels" / name, index=False)
    made = replace(settings, monitors_dir=tmp_path / "monitors", mlflow_uri=mlflow_uri, database_uri=postgres_uri)
    pipeline.run_window(open_context("trips", made), factories.make_window(7))
    return made


@pytest.fixture
def run(installation: Settings, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    parser = argparse.ArgumentParser()
    add_label_commands(parser.add_subparsers())

    def command(*given: str) -> tuple[int, str, str]:
        arguments = parser.parse_args(["labels", "trips", *given])
        code = arguments.command(arguments, installation)
        said = capsys.readouterr()
        return code, said.out, said.err

    return command


def test_the_whole_way_of_the_command(run: Callable[..., tuple[int, str, str]]) -> None:
    code, out, _ = run()
    assert (code, out) == (0, "2024-01-08  no labels yet\ntrips: labels of 1 windows are looked for; read them with --all-due\n")
    assert run("--history")[1] == "trips: no labels have arrived\n"
    code, out, _ = run("--all-due")
    assert code == 0
    assert "1/1 2024-01-08  restated  150 of 150 rows labelled\n" in out
    assert "decision  2024-01-08: alert\n  for     mae 9 is above 1.5 x" in out
    assert "trips: 1 windows restated, 1 looked at, 0 left\n" in out
    code, out, _ = run("--window", "2024-01-08")
    assert (code, "2024-01-08  unchanged 150 of 150 rows labelled" in out) == (0, True)
    _, out, _ = run("--history")
    assert re.search(r"^2024-01-08  revision 0  .*  0 of 150 rows labelled\n2024-01-08  revision 1  .*  150 of 150 rows labelled\n$", out)
    _, out, _ = run("--history", "--window", "2024-01-08")
    assert "    performance mae: 9" in out
    assert out.index("revision 0") < out.index("revision 1") < out.index("performance mae: 9")


def test_labels_that_cannot_be_read_are_an_exit_code(run: Callable[..., tuple[int, str, str]], installation: Settings) -> None:
    (installation.home / "labels" / "2024-01-08.csv").write_text("trip_id,minutes\n1,2\n", encoding="utf-8")
    code, _, err = run("--all-due")
    assert code == 1
    assert "not restated: monitor trips, labels of window" in err
    assert "has no column 'duration'" in err
