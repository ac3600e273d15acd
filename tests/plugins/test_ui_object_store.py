"""Data Docs and reports that lie in an object store: served with the same protection as from folders."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from driftgate import storage
from driftgate.files import write_text
from driftgate.gate.checkpoint import run_gate
from driftgate.settings import Settings
from driftgate.storage import DataPath, locate
from factories import make_config, make_frame, make_window
from s3_server import BUCKET, S3Server

WINDOW = make_window().key
DOCS = "/driftgate/data-docs"


@pytest.fixture
def far(settings: Settings, s3: S3Server, tmp_path: Path) -> Settings:
    """Settings of an installation on S3 with one validated window, and secrets beside its Data Docs."""
    suites = tmp_path / "suites" / "expectations"
    suites.mkdir(parents=True)
    (suites / "suite.json").write_text(json.dumps({"expectations": [{"type": "expect_column_to_exist", "kwargs": {"column": "vendor"}}]}))
    made = replace(settings, data_url=f"s3://{BUCKET}/pages", gx_dir=suites.parent)
    run_gate(make_config(gate={"suite": "suite"}), make_window(), make_frame(3), made, docs_lock=nullcontext)
    write_text(made.window_dir("trips", WINDOW) / "evidently.html", "<h1>report</h1>")
    for secret in (made.data_docs_dir.parent / "secret.html", made.data_dir / "secret.html", locate(f"s3://{BUCKET}/secret.html")):
        write_text(secret, "secret")
    return made


@pytest.fixture
def pages(far: Settings, airflow_db: Path) -> Iterator[Any]:
    """The application mounted the way Airflow mounts it."""
    from airflow.api_fastapi.app import init_auth_manager
    from fastapi import FastAPI
    from starlette.testclient import TestClient

    from driftgate_airflow.ui.app import create_app

    init_auth_manager()
    parent = FastAPI()
    parent.mount("/driftgate", create_app(far))
    with TestClient(parent, headers=login()) as client:
        yield client


def login() -> dict[str, str]:
    from airflow.api_fastapi.app import get_auth_manager
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser

    return {"Authorization": f"Bearer {get_auth_manager().generate_jwt(SimpleAuthManagerUser(username='viewer', role='viewer'))}"}


def page_of(root: DataPath) -> str:
    found = [path.relative_to(root).as_posix() for path in root.rglob("*.html")]
    return next(path for path in found if path.startswith("validations/"))


def test_pages_pictures_and_reports_are_served_with_their_policies(pages: Any, far: Settings) -> None:
    for path in ("index.html", "", page_of(far.data_docs_dir), "expectations/suite.html", "results/trips", "results/trips/2024-01.html"):
        answer = pages.get(f"{DOCS}/{path}")
        assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8"), path
        assert "connect-src 'none'" in answer.headers["content-security-policy"]
        assert "cdn.jsdelivr.net" not in answer.text, "addresses are made local in an object store too"
    picture = pages.get(f"{DOCS}/static/images/logo-long.png")
    assert (picture.status_code, picture.headers["content-type"], picture.content[1:4]) == (200, "image/png", b"PNG")
    report = pages.get(f"/driftgate/reports/monitor__trips/{WINDOW}/evidently.html")
    assert (report.status_code, report.text) == (200, "<h1>report</h1>")
    assert "sandbox allow-scripts" in report.headers["content-security-policy"]
    assert "allow-same-origin" not in report.headers["content-security-policy"]


@pytest.mark.parametrize(
    "path",
    [
        *("../secret.html", "%2e%2e/secret.html", "..%2fsecret.html", "..%2f..%2fsecret.html", "%2e%2e%2f%2e%2e%2f%2e%2e%2fsecret.html"),
        *("static/..%2f..%2fsecret.html", f"%2f{BUCKET}/secret.html", f"s3:%2f%2f{BUCKET}/secret.html", "x%00.html", "nothing.html"),
    ],
)
def test_paths_out_of_the_site_are_refused(pages: Any, path: str) -> None:
    answer = pages.get(f"{DOCS}/{path}")
    assert answer.status_code == 404
    assert "secret" not in answer.text


def test_results_of_a_monitor_are_for_those_who_may_read_its_runs(pages: Any, far: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    from driftgate_airflow.ui import access

    monkeypatch.setattr(access, "readable", lambda user, dags: set(dags) - {"monitor__trips"})
    page = page_of(far.data_docs_dir)
    for path in (page, "results/trips", "static/%2e%2e/" + page, f"./{page}", "results/../results/trips/index.html", f"static//..//{page}"):
        answer = pages.get(f"{DOCS}/{path}")
        assert answer.status_code in (403, 404), path
        assert "vendor" not in answer.text
    assert pages.get(f"{DOCS}/{page}").status_code == 403
    assert pages.get(f"{DOCS}/expectations/suite.html").status_code == 200


def test_a_store_that_is_away_is_said_to_be_away(pages: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(storage._OPTIONS, "s3", {"config_kwargs": {"retries": {"max_attempts": 1}}})
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    storage._store.cache_clear()
    answer = pages.get(f"{DOCS}/index.html")
    assert answer.status_code == 503
    assert "did not answer" in answer.json()["detail"]


def test_two_machines_change_the_index_one_after_the_other(far: Settings) -> None:
    from driftgate.errors import GateError
    from driftgate.gate.data_docs import rebuild_docs

    with pytest.raises(GateError, match="needs a lock of the records"):
        rebuild_docs(far)
    assert rebuild_docs(far, lock=nullcontext()) == 1
