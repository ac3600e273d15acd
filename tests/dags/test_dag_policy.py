"""What every DAG must have: owner, documentation, tags, retries, a form, an explicit catchup; and light DAG files."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_env import ROOT
from driftgate.errors import DriftgateError, MeasureError, ServiceError

HEAVY = ("pandas", "numpy", "evidently", "great_expectations", "mlflow", "sklearn", "scipy", "pyarrow", "psycopg2", "fastapi", "plotly")


@pytest.fixture
def dags(write_monitor: Callable[..., Path], parse: Callable[[], Any]) -> list[Any]:
    write_monitor("trips", tags=["fares"], owner="fleet", description="Predicts the duration of trips.")
    write_monitor("other", schedule={"cron": None}, retrain={"approval": "auto"})
    return [dag for name, dag in parse().dags.items() if not name.startswith("driftgate__")]


def test_every_dag_follows_the_policy(dags: list[Any]) -> None:
    assert len(dags) == 6
    for dag in dags:
        assert {"driftgate"} < set(dag.tags)
        assert dag.catchup is False
        assert dag.max_active_runs == 1
        assert dag.is_paused_upon_creation is False
        assert "**Triage**" in dag.doc_md
        assert "configuration `" in dag.doc_md
        assert dag.description
        for task in dag.tasks:
            assert task.owner in ("fleet", "tests")
            assert task.retries == (0 if task.task_id in ("alert", "export_metrics") else 3)
            assert task.retry_policy is not None


def test_what_the_monitor_file_says_reaches_airflow(dags: list[Any]) -> None:
    dag = next(dag for dag in dags if dag.dag_id == "monitor__trips")
    assert {"driftgate", "monitor", "regression", "fares"} == set(dag.tags)
    assert dag.description == "Predicts the duration of trips."
    assert "Predicts the duration of trips." in dag.doc_md


def test_every_dag_can_be_stored(dags: list[Any]) -> None:
    from airflow.serialization.serialized_objects import DagSerialization

    for dag in dags:
        DagSerialization.to_dict(dag)


def test_another_configuration_is_another_dag_version(write_monitor: Callable[..., Path], parse: Callable[[], Any]) -> None:
    from airflow.serialization.serialized_objects import DagSerialization

    write_monitor("trips", decision={"cooldown": "7d"})
    before = DagSerialization.to_dict(parse().dags["monitor__trips"])
    again = DagSerialization.to_dict(parse().dags["monitor__trips"])
    write_monitor("trips", decision={"cooldown": "8d"})
    after = DagSerialization.to_dict(parse().dags["monitor__trips"])
    assert before == again != after


def test_the_form_asks_for_dates_and_reprocess(dags: list[Any]) -> None:
    params = next(dag for dag in dags if dag.dag_id == "monitor__trips").params
    assert {name: params.get_param(name).schema.get("format") for name in params} == {
        "window_start": "date",
        "window_end": "date",
        "reprocess": None,
    }
    assert all(params.get_param(name).schema["title"] and params.get_param(name).description for name in params)


def test_windows_shorter_than_a_day_are_asked_for_with_the_time(write_monitor: Callable[..., Path], parse: Callable[[], Any]) -> None:
    write_monitor("trips", window={"size": "6h"}, schedule={"cron": "0 */6 * * *"})
    assert parse().dags["monitor__trips"].params.get_param("window_start").schema["format"] == "date-time"


@pytest.mark.parametrize(
    ("error", "action"),
    [
        (ServiceError("PostgreSQL does not answer"), "retry"),
        (MeasureError("no numbers"), "fail"),
        (DriftgateError("?"), "fail"),
        (OSError("disk"), "default"),
    ],
    ids=["server-down", "own-error", "any-own-error", "unknown"],
)
def test_only_what_may_pass_is_retried(dags: list[Any], error: Exception, action: str) -> None:
    decision = dags[0].tasks[0].retry_policy.evaluate(error, try_number=1, max_tries=3)
    assert decision.action.value == action


def test_the_schedule_follows_the_monitor_file(write_monitor: Callable[..., Path], parse: Callable[[], Any]) -> None:
    plan = {"cron": "0 0 * * *", "timezone": "America/New_York", "start": "2013-01-01", "end": "2014-01-01", "catchup": True}
    write_monitor("trips", schedule=plan)
    dag = parse().dags["monitor__trips"]
    assert dag.catchup is True
    assert dag.timetable.serialize() == {
        "expression": "0 0 * * *",
        "timezone": "America/New_York",
        "start": "2013-01-01T00:00:00-05:00",
        "end": "2014-01-01T00:00:00-05:00",
    }


def test_scheduled_intervals_lie_between_the_start_and_the_end_of_the_schedule(
    write_monitor: Callable[..., Path], parse: Callable[[], Any]
) -> None:
    from airflow.serialization.serialized_objects import DagSerialization

    plan = {"cron": "0 0 * * *", "timezone": "America/New_York", "start": "2013-12-30", "end": "2014-01-01", "catchup": True}
    write_monitor("trips", schedule=plan)
    dag = DagSerialization.from_dict(DagSerialization.to_dict(parse().dags["monitor__trips"]))
    runs = list(dag.iter_dagrun_infos_between(datetime(2013, 12, 1, tzinfo=UTC), datetime(2014, 2, 1, tzinfo=UTC)))
    starts = [run.data_interval.start for run in runs]
    assert starts == [datetime(2013, 12, day, 5, tzinfo=UTC) for day in (30, 31)]


def test_a_run_by_hand_has_its_tasks_whatever_the_schedule_says(write_monitor: Callable[..., Path], parse: Callable[[], Any]) -> None:
    """Airflow's form sends the present as logical date; tasks that end before it would silently be left out of the run."""
    write_monitor("trips", schedule={"start": "2013-01-01", "end": "2014-01-01"})
    dag = parse().dags["monitor__trips"]
    assert dag.end_date is None
    assert {task.end_date for task in dag.tasks} == {None}
    assert all(task.start_date <= datetime(2001, 1, 1, tzinfo=UTC) for task in dag.tasks)


def test_a_backfill_finds_each_day_once(write_monitor: Callable[..., Path], parse: Callable[[], Any]) -> None:
    from airflow.serialization.serialized_objects import DagSerialization

    write_monitor("trips", schedule={"cron": "0 0 * * *", "timezone": "America/New_York", "start": "2013-01-01", "end": "2014-01-01"})
    dag = DagSerialization.from_dict(DagSerialization.to_dict(parse().dags["monitor__trips"]))
    start = datetime(2013, 3, 9, 5, tzinfo=UTC)
    runs = list(dag.iter_dagrun_infos_between(start, start + timedelta(days=3)))
    ends = [run.data_interval.end for run in runs]
    assert ends[:3] == [datetime(2013, 3, 10, 5, tzinfo=UTC), datetime(2013, 3, 11, 4, tzinfo=UTC), datetime(2013, 3, 12, 4, tzinfo=UTC)]
    assert len({run.logical_date for run in runs}) == len(runs)


def test_monitors_without_a_schedule_wait_for_people(dags: list[Any]) -> None:
    assert next(dag for dag in dags if dag.dag_id == "monitor__other").timetable.can_be_scheduled is False


@pytest.mark.parametrize("path", sorted((ROOT / "dags").glob("*.py")), ids=lambda path: path.name)
def test_dag_files_stay_short_and_are_found_by_airflow(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 110
    assert "dag" in text.lower()
    assert "airflow" in text  # else Airflow's safe mode ignores the file silently


def test_parsing_is_light(write_monitor: Callable[..., Path]) -> None:
    """All DAG files together: under two seconds of processor time after Airflow's own import, and nothing heavy is imported."""
    for number in range(20):
        write_monitor(f"trips_{number}")
    script = (
        "import sys, time\n"
        "import airflow.sdk\n"
        "from airflow.dag_processing.dagbag import DagBag\n"
        "started = time.process_time()\n"
        f"bag = DagBag(dag_folder={str(ROOT / 'dags')!r})\n"
        f"print(len(bag.dags), time.process_time() - started, [name for name in {HEAVY!r} if name in sys.modules])\n"
    )
    code = [sys.executable, "-c", script]
    env = {"PYTHONPATH": ":".join(map(str, (ROOT, ROOT / "include", ROOT / "plugins")))}
    import os

    done = subprocess.run(code, env={**os.environ, **env}, capture_output=True, text=True, check=True)
    count, seconds, heavy = done.stdout.strip().splitlines()[-1].split(maxsplit=2)
    assert (count, heavy) == ("61", "[]")
    assert float(seconds) < 2, f"parsing took {seconds} s of processor time"


def test_airflow_leaves_the_plugin_package_alone() -> None:
    assert "driftgate_airflow" in (ROOT / "plugins" / ".airflowignore").read_text().splitlines()
    from airflow._shared.module_loading.file_discovery import find_path_from_directory

    found = [Path(path).name for path in find_path_from_directory(ROOT / "plugins", ".airflowignore", "glob") if path.endswith(".py")]
    assert found == ["driftgate_plugin.py"]


@pytest.mark.parametrize("folder", ["great_expectations", "dags", "plugins", "tests", "tests/dags", "tests/plugins"])
def test_folders_that_would_hide_a_library_are_no_packages(folder: str) -> None:
    assert not (ROOT / folder / "__init__.py").exists()


def test_the_plugin_imports_no_web_framework() -> None:
    script = "import sys\nimport driftgate_plugin\nprint([name for name in ('fastapi', 'starlette', 'pandas') if name in sys.modules])"
    import os

    env = {**os.environ, "PYTHONPATH": ":".join(map(str, (ROOT / "include", ROOT / "plugins")))}
    done = subprocess.run([sys.executable, "-c", script], env=env, capture_output=True, text=True, check=True)
    assert done.stdout.strip().splitlines()[-1] == "[]"


def started_first(dag: Any) -> dict[str, int]:
    """Return for each task how soon the scheduler takes it when several wait: the larger the sooner."""
    from airflow.serialization.serialized_objects import DagSerialization

    stored = DagSerialization.from_dict(DagSerialization.to_dict(dag))
    return {task.task_id: task.weight_rule.get_weight(SimpleNamespace(task=task)) for task in stored.task_dict.values()}


def test_a_window_that_was_begun_is_finished_before_another_begins(dags: list[Any]) -> None:
    weights = started_first(next(dag for dag in dags if dag.dag_id == "monitor__trips"))
    chain = [weights[task] for task in ("ingest", "gate", "measure", "store_postgres", "decide", "alert")]
    assert chain == sorted(set(chain))
    assert weights["log_mlflow"] > weights["measure"]


def test_pictures_and_the_past_wait_until_nothing_else_does(dags: list[Any]) -> None:
    weights = started_first(next(dag for dag in dags if dag.dag_id == "monitor__trips"))
    assert weights["render_report"] < min(weight for task, weight in weights.items() if task != "render_report")
    past = started_first(next(dag for dag in dags if dag.dag_id == "backfill__trips"))
    assert max(past.values()) < weights["ingest"]


def test_what_a_person_waits_for_comes_before_any_window(write_monitor: Callable[..., Path], parse: Callable[[], Any]) -> None:
    write_monitor("trips")
    found = parse().dags
    assert started_first(found["driftgate__reports"])["draw"] > max(
        weight for name in ("monitor__trips", "retrain__trips", "backfill__trips") for weight in started_first(found[name]).values()
    )
