"""The Data Docs site in a browser, without the stack: its files are handed to the page as Airflow's web server would."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from html import escape
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, FrameLocator, Page, Route, expect

from driftgate.gate.checkpoint import run_gate
from driftgate.settings import load
from driftgate_airflow.ui.assets import VENDOR_DIR, localise
from driftgate_airflow.ui.files import DOCS_HEADERS, find
from expectations import IN_SET, NOT_NULL, ROWS
from factories import make_config, make_frame, make_window

pytestmark = pytest.mark.browser

HOST = "http://127.0.0.1:1"
DOCS = "/driftgate/data-docs/"
MARKUP = "<img src=x onerror=\"document.title='run'\">"
LIGHT, DARK = "rgb(255, 255, 255)", "rgb(25, 29, 33)"

Open = Callable[..., Page]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four weeks of one monitor and one of another: one with markup among its values, one with too few rows."""
    home = tmp_path_factory.mktemp("home")
    suites = home / "suites" / "expectations"
    suites.mkdir(parents=True)
    (suites / "trips.json").write_text(json.dumps({"expectations": [ROWS, NOT_NULL, IN_SET]}))
    settings = replace(load({"DRIFTGATE_HOME": str(home)}), gx_dir=suites.parent)
    config = make_config(gate={"suite": "trips"})
    for day in range(28):
        frame = make_frame(10 if day == 7 else 60, day=day)
        run_gate(config, make_window(day), frame.assign(vendor=MARKUP) if day == 8 else frame, settings)
    run_gate(make_config(id="taxis", gate={"suite": "trips"}), make_window(), make_frame(60), settings)
    return settings.data_docs_dir


def answer(route: Route, site: Path) -> None:
    path = route.request.url.removeprefix(HOST).split("?")[0]
    if path.startswith("/around/"):
        theme, _, page = path.removeprefix("/around/").partition("/")
        frame = f'<iframe style="border: 0; width: 100%; height: 95vh" src="{DOCS}{escape(page)}"></iframe>'
        route.fulfill(content_type="text/html", body=f'<!doctype html><html class="{theme}"><link rel="icon" href="data:,">{frame}')
        return
    root = site if path.startswith(DOCS) else VENDOR_DIR
    file = find(root, path.removeprefix(DOCS).removeprefix("/driftgate/vendor/"))
    if file is None:
        route.fulfill(status=404)
    elif file.suffix == ".html":
        text = localise(file.read_text(), file.relative_to(site.resolve()).as_posix())
        route.fulfill(content_type="text/html", body=text, headers=DOCS_HEADERS)
    else:
        route.fulfill(path=file, headers=DOCS_HEADERS)


@pytest.fixture
def visit(browser: Browser, site: Path) -> Iterator[Open]:
    """Open a page of the site inside a page of Airflow's theme; at the end there must have been no error."""
    contexts: list[Any] = []
    errors: list[str] = []

    def visit(page: str = "index.html", theme: str = "light", width: int = 1440, system: Any = "light") -> Page:
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=system)
        contexts.append(context)
        context.route("**/*", lambda route: answer(route, site))
        context.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        context.on("weberror", lambda error: errors.append(str(error.error)))
        context.on("response", lambda response: errors.append(response.url) if response.status >= 400 else None)
        opened = context.new_page()
        opened.goto(f"{HOST}/around/{theme}/{page}")
        return opened

    yield visit
    for context in contexts:
        context.close()
    assert errors == []


def docs(page: Page) -> FrameLocator:
    return page.frame_locator("iframe")


def colour(page: Page) -> str:
    return str(docs(page).locator("body").evaluate("node => getComputedStyle(node).backgroundColor"))


def rows(page: Page, table: str = "results") -> Any:
    return docs(page).locator(f"#{table} tbody tr")


def test_the_index_is_searched_and_filtered(visit: Open) -> None:
    page = visit()
    expect(rows(page)).to_have_count(25)
    expect(rows(page).first).to_contain_text("2024-01-28")
    search = docs(page).get_by_role("searchbox", name="Search")
    search.press_sequentially("2024-01-08")
    expect(rows(page)).to_have_count(1)
    expect(rows(page).locator(".fa-times")).to_be_visible()
    docs(page).get_by_role("button", name="Clear Filters").first.click()
    expect(rows(page)).to_have_count(25)
    docs(page).locator("#results select").nth(0).select_option("warn")
    expect(rows(page)).to_have_count(1)
    expect(rows(page)).to_contain_text("2024-01-09")
    docs(page).get_by_role("button", name="Clear Filters").first.click()
    docs(page).locator("#results select").nth(1).select_option("taxis")
    expect(rows(page)).to_have_count(1)
    expect(rows(page)).to_contain_text("taxis-20240101T000000Z")


def test_pages_lead_from_the_monitor_to_the_window_and_home(visit: Open) -> None:
    page = visit()
    docs(page).get_by_role("tab", name="Monitors").click()
    docs(page).locator("#monitors").get_by_role("link", name="trips").click()
    docs(page).get_by_role("link", name="2024-01", exact=True).click()
    expect(docs(page).get_by_text("28 windows: 26 pass, 1 warn, 1 fail")).to_be_visible()
    docs(page).get_by_role("link", name="2024-01-28").click()
    expect(docs(page).get_by_text("Data asset: trips, 2024-01-28")).to_be_visible()
    docs(page).get_by_role("link", name="Home").click()
    expect(docs(page).get_by_text("Driftgate: 29 windows")).to_be_visible()
    docs(page).get_by_role("tab", name="Expectation Suites").click()
    docs(page).locator("#suites").get_by_role("link", name="trips").click()
    expect(docs(page).get_by_text("A collection of Expectations")).to_be_visible()


def test_markup_in_the_rows_is_shown_and_not_run(visit: Open, site: Path) -> None:
    path = next(site.rglob("trips-20240109T*/*/*.html")).relative_to(site).as_posix()
    page = visit(path)
    expect(docs(page).get_by_text(re.compile("img src=x onerror")).first).to_be_visible()
    assert docs(page).locator("body").evaluate("() => [document.title === 'run', document.querySelectorAll('img[src=x]').length]") == [
        False,
        0,
    ]


@pytest.mark.parametrize(
    ("path", "system"), [("index.html", "dark"), ("results/trips/2024-01.html", "light"), ("expectations/trips.html", "light")]
)
def test_light_and_dark_follow_airflow_and_not_the_system(visit: Open, path: str, system: str) -> None:
    page = visit(path, theme="dark", system=system)
    assert colour(page) == DARK
    page.evaluate("document.documentElement.className = 'light'")
    expect(docs(page).locator("body")).to_have_css("background-color", LIGHT)


@pytest.mark.parametrize(("system", "expected"), [("light", LIGHT), ("dark", DARK)])
def test_without_a_choice_the_system_decides(visit: Open, system: str, expected: str) -> None:
    assert colour(visit(theme="unknown", system=system)) == expected


@pytest.mark.parametrize("path", ["index.html", "results/trips/index.html", "results/trips/2024-01.html"])
@pytest.mark.parametrize(("width", "theme"), [(1440, "light"), (390, "dark")])
def test_the_index_fits_its_screen(visit: Open, path: str, width: int, theme: str) -> None:
    page = visit(path, theme=theme, width=width)
    expect(docs(page).locator("tbody tr").first).to_be_visible()
    assert not docs(page).locator("body").evaluate("() => document.documentElement.scrollWidth > innerWidth")
    if folder := os.environ.get("DRIFTGATE_SCREENSHOTS"):
        page.screenshot(path=Path(folder) / f"data-docs-{path.replace('/', '-')}-{width}-{theme}.png")
