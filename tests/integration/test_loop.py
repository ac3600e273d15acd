"""The closed loop on the real stack. The tests of this file run in order on what the demonstration left."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import threading
import time
from pathlib import Path

import psutil
import pytest
import yaml
from sqlalchemy import create_engine, text

from world import World

pytestmark = pytest.mark.integration

ORDINARY, CORRUPTED, TRIGGER, LAST = "2013-04-01", "2013-04-03", "2013-04-07", "2013-04-09"


def _key(row: dict) -> str:
    from driftgate.records import Window

    return Window(row["window_start"], row["window_end"]).key


def test_the_demonstration_ends_as_it_announced(world: World) -> None:
    assert world.demo.returncode == 0, world.demo.stdout + world.demo.stderr
    assert "NOT AS ANNOUNCED" not in world.demo.stdout
    for word in ("Airflow ", "Data Docs ", "MLflow run ", "driftgate psql", "window ", "decision"):
        assert word in world.demo.stdout


def test_the_records_show_every_day_and_its_fate(world: World) -> None:
    rows = world.sql(
        "SELECT (window_start AT TIME ZONE 'America/New_York')::date::text AS day, status FROM driftgate.batch "
        "WHERE monitor = 'flights' AND window_start >= '2013-04-01' ORDER BY 1"
    )
    fates = {row["day"]: row["status"] for row in rows}
    assert fates == {f"2013-04-{day:02d}": "quarantined" if day in (3, 10) else "measured" for day in range(1, 11)}


def test_the_corrupted_day_was_stopped_and_its_faults_named(world: World) -> None:
    failed = world.sql("SELECT failed, data_docs FROM driftgate.gate_result WHERE verdict = 'fail' ORDER BY window_start")
    assert len(failed) == 2
    assert {"distance", "carrier", "dep_delay"} <= {item["column"] for item in failed[0]["failed"]}
    assert (world.settings.data_docs_dir / failed[0]["data_docs"]).is_file()
    assert world.metrics(CORRUPTED) == []
    states = world.api.task_states("monitor__flights", f"demo__{CORRUPTED}")
    assert states["gate"] == "failed"
    assert {states[name] for name in ("measure", "store_postgres", "log_mlflow", "decide")} == {"upstream_failed"}
    log = world.api.task_log("monitor__flights", f"demo__{CORRUPTED}", "gate")
    assert "is quarantined" in log
    assert "data-docs" in log


def test_the_shift_led_to_one_retraining_and_a_new_champion(world: World) -> None:
    from driftgate.serve.registry import Registry

    rows = world.sql("SELECT * FROM driftgate.retraining WHERE champion_version IS NOT NULL")
    assert len(rows) == 1
    assert rows[0]["verdict"] == "promoted"
    assert Registry(world.settings.require_mlflow()).champion_version("flights") == rows[0]["challenger_version"] == "2"
    assert rows[0]["challenger_scores"]["mae"] < rows[0]["champion_scores"]["mae"]
    assert {"origin=EWR", "origin=JFK", "origin=LGA"} <= set(rows[0]["challenger_segments"]) & set(rows[0]["champion_segments"])
    decisions = world.sql(
        "SELECT action, reasons FROM driftgate.decision WHERE monitor = 'flights' AND window_start >= '2013-04-05' ORDER BY window_start"
    )
    assert [row["action"] for row in decisions][:3] == ["alert", "alert", "trigger_retrain"]
    assert any("mae" in reason for reason in decisions[2]["reasons"])
    assert world.batch(LAST)["model_version"] == "2"


def test_the_mlflow_run_of_a_window_holds_numbers_and_artifacts(world: World) -> None:
    from mlflow import MlflowClient

    runs = world.mlflow_runs("flights", _key(world.batch(ORDINARY)))
    assert len(runs) == 1
    run = runs[0]
    assert {"batch_start_date", "batch_end_date", "num_records_current"} <= set(run.data.params)
    stored = {row["metric"]: row["value"] for row in world.metrics(ORDINARY) if (row["family"], row["segment"]) == ("performance", "")}
    assert run.data.metrics["performance.mae"] == pytest.approx(stored["mae"], rel=1e-12)
    client = MlflowClient(world.settings.require_mlflow())
    names = {item.path for folder in ("", "evidently") for item in client.list_artifacts(run.info.run_id, folder or None)}
    assert {"evidently/evidently.html", "evidently/evidently.json"} <= names
    assert any("gate" in name for name in names)


def test_the_window_that_triggered_can_run_again_without_a_second_retraining(world: World) -> None:
    before, metrics = world.counts(), world.metrics(TRIGGER)
    assert world.run_dag("monitor__flights", "again__trigger", window_start=TRIGGER) == "success"
    assert world.counts() == before
    assert world.metrics(TRIGGER) == metrics
    assert world.api.task_states("monitor__flights", "again__trigger")["trigger_retrain"] == "skipped"
    assert len(world.mlflow_runs("flights", _key(world.batch(TRIGGER)))) == 1
    assert len(world.api.runs("retrain__flights")) == 1


def test_the_command_line_writes_the_same_rows_as_airflow(world: World) -> None:
    before, metrics, batch = world.counts(), world.metrics(LAST), world.batch(LAST)
    done = world.run("run", "flights", "--window", LAST, "--reprocess")
    assert "decision" in done.stdout
    assert world.counts() == before
    assert world.metrics(LAST) == metrics
    assert world.batch(LAST)["content_hash"] == batch["content_hash"]
    assert len(world.mlflow_runs("flights", _key(batch))) == 1


def test_rollback_puts_the_first_champion_back(world: World) -> None:
    assert "version 1 again" in world.run("rollback", "flights").stdout
    assert world.run_dag("monitor__flights", "after_rollback", window_start="2013-04-25") == "success"
    assert world.batch("2013-04-25")["model_version"] == "1"
    assert world.sql("SELECT verdict FROM driftgate.retraining WHERE challenger_version = '2' AND monitor = 'flights'")[0]["verdict"] == (
        "rolled_back"
    )
    assert world.run("rollback", "flights", check=False).returncode == 2


def test_a_window_without_rows_is_no_data_and_a_successful_run(world: World) -> None:
    assert world.run_dag("monitor__flights", "empty", window_start="2014-06-01") == "success"
    assert world.batch("2014-06-01")["status"] == "no_data"
    assert world.api.task_states("monitor__flights", "empty")["measure"] == "skipped"


@pytest.mark.parametrize(
    ("run_id", "conf", "said"),
    [
        ("future", {"window_start": "2100-01-01"}, "has not ended yet"),
        ("backwards", {"window_start": "2013-04-05", "window_end": "2013-04-01"}, "is not after its start"),
    ],
)
def test_an_impossible_window_fails_with_a_clear_sentence(world: World, run_id: str, conf: dict, said: str) -> None:
    before = world.counts()
    assert world.run_dag("monitor__flights", run_id, **conf) == "failed"
    assert said in world.api.task_log("monitor__flights", run_id, "ingest")
    assert world.counts()["metric"] == before["metric"]


def test_airflows_own_backfill_fills_a_past_window(world: World) -> None:
    world.airflow_command("backfill", "create", "--dag-id", "monitor__flights", "--from-date", "2013-04-14", "--to-date", "2013-04-15")

    def ended() -> bool:
        runs = [run for run in world.api.runs("monitor__flights") if run["run_type"] == "backfill"]
        return bool(runs) and all(run["state"] in ("success", "failed") for run in runs)

    world.wait_for(ended, 180, "backfill")
    runs = [run for run in world.api.runs("monitor__flights") if run["run_type"] == "backfill"]
    assert {run["state"] for run in runs} == {"success"}
    assert world.batch("2013-04-14")["status"] == "measured"


def test_two_runs_of_one_window_at_once_leave_one_set_of_rows(world: World) -> None:
    command_line = threading.Thread(target=world.run, args=("run", "flights", "--window", "2013-04-17"))
    world.api.trigger("monitor__flights", "at_once", {"window_start": "2013-04-17"})
    command_line.start()
    assert world.api.wait("monitor__flights", "at_once", 240) == "success"
    command_line.join()
    batch = world.batch("2013-04-17")
    assert batch["status"] == "measured"
    addresses = [(row["model_version"], row["family"], row["metric"], row["column"], row["segment"]) for row in world.metrics("2013-04-17")]
    assert len(addresses) == len(set(addresses)) > 30
    assert len(world.mlflow_runs("flights", _key(batch))) == 1


def test_mlflow_standing_still_during_a_run_is_survived(world: World) -> None:
    """The server is stopped dead (not killed: it accepts connections and never answers) while the run needs it."""
    pid = world.process("mlflow")["pid"]
    family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    for process in family:
        process.suspend()
    try:
        world.api.trigger("monitor__flights", "mlflow_down", {"window_start": "2013-04-18"})
        world.wait_for(
            lambda: "up_for_retry" in world.api.task_states("monitor__flights", "mlflow_down").values(), 120, "a task that waits for MLflow"
        )
    finally:
        for process in family:
            process.resume()
    assert world.api.wait("monitor__flights", "mlflow_down", 240) == "success"
    assert world.batch("2013-04-18")["status"] == "measured"
    assert len(world.mlflow_runs("flights", _key(world.batch("2013-04-18")))) == 1


def test_a_worker_killed_while_it_stores_leaves_nothing_half_written(world: World) -> None:
    """A table lock holds store_postgres in the middle of its transaction; its process is killed there."""
    admin = create_engine(world.settings.require_database())
    with admin.connect() as holder:
        holder.execute(text("LOCK TABLE driftgate.metric IN EXCLUSIVE MODE"))
        world.api.trigger("monitor__flights", "killed", {"window_start": "2013-04-19"})
        _wait_for_blocked_writer(world)
        os.kill(_process_of_task(world, "killed", "store_postgres"), signal.SIGKILL)
        time.sleep(1)
        assert world.metrics("2013-04-19") == []
        holder.rollback()
    assert world.api.wait("monitor__flights", "killed", 400) == "success"
    assert world.batch("2013-04-19")["status"] == "measured"
    assert len(world.metrics("2013-04-19")) > 30


def _wait_for_blocked_writer(world: World) -> None:
    blocked = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query ILIKE 'insert into driftgate.metric%'"
    world.wait_for(lambda: world.sql(blocked), 120, "store_postgres waiting for the lock")


def _process_of_task(world: World, run_id: str, task_id: str) -> int:
    """Find the process in which a task runs: Airflow names it, and the worker that watches over it, after the task instance."""
    task = world.api.get(f"/dags/monitor__flights/dagRuns/{run_id}/taskInstances/{task_id}")
    named = {}
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if task["id"] in " ".join(process.cmdline()):
                named[process.pid] = process.ppid()
    found = [pid for pid, parent in named.items() if parent in named]
    assert len(found) == 1, f"processes of {task_id} ({task['id']}): {named}"
    return found[0]


def test_postgres_killed_during_a_run_is_survived(world: World) -> None:
    """The server that holds Airflow's own tables and the records dies; the supervisor brings it back; the window completes."""
    world.api.trigger("monitor__flights", "postgres_killed", {"window_start": "2013-04-22"})
    time.sleep(2)
    os.kill(world.process("postgres")["pid"], signal.SIGKILL)
    world.wait_for(lambda: world.run("status", check=False).returncode == 0, 180, "a healthy stack")
    world.engine.dispose()
    if world.api.wait("monitor__flights", "postgres_killed", 400) != "success":
        assert world.run_dag("monitor__flights", "postgres_killed_again", window_start="2013-04-22") == "success"
    batch = world.batch("2013-04-22")
    assert batch["status"] == "measured"
    assert len(world.mlflow_runs("flights", _key(batch))) == 1


def test_a_broken_monitor_file_is_an_import_error_and_hides_nobody(world: World) -> None:
    path = world.monitors / "broken.yaml"
    path.write_text("id: broken\ntask: guess\n", encoding="utf-8")
    try:
        world.wait_for(lambda: any("broken.yaml" in item["stack_trace"] for item in world.api.import_errors()), 120, "import error")
        trace = next(item["stack_trace"] for item in world.api.import_errors() if "broken.yaml" in item["stack_trace"])
        assert re.search(r"broken\.yaml:2: task: 'guess' is not allowed; use one of 'regression'", trace)
        assert world.api.has_dag("monitor__flights")
        assert world.run("validate", check=False).returncode == 1
    finally:
        path.unlink()
    world.wait_for(lambda: not world.api.import_errors(), 120, "import error gone")
    assert not world.api.has_dag("monitor__broken")


def test_the_demonstration_again_repeats_nothing(world: World) -> None:
    world.settle()
    before, runs = world.counts(), len(world.api.runs("monitor__flights"))
    again = world.run("demo", timeout=300)
    assert again.stdout.count("done before") == 10
    assert "is the champion already" in again.stdout
    assert world.counts() == before
    assert len(world.api.runs("monitor__flights")) == runs


def person_monitor(world: World, **retrain: object) -> str:
    content = yaml.safe_load((world.monitors / "flights.yaml").read_text(encoding="utf-8"))
    content |= {"id": "flights_person", "retrain": {"training_window": "14d", "approval": "human", **retrain}}
    content["schedule"]["cron"] = None
    return yaml.safe_dump(content)


def test_a_person_approves_or_rejects_in_airflow(world: World) -> None:
    """A champion that learned nothing is beaten for sure; the challenger waits for a person, twice."""
    world.add_monitor("flights_person", person_monitor(world, params={"max_iter": 1, "learning_rate": 0.01}))
    world.run("train", "flights_person", "--from", "2013-03-11", "--to", "2013-03-25", timeout=240)
    world.add_monitor("flights_person", person_monitor(world, params={"max_iter": 50}))
    window = {"window_start": "2013-03-24T00:00:00-04:00", "reason": "test"}

    _wait_for_person(world, "to_reject", {**window, "window_end": "2013-03-25T00:00:00-04:00"})
    assert world.api.answer_approval("retrain__flights_person", "to_reject", "approve", "Reject").status_code == 200
    assert world.api.wait("retrain__flights_person", "to_reject", 120) == "success"
    _wait_for_person(
        world, "to_approve", {**window, "window_start": "2013-03-23T00:00:00-04:00", "window_end": "2013-03-25T00:00:00-04:00"}
    )
    assert world.api.answer_approval("retrain__flights_person", "to_approve", "approve", "Approve").status_code == 200
    assert world.api.answer_approval("retrain__flights_person", "to_approve", "approve", "Approve").status_code == 409
    assert world.api.wait("retrain__flights_person", "to_approve", 120) == "success"

    rows = world.sql("SELECT verdict, approver FROM driftgate.retraining WHERE monitor = 'flights_person' ORDER BY created_at")
    assert [row["verdict"] for row in rows] == ["promoted", "rejected", "promoted"]
    assert {row["approver"] for row in rows[1:]} == {world.login[0]}


def _wait_for_person(world: World, run_id: str, conf: dict) -> None:
    world.api.trigger("retrain__flights_person", run_id, conf)

    def waiting() -> bool:
        states = world.api.task_states("retrain__flights_person", run_id)
        assert "failed" not in states.values(), states
        return states.get("approve") == "awaiting_input"

    world.wait_for(waiting, 180, "a question to a person")
    time.sleep(3)  # nobody answers within the second in which Airflow still hears of the question's own task; it would ask again


BIKES = (
    Path(os.environ.get("DRIFTGATE_BIKE_SHARING", Path(__file__).resolve().parents[3] / "shared" / "data" / "bike_sharing")) / "hour.csv"
)


@pytest.mark.skipif(
    not BIKES.is_file(), reason=f"the bike sharing data is not at {BIKES}; set DRIFTGATE_BIKE_SHARING to the folder with hour.csv"
)
def test_a_monitor_copied_from_the_template_works_without_python(world: World) -> None:
    template = (world.monitors / "_template.yaml").read_text(encoding="utf-8")
    changes = {
        "id: my_model ": "id: bikes ",
        "data/my_model/{window_start:%Y-%m-%d}.csv": str(BIKES),
        "timestamp: ts ": "timestamp: dteday ",
        "target: y ": "target: cnt ",
        "numerical: [x1, x2]": "numerical: [hr, temp, atemp, hum, windspeed]",
        "categorical: [c1]": "categorical: [season, holiday, weekday, workingday, weathersit]",
    }
    for old, new in changes.items():
        assert old in template
        template = template.replace(old, new)
    world.add_monitor("bikes", template)
    assert "promoted" in world.run("train", "bikes", "--from", "2011-01-01", "--to", "2011-03-01").stdout
    assert world.run_dag("monitor__bikes", "first", window_start="2011-03-01") == "success"
    batch = world.batch("2011-03-01", "bikes", "UTC")
    assert (batch["status"], batch["rows"]) == ("measured", 24)


def test_psql_reads_and_cannot_write(world: World) -> None:
    assert "quarantined" in world.run("psql", "-c", "select window_start, status from driftgate.batch").stdout
    refused = world.run("psql", "-c", "delete from driftgate.batch", check=False)
    assert refused.returncode != 0
    assert "permission denied" in refused.stderr or "read-only" in refused.stderr


def test_nothing_listens_beyond_this_machine(world: World) -> None:
    leaders = [item["pid"] for item in json.loads(world.run("status", "--json").stdout)["processes"]]  # those of now: some were killed
    pids = {pid for leader in leaders for pid in (leader, *_children(leader))}
    listening = {address for pid in pids for address in _listens_on(pid)}
    assert listening
    assert listening <= {"127.0.0.1", "::1"}


def _children(pid: int) -> list[int]:
    try:
        return [child.pid for child in psutil.Process(pid).children(recursive=True)]
    except psutil.NoSuchProcess:  # a task that has ended meanwhile
        return []


def _listens_on(pid: int) -> list[str]:
    try:
        return [item.laddr.ip for item in psutil.Process(pid).net_connections("inet") if item.status == "LISTEN"]
    except psutil.NoSuchProcess:
        return []


def test_the_login_is_needed(world: World) -> None:
    import httpx

    for path in ("/api/v2/dags", "/driftgate/data-docs/index.html"):
        assert httpx.get(world.status["addresses"]["Airflow"] + path).status_code in (401, 403), path


def test_down_leaves_nothing_running_and_loses_nothing(world: World) -> None:
    world.settle()
    before = world.counts()
    world.engine.dispose()
    world.run("down")
    strays = [p.pid for p in psutil.process_iter() if _belongs_to(p, world)]
    assert strays == []
    assert world.run("status", check=False).returncode == 1
    world.run("up", timeout=400)
    assert world.counts() == before


def _belongs_to(process: psutil.Process, world: World) -> bool:
    try:
        return process.environ().get("DRIFTGATE_HOME") == world.environ["DRIFTGATE_HOME"] and process.pid != os.getpid()
    except psutil.Error:
        return False
