"""A person with a browser in front of the running stack. The browser can reach nothing but this machine."""

from __future__ import annotations

import io
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Response, sync_playwright

from world import World

HERE = ("127.0.0.1", "localhost")
SIZE = {"width": 1440, "height": 900}
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
)
SECONDS = 1000.0
LIMIT = 30 * SECONDS
"""How long an element may take to show; a loaded machine needs most of it."""
# What a person chooses at the first visit of MLflow: no assistant over a third of the page, model training instead of language models.
MLFLOW_CHOICES = """
    if (location.pathname === "/" && location.hash.startsWith("#/experiments")) {
        localStorage.setItem("mlflow.assistant.fab.autoOpenedOnFirstLoad_v1", "true");
        localStorage.setItem("mlflow.assistant.panelOpen_v1", "false");
        localStorage.setItem("mlflow.workflowType_v1", '"machine_learning"');
    }
"""


class Visitor:
    """One browser window, what it asked for and what went wrong in it."""

    def __init__(self, context: BrowserContext, world: World) -> None:
        self.context, self.world = context, world
        self.airflow: str = world.status["addresses"]["Airflow"]
        self.requests: list[str] = []
        self.answers: dict[str, int] = {}
        self.errors: list[str] = []
        context.set_default_timeout(LIMIT)
        context.on("request", lambda request: self.requests.append(request.url))
        context.on("response", self._answered)
        context.on("console", lambda message: self.errors.append(message.text) if message.type == "error" else None)
        context.on("weberror", lambda error: self.errors.append(str(error.error)))
        self.page: Page = context.new_page()

    def _answered(self, response: Response) -> None:
        self.answers[response.url] = response.status

    def open(self, address: str) -> Page:
        """Go to an address, or to a path of Airflow; forgets earlier errors."""
        self.errors.clear()
        self.page.goto(address if "://" in address else self.airflow + address)
        return self.page

    def log_in(self) -> Page:
        """Log in as a person does, through Airflow's login page."""
        page = self.open("/")
        user, password = self.world.login
        page.get_by_label("Username").fill(user)
        page.locator("input[type=password]").fill(password)
        page.get_by_role("button", name="Sign in").click()
        page.get_by_role("link", name="Dags").first.wait_for()
        return page

    def link(self, task: str, run_id: str, name: str) -> str:
        """Open a task's Details tab and return where its link leads, as an absolute address."""
        page = self.open(f"/dags/monitor__flights/runs/{run_id}/tasks/{task}/details")
        target = page.locator("a[target]", has_text=re.compile(f"^{name}$"))
        target.wait_for()
        address = target.get_attribute("href") or ""
        return address if "://" in address else self.airflow + address

    def outside(self) -> list[str]:
        """Return the requests that were meant for another machine."""
        asked = [urlsplit(url) for url in self.requests]
        return [url.geturl() for url in asked if url.scheme in ("http", "https", "ws", "wss") and url.hostname not in HERE]

    def picture(self, name: str) -> None:
        """Keep what is on the screen, if the environment's DRIFTGATE_SCREENSHOTS names a folder for it."""
        folder = os.environ.get("DRIFTGATE_SCREENSHOTS")
        if not folder:
            return
        from PIL import Image

        self.page.wait_for_timeout(0.6 * SECONDS)  # animations
        image = Image.open(io.BytesIO(self.page.screenshot())).convert("RGB")
        Path(folder).mkdir(parents=True, exist_ok=True)
        image.quantize(256).save(Path(folder) / f"{name}.png", optimize=True)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium: the one that CHROMIUM names, or the one on the PATH."""
    path = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    assert path, "the browser tests need Chromium: apt-get install chromium, or set CHROMIUM=/path/to/it"
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        yield started
        started.close()


def _context(browser: Browser, **options: Any) -> BrowserContext:
    return browser.new_context(**{"viewport": SIZE, "color_scheme": "light", "locale": "en-US", "timezone_id": "UTC", **options})


@pytest.fixture
def stranger(browser: Browser, world: World) -> Iterator[Visitor]:
    """A visitor without a login."""
    context = _context(browser)
    yield Visitor(context, world)
    context.close()


@pytest.fixture(scope="session")
def logged_in(browser: Browser, world: World) -> Any:
    """Cookies of a person who went through Airflow's login page."""
    context = _context(browser)
    Visitor(context, world).log_in()
    state = context.storage_state()
    context.close()
    return state


@pytest.fixture
def options(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Options of the visitor's window; a test changes them by indirect parametrization."""
    given: dict[str, Any] = getattr(request, "param", {})
    return given


@pytest.fixture
def visitor(browser: Browser, world: World, logged_in: Any, options: dict[str, Any]) -> Iterator[Visitor]:
    """A logged-in person, whose browser must have asked nobody but this machine."""
    context = _context(browser, storage_state=logged_in, **options)
    context.add_init_script(MLFLOW_CHOICES)
    person = Visitor(context, world)
    yield person
    context.close()
    assert person.outside() == []
