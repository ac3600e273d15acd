"""Records as real runs leave them, read as Grafana reads them: with a login of the read-only role.

A monitor with a gate, segments, a KPI, a champion, a batch that is stopped, a lasting change, a retraining, a window that cannot be read,
a message and an export that no server takes. A second monitor has the same numbers and a name that only works when it is quoted.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy import Connection, Engine, create_engine, text

import factories
from driftgate import exporting, incidents, notifications, pipeline, retraining
from driftgate.config.loader import load_monitor
from driftgate.config.windows import window_at
from driftgate.context import Context
from driftgate.errors import DriftgateError, SourceError
from driftgate.record.incidents import IncidentStore
from driftgate.record.migrate import migrate
from driftgate.record.store import RecordStore
from driftgate.records import Cause, GateVerdict, Window
from driftgate.settings import load
from driftgate.stack import provision
from driftgate.stack.state import ROLES, SUPERUSER, StackState
from postgres_server import serve

MONITOR, AWKWARD = "trips", 'o\'hare; "DROP"'
SUITE = {
    "name": "trips",
    "expectations": [
        {"type": "expect_column_values_to_be_between", "kwargs": {"column": "distance", "min_value": 0, "max_value": 100, "mostly": 0.98}},
        {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "vendor"}},
    ],
}
DEAD = "127.0.0.1:9"
"""An address at which no server answers."""
FIRST, STOPPED, CHANGED, AFTER, STOPPED_AGAIN, UNREADABLE = -4, 7, (8, 9), 10, 11, 12
"""Days of the story: the first of those that the champion and its limits are learned from; stopped by the gate; changed for good (the second asks for a retraining); the new champion's first window; stopped
again, and left so; not there."""

CONTENT: dict[str, Any] = {
    "id": MONITOR,
    "owner": "tests",
    "task": "regression",
    "source": {"kind": "files", "path": "{home}/source/{window_start:%Y-%m-%d}.csv"},
    "columns": {
        "timestamp": "ts", "id": ["trip_id"], "target": "duration",
        "numerical": ["distance", "hour"], "categorical": ["vendor"], "segments": ["vendor"],
    },
    "gate": {"suite": "trips"},
    "measures": {"method_numerical": "ks", "method_categorical": "jensenshannon", "drift_share": 0.4, "minimum_segment_rows": 10},
    "kpis": [{"name": "long_trips", "expression": "share(duration > 20)", "above": 0.3}, {"name": "mean_distance", "expression": "mean(distance)"}],
    "fairness": {"columns": ["vendor"], "minimum_rows": 10},
    "decision": {"rules": [{"metric": "mae", "above_reference": 1.5}], "consecutive": 2, "cooldown": "3d"},
    "retrain": {
        "training_window": "4d", "held_out": 0.2, "minimum_rows": 100, "minimum_segment_rows": 5, "params": {"max_iter": 40}, "approval": "auto",
    },
}  # fmt: skip


@pytest.fixture(scope="session")
def stack_state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StackState]:
    """A PostgreSQL with the roles and grants of the embedded stack and the migrated records."""
    with serve(tmp_path_factory.mktemp("grafana_postgres") / "home") as address:
        secrets = {role: f"{role}-pass" for role in ROLES} | {SUPERUSER: str(address.password)}
        state = StackState({"postgres": int(address.port or 0)}, secrets)
        provision.provision(state)
        migrate(state.owner_uri)
        yield state


@pytest.fixture(scope="session")
def records(stack_state: StackState, tmp_path_factory: pytest.TempPathFactory, mlflow_database: Path) -> Iterator[Engine]:
    """The records of the story, as the role of the tasks; the awkward monitor is written by SQL from the real rows."""
    base = tmp_path_factory.mktemp("grafana_runs")
    engine = create_engine(stack_state.app_uri)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(base)  # the artifacts of MLflow lie there
        patch.setenv("AIRFLOW_CONN_DEAD_CHANNEL", json.dumps({"conn_type": "http", "host": f"http://{DEAD}/"}))
        _tell(_context(base, engine, mlflow_database))
    _copy_monitor(engine)
    yield engine
    engine.dispose()


def _context(base: Path, engine: Engine, mlflow_database: Path) -> Context:
    for folder in ("home/source", "monitors", "gx/expectations"):
        (base / folder).mkdir(parents=True)
    shutil.copyfile(mlflow_database, base / "mlflow.db")
    path = base / "monitors" / f"{MONITOR}.yaml"
    path.write_text(yaml.safe_dump(CONTENT))
    (base / "gx" / "expectations" / "trips.json").write_text(json.dumps(SUITE))
    (base / "notifications.yaml").write_text(yaml.safe_dump({"channels": {"desk": {"kind": "webhook", "connection": "dead_channel"}}}))
    environment = {
        "DRIFTGATE_PROJECT_ROOT": str(Path(__file__).parents[2]),
        "DRIFTGATE_HOME": str(base / "home"),
        "DRIFTGATE_MONITORS_DIR": str(base / "monitors"),
        "DRIFTGATE_NOTIFICATIONS_FILE": str(base / "notifications.yaml"),
        "MLFLOW_TRACKING_URI": f"sqlite:///{base / 'mlflow.db'}",
        "PROMETHEUS_GATEWAY": DEAD,
    }
    return Context(load_monitor(path), replace(load(environment), gx_dir=base / "gx"), RecordStore(engine))


def _tell(context: Context) -> None:
    for day in range(FIRST, AFTER + 1):
        _write(context, day, slope=6.0 if day in (*CHANGED, AFTER) else 3.0)
    for day in (STOPPED, STOPPED_AGAIN):
        _write(context, day, factor=1000)
    retraining.bootstrap(context, "2023-12-28", "2024-01-07", approver="test")
    _run(context, 6)
    _run(context, STOPPED)
    IncidentStore(context.store.engine).acknowledge(1, "somebody")
    for day in CHANGED:
        _run(context, day)
    assert retraining.retrain(context, _day(context, CHANGED[-1]), approver="test").challenger_version == "2"
    _run(context, AFTER)
    _run(context, STOPPED_AGAIN)
    with pytest.raises(SourceError):
        _run(context, UNREADABLE)
    incidents.task_failed(context, Cause.RUN, _day(context, UNREADABLE), "task ingest failed")
    with suppress(DriftgateError):
        notifications.deliver_for(context)
    with pytest.raises(DriftgateError):
        exporting.export_window(context, _day(context, AFTER), "2")


def _write(context: Context, day: int, *, slope: float = 3.0, factor: float = 1.0) -> None:
    frame = factories.make_frame(150, seed=day % 100, day=day, slope=slope).drop(columns=["prediction"])
    frame["distance"] *= factor
    frame.loc[frame.index[: 15 if day % 2 else 3], "hour"] = None
    frame.to_csv(context.settings.home / "source" / f"{factories.make_window(day).start:%Y-%m-%d}.csv", index=False)


def _day(context: Context, number: int) -> Window:
    return window_at(context.config, factories.make_window(number).start)


def _run(context: Context, number: int) -> None:
    """Do what a run of the DAG does, but draw no report."""
    batch = pipeline.ingest(context, _day(context, number))
    result = pipeline.gate(context, batch, build_docs=False)
    if result.verdict is GateVerdict.FAIL:
        return
    measures = pipeline.measure(context, batch)
    pipeline.store(context, batch, measures)
    pipeline.log_mlflow(context, batch, result, measures)
    pipeline.decide(context, measures)


def _copy_monitor(engine: Engine) -> None:
    """Give another monitor the same rows, in tables that are keyed by the monitor."""
    with engine.begin() as connection:
        for table in ("batch", "gate_result", "metric", "decision", "incident", "retraining", "message", "export"):
            columns = connection.execute(
                text(
                    "SELECT column_name FROM information_schema.columns WHERE table_schema = 'driftgate' AND table_name = :table "
                    "AND is_identity = 'NO' AND column_name NOT IN ('monitor', 'key', 'incident_id')"
                ),
                {"table": table},
            ).scalars()
            names = ", ".join(f'"{name}"' for name in columns)
            key, value = (", key", ", key || ' of another monitor'") if table == "message" else ("", "")
            connection.execute(
                text(
                    f"INSERT INTO driftgate.{table} (monitor, {names}{key}) SELECT :name, {names}{value} FROM driftgate.{table} WHERE monitor = :old"
                ),
                {"name": AWKWARD, "old": MONITOR},
            )


@pytest.fixture(scope="session")
def reader(stack_state: StackState, records: Engine) -> Iterator[Connection]:
    """A connection with the role that Grafana logs in with."""
    engine = create_engine(stack_state.database_uri("driftgate_reader", "driftgate"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        yield connection
    engine.dispose()


TIME_RANGE = datetime(2023, 12, 30, tzinfo=UTC), datetime(2024, 2, 1, tzinfo=UTC)
