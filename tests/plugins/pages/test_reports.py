"""The report of a window on its page: whether it is drawn, who may have it drawn, and what is started for it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from airflow_env import ROOT
from driftgate.records import Batch, BatchStatus
from driftgate_airflow.ui import runs
from driftgate_airflow.ui.reports import REPORTS_DAG
from factories import make_window
from page_data import DAG, JSON, OWN, Get, save_window
from ui_app import login

WINDOW = make_window()
REPORT = f"{OWN}/windows/{WINDOW.key}/report"


@pytest.fixture
def known_to_airflow(monitors: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Airflow's database knows the DAG that draws, and none of its runs."""
    from airflow.dag_processing.bundles.manager import DagBundlesManager
    from airflow.dag_processing.dagbag import DagBag, sync_bag_to_db
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session
    from sqlalchemy import delete

    monkeypatch.setenv("DRIFTGATE_MONITORS_DIR", str(monitors))
    with create_session() as session:
        DagBundlesManager().sync_bundles_to_db(session=session)
    bag = DagBag(dag_folder=str(ROOT / "dags" / "reports.py"), bundle_path=ROOT / "dags", bundle_name="dags-folder")
    sync_bag_to_db(bag, "dags-folder", None)
    yield
    with create_session() as session:
        session.execute(delete(DagRun).where(DagRun.dag_id == REPORTS_DAG))


def draw(pages: Any, role: str = "user", path: str = REPORT, **headers: str) -> Any:
    return pages.post(path, content="{}", headers={**JSON, **login(role, name="anna"), **headers})


def end(state: str) -> None:
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session
    from sqlalchemy import update

    with create_session() as session:
        session.execute(update(DagRun).where(DagRun.dag_id == REPORTS_DAG).values(state=state))


@pytest.mark.usefixtures("known_to_airflow")
def test_from_not_drawn_over_drawing_to_drawn(pages: Any, get: Get, store: Any) -> None:
    save_window(store)
    assert get(REPORT) == {"state": "not_drawn", "draw": "always", "links": {"evidently": None, "dag_run": None}}
    answer = draw(pages).json()
    assert answer["state"] == "drawing"
    assert answer["links"]["dag_run"].startswith(f"/dags/{REPORTS_DAG}/runs/draw__trips__{WINDOW.key}__")
    end("failed")
    assert get(REPORT)["state"] == "failed"
    store.save_report("trips", WINDOW, "evidently", "/somewhere/evidently.html")
    end("success")
    found = get(REPORT)
    assert (found["state"], found["links"]["evidently"]) == (
        "drawn",
        f"/plugin/driftgate/driftgate/reports/{DAG}/{WINDOW.key}/evidently.html",
    )


@pytest.mark.usefixtures("known_to_airflow")
def test_a_run_is_started_once_in_the_users_name_for_exactly_that_window(pages: Any, store: Any) -> None:
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session
    from sqlalchemy import select

    save_window(store)
    assert [draw(pages).status_code for _ in range(2)] == [200, 200]
    with create_session() as session:
        found = session.execute(select(DagRun.conf, DagRun.triggering_user_name).where(DagRun.dag_id == REPORTS_DAG)).all()
    conf = {"monitor": "trips", "window_start": "2024-01-01T00:00:00+00:00", "window_end": "2024-01-02T00:00:00+00:00"}
    assert [tuple(row) for row in found] == [(conf, "anna")]


@pytest.mark.usefixtures("known_to_airflow")
def test_who_may_not_trigger_runs_of_the_monitor_has_nothing_drawn(pages: Any, get: Get, store: Any) -> None:
    save_window(store)
    assert draw(pages, role="viewer").status_code == 403
    assert pages.post(REPORT, content="{}", headers=JSON).status_code == 401
    assert draw(pages, **{"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert draw(pages, **{"Content-Type": "text/plain"}).status_code == 415
    assert get(REPORT)["state"] == "not_drawn"
    assert [get(OWN, role=role)["may"]["draw"] for role in ("viewer", "user")] == [False, True]


@pytest.mark.usefixtures("known_to_airflow")
def test_what_was_not_measured_is_not_drawn(pages: Any, store: Any) -> None:
    assert draw(pages).status_code == 404
    store.save_batch(Batch("trips", WINDOW, BatchStatus.QUARANTINED, rows=10))
    answer = draw(pages)
    assert (answer.status_code, "quarantined, not measured" in answer.json()["detail"]) == (409, True)
    assert draw(pages, path=f"{OWN}/windows/yesterday/report").status_code == 422


@pytest.mark.usefixtures("known_to_airflow")
def test_a_paused_dag_is_named(pages: Any, store: Any) -> None:
    from airflow.models.dag import DagModel
    from airflow.utils.session import create_session
    from sqlalchemy import update

    save_window(store)
    pause = update(DagModel).where(DagModel.dag_id == REPORTS_DAG)
    with create_session() as session:
        session.execute(pause.values(is_paused=True))
    answer = draw(pages)
    with create_session() as session:
        session.execute(pause.values(is_paused=False))
    assert (answer.status_code, f"{REPORTS_DAG} is paused" in answer.json()["detail"]) == (409, True)


def test_underscores_in_a_run_id_are_no_wildcards(airflow_db: Any) -> None:
    assert runs.newest(REPORTS_DAG, "draw__tr_ps") is None
