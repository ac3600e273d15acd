"""Tasks and edges of the DAGs: a change of the wiring has to be made here on purpose too."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

MONITOR = {
    "ingest": {"gate", "measure", "log_mlflow", "store_postgres", "render_report", "export_metrics"},
    "gate": {"measure", "log_mlflow"},
    "measure": {"log_mlflow", "store_postgres", "decide", "export_metrics", "render_report"},
    "log_mlflow": {"render_report"},
    "render_report": set(),
    "store_postgres": {"decide", "export_metrics"},
    "decide": {"trigger_retrain", "alert", "no_action"},
    "trigger_retrain": set(),
    "alert": {"finish"},
    "no_action": set(),
    "export_metrics": {"finish"},
    "finish": set(),
}
BACKFILL = {
    "plan": {"prepare", "settle", "finish"},
    "prepare": {"settle"},
    "settle": {"log_mlflow", "finish"},
    "log_mlflow": {"finish"},
    "finish": {"trigger_retrain"},
    "trigger_retrain": set(),
}
RETRAIN_HUMAN = {
    "build_training_set": {"train_challenger", "compare"},
    "train_challenger": {"compare"},
    "compare": {"route", "promote", "keep_champion"},
    "route": {"approve", "promote", "keep_champion"},
    "approve": {"promote", "keep_champion"},
    "promote": set(),
    "keep_champion": set(),
}
RETRAIN_AUTO = {
    task: following - {"approve"} for task, following in RETRAIN_HUMAN.items() if task != "approve"
}  # nobody is asked, the rest is the same


def shape(dag: Any) -> dict[str, set[str]]:
    return {task.task_id: set(task.downstream_task_ids) for task in dag.tasks}


def test_each_monitor_file_makes_its_dags(write_monitor: Callable[..., Path], parse: Callable[[], Any]) -> None:
    write_monitor("one")
    write_monitor("two")
    bag = parse()
    assert bag.import_errors == {}
    names = {f"{kind}__{name}" for kind in ("monitor", "retrain", "backfill") for name in ("one", "two")}
    assert set(bag.dags) == {*names, "driftgate__reports"}


def test_without_monitor_files_there_is_nothing_and_no_error(monitors: Path, parse: Callable[[], Any]) -> None:
    bag = parse()
    assert (bag.dags, bag.import_errors) == ({}, {})


def test_the_monitor_dag_has_its_steps(write_monitor: Callable[..., Path], parse: Callable[[], Any]) -> None:
    write_monitor("trips")
    assert shape(parse().dags["monitor__trips"]) == MONITOR


def test_the_backfill_dag_has_its_steps_and_names_its_chunks(write_monitor: Callable[..., Path], parse: Callable[[], Any]) -> None:
    write_monitor("trips")
    dag = parse().dags["backfill__trips"]
    assert shape(dag) == BACKFILL
    assert {task.task_id for task in dag.tasks if task.is_mapped} == {"prepare", "log_mlflow"}
    assert dag.get_task("prepare").partial_kwargs["map_index_template"] == "{{ task.chunk['name'] }}"
    assert dag.timetable.can_be_scheduled is False


@pytest.mark.parametrize(("approval", "expected"), [("human", RETRAIN_HUMAN), ("auto", RETRAIN_AUTO)])
def test_the_retraining_dag_has_its_steps(
    write_monitor: Callable[..., Path], parse: Callable[[], Any], approval: str, expected: dict[str, set[str]]
) -> None:
    write_monitor("trips", retrain={"approval": approval})
    assert shape(parse().dags["retrain__trips"]) == expected


def test_a_retraining_is_triggered_once_per_window(write_monitor: Callable[..., Path], parse: Callable[[], Any]) -> None:
    write_monitor("trips")
    task = parse().dags["monitor__trips"].get_task("trigger_retrain")
    assert task.trigger_dag_id == "retrain__trips"
    assert task.trigger_run_id == "drift__{{ ti.xcom_pull(task_ids='ingest', key='window_key') }}"
    assert (task.logical_date, task.skip_when_already_exists, task.fail_when_dag_is_paused) == (None, True, True)


def test_the_trigger_carries_window_and_reason(write_monitor: Callable[..., Path], parse: Callable[[], Any]) -> None:
    from airflow.sdk.definitions.param import ParamsDict

    write_monitor("trips")
    bag = parse()
    task = bag.dags["monitor__trips"].get_task("trigger_retrain")
    pulled = {
        ("ingest", "return_value"): {"window": {"start": "2024-01-08T05:00:00+00:00", "end": "2024-01-09T05:00:00+00:00"}},
        ("ingest", "window_key"): "20240108T050000Z-20240109T050000Z",
        ("decide", "decision"): {"reasons": ["mae is high", "3 windows in a row"]},
    }

    class Ti:
        def xcom_pull(self, task_ids: str, key: str = "return_value") -> Any:
            return pulled[task_ids, key]

    task.render_template_fields({"ti": Ti()})
    assert task.trigger_run_id == "drift__20240108T050000Z-20240109T050000Z"
    assert task.conf == {
        "window_start": "2024-01-08T05:00:00+00:00",
        "window_end": "2024-01-09T05:00:00+00:00",
        "reason": "mae is high; 3 windows in a row",
    }
    form = ParamsDict({name: bag.dags["retrain__trips"].params.get_param(name) for name in bag.dags["retrain__trips"].params})
    form.update(task.conf)
    assert form.validate() == task.conf


def test_only_the_running_tasks_own_dag_is_built(
    write_monitor: Callable[..., Path], monitors: Path, parse: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_monitor("one")
    write_monitor("two")
    (monitors / "broken.yaml").write_text("id: broken\n")
    monkeypatch.setenv("_AIRFLOW_PARSING_CONTEXT_DAG_ID", "monitor__two")
    bag = parse()
    assert (set(bag.dags), bag.import_errors) == ({"monitor__two"}, {})
