"""What a person sees in the browser after the demonstration: Airflow, Data Docs and reports inside it, MLflow."""

from __future__ import annotations

import http.client
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import FrameLocator, Page, expect

from driftgate.records import Window
from world import World

if TYPE_CHECKING:
    from conftest import Visitor

pytestmark = pytest.mark.browser

ORDINARY, CORRUPTED, BY_HAND = "2013-04-01", "2013-04-03", "2013-04-12"
DOCS = "/plugin/data-docs"


@pytest.fixture(scope="module", autouse=True)
def patience() -> Iterator[None]:
    """Every `expect` waits as long as the visitor does."""
    expect.set_options(timeout=30_000)
    yield
    expect.set_options(timeout=5_000)


def key(world: World, day: str) -> str:
    batch = world.batch(day)
    return Window(batch["window_start"], batch["window_end"]).key


def docs(page: Page) -> FrameLocator:
    """Return the Data Docs page inside Airflow's page."""
    return page.frame_locator("iframe")


def test_a_person_logs_in_and_sees_the_dags(stranger: Visitor) -> None:
    page = stranger.log_in()
    page.get_by_role("link", name="Dags").first.click()
    for name in ("monitor__flights", "retrain__flights"):
        expect(page.get_by_role("link", name=name, exact=True)).to_be_visible()
    expect(page.get_by_text("0 0 * * *").first).to_be_visible()
    assert stranger.outside() == []


def test_the_list_of_dags_is_complete_and_free_of_import_errors(visitor: Visitor) -> None:
    page = visitor.open("/dags")
    expect(page.get_by_role("link", name="monitor__flights", exact=True)).to_be_visible()
    page.wait_for_load_state("networkidle")
    assert visitor.errors == []
    expect(page.get_by_text("Import Error")).to_have_count(0)
    visitor.picture("airflow-dags")


def test_a_window_is_triggered_with_the_form(visitor: Visitor, world: World) -> None:
    page = visitor.open("/dags/monitor__flights")
    page.get_by_role("button", name="Trigger").first.click()
    form = page.get_by_role("dialog")
    for name, words in (
        ("Window start", "First moment of the window, in America/New_York"),
        ("Window end", "First moment after the window"),
        ("Reprocess", "Read the source again"),
    ):
        expect(form.get_by_role("group").filter(has_text=name).get_by_text(words)).to_be_visible()
    start, end = (form.get_by_role("group").filter(has_text=name).locator("input[type=date]") for name in ("Window start", "Window end"))
    expect(end).to_have_value("")
    expect(form.get_by_role("checkbox", name="Reprocess")).not_to_be_checked()
    start.fill(BY_HAND)
    send = form.get_by_role("button", name="Trigger").last
    send.hover()
    page.mouse.wheel(0, 500)  # to the end of the form
    visitor.picture("trigger-form")
    with page.expect_response(lambda answer: answer.request.method == "POST" and answer.url.endswith("/dagRuns")) as posted:
        send.click()
    assert posted.value.ok, posted.value.text()
    run = posted.value.json()
    assert run["conf"] == {"window_start": BY_HAND, "window_end": None, "reprocess": False}
    assert world.api.wait("monitor__flights", run["dag_run_id"], 120) == "success"
    assert world.api.task_states("monitor__flights", run["dag_run_id"]).get("store_postgres") == "success"
    assert world.batch(BY_HAND)["status"] == "measured"
    assert world.metrics(BY_HAND)


def test_the_page_of_a_run_shows_its_tasks_and_their_graph(visitor: Visitor) -> None:
    page = visitor.open(f"/dags/monitor__flights/runs/demo__{ORDINARY}")
    for task in ("ingest", "gate", "measure", "store_postgres", "log_mlflow", "render_report", "decide", "no_action"):
        expect(page.get_by_role("row", name=re.compile(rf"{task}.*Success"))).to_be_visible()
    page.get_by_label("Show Graph").click()
    expect(page.locator(".react-flow__node")).to_have_count(12)
    visitor.picture("run-graph")


def test_data_docs_open_from_the_navigation_and_list_the_windows(visitor: Visitor, world: World) -> None:
    page = visitor.open("/dags")
    page.get_by_role("link", name="Data Docs").click()
    search = docs(page).get_by_role("searchbox", name="Search")
    for day in (ORDINARY, CORRUPTED):  # the table has pages, so a window is looked for by its name
        search.fill("")
        search.press_sequentially(day.replace("-", ""))
        expect(docs(page).get_by_text(f"flights-{key(world, day)}")).to_be_visible()
    expect(docs(page).get_by_text(f"flights-{key(world, ORDINARY)}")).to_have_count(0)
    expect(docs(page).get_by_role("row", name=re.compile(key(world, CORRUPTED))).locator(".fa-times")).to_be_visible()
    docs(page).get_by_text(f"flights-{key(world, CORRUPTED)}").click()
    expect(docs(page).get_by_text("Expectation Validation Result")).to_be_visible()
    assert visitor.errors == []


def test_the_page_of_the_corrupted_day_names_what_failed(visitor: Visitor, world: World) -> None:
    address = visitor.link("gate", f"demo__{CORRUPTED}", "Data Docs")
    assert key(world, CORRUPTED) in address
    page = visitor.open(address)
    shown = docs(page)
    expect(shown.get_by_text("Status: Failed")).to_be_visible()
    shown.get_by_text("Failed Only").click()
    failed = world.sql("SELECT failed FROM driftgate.gate_result WHERE verdict = 'fail' AND failed::text LIKE '%distance%'")[0]["failed"]
    assert len(failed) >= 3
    for item in failed:
        heading = shown.locator("h5", has_text=re.compile(rf"^\s*{item['column']}\s*$"))
        expect(heading).to_be_visible()
    expect(shown.locator("tr:visible .fa-times")).to_have_count(len(failed))
    assert shown.locator("body").evaluate("node => getComputedStyle(node).fontFamily").startswith("-apple-system")  # bootstrap's
    assert shown.locator("body").evaluate("() => [typeof jQuery, typeof jQuery.fn.bootstrapTable, typeof vegaEmbed]") == ["function"] * 3
    assert shown.locator("body").evaluate("() => document.fonts.ready.then(all => [...all].some(f => f.status === 'loaded'))")
    expect(shown.locator("footer")).to_be_hidden()
    assert visitor.errors == []
    assert not [url for url, status in visitor.answers.items() if status >= 400]
    visitor.picture("data-docs-quarantine")


@pytest.mark.parametrize("options", [{"viewport": {"width": 390, "height": 844}}, {"color_scheme": "dark"}], indirect=True, ids=str)
def test_data_docs_are_readable_on_a_telephone_and_in_the_dark(visitor: Visitor) -> None:
    page = visitor.open(visitor.link("gate", f"demo__{CORRUPTED}", "Data Docs"))
    shown = docs(page)
    expect(shown.get_by_text("Status: Failed")).to_be_visible()
    expect(shown.locator(".navbar-brand img")).to_be_visible()
    too_wide = "() => document.documentElement.scrollWidth > innerWidth"
    assert not shown.locator("body").evaluate(too_wide)
    cut_off = "node => node.scrollWidth > node.clientWidth"
    assert not shown.locator(".col-6.table-responsive").first.evaluate(cut_off)


@pytest.mark.parametrize(
    "path",
    [
        "/driftgate/data-docs/index.html",
        "/driftgate/vendor/jquery-3.7.1/jquery.min.js",
        "/driftgate/reports/monitor__flights/{window}/evidently.html",
    ],
)
def test_a_stranger_reads_nothing(stranger: Visitor, world: World, path: str) -> None:
    address = stranger.airflow + path.format(window=key(world, ORDINARY))
    assert stranger.context.request.get(address).status in (401, 403)
    page = stranger.open(address)
    assert "great_expectations" not in page.content()
    assert "Drift" not in page.content()


def test_a_stranger_is_led_from_the_view_to_the_login_page(stranger: Visitor) -> None:
    page = stranger.open(DOCS)
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()


@pytest.mark.parametrize("path", ["..%2f..%2fstack.json", "../../stack.json", "%2e%2e/%2e%2e/stack.json", "%2fetc%2fpasswd"])
def test_paths_out_of_the_site_are_refused_on_the_wire(visitor: Visitor, path: str) -> None:
    assert as_written(visitor, "/driftgate/data-docs/index.html") == 200
    assert as_written(visitor, f"/driftgate/data-docs/{path}") == 404


def as_written(visitor: Visitor, path: str) -> int:
    """Ask for a path with the visitor's login; browsers and HTTP libraries would tidy up its dots first."""
    cookies = "; ".join(f"{item['name']}={item['value']}" for item in visitor.context.cookies())
    connection = http.client.HTTPConnection(visitor.airflow.removeprefix("http://"), timeout=30)
    try:
        connection.request("GET", path, headers={"Cookie": cookies})
        return connection.getresponse().status
    finally:
        connection.close()


def test_the_mlflow_run_of_a_window_shows_metrics_and_the_report(visitor: Visitor, world: World) -> None:
    address = visitor.link("log_mlflow", f"demo__{ORDINARY}", "MLflow run")
    page = visitor.open(address)
    expect(page.get_by_role("heading", name=ORDINARY)).to_be_visible()
    mae = next(row["value"] for row in world.metrics(ORDINARY) if row["metric"] == "mae" and row["segment"] == "")
    page.get_by_placeholder("Search metrics").fill("performance.mae")
    expect(page.get_by_role("row", name=re.compile(rf"performance\.mae\s*{mae:.3f}"))).to_be_visible()
    page.get_by_role("tab", name="Artifacts").click()
    page.get_by_text("evidently", exact=True).click()
    page.get_by_text("evidently.html", exact=True).click()
    expect(page.frame_locator("iframe").get_by_text("Dataset Drift", exact=True)).to_be_visible()
    visitor.picture("mlflow-run")


def test_the_evidently_report_is_drawn_inside_airflow(visitor: Visitor, world: World) -> None:
    address = visitor.link("render_report", f"demo__{ORDINARY}", "Evidently report")
    assert f"/monitor__flights/{key(world, ORDINARY)}/" in address
    page = visitor.open(address)
    report = page.frame_locator("iframe")
    expect(report.get_by_text("Dataset Drift", exact=True)).to_be_visible()
    for column in ("arr_delay", "prediction", "dep_delay"):
        expect(report.get_by_role("cell", name=column, exact=True).first).to_be_visible()
    expect(report.locator(".js-plotly-plot .main-svg").first).to_be_visible()
    assert visitor.errors == []
    visitor.picture("evidently-report")
