"""What Grafana would read: the generated and the written files, and every query in them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
GRAFANA = ROOT / "include" / "grafana"
SCHEMA = GRAFANA / "schema"
EXPECTED = {
    "driftgate-overview", "driftgate-model", "driftgate-drift", "driftgate-quality",
    "driftgate-performance", "driftgate-operations", "driftgate-kpis",
}  # fmt: skip


@dataclass(frozen=True)
class Asked:
    """One query and where it stands."""

    place: str
    sql: str
    kind: str
    """time_series, table, variable, annotation or rule."""
    dashboard: str = ""
    title: str = ""


@cache
def dashboards() -> dict[str, dict[str, Any]]:
    return {path.stem: json.loads(path.read_text()) for path in sorted((GRAFANA / "dashboards").glob("*.json"))}


@cache
def provisioned(name: str) -> dict[str, Any]:
    """Return a provisioning file by its path, for example ``alerting/rules.yml``."""
    content: dict[str, Any] = yaml.safe_load((GRAFANA / "provisioning" / name).read_text())
    return content


def rules() -> dict[str, dict[str, Any]]:
    return {rule["uid"]: rule for group in provisioned("alerting/rules.yml")["groups"] for rule in group["rules"]}


def panels(dashboard: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the panels that show data, not the titles of rows."""
    yield from (panel for panel in dashboard["panels"] if panel["type"] != "row")


def queries() -> Iterator[Asked]:
    """Yield every query of every panel, variable, annotation and alert rule."""
    for name, dashboard in dashboards().items():
        for panel in panels(dashboard):
            for target in panel["targets"]:
                yield Asked(f"{name}: {panel['title']}", target["rawSql"], target["format"], name, panel["title"])
        for variable in dashboard["templating"]["list"]:
            if variable["type"] == "query":
                yield Asked(f"{name}: variable {variable['name']}", variable["query"], "variable", name)
        for annotation in dashboard["annotations"]["list"]:
            yield Asked(f"{name}: annotation {annotation['name']}", annotation["target"]["rawSql"], "annotation", name)
    for uid, rule in rules().items():
        yield Asked(f"rule {uid}", rule["data"][0]["model"]["rawSql"], "rule", title=rule["title"])
