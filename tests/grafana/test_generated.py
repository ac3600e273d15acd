"""What is committed is what `make dashboards` makes, to the byte; other addresses end up in every link."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from driftgate_dashboards import factory, links, variables
from driftgate_dashboards.__main__ import generate, main
from driftgate_dashboards.layout import Page, Section, as_json, build
from driftgate_dashboards.links import Addresses
from grafana_files import EXPECTED, GRAFANA, ROOT
from grafana_schema import problems


def test_make_dashboards_rebuilds_exactly_what_is_committed(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "driftgate_dashboards", "--output", str(tmp_path)]
    subprocess.run(command, cwd=ROOT / "include", check=True, capture_output=True)
    made = {str(path.relative_to(tmp_path)): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert set(made) == {f"dashboards/{name}.json" for name in EXPECTED} | {"provisioning/alerting/rules.yml"}
    different = [name for name, content in made.items() if (GRAFANA / name).read_bytes() != content]
    assert not different, "run `make dashboards` and commit the result"


def test_no_dashboard_lies_there_that_nothing_makes() -> None:
    assert {path.stem for path in (GRAFANA / "dashboards").iterdir()} == EXPECTED


def test_other_addresses_replace_every_default(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        main(["--output", str(tmp_path), "--airflow-url", "https://airflow.example.com/", "--mlflow-url", "https://mlflow.example.com"])
        == 0
    )
    assert str(tmp_path) in capsys.readouterr().out
    for name, text in generate(Addresses("https://airflow.example.com", "https://mlflow.example.com")).items():
        assert (tmp_path / name).read_text() == text
        assert "localhost" not in text, name


def test_panels_of_the_factory_fit_on_a_dashboard_of_ones_own() -> None:
    made = [factory.drift_overview_panel(7, "other"), factory.quality_overview_panel(8, "other"), factory.performance_panel(9, "other")]
    assert [panel.build().id_val for panel in made] == [7, 8, 9]
    section = Section("Mine", [(8, [(panel, 8) for panel in made])])
    chosen = [variables.monitor(), variables.model_version(), variables.performance()]
    page = Page("my-models", "Mine.", [section], chosen, title="My models", refresh="30s", time_from="now-1h")
    board = build(page, Addresses())
    assert json.loads(as_json(page, Addresses())) == board
    assert (board["uid"], board["title"], board["refresh"], board["time"]["from"]) == ("my-models", "My models", "30s", "now-1h")
    assert not problems(board)
    assert {panel["datasource"]["uid"] for panel in board["panels"] if panel["type"] != "row"} == {"other"}
    assert {target["datasource"]["uid"] for panel in board["panels"] for target in panel.get("targets", ())} == {"other"}


def test_a_line_of_panels_that_does_not_fill_the_width_is_refused() -> None:
    page = Page(links.MODEL, "", [Section("Mine", [(8, [(factory.performance_panel(), 12)])])])
    with pytest.raises(ValueError, match=re.escape("section 'Mine': a line is 12 wide, not 24")):
        build(page, Addresses())


def test_dashboards_are_readable_in_a_review() -> None:
    for path in (GRAFANA / "dashboards").iterdir():
        text = path.read_text()
        assert text == json.dumps(json.loads(text), indent=2, ensure_ascii=False) + "\n"
