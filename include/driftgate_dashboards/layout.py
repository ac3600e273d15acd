"""From panels to a dashboard: places on the grid, ids, variables, annotations and links."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import dashboard

from driftgate_dashboards import links, variables
from driftgate_dashboards.links import Addresses
from driftgate_dashboards.panels import Drawn

GRID = 24
GAUGE: dict[str, Any] = {
    "barShape": "flat",
    "barWidthFactor": 0.5,
    "effects": {"barGlow": False, "centerGlow": False, "gradient": False},
    "segmentCount": 1,
    "segmentSpacing": 0.3,
    "shape": "gauge",
    "sparkline": False,
}
"""Options of gauges that Grafana 13 requires and the SDK does not know yet."""
REFRESH = ["30s", "1m", "5m", "15m", "1h"]


@dataclass(frozen=True)
class Section:
    """A titled row of panels: lines of a height, with panels of a width; the widths of a line add up to 24."""

    title: str
    lines: Sequence[tuple[int, Sequence[tuple[Drawn, int]]]]


@dataclass(frozen=True)
class Page:
    """What makes up one dashboard.

    ``title`` may be left out for the dashboards of :data:`driftgate_dashboards.links.TITLES`; ``refresh`` is how often an open
    dashboard asks again.
    """

    uid: str
    description: str
    sections: Sequence[Section]
    variables: Sequence[Builder[dashboard.VariableModel]] = ()
    annotations: Sequence[Builder[dashboard.AnnotationQuery]] = ()
    time_from: str = "now-90d"
    tags: Sequence[str] = ()
    title: str = ""
    refresh: str = "5m"


def as_json(page: Page, addresses: Addresses) -> str:
    """Return the text of the dashboard's file."""
    return json.dumps(build(page, addresses), indent=2, ensure_ascii=False) + "\n"


def build(page: Page, addresses: Addresses) -> dict[str, Any]:
    """Return the dashboard as Grafana reads it."""
    board = builders.Dashboard(page.title or links.TITLES[page.uid]).uid(page.uid).description(page.description)
    board = board.tags([links.TAG, *page.tags]).timezone("browser").time(page.time_from, "now").refresh(page.refresh).editable()
    board = board.timepicker(builders.TimePicker().refresh_intervals(REFRESH)).tooltip(dashboard.DashboardCursorSync.CROSSHAIR)
    board = board.links(links.dashboard_links()).version(1)
    board = board.variables([*page.variables, *variables.addresses(addresses)]).annotations(list(page.annotations))
    found: dashboard.Dashboard = board.build()
    found.panels = list(_placed(page.sections))
    return _as_published(plain(found))


def _as_published(board: dict[str, Any]) -> dict[str, Any]:
    """Move the SDK's output to the newest published types: drop what they no longer have, add what they require."""
    for variable in board["templating"]["list"]:
        for name in ("definition", "auto", "auto_min", "auto_count"):
            variable.pop(name, None)
    for panel in board["panels"]:
        if panel["type"] == "table":
            panel["options"].pop("footer", None)  # now a setting of the field
            panel["fieldConfig"]["defaults"].setdefault("custom", {}).setdefault("cellOptions", {"type": "auto"})
        if panel["type"] == "gauge":
            panel["options"] = {**GAUGE, **panel["options"]}
    return board


def _placed(sections: Sequence[Section]) -> list[dashboard.Panel | dashboard.RowPanel]:
    placed: list[dashboard.Panel | dashboard.RowPanel] = []
    top = 0
    for section in sections:
        row = builders.Row(section.title).id(len(placed) + 1).collapsed(False).grid_pos(dashboard.GridPos(x=0, y=top, w=GRID, h=1))
        placed.append(row.build())
        top += 1
        for height, line in section.lines:
            left = 0
            for panel, width in line:
                built = panel.build()
                built.id_val = len(placed) + 1
                built.grid_pos = dashboard.GridPos(x=left, y=top, w=width, h=height)
                placed.append(built)
                left += width
            if left != GRID:
                raise ValueError(f"section {section.title!r}: a line is {left} wide, not {GRID}; change the width of one of its panels")
            top += height
    return placed


def plain(value: Any) -> Any:
    """Turn the SDK's objects into dictionaries and lists, without settings that are not set."""
    if hasattr(value, "to_json"):
        return plain(value.to_json())
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items() if item is not None or key == "value"}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value
