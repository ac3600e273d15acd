"""The Evidently UI after the demonstration: a project per monitor with its panels, the windows, and a report that opens."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Page, expect

from driftgate.records import BatchStatus
from world import World

if TYPE_CHECKING:
    from conftest import Visitor

pytestmark = pytest.mark.browser

PANELS = (
    "Drift in the latest window",
    "Rows of the latest window",
    "Share of drifted columns",
    "Number of drifted columns",
    "Drift score of the features",
    "Drift score of prediction and target",
    "Missing values",
    "Rows",
    "Performance",
)


@pytest.fixture(scope="module", autouse=True)
def patience() -> Iterator[None]:
    """Every `expect` waits as long as the visitor does."""
    expect.set_options(timeout=30_000)
    yield
    expect.set_options(timeout=5_000)


@pytest.fixture(scope="module")
def address(world: World) -> str:
    """Address of the Evidently UI, once it answers: `up` does not wait for it."""
    world.wait_for(lambda: world.process("evidently-ui")["healthy"], 120, "the Evidently UI")
    found: str = world.status["addresses"]["Evidently"]
    return found


@pytest.fixture
def newest(world: World) -> str:
    """Day of the newest window in the project: the first in its list of reports."""
    found = world.sql(
        "SELECT (max(window_start) AT TIME ZONE 'America/New_York')::date::text AS day FROM driftgate.report "
        "WHERE monitor = 'flights' AND kind = 'evidently'"
    )
    return str(found[0]["day"])


def open_project(visitor: Visitor, address: str) -> Page:
    """Go from the first page to the project of the flights, as a person does."""
    page = visitor.open(address)
    page.get_by_text("flights", exact=True).first.click()
    expect(page.get_by_text(PANELS[0])).to_be_visible()
    return page


@pytest.mark.parametrize("options", [{}, {"color_scheme": "dark"}, {"viewport": {"width": 390, "height": 844}}], indirect=True)
def test_the_project_of_a_monitor_has_every_panel_with_numbers_in_it(visitor: Visitor, address: str) -> None:
    page = open_project(visitor, address)
    for title in PANELS:
        expect(page.get_by_text(title, exact=True)).to_be_visible()
    expect(page.get_by_text(re.compile(r"^0\.\d+$")).first).to_be_visible()
    expect(page.get_by_text("No Data")).to_have_count(0)
    page.wait_for_load_state("networkidle")
    assert visitor.errors == []
    if page.viewport_size == {"width": 1440, "height": 900}:
        expect(page.get_by_text("dep_delay (0.1)")).to_be_visible()
        visitor.picture("evidently-dashboard")


def test_every_measured_window_is_listed_and_a_report_opens(visitor: Visitor, address: str, world: World, newest: str) -> None:
    page = open_project(visitor, address)
    page.get_by_text("Reports", exact=True).click()
    expect(page.get_by_text(newest, exact=True)).to_be_visible()
    rows = world.sql("SELECT count(*) AS n FROM driftgate.report WHERE monitor = 'flights' AND kind = 'evidently'")
    expect(page.get_by_text(re.compile(rf"of {rows[0]['n']}$")).first).to_be_visible()
    page.get_by_role("row", name=re.compile(newest)).get_by_role("link", name="View").click()
    for heading in ("Dataset Drift", "Data Drift Summary", "Dataset Summary"):
        expect(page.get_by_text(heading, exact=True)).to_be_visible()
    expect(page.locator(".js-plotly-plot").first).to_be_visible()
    assert visitor.errors == []
    visitor.picture("evidently-snapshot")


def test_every_window_with_a_report_is_noted_as_sent(world: World) -> None:
    measured = world.sql(
        "SELECT count(*) AS n FROM driftgate.batch WHERE monitor = 'flights' AND status = :s", s=BatchStatus.MEASURED.value
    )
    exported = world.sql("SELECT count(*) AS n FROM driftgate.export WHERE monitor = 'flights' AND sink = 'evidently' AND state = 'sent'")
    assert exported == measured


def test_a_person_can_delete_nothing(visitor: Visitor, address: str, newest: str) -> None:
    page = open_project(visitor, address)
    page.get_by_text("Reports", exact=True).click()
    row = page.get_by_role("row", name=re.compile(newest))
    page.on("dialog", lambda dialog: dialog.accept())
    with page.expect_response(lambda answer: answer.request.method == "DELETE") as answered:
        row.get_by_role("button").last.click()
    assert answered.value.status == 403
    page.reload()
    expect(page.get_by_text(newest, exact=True)).to_be_visible()
