"""Backfill on the real stack: from Airflow's form, and from the command line, after what the demo left."""

from __future__ import annotations

import pytest

from world import World

pytestmark = pytest.mark.integration


def sent(world: World) -> int:
    """Messages that were ever made, sent or not."""
    return int(world.sql("SELECT count(*) AS n FROM driftgate.message")[0]["n"])


def test_a_fortnight_from_airflow_and_again_from_the_command_line(world: World) -> None:
    world.wait_for(lambda: world.api.has_dag("backfill__flights"), 120, "backfill__flights")
    messages = sent(world)
    assert world.run_dag("backfill__flights", "fortnight", **{"from": "2013-05-10", "to": "2013-05-20"}) == "success"
    batches = [world.batch(f"2013-05-{day}") for day in range(10, 20)]
    assert {batch["status"] for batch in batches} == {"measured"}
    assert {batch["dag_run"] for batch in batches} == {"fortnight"}
    for day in (10, 19):
        assert len(world.metrics(f"2013-05-{day}")) > 60
    key = f"{batches[3]['window_start']:%Y%m%dT%H%M%SZ}-{batches[3]['window_end']:%Y%m%dT%H%M%SZ}"
    (run,) = world.mlflow_runs("flights", key)
    assert run.info.status == "FINISHED"
    assert sent(world) - messages <= 2, "at most one about what is still open, and one about what is over"
    known = world.metrics("2013-05-13")
    again = world.run("backfill", "flights", "--from", "2013-05-10", "--to", "2013-05-21", "--reprocess", "--workers", "2")
    assert "11 measured" in again.stdout
    assert world.metrics("2013-05-13") == known
    assert "10 of 10 were done before" in world.run("backfill", "flights", "--from", "2013-05-10", "--to", "2013-05-20").stdout
