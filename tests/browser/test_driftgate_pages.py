"""What a person sees on Driftgate's own pages inside Airflow: the fleet, one monitor, the incidents."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import FrameLocator, Locator, Page, expect
from sqlalchemy import text

from world import World

if TYPE_CHECKING:
    from conftest import Visitor

pytestmark = pytest.mark.browser

ROUTE = "/plugin/driftgate/driftgate/pages"
MONITOR = f"{ROUTE}/monitor.html?dag=monitor__flights"
INCIDENTS = f"{ROUTE}/incidents.html"
STOPPED, SHIFTED, LAST = "2013-04-03", "2013-04-05", "2013-04-09"
HOSTILE = "<img src=x onerror=alert(1)>'\";--"
TELEPHONE = {"viewport": {"width": 390, "height": 844}}


@pytest.fixture(scope="module", autouse=True)
def patience() -> Iterator[None]:
    """Every `expect` waits as long as the visitor does."""
    expect.set_options(timeout=30_000)
    yield
    expect.set_options(timeout=5_000)


def inside(page: Page) -> FrameLocator:
    """Return the page inside Airflow's page."""
    return page.frame_locator("iframe")


def loaded(page: Page) -> FrameLocator:
    """Wait until the page has shown its data."""
    shown = inside(page)
    expect(shown.locator("#updated")).to_contain_text("Updated")
    expect(shown.locator("#trouble")).to_be_empty()
    return shown


def write(world: World, statement: str, **values: Any) -> None:
    with world.engine.begin() as connection:
        connection.execute(text(statement), values)


def cell(shown: FrameLocator, column: str, day: str) -> tuple[Locator, Any]:
    """Return the heat map and where in it the cell of a column and a window is."""
    heat = shown.locator("#heatmap .chart")
    heat.scroll_into_view_if_needed()
    find = """(node, [column, day]) => {
        const chart = echarts.getInstanceByDom(node);
        const { xAxis, yAxis } = chart.getOption();
        const at = [xAxis[0].data.indexOf(day), yAxis[0].data.indexOf(column)];
        const [x, y] = chart.convertToPixel({ xAxisIndex: 0, yAxisIndex: 0 }, at);
        return { x, y };
    }"""
    return heat, heat.evaluate(find, [column, day])


@pytest.fixture
def open_incident(world: World) -> Iterator[int]:
    """An incident that nobody has acknowledged, of the last day and with hostile words; gone afterwards."""
    batch = world.batch(LAST)
    cause = {
        "column": HOSTILE,
        "metric": "drift_score",
        "score": 0.4,
        "threshold": 0.1,
        "excess": 4.0,
        "importance": None,
        "detail": HOSTILE,
    }
    write(
        world,
        "INSERT INTO driftgate.incident (monitor, cause, opened_start, opened_end, last_seen_start, last_seen_end, windows, detail, "
        "severity, likely_causes) VALUES ('flights', 'run', :start, :end, :start, :end, ARRAY['a test'], :detail, 'critical', "
        "cast(:causes AS jsonb))",
        start=batch["window_start"],
        end=batch["window_end"],
        detail=f"task measure failed: {HOSTILE}",
        causes=json.dumps([cause]),
    )
    yield world.sql("SELECT id FROM driftgate.incident WHERE windows = ARRAY['a test']")[0]["id"]
    write(world, "DELETE FROM driftgate.incident WHERE windows = ARRAY['a test']")


@pytest.fixture
def hostile_column(world: World) -> Iterator[str]:
    """A column of the last day whose name is an attack; gone afterwards."""
    write(
        world,
        'INSERT INTO driftgate.metric (monitor, model_version, window_start, window_end, family, metric, "column", value, threshold, '
        "direction, verdict) SELECT monitor, model_version, window_start, window_end, family, metric, :name, 9, 0.1, 'above', 'alarm' "
        "FROM driftgate.metric WHERE monitor = 'flights' AND metric = 'drift_score' AND \"column\" = 'distance' AND segment = '' "
        "AND (window_start AT TIME ZONE 'America/New_York')::date = cast(:day AS date)",
        name=HOSTILE,
        day=LAST,
    )
    yield HOSTILE
    write(world, 'DELETE FROM driftgate.metric WHERE "column" = :name', name=HOSTILE)


def test_the_fleet_opens_from_the_navigation_and_shows_the_monitor(visitor: Visitor, world: World) -> None:
    page = visitor.open("/dags")
    page.locator("a[href$='/plugin/driftgate']").click()
    shown = loaded(page)
    row = shown.get_by_role("row", name=re.compile("^flights "))
    newest = world.sql("SELECT max(window_start) AT TIME ZONE 'America/New_York' AS local FROM driftgate.batch WHERE monitor = 'flights'")
    expect(row).to_contain_text(newest[0]["local"].strftime("%Y-%m-%d"))
    expect(row).to_contain_text(re.compile(r"mae \d"))
    expect(row).to_contain_text(re.compile(r"version \d"))
    expect(row.get_by_role("img", name=re.compile("^Drift share over the last"))).to_be_visible()
    visitor.picture("driftgate-fleet")
    row.get_by_role("link", name="flights").click()
    expect(inside(page).get_by_role("heading", name="flights", level=1)).to_be_visible()
    expect(page).to_have_url(re.compile(r"/plugin/driftgate/driftgate/pages/monitor\.html\?dag=monitor__flights"))
    assert visitor.errors == []


def test_the_monitor_page_draws_its_charts_and_tells_its_story(visitor: Visitor) -> None:
    page = visitor.open(MONITOR)
    shown = loaded(page)
    expect(shown.locator("#performance .chart")).to_have_attribute("aria-label", re.compile(r"^mae, .* alarms$"))
    expect(shown.locator("#rows .chart")).to_have_attribute("aria-label", re.compile("gate: [1-9]"))
    expect(shown.locator("#heatmap .chart")).to_have_attribute("aria-label", re.compile("^Heat map of 9 columns"))
    expect(shown.locator("#decisions").get_by_text("breached in 3 consecutive windows", exact=False).first).to_be_visible()
    expect(shown.locator("#retrainings").get_by_text("challenger 2", exact=True)).to_be_visible()
    expect(shown.locator("#gates").get_by_text("297 of 990 values", exact=False).first).to_be_visible()
    visitor.picture("driftgate-monitor")
    shown.locator("#heatmap").scroll_into_view_if_needed()
    visitor.picture("driftgate-monitor-columns")
    assert visitor.errors == []
    assert not [url for url, status in visitor.answers.items() if status >= 400]


def test_a_cell_of_the_heat_map_opens_the_details_of_its_window(visitor: Visitor, world: World) -> None:
    page = visitor.open(MONITOR)
    shown = loaded(page)
    heat, place = cell(shown, "distance", SHIFTED)
    heat.click(position=place)
    window = shown.get_by_role("complementary", name="Window")
    expect(window.get_by_role("heading", name=f"Window {SHIFTED}")).to_be_visible()
    expect(window).to_contain_text(str(world.batch(SHIFTED)["rows"]))
    expect(shown.locator("#columns .chosen")).to_have_text("distance")
    for name in ("Airflow run", "Data Docs", "Evidently report"):
        expect(window.get_by_role("link", name=name)).to_be_visible()
    expect(page).to_have_url(re.compile("window=20130405T040000Z-20130406T040000Z"))  # can be sent to a colleague
    visitor.picture("driftgate-window")
    page.reload()
    expect(inside(page).get_by_role("heading", name=f"Window {SHIFTED}")).to_be_visible()
    assert visitor.errors == []


def test_from_an_incident_to_the_series_of_its_likely_cause(visitor: Visitor) -> None:
    page = visitor.open(f"{INCIDENTS}?state=all")
    shown = loaded(page)
    gate = shown.get_by_role("article").filter(has_text="Gate stopped a batch").filter(has_text=STOPPED).first
    expect(gate).to_contain_text("297 of 990 values")
    policy = shown.get_by_role("article").filter(has_text="Decision rules broken").filter(has_text=SHIFTED).first
    expect(policy).to_contain_text("mae")
    visitor.picture("driftgate-incidents")
    likely = policy.locator("table a").first
    column = likely.inner_text()
    likely.click()
    expect(inside(page).locator("#columns .chosen")).to_have_text(column)
    drift = inside(page).locator("#columns .chart").first
    expect(drift).to_have_attribute("aria-label", re.compile(f"^drift score of {re.escape(column)}, "))
    expect(drift).to_be_in_viewport()
    assert visitor.errors == []


def test_an_incident_is_acknowledged_and_that_is_remembered(visitor: Visitor, world: World, open_incident: int) -> None:
    page = visitor.open(INCIDENTS)
    card = loaded(page).locator(f"[data-incident='{open_incident}']")
    card.get_by_role("button", name="Acknowledge").click()
    expect(card).to_contain_text(f"by {world.login[0]}", ignore_case=True)
    expect(card.get_by_role("button", name="Acknowledge")).to_have_count(0)
    kept = world.sql("SELECT acknowledged, resolved FROM driftgate.incident WHERE id = :id", id=open_incident)[0]
    assert kept["acknowledged"] is not None
    assert kept["resolved"] is None
    page.reload()
    expect(loaded(page).locator(f"[data-incident='{open_incident}']")).to_contain_text("acknowledged")
    assert visitor.errors == []


def test_names_with_markup_in_them_are_shown_as_text(visitor: Visitor, open_incident: int, hostile_column: str) -> None:
    asked: list[str] = []
    visitor.page.on("dialog", lambda dialog: (asked.append(dialog.message), dialog.dismiss()))
    page = visitor.open(MONITOR)
    shown = loaded(page)
    ranked = shown.locator(".ranking").get_by_text(hostile_column, exact=True)
    ranked.click()
    expect(shown.locator("#columns .chosen")).to_have_text(hostile_column)
    expect(shown.locator(f"[data-incident='{open_incident}']")).to_contain_text(f"task measure failed: {hostile_column}")
    heat, place = cell(shown, hostile_column, LAST)
    heat.hover(position=place)
    expect(shown.locator(".tip-title")).to_have_text(hostile_column)
    assert shown.locator("img").count() == 0
    assert asked == []
    assert visitor.errors == []


@pytest.fixture
def undrawn(world: World) -> Iterator[str]:
    """A measured window whose report was never drawn, as far as the records know."""
    day = "2013-04-04"
    statement = "UPDATE driftgate.report SET kind = 'aside' WHERE monitor = 'flights' AND kind = 'evidently' AND window_start = :start"
    write(world, statement, start=world.batch(day)["window_start"])
    yield day
    write(world, "DELETE FROM driftgate.report WHERE kind = 'aside'")


def test_a_report_that_is_not_drawn_is_drawn_when_asked_for(visitor: Visitor, world: World, undrawn: str) -> None:
    page = visitor.open(f"{MONITOR}&window=20130404T040000Z-20130405T040000Z")
    window = loaded(page).get_by_role("complementary", name="Window")
    expect(window.locator(".report")).to_contain_text("Report: not drawn")
    visitor.picture("driftgate-window-not-drawn")
    window.get_by_role("button", name="Draw it").click()
    expect(window.locator(".report")).to_contain_text("being drawn")
    report = window.get_by_role("link", name="Evidently report")
    expect(report).to_be_visible(timeout=120_000)
    with visitor.context.expect_page() as opened:
        report.click()
    expect(inside(opened.value).locator("body")).to_contain_text("Dataset Drift", timeout=60_000)
    opened.value.close()
    start = world.batch(undrawn)["window_start"]
    kept = world.sql("SELECT address FROM driftgate.report WHERE monitor = 'flights' AND kind = 'evidently' AND window_start = :s", s=start)
    assert kept[0]["address"].endswith("evidently.html")
    assert visitor.errors == []


def test_links_lead_out_of_the_frame(visitor: Visitor) -> None:
    page = visitor.open(f"{MONITOR}&window=20130405T040000Z-20130406T040000Z")
    shown = loaded(page)
    window = shown.get_by_role("complementary", name="Window")
    with visitor.context.expect_page() as opened:  # another server gets a tab of its own
        shown.locator("#retrainings").get_by_role("link", name="MLflow run").first.click()
    assert opened.value.url.startswith(visitor.world.status["addresses"]["MLflow"])
    opened.value.close()
    window.get_by_role("link", name="Airflow run").click()
    expect(page).to_have_url(re.compile(rf"/dags/monitor__flights/runs/demo__{SHIFTED}"))
    page.go_back()
    expect(inside(page).get_by_role("heading", name=f"Window {SHIFTED}")).to_be_visible()


def test_pages_follow_airflows_light_and_dark(visitor: Visitor) -> None:
    page = visitor.open(MONITOR)
    shown = loaded(page)
    expect(shown.locator("html")).to_have_attribute("data-theme", "light")
    page.evaluate("() => localStorage.setItem('theme', 'dark')")
    page.reload()
    shown = loaded(page)
    expect(page.locator("html")).to_have_class(re.compile("dark"))
    expect(shown.locator("html")).to_have_attribute("data-theme", "dark")
    expect(shown.locator("#heatmap canvas").first).to_be_visible()
    visitor.picture("driftgate-monitor-dark")
    page.evaluate("() => document.documentElement.classList.replace('dark', 'light')")  # what Airflow's switch does
    expect(shown.locator("html")).to_have_attribute("data-theme", "light")
    page.evaluate("() => localStorage.removeItem('theme')")


@pytest.mark.parametrize("options", [TELEPHONE], indirect=True, ids=["390"])
def test_pages_fit_a_telephone(visitor: Visitor) -> None:
    for address, name in ((f"{ROUTE}/index.html", "fleet"), (MONITOR, "monitor"), (f"{INCIDENTS}?state=all", "incidents")):
        page = visitor.open(address)
        shown = loaded(page)
        assert not shown.locator("body").evaluate("() => document.documentElement.scrollWidth > innerWidth"), name
        visitor.picture(f"driftgate-{name}-telephone")
        assert visitor.errors == [], name


def test_a_monitor_that_does_not_exist_is_explained(visitor: Visitor) -> None:
    page = visitor.open(f"{ROUTE}/monitor.html?dag=monitor__nothing")
    shown = inside(page)
    expect(shown.locator("#trouble")).to_contain_text("nothing")
    expect(shown.get_by_role("link", name="All monitors")).to_be_visible()


def test_who_has_been_logged_out_is_led_to_the_login(visitor: Visitor) -> None:
    page = visitor.open(f"{ROUTE}/index.html")
    shown = loaded(page)
    visitor.context.clear_cookies()
    shown.get_by_role("button", name="Refresh").click()
    expect(shown.get_by_role("row", name=re.compile("^flights "))).to_be_visible()  # what was known stays
    shown.get_by_role("link", name="Log in again").click()
    expect(page.get_by_label("Username")).to_be_visible()
