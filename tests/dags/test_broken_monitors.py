"""A broken monitor file shows as an import error of its own and never takes the other monitors' DAGs down."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


def errors(bag: Any) -> dict[str, str]:
    return {Path(name).name: text for name, text in bag.import_errors.items()}


def test_a_broken_file_leaves_the_others_alone(write_monitor: Callable[..., Path], monitors: Path, parse: Callable[[], Any]) -> None:
    write_monitor("good")
    write_monitor("wrong", task="guessing")
    (monitors / "unreadable.yaml").write_text("id: [\n")
    bag = parse()
    assert set(bag.dags) == {"monitor__good", "retrain__good", "backfill__good", "driftgate__reports"}
    assert set(errors(bag)) == {"broken_monitors.py"}
    text = errors(bag)["broken_monitors.py"]
    assert "wrong.yaml:" in text
    assert "'guessing' is not allowed; use one of" in text
    assert "unreadable.yaml:" in text


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        ({"schedule": {"cron": "61 25 * * *"}}, "schedule.cron: '61 25 * * *' is not a cron expression"),
        ({"schedule": {"catchup": True}}, "schedule.catchup: needs 'start'"),
        ({"tags": ["x" * 101]}, "tags.0: has 101 characters"),
    ],
    ids=["cron", "catchup-without-start", "long-tag"],
)
def test_what_airflow_would_refuse_is_a_broken_file_too(
    write_monitor: Callable[..., Path], parse: Callable[[], Any], overrides: dict[str, Any], expected: str
) -> None:
    write_monitor("good")
    write_monitor("odd", **overrides)
    bag = parse()
    assert set(bag.dags) == {"monitor__good", "retrain__good", "backfill__good", "driftgate__reports"}
    assert expected in errors(bag)["broken_monitors.py"]
    assert "odd.yaml" in errors(bag)["broken_monitors.py"]


def test_a_corrected_file_gets_its_dags_and_the_error_goes(write_monitor: Callable[..., Path], parse: Callable[[], Any]) -> None:
    write_monitor("trips", task="guessing")
    assert errors(parse())
    write_monitor("trips")
    bag = parse()
    assert (set(bag.dags), bag.import_errors) == ({"monitor__trips", "retrain__trips", "backfill__trips", "driftgate__reports"}, {})


def test_airflows_database_keeps_the_good_dags_active_and_names_the_broken_file(
    write_monitor: Callable[..., Path], parse: Callable[[], Any], airflow_db: Path
) -> None:
    """The way the DAG processor stores a parse: the good DAGs stay, the import error is listed, and both again after the correction."""
    from airflow.dag_processing.bundles.manager import DagBundlesManager
    from airflow.dag_processing.dagbag import DagBag, sync_bag_to_db
    from airflow.models.dag import DagModel
    from airflow.models.errors import ParseImportError
    from airflow.utils.session import create_session
    from sqlalchemy import select

    from airflow_env import ROOT

    def parse_and_store() -> tuple[dict[str, bool], dict[str, str]]:
        bag = DagBag(dag_folder=str(ROOT / "dags"), bundle_path=ROOT / "dags", bundle_name="dags-folder")
        sync_bag_to_db(bag, "dags-folder", None)
        with create_session() as session:
            stored = [dag for dag in session.scalars(select(DagModel)) if dag.dag_id not in earlier]
            dags = {dag.dag_id: dag.is_stale or dag.has_import_errors for dag in stored}
            found = {str(item.filename): str(item.stacktrace) for item in session.scalars(select(ParseImportError))}
        return dags, found

    with create_session() as session:
        DagBundlesManager().sync_bundles_to_db(session=session)
        earlier = set(session.scalars(select(DagModel.dag_id)))  # of other tests, which share the database
    shared = {"driftgate__reports"}  # one DAG of all monitors, there or not before this test
    write_monitor("good")
    write_monitor("wrong", task="guessing")
    dags, found = parse_and_store()
    assert {name: state for name, state in dags.items() if name not in shared} == {
        "monitor__good": False,
        "retrain__good": False,
        "backfill__good": False,
    }
    assert set(found) == {"broken_monitors.py"}
    assert "wrong.yaml" in found["broken_monitors.py"]
    write_monitor("wrong")
    dags, found = parse_and_store()
    assert (set(dags) - shared, found) == (
        {"monitor__good", "retrain__good", "backfill__good", "monitor__wrong", "retrain__wrong", "backfill__wrong"},
        {},
    )
