from __future__ import annotations

from pathlib import Path

import pytest

import redis_server
from driftgate.errors import SettingsError, StackError
from driftgate.placement import Placement, read
from driftgate.settings import Settings, load
from driftgate.stack import environment, executors, programs
from driftgate.stack import state as states
from driftgate.stack.layout import for_settings
from driftgate.stack.postgres import RunAs
from driftgate.stack.state import StackState

BROKER = "redis://:secret-of-the-broker@127.0.0.1:6390/0"
CELERY = {executors.EXECUTOR: "celery", executors.BROKER: BROKER}
PORTS = {"airflow": 18080, "mlflow": 15000, "postgres": 15433, "evidently": 18000}


@pytest.fixture
def state() -> StackState:
    return StackState(PORTS, states.generate_secrets(), broker=BROKER)


def test_the_scheduler_runs_the_tasks_unless_celery_is_asked_for() -> None:
    assert executors.broker({}) is None
    assert executors.broker({executors.EXECUTOR: "local", executors.BROKER: BROKER}) is None


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({executors.EXECUTOR: "kubernetes"}, "neither local nor celery"),
        ({executors.EXECUTOR: "celery"}, "DRIFTGATE_CELERY_BROKER_URL=redis://"),
        ({executors.EXECUTOR: "celery", executors.BROKER: "amqp://host"}, "DRIFTGATE_CELERY_BROKER_URL=redis://"),
    ],
    ids=["unknown", "no-broker", "no-redis"],
)
def test_what_cannot_be_is_refused_with_the_remedy(environ: dict[str, str], said: str) -> None:
    with pytest.raises(StackError, match=said):
        executors.broker(environ)


def test_missing_packages_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executors.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(StackError, match=r"requirements-cluster\.txt"):
        executors.broker(CELERY)


def test_a_broker_that_is_away_is_named_without_its_password() -> None:
    with pytest.raises(StackError, match=r"nobody answers on 127\.0\.0\.1:1 ") as caught:
        executors.require_answer("redis://:secret-of-the-broker@127.0.0.1:1/0")
    assert "secret" not in str(caught.value)


@pytest.mark.skipif(not redis_server.is_installed(), reason="redis-server is not installed")
def test_a_broker_that_is_there_is_found(tmp_path: Path) -> None:
    with redis_server.serve(tmp_path) as address:
        executors.require_answer(address)


def test_celery_replaces_the_fork_server_and_keeps_the_rest(settings: Settings, state: StackState) -> None:
    layout = for_settings(settings)
    local = environment.airflow(settings, layout, StackState(PORTS, state.secrets), {})
    celery = environment.airflow(settings, layout, state, {})
    assert local["AIRFLOW__CORE__EXECUTOR"] == "LocalExecutor"
    assert celery["AIRFLOW__CORE__EXECUTOR"] == "CeleryExecutor"
    assert set(local) - set(celery) == {"AIRFLOW__SCHEDULER__MP_START_METHOD", "AIRFLOW__CORE__MP_FORKSERVER_PRELOAD"}
    assert celery["AIRFLOW__CELERY__RESULT_BACKEND"] == f"db+{celery['AIRFLOW__DATABASE__SQL_ALCHEMY_CONN']}"


def test_the_users_own_settings_of_celery_win(settings: Settings, state: StackState) -> None:
    made = environment.airflow(settings, for_settings(settings), state, {"AIRFLOW__CELERY__WORKER_CONCURRENCY": "9"})
    assert made["AIRFLOW__CELERY__WORKER_CONCURRENCY"] == "9"


def test_two_workers_listen_on_every_configured_queue_and_finish_their_tasks(tmp_path: Path, state: StackState) -> None:
    settings = load({"DRIFTGATE_HOME": str(tmp_path), "DRIFTGATE_HEAVY_QUEUE": "heavy", "DRIFTGATE_LIGHT_QUEUE": "default"})
    layout = for_settings(settings)
    layout.create()
    made = programs.all_programs(settings, layout, state, RunAs(), {})
    assert tuple(program.name for program in made) == programs.names(state)
    workers = [program for program in made if program.name in executors.WORKERS]
    assert len(workers) == 2
    for worker in workers:
        assert worker.command[worker.command.index("--queues") + 1] == "default,heavy"
        assert (worker.stop_seconds, worker.signals_group) == (60, False)  # a signal to the group would end its tasks
        assert "secret-of-the-broker" not in " ".join(worker.command)
    assert "secret-of-the-broker" not in programs.render_supervisor_conf(layout, made, tmp_path / "s.sock")


def test_the_choice_is_remembered(settings: Settings, state: StackState) -> None:
    layout = for_settings(settings)
    layout.create()
    states.save(layout, state)
    found = states.load(layout)
    assert found is not None
    assert found.broker == BROKER
    assert "secret-of-the-broker" not in repr(found)


def test_a_weight_is_placed_by_three_variables() -> None:
    environ = {"DRIFTGATE_HEAVY_QUEUE": "big", "DRIFTGATE_HEAVY_POOL": "rows", "DRIFTGATE_HEAVY_POOL_SLOTS": "2"}
    assert read(environ, "heavy") == Placement("big", "rows", 2)
    assert read(environ, "light") == Placement()


@pytest.mark.parametrize("slots", ["0", "many", "-1"])
def test_slots_that_are_no_number_are_refused(slots: str) -> None:
    with pytest.raises(SettingsError, match="DRIFTGATE_LIGHT_POOL_SLOTS"):
        read({"DRIFTGATE_LIGHT_POOL_SLOTS": slots}, "light")
