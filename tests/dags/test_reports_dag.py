"""Reports: drawn by the monitor's own DAG where its file wants that, by another DAG when somebody asks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


@pytest.mark.parametrize(("draw", "is_there"), [("always", True), ("on_alarm", True), ("on_demand", False)])
def test_the_task_is_there_where_reports_are_not_drawn_on_demand(
    write_monitor: Callable[..., Path], parse: Callable[[], Any], draw: str, is_there: bool
) -> None:
    write_monitor("trips", report={"draw": draw})
    dag = parse().dags["monitor__trips"]
    assert dag.has_task("render_report") is is_there
    assert dag.get_task("log_mlflow").downstream_task_ids == ({"render_report"} if is_there else set())


def test_the_dag_for_those_who_ask(write_monitor: Callable[..., Path], parse: Callable[[], Any]) -> None:
    write_monitor("trips")
    write_monitor("taxis")
    dag = parse().dags["driftgate__reports"]
    assert [(task.task_id, task.monitor_id) for task in dag.tasks] == [("draw", "{{ params.monitor }}")]
    assert dag.params.get_param("monitor").schema["enum"] == ["taxis", "trips"]
    assert (dag.schedule, dag.catchup, dag.is_paused_upon_creation) == (None, False, False)
    assert "**Triage**" in dag.doc_md


def test_a_broken_monitor_file_does_not_break_it(write_monitor: Callable[..., Path], monitors: Path, parse: Callable[[], Any]) -> None:
    write_monitor("trips")
    (monitors / "broken.yaml").write_text("id: broken\n", encoding="utf-8")
    assert "driftgate__reports" in parse().dags


def test_the_form_takes_what_the_page_sends(write_monitor: Callable[..., Path], parse: Callable[[], Any]) -> None:
    from airflow.sdk.definitions.param import ParamsDict

    from driftgate_airflow.ui.reports import _form
    from factories import make_config, make_window

    write_monitor("trips")
    known = parse().dags["driftgate__reports"].params
    form = ParamsDict({name: known.get_param(name) for name in known})
    form.update(_form(make_config(), make_window()))
    assert form.validate()["window_start"] == "2024-01-01T00:00:00+00:00"
