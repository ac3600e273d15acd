"""Whole DAG runs in this process (`dag.test()`), on real files, PostgreSQL and MLflow; the scheduler itself is not part of it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import factories
from airflow_env import ROOT
from driftgate.records import BatchStatus, RetrainVerdict
from s3_server import BUCKET, S3Server

SUITE = {
    "name": "trips",
    "expectations": [{"type": "expect_column_values_to_be_between", "kwargs": {"column": "distance", "min_value": 0, "max_value": 100}}],
}
STEPS = (
    *("ingest", "gate", "measure", "log_mlflow", "render_report", "store_postgres", "export_metrics", "decide"),
    *("alert", "no_action", "trigger_retrain", "finish"),
)


# MLflow's model writer asks every imported module for names, Airflow's deprecated ones too.
pytestmark = pytest.mark.filterwarnings(r"ignore:\s*The `airflow\..*deprecated")
RETRAIN_STEPS = ("build_training_set", "train_challenger", "compare", "route", "promote", "keep_champion")
BACKFILL_STEPS = ("plan", "prepare", "settle", "log_mlflow", "finish", "trigger_retrain")
Run = Callable[..., dict[str, str]]


@pytest.fixture
def run_dag(
    airflow_db: Path,
    write_monitor: Callable[..., Path],
    tmp_path: Path,
    store: Any,
    postgres_uri: str,
    mlflow_uri: str,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Run]:
    """Run a DAG of an installation in a temporary folder; return the state of each task."""
    import mlflow
    from airflow.dag_processing.bundles.manager import DagBundlesManager
    from airflow.dag_processing.dagbag import DagBag, sync_bag_to_db
    from airflow.utils.session import create_session

    source = tmp_path / "home" / "source"
    suites = tmp_path / "gx" / "expectations"
    for folder in (source, suites):
        folder.mkdir(parents=True)
    (suites / "trips.json").write_text(json.dumps(SUITE), encoding="utf-8")
    write_monitor(
        "trips",
        source={"kind": "files", "path": "{home}/source/{window_start:%Y-%m-%d}.csv"},
        model={"predictions": "source"},
        reference={"kind": "window", "start": "2024-01-01", "end": "2024-01-02"},
        gate={"suite": "trips"},
        decision={"rules": [{"metric": "mae", "above_reference": 1.5}], "consecutive": 2},
        retrain={"params": {"max_iter": 20}, "approval": "auto"},
    )
    monkeypatch.setenv("AIRFLOW_CONN_DRIFTGATE_DB", postgres_uri.replace("postgresql+psycopg2://", "postgres://", 1))
    monkeypatch.setenv("DRIFTGATE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DRIFTGATE_GX_DIR", str(tmp_path / "gx"))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", mlflow_uri)
    mlflow.set_tracking_uri(mlflow_uri)
    with create_session() as session:
        DagBundlesManager().sync_bundles_to_db(session=session)

    def run(dag_id: str, **conf: Any) -> dict[str, str]:
        bag = DagBag(dag_folder=str(ROOT / "dags"), bundle_path=ROOT / "dags", bundle_name="dags-folder")
        sync_bag_to_db(bag, "dags-folder", None)
        done = bag.dags[dag_id].test(run_conf=conf)
        return {item.task_id: str(item.state) for item in done.get_task_instances()}

    yield run
    mlflow.set_tracking_uri(None)
    os.environ.pop("_AIRFLOW_PROCESS_CONTEXT", None)


@pytest.fixture
def run_day(run_dag: Run, tmp_path: Path) -> Run:
    """Run the monitor DAG for one day of January 2024, with this many rows."""

    def run(day: int, rows: int = 150, **change: Any) -> dict[str, str]:
        for number, count, shape in ((0, 150, {}), (day, rows, change)):
            frame = factories.make_frame(count, seed=number, day=number, **shape)
            frame.to_csv(tmp_path / "home" / "source" / f"{factories.make_window(number).start:%Y-%m-%d}.csv", index=False)
        return run_dag("monitor__trips", window_start=f"{factories.make_window(day).start:%Y-%m-%d}")

    return run


def test_an_ordinary_day_ends_with_no_action(run_day: Run, store: Any) -> None:
    states = run_day(5)
    assert states == {step: "skipped" if step in ("alert", "trigger_retrain") else "success" for step in STEPS}
    assert store.find_batch("trips", factories.make_window(5)).status is BatchStatus.MEASURED


def test_a_day_without_rows_skips_the_rest(run_day: Run, store: Any) -> None:
    states = run_day(6, rows=0)
    assert states == {step: "success" if step in ("ingest", "finish") else "skipped" for step in STEPS}
    assert store.find_batch("trips", factories.make_window(6)).status is BatchStatus.NO_DATA


def test_a_spoiled_day_stops_at_the_gate(run_day: Run, store: Any) -> None:
    states = run_day(7, shift=1000.0)
    assert states["gate"] == "failed"
    assert {state for step, state in states.items() if step not in ("ingest", "gate", "finish")} == {"upstream_failed"}
    assert store.find_batch("trips", factories.make_window(7)).status is BatchStatus.QUARANTINED


def test_tasks_find_what_others_wrote_on_s3(
    run_day: Run, store: Any, s3: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DRIFTGATE_DATA_URL", f"s3://{BUCKET}/dags")
    states = run_day(5)
    assert states == {step: "skipped" if step in ("alert", "trigger_retrain") else "success" for step in STEPS}
    batch = store.find_batch("trips", factories.make_window(5))
    assert batch.status is BatchStatus.MEASURED
    assert batch.path.startswith(f"s3://{BUCKET}/dags/batches/trips/")
    assert sorted(path.name for path in (tmp_path / "home").iterdir()) == ["evidently", "references", "source"], (
        "the machine keeps a cache, nothing else"
    )


def test_a_retraining_promotes_the_first_challenger(run_day: Run, run_dag: Run, store: Any) -> None:
    for day in (5, 6, 7):
        run_day(day)
    states = run_dag("retrain__trips", reason="a test")
    assert states == {step: "skipped" if step == "keep_champion" else "success" for step in RETRAIN_STEPS}
    done = store.find_retraining("trips", factories.make_window(7))
    assert (done.verdict, done.approver) == (RetrainVerdict.PROMOTED, "auto")


def test_a_backfill_does_what_the_daily_runs_do(run_day: Run, run_dag: Run, store: Any, tmp_path: Path) -> None:
    run_day(5)
    for day, rows in ((6, 150), (7, 0), (8, 150)):
        frame = factories.make_frame(rows, seed=day, day=day)
        frame.to_csv(tmp_path / "home" / "source" / f"{factories.make_window(day).start:%Y-%m-%d}.csv", index=False)
    states = run_dag("backfill__trips", **{"from": "2024-01-06", "to": "2024-01-10"})
    assert states == {step: "skipped" if step == "trigger_retrain" else "success" for step in BACKFILL_STEPS}
    statuses = [store.find_batch("trips", factories.make_window(day)).status for day in (5, 6, 7, 8)]
    assert statuses == [BatchStatus.MEASURED, BatchStatus.MEASURED, BatchStatus.NO_DATA, BatchStatus.MEASURED]
    assert store.find_report("trips", factories.make_window(8), "mlflow")
    assert run_dag("backfill__trips", **{"from": "2024-01-06", "to": "2024-01-08"})["prepare"] == "skipped", "all of it is done"


def test_a_backfill_starts_the_retraining_that_the_monitors_own_dag_would(run_day: Run, run_dag: Run, store: Any, tmp_path: Path) -> None:
    run_day(20, slope=9.0)
    frame = factories.make_frame(150, seed=21, day=21, slope=9.0)
    frame.to_csv(tmp_path / "home" / "source" / f"{factories.make_window(21).start:%Y-%m-%d}.csv", index=False)
    stretch = {"from": "2024-01-21", "to": "2024-01-23"}
    assert run_dag("backfill__trips", **stretch)["trigger_retrain"] == "skipped"
    assert retrainings() == {}

    states = run_dag("backfill__trips", **stretch, retrain=True)
    assert states["prepare"] == "skipped", "both days were done before"
    assert states["trigger_retrain"] == "success"
    window, decision = factories.make_window(21), store.find_decision("trips", factories.make_window(21))
    asked = {"window_start": window.start.isoformat(), "window_end": window.end.isoformat(), "reason": "; ".join(decision.reasons)}
    assert retrainings() == {f"drift__{window.key}": asked}

    assert run_day(21, slope=9.0)["trigger_retrain"] == "skipped", "the same window never starts a second retraining"
    assert run_dag("backfill__trips", **stretch, retrain=True)["trigger_retrain"] == "skipped"
    assert retrainings() == {f"drift__{window.key}": asked}


def retrainings() -> dict[str, Any]:
    """Return the runs of the retraining DAG that a decision started, each with what it was told."""
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        found = session.scalars(select(DagRun).where(DagRun.dag_id == "retrain__trips", DagRun.run_id.like("drift__%")))
        return {item.run_id: item.conf for item in found}
