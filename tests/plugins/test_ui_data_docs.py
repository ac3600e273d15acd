"""Data Docs and reports inside Airflow's UI: who may read them, what is served, and that no request leaves the machine."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from driftgate.gate.checkpoint import run_gate
from driftgate.settings import Settings, load
from driftgate_airflow.ui.assets import VENDOR_DIR, VENDORED, localise
from factories import make_config, make_frame, make_window

LOADS = re.compile(r"""(?:<(?:script|link|img|iframe)\b[^>]*?(?:src|href)=["']|url\(["']?)((?:https?:)?//[^"')\s]+)""")
WINDOW = "20240101T000000Z-20240102T000000Z"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real Data Docs site with one failed validation."""
    home = tmp_path_factory.mktemp("home")
    suites = home / "suites" / "expectations"
    suites.mkdir(parents=True)
    expectations = [
        {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "vendor"}},
        {"type": "expect_table_row_count_to_equal", "kwargs": {"value": 3}},
    ]
    (suites / "suite.json").write_text(json.dumps({"expectations": expectations}))
    settings = replace(load({"DRIFTGATE_HOME": str(home)}), gx_dir=suites.parent)
    run_gate(make_config(gate={"suite": "suite"}), make_window(), make_frame(3).assign(vendor=["a", "b", None]), settings)
    return settings.data_docs_dir


@pytest.fixture
def pages(settings: Settings, site: Path, airflow_db: Path) -> Iterator[Any]:
    """The application mounted the way Airflow mounts it."""
    from airflow.api_fastapi.app import init_auth_manager
    from fastapi import FastAPI
    from starlette.testclient import TestClient

    from driftgate_airflow.ui.app import create_app

    init_auth_manager()
    parent = FastAPI()
    parent.mount("/driftgate", create_app(replace(settings, home=site.parents[1])))
    with TestClient(parent) as client:
        yield client


def login(role: str | None) -> dict[str, str]:
    from airflow.api_fastapi.app import get_auth_manager
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser

    token = get_auth_manager().generate_jwt(SimpleAuthManagerUser(username=str(role), role=role))
    return {"Authorization": f"Bearer {token}"}


def validation_page(site: Path) -> str:
    return next((site / "validations").rglob("*.html")).relative_to(site).as_posix()


def test_results_of_a_monitor_are_for_those_who_may_read_its_runs(pages: Any, site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from driftgate_airflow.ui import access

    monkeypatch.setattr(access, "readable", lambda user, dags: set(dags) - {"monitor__trips", "monitor__flights"})
    refused = [validation_page(site), "index.html", "", "results/trips/index.html", "static/%2e%2e/" + validation_page(site)]
    for path in refused:
        answer = pages.get(f"/driftgate/data-docs/{path}", headers=login("viewer"))
        assert answer.status_code in (403, 404), path
        assert "vendor" not in answer.text
    assert pages.get(f"/driftgate/data-docs/{validation_page(site)}", headers=login("viewer")).status_code == 403
    assert pages.get("/driftgate/data-docs/expectations/suite.html", headers=login("viewer")).status_code == 200


ADDRESSES = [
    "/driftgate/data-docs/index.html",
    "/driftgate/data-docs/",
    "/driftgate/vendor/jquery-3.7.1/jquery.min.js",
    f"/driftgate/reports/monitor__trips/{WINDOW}/evidently.html",
]


@pytest.mark.parametrize("address", ADDRESSES)
def test_nobody_reads_without_a_login(pages: Any, address: str) -> None:
    assert pages.get(address).status_code == 401


@pytest.mark.parametrize("address", ADDRESSES)
def test_a_login_without_a_role_reads_nothing(pages: Any, address: str) -> None:
    assert pages.get(address, headers=login(None)).status_code == 403


def test_the_cookie_of_airflows_ui_is_enough(pages: Any) -> None:
    token = login("viewer")["Authorization"].removeprefix("Bearer ")
    pages.cookies.set("_token", token)
    assert pages.get("/driftgate/data-docs/index.html").status_code == 200


@pytest.mark.parametrize("address", ["/driftgate/docs", "/driftgate/openapi.json", "/driftgate/redoc"])
def test_the_application_describes_itself_to_nobody(pages: Any, address: str) -> None:
    assert pages.get(address).status_code == 404


@pytest.mark.parametrize(
    "path", ["..%2f..%2fstack.json", "../../stack.json", "%2e%2e/%2e%2e/stack.json", "/etc/passwd", "%2fetc%2fpasswd", "x%00.html"]
)
def test_paths_out_of_the_site_are_refused(pages: Any, site: Path, path: str) -> None:
    (site.parents[1] / "stack.json").write_text("{}")
    assert pages.get(f"/driftgate/data-docs/{path}", headers=login("viewer")).status_code == 404


def test_a_link_out_of_the_site_is_refused(pages: Any, site: Path) -> None:
    link = site / "secret.html"
    if not link.is_symlink():
        link.symlink_to("/etc/hostname")
    assert pages.get("/driftgate/data-docs/secret.html", headers=login("viewer")).status_code == 404


def test_generated_pages_load_nothing_from_the_internet(pages: Any, site: Path) -> None:
    texts = [page for page in site.rglob("*") if page.suffix in (".html", ".css") and not page.is_symlink()]
    assert {page.relative_to(site).parts[0] for page in texts} >= {"index.html", "validations", "expectations", "results"}
    for page in texts:
        path = page.relative_to(site).as_posix()
        answer = pages.get(f"/driftgate/data-docs/{path}", headers=login("viewer"))
        assert answer.status_code == 200
        assert not LOADS.findall(answer.text), f"{path} names an address that is not vendored yet"


def test_generated_pages_did_load_from_the_internet(site: Path) -> None:
    assert len(set(LOADS.findall((site / "index.html").read_text()))) >= 10


def test_every_asset_of_a_page_is_served(pages: Any, site: Path) -> None:
    path = validation_page(site)
    page = pages.get(f"/driftgate/data-docs/{path}", headers=login("viewer"))
    assets = re.findall(r"""(?:src|href)=["'](\.\./[^"']*vendor/[^"']+)""", page.text)
    assert len(assets) >= 10
    for asset in assets:
        assert pages.get(str(page.url.join(asset)), headers=login("viewer")).status_code == 200, asset


def test_pages_may_neither_call_the_api_nor_send_anything_away(pages: Any, site: Path) -> None:
    policy = pages.get(f"/driftgate/data-docs/{validation_page(site)}", headers=login("viewer")).headers["content-security-policy"]
    for rule in ("default-src 'self'", "connect-src 'none'", "form-action 'none'", "frame-ancestors 'self'"):
        assert rule in policy


def test_a_report_is_shut_off_from_airflow(pages: Any, site: Path) -> None:
    folder = site.parents[1] / "batches" / "trips" / WINDOW
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "evidently.html").write_text("<h1>report</h1>")
    answer = pages.get(f"/driftgate/reports/monitor__trips/{WINDOW}/evidently.html", headers=login("viewer"))
    assert (answer.status_code, answer.text) == (200, "<h1>report</h1>")
    assert "sandbox allow-scripts" in answer.headers["content-security-policy"]
    assert "allow-same-origin" not in answer.headers["content-security-policy"]


@pytest.mark.parametrize("address", [f"monitor__../{WINDOW}", "monitor__trips/..", f"trips/{WINDOW}", f"monitor__other/{WINDOW}"])
def test_reports_that_do_not_exist_are_not_found(pages: Any, address: str) -> None:
    assert pages.get(f"/driftgate/reports/{address}/evidently.html", headers=login("viewer")).status_code == 404


def test_before_the_first_validation_the_page_says_what_to_do(settings: Settings, airflow_db: Path) -> None:
    from airflow.api_fastapi.app import init_auth_manager
    from starlette.testclient import TestClient

    from driftgate_airflow.ui.app import create_app

    init_auth_manager()
    answer = TestClient(create_app(settings)).get("/data-docs/index.html", headers=login("viewer"))
    assert answer.status_code == 200
    assert "There are no Data Docs yet" in answer.text


def test_vendored_files_exist_and_stay_small() -> None:
    for address, file in VENDORED.items():
        assert (VENDOR_DIR / file).is_file(), address
    assert max(path.stat().st_size for path in VENDOR_DIR.rglob("*") if path.is_file()) < 2 * 1024 * 1024


def test_pages_follow_the_theme_of_airflow(pages: Any, site: Path) -> None:
    for path in ("index.html", "results/trips/2024-01.html", validation_page(site), "expectations/suite.html"):
        text = pages.get(f"/driftgate/data-docs/{path}", headers=login("viewer")).text
        assert text.count("prefers-color-scheme:\\s*(\\w+)") == 1, path
        assert text.index("bootstrap-prefers-dark.css") < text.index("prefers-color-scheme:\\s*") < text.index("</head>")


def test_addresses_become_relative_to_the_page() -> None:
    text = '<script src="https://cdn.jsdelivr.net/npm/vega-lite@5"></script><script src="https://cdn.jsdelivr.net/npm/vega@5"></script>'
    assert localise(text, "a/b/page.html") == (
        '<script src="../../../vendor/vega-lite-5.23.0/vega-lite.min.js"></script><script src="../../../vendor/vega-5.33.1/vega.min.js"></script>'
    )
    assert os.path.normpath("data-docs/a/b/../../../vendor") == "vendor"


def test_a_page_that_was_promised_is_drawn_when_it_is_opened(pages: Any, site: Path) -> None:
    from driftgate.gate.later_pages import is_promise, promise_page

    home = replace(load({"DRIFTGATE_HOME": str(site.parents[1])}), gx_dir=site.parents[1] / "suites")
    page, stored = validation_page(site), next(home.validations_dir.rglob("*.json"))
    assert promise_page(stored, home, "test") == page
    assert is_promise(site / page)
    answer = pages.get(f"/driftgate/data-docs/{page}", headers=login("viewer"))
    assert answer.status_code == 200
    assert "vendor" in answer.text
    assert not is_promise(site / page)


def test_a_promise_that_cannot_be_kept_says_what_to_do(pages: Any, site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from driftgate.gate.later_pages import promise_page

    home = load({"DRIFTGATE_HOME": str(site.parents[1])})
    stored = next(home.validations_dir.rglob("*.json"))
    drawn = (site / validation_page(site)).read_text(encoding="utf-8")
    page = promise_page(stored, home, "test")
    content = stored.read_text(encoding="utf-8")
    stored.write_text("{}", encoding="utf-8")
    try:
        assert "driftgate docs" in pages.get(f"/driftgate/data-docs/{page}", headers=login("viewer")).text
    finally:
        stored.write_text(content, encoding="utf-8")
        (site / page).write_text(drawn, encoding="utf-8")
