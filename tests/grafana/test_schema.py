"""Every dashboard follows the types that Grafana publishes, to the last key; an error in one would be noticed."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from grafana_files import EXPECTED, dashboards, panels
from grafana_schema import panel_problems, problems, validator


def test_every_dashboard_is_there() -> None:
    assert set(dashboards()) == EXPECTED


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_a_dashboard_follows_the_types_of_grafana(name: str) -> None:
    assert not problems(dashboards()[name])


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_settings_of_single_columns_follow_the_types_as_well(name: str) -> None:
    """Overrides name a setting by path, for example ``custom.width``: put them where they belong and validate the result."""
    field = validator("dashboard").schema["definitions"]["FieldConfig"]["properties"]
    for panel in panels(dashboards()[name]):
        for override in panel["fieldConfig"]["overrides"]:
            for item in override["properties"]:
                group, _, setting = item["id"].partition(".")
                assert group in field, f"{panel['title']}: {item['id']}"
                if setting:
                    single = {"type": panel["type"], "options": panel["options"], "targets": [], "title": "",
                              "fieldConfig": {"defaults": {"custom": {setting: item["value"]}}}}  # fmt: skip
                    messages = [text for text in panel_problems(single) if "is a required property" not in text]
                    assert not messages, f"{panel['title']}: {item['id']}: {messages}"


def _panel(dashboard: dict[str, Any], kind: str) -> dict[str, Any]:
    return next(panel for panel in panels(dashboard) if panel["type"] == kind)


ERRORS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "a misspelt key of the dashboard": lambda board: board.update(tagz=["a"]),
    "a number as the title": lambda board: board.update(title=3),
    "a misspelt key of a panel": lambda board: _panel(board, "stat").update(descripton="x"),
    "a misspelt option": lambda board: _panel(board, "stat")["options"].update(graphmode="none"),
    "an option that does not exist": lambda board: _panel(board, "stat")["options"].update(colorMode="rainbow"),
    "a word where a number belongs": lambda board: _panel(board, "timeseries")["fieldConfig"]["defaults"]["custom"].update(lineWidth="two"),
    "a misspelt field setting": lambda board: _panel(board, "timeseries")["fieldConfig"]["defaults"]["custom"].update(linewidth=2),
    "a misspelt unit key": lambda board: _panel(board, "stat")["fieldConfig"]["defaults"].update(units="s"),
    "a panel type without a schema": lambda board: _panel(board, "stat").update(type="sankey"),
    "a misspelt key of a query": lambda board: _panel(board, "stat")["targets"][0].update(rawSQL="SELECT 1"),
    "a variable of a kind that does not exist": lambda board: board["templating"]["list"][0].update(type="querry"),
    "a gauge with a field setting": lambda board: _panel(board, "gauge")["fieldConfig"]["defaults"].update(custom={"lineWidth": 1}),
}


@pytest.mark.parametrize("change", list(ERRORS.values()), ids=list(ERRORS))
def test_an_error_in_a_dashboard_is_caught(change: Callable[[dict[str, Any]], Any]) -> None:
    dashboard = copy.deepcopy(dashboards()["driftgate-model"])
    assert not problems(dashboard)
    change(dashboard)
    assert problems(dashboard)
