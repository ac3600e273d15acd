"""docs/grafana.md says what is there: every panel and rule that it names exists, and no rule is left out."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from grafana_files import EXPECTED, ROOT, dashboards, panels, rules

TEXT = (ROOT / "docs" / "grafana.md").read_text()
NAMES = {
    "fleet": "driftgate-overview",
    "one model": "driftgate-model",
    "drift analysis": "driftgate-drift",
    "data quality": "driftgate-quality",
    "model performance": "driftgate-performance",
    "operations": "driftgate-operations",
    "business KPIs": "driftgate-kpis",
}


def table(first_heading: str) -> Iterator[list[str]]:
    """Yield the cells of every row of the table that starts with this heading."""
    rows = iter(TEXT.splitlines())
    assert any(line.startswith(f"| {first_heading} |") for line in rows)
    next(rows)
    for line in rows:
        if not line.startswith("|"):
            return
        yield [cell.strip() for cell in line.strip("|").split("|")]


PROMISED = [
    pytest.param(uid, panel, id=f"{uid}: {panel}")
    for _, where, shown in table("what one looks for")
    for uid in (NAMES[name.strip()] for name in where.split(", "))
    for panel in shown.split(", ")
]


def titles(uid: str) -> set[str]:
    return {re.sub(r": \$\{\w+\}$", "", panel["title"]) for panel in panels(dashboards()[uid])}


@pytest.mark.parametrize(("uid", "panel"), PROMISED)
def test_a_panel_that_the_guide_names_is_on_each_of_its_dashboards(uid: str, panel: str) -> None:
    assert panel in titles(uid)


def test_the_guide_lists_every_dashboard() -> None:
    assert {re.search(r"`(.+)`", row[1])[1] for row in table("dashboard")} == EXPECTED  # type: ignore[index]


def test_the_guide_lists_every_rule_with_its_severity() -> None:
    assert {(row[0], row[1]) for row in table("rule")} == {(rule["title"], rule["labels"]["severity"]) for rule in rules().values()}
