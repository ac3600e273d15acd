"""What cannot be answered, and what is never served."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from driftgate.settings import Settings
from page_data import API, OWN, Get, drift, save_window
from ui_app import login, mounted


@pytest.mark.parametrize(
    ("dag_id", "hint"),
    [
        ("monitor__gone", "There is no monitor gone"),
        ("retrain__trips", "open monitor__trips"),
        ("somebody_elses_dag", "is not the DAG of a monitor"),
        ("monitor__..", "is not the DAG of a monitor"),
        ("monitor__x'; DROP TABLE driftgate.batch", "is not the DAG of a monitor"),
    ],
)
@pytest.mark.parametrize("rest", ["", "/heatmap", "/windows", "/incidents"])
def test_dags_that_are_no_monitors_are_told_apart(refused: Get, dag_id: str, hint: str, rest: str) -> None:
    assert hint in refused(f"{API}/monitors/{dag_id}{rest}", 404)["detail"]


@pytest.mark.parametrize(
    ("path", "params", "word"),
    [
        ("series", {"family": "data_drift"}, "metric"),
        ("series", {"family": "astrology", "metric": "x"}, "family"),
        ("series", {"family": "data_drift", "metric": "x", "points": "5"}, "points"),
        ("series", {"family": "data_drift", "metric": "x", "column": ["c"] * 13}, "column"),
        ("heatmap", {"from": "yesterday"}, "from"),
        ("heatmap", {"to": "2024-13-01"}, "to"),
        ("heatmap", {"from": "0001-01-01T00:00+14:00"}, "from"),
        ("heatmap", {"last": "0"}, "last"),
        ("heatmap", {"last": "1e9"}, "last"),
        ("heatmap", {"limit": "100000"}, "limit"),
        ("heatmap", {"metric": "x"}, "metric"),
        ("windows", {"before": "20240101"}, "before"),
        ("windows", {"before": "20241301T000000Z-20240102T000000Z"}, "before"),
        ("windows", {"limit": "0"}, "limit"),
        ("incidents", {"state": "x"}, "state"),
        ("incidents", {"before": "1; DROP TABLE"}, "before"),
    ],
)
def test_parameters_that_cannot_be_read_are_named(refused: Get, path: str, params: dict[str, Any], word: str) -> None:
    assert refused(f"{OWN}/{path}", 422, **params)["detail"].startswith(word)


def test_an_unknown_list_is_refused(refused: Get) -> None:
    refused(f"{OWN}/passwords", 422)


def test_text_with_a_nul_character_is_refused(get: Get, store: Any) -> None:
    save_window(store, 0, metrics=(drift("hour", 0.1),))
    assert "NUL" in get(f"{OWN}/heatmap", 422, search="a\0b")["detail"]
    assert "NUL" in get(f"{OWN}/series", 422, family="data_drift", metric="a\0", column="c")["detail"]


def test_a_database_that_is_down_is_said_to_be_down(settings: Settings, monitors: Path, airflow_db: Path) -> None:
    client = mounted(settings, monitors_dir=monitors, database_uri="postgresql+psycopg2://u:secret@127.0.0.1:9/x")
    answer = client.get(f"{API}/fleet", headers=login("viewer"))
    assert answer.status_code == 503
    assert "PostgreSQL at 127.0.0.1:9/x did not answer" in answer.json()["detail"]
    assert "secret" not in answer.text


def test_a_database_without_tables_names_the_command(
    settings: Settings, monitors: Path, airflow_db: Path, postgres_uri: str, store: Any
) -> None:
    with store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("CREATE DATABASE empty_records"))
        try:
            client = mounted(settings, monitors_dir=monitors, database_uri=postgres_uri.rpartition("/")[0] + "/empty_records")
            answer = client.get(f"{API}/fleet", headers=login("viewer"))
        finally:
            connection.execute(text("DROP DATABASE empty_records WITH (FORCE)"))
    assert (answer.status_code, "driftgate migrate" in answer.json()["detail"]) == (503, True)


def test_an_installation_without_a_database_says_what_to_set(settings: Settings, monitors: Path, airflow_db: Path) -> None:
    client = mounted(settings, monitors_dir=monitors)
    answer = client.get(f"{API}/fleet", headers=login("viewer"))
    assert (answer.status_code, "DRIFTGATE_DATABASE_URI" in answer.json()["detail"]) == (503, True)


def test_the_airflow_connection_leads_to_the_records_too(
    settings: Settings, monitors: Path, airflow_db: Path, records_connection: str, store: Any
) -> None:
    save_window(store, 0)
    fleet = mounted(settings, monitors_dir=monitors).get(f"{API}/fleet", headers=login("viewer")).json()
    assert fleet["monitors"][0]["window"]["rows"] == 200


def test_the_database_is_only_read(store: Any) -> None:
    from sqlalchemy.exc import InternalError

    from driftgate.record.overview import reading

    with pytest.raises(InternalError, match="read-only"), reading(store.engine) as connection:
        connection.execute(text("DELETE FROM driftgate.batch"))


@pytest.fixture
def static(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of pages of the test's own."""
    from driftgate_airflow.ui import app

    folder = tmp_path / "static"
    (folder / "js").mkdir(parents=True)
    (folder / "index.html").write_text("<!doctype html>")
    (folder / "js" / "a.js").write_text("export {};")
    (tmp_path / "secret.txt").write_text("secret")
    monkeypatch.setattr(app, "PAGES_DIR", folder)
    return folder


@pytest.mark.parametrize(
    "path", ["..%2fsecret.txt", "../secret.txt", "%2e%2e/secret.txt", "js/..%2f..%2fsecret.txt", "/etc/passwd", "x%00.html"]
)
def test_paths_out_of_the_pages_are_refused(shared: Any, static: Path, path: str) -> None:
    assert shared.get(f"/driftgate/pages/{path}", headers=login("viewer")).status_code == 404


def test_pages_may_run_only_their_own_scripts(shared: Any, static: Path) -> None:
    answer = shared.get("/driftgate/pages/index.html", headers=login("viewer"))
    policy = answer.headers["content-security-policy"]
    for rule in ("default-src 'self'", "script-src 'self';", "connect-src 'self'", "frame-ancestors 'self'", "form-action 'none'"):
        assert rule in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert shared.get("/driftgate/pages/js/a.js", headers=login("viewer")).headers["content-type"].startswith("text/javascript")


def test_a_page_is_asked_for_again_but_sent_only_when_it_changed(shared: Any, static: Path) -> None:
    first = shared.get("/driftgate/pages/index.html", headers=login("viewer"))
    known = {**login("viewer"), "If-None-Match": first.headers["etag"]}
    assert shared.get("/driftgate/pages/index.html", headers=known).status_code == 304
    assert shared.get("/driftgate/pages/index.html", headers={"If-None-Match": first.headers["etag"]}).status_code == 401
    (static / "index.html").write_text("<!doctype html><title>new</title>")
    assert shared.get("/driftgate/pages/index.html", headers=known).status_code == 200


def test_data_is_never_kept_by_the_browser(shared: Any) -> None:
    assert shared.get(f"{API}/fleet", headers=login("viewer")).headers["cache-control"] == "no-store"
