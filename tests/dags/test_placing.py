"""Queues and pools by weight: Airflow's own unless the installation or the monitor file says otherwise."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

HEAVY = {
    "monitor__trips": {"ingest", "gate", "measure", "render_report"},
    "retrain__trips": {"build_training_set", "train_challenger", "compare", "promote"},
    "performance__trips": {"restate"},
}
"""Tasks that read rows."""
LABELS = {"source": {"kind": "files", "path": "labels/{window_start:%Y-%m-%d}.csv"}, "schedule": None}


def places(dags: dict[str, Any], dag_id: str) -> dict[str, tuple[str, str]]:
    return {task.task_id: (task.queue, task.pool) for task in dags[dag_id].tasks}


def write_trips(write_monitor: Callable[..., Path], **sections: Any) -> None:
    write_monitor("trips", columns={"timestamp": "ts", "id": ["n"], "target": "y", "numerical": ["x"]}, labels=LABELS, **sections)


def test_without_settings_every_task_goes_where_airflow_sends_it(write_monitor: Callable[..., Path], parse: Callable[[], Any]) -> None:
    write_trips(write_monitor)
    dags = parse().dags
    assert set(HEAVY) <= set(dags)
    assert {place for dag_id in dags for place in places(dags, dag_id).values()} == {("default", "default_pool")}


def test_the_installation_places_heavy_and_light_tasks(
    write_monitor: Callable[..., Path], parse: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DRIFTGATE_HEAVY_QUEUE", "big")
    monkeypatch.setenv("DRIFTGATE_HEAVY_POOL", "rows")
    monkeypatch.setenv("DRIFTGATE_LIGHT_POOL", "numbers")
    write_trips(write_monitor)
    dags = parse().dags
    for dag_id, heavy in HEAVY.items():
        found = places(dags, dag_id)
        assert {name for name, place in found.items() if place == ("big", "rows")} == heavy
        assert {place for name, place in found.items() if name not in heavy} <= {("default", "numbers")}


def test_the_monitor_file_wins_key_by_key(
    write_monitor: Callable[..., Path], parse: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DRIFTGATE_HEAVY_QUEUE", "big")
    monkeypatch.setenv("DRIFTGATE_HEAVY_POOL", "rows")
    write_trips(write_monitor, execution={"heavy": {"queue": "gpu"}})
    write_monitor("other")
    dags = parse().dags
    assert places(dags, "monitor__trips")["measure"] == ("gpu", "rows")
    assert places(dags, "monitor__other")["measure"] == ("big", "rows")
    assert places(dags, "monitor__trips")["decide"] == ("default", "default_pool")


def test_the_place_is_stored_with_the_dag(write_monitor: Callable[..., Path], parse: Callable[[], Any]) -> None:
    """The scheduler knows a task by its stored form only."""
    from airflow.serialization.serialized_objects import DagSerialization

    write_monitor("trips", execution={"heavy": {"queue": "gpu", "pool": "rows"}})
    stored = DagSerialization.from_dict(DagSerialization.to_dict(parse().dags["monitor__trips"]))
    assert (stored.get_task("measure").queue, stored.get_task("measure").pool) == ("gpu", "rows")


def test_a_queue_that_is_no_name_is_refused(write_monitor: Callable[..., Path], parse: Callable[[], Any]) -> None:
    write_monitor("trips", execution={"heavy": {"queue": "big, small"}})
    bag = parse()
    assert "monitor__trips" not in bag.dags
    assert any("execution.heavy.queue" in error and "plain name" in error for error in bag.import_errors.values())


def test_tasks_hold_no_copies_of_the_form_but_keep_fields_of_their_own(
    write_monitor: Callable[..., Path], parse: Callable[[], Any]
) -> None:
    """Each copy would be validated several times at every storing of the DAG; a run gets the fields from the DAG."""
    from airflow.sdk.definitions.param import process_params

    write_trips(write_monitor)
    dags = parse().dags
    for dag in dags.values():
        copies = [task.params for task in dag.tasks if not task.is_mapped] + [
            task.partial_kwargs.get("params", {}) for task in dag.tasks if task.is_mapped
        ]
        assert not any(name in dag.params for fields in copies for name in fields)
    dag = dags["monitor__trips"]
    given = process_params(dag, dag.get_task("ingest"), {"reprocess": True}, suppress_exception=False)
    assert given == {"window_start": None, "window_end": None, "reprocess": True}
