"""docker-compose.celery.yml on top of docker-compose.yml: the same habits, and every service of Airflow agrees."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from driftgate.stack.executors import CELERY

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "docker-compose.celery.yml"
WORKERS = ("airflow-worker-1", "airflow-worker-2")
NEW = ("redis", *WORKERS)


@pytest.fixture(scope="module")
def celery() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = yaml.safe_load(FILE.read_text())["services"]
    return found


def merged(services: dict[str, dict[str, Any]], celery: dict[str, dict[str, Any]], name: str) -> dict[str, str]:
    """Environment of a service as compose merges both files."""
    return {**services.get(name, {}).get("environment", {}), **celery[name]["environment"]}


def test_the_file_follows_the_compose_specification() -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(FILE)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("name", NEW)
def test_new_services_have_the_habits_of_the_others(celery: dict[str, dict[str, Any]], name: str) -> None:
    service = celery[name]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "max-size" in service["logging"]["options"]
    assert service["restart"] == "unless-stopped"
    assert {"test", "interval", "timeout", "retries", "start_period"} <= set(service["healthcheck"])
    assert "ports" not in service
    assert re.fullmatch(r"[a-z/]+:\d+\.\d+\.\d+(-[a-z]+)?", service["image"])


def test_redis_has_a_password_that_is_on_no_command_line_and_no_way_out(celery: dict[str, dict[str, Any]]) -> None:
    redis = celery["redis"]
    assert redis["networks"] == ["back-tier"]
    assert redis["environment"]["REDIS_PASSWORD"].startswith("${REDIS_PASSWORD:?")
    assert "requirepass" in redis["command"][-1]
    assert "$$REDIS_PASSWORD" in redis["command"][-1]  # the shell in the container reads it; compose does not write it there
    assert "REDIS_PASSWORD=" in (ROOT / ".env.example").read_text().splitlines()


def test_a_worker_has_all_that_the_scheduler_has(services: dict[str, dict[str, Any]], celery: dict[str, dict[str, Any]]) -> None:
    scheduler = merged(services, celery, "airflow-scheduler")
    unset = {"AIRFLOW__SCHEDULER__MP_START_METHOD", "AIRFLOW__CORE__MP_FORKSERVER_PRELOAD"}
    for name in WORKERS:
        worker = celery[name]["environment"]
        assert {key for key in scheduler if worker.get(key) != scheduler[key]} <= unset
        assert set(worker) <= set(scheduler)
        assert celery[name]["volumes"] == services["airflow-scheduler"]["volumes"]
        assert celery[name]["networks"] == services["airflow-scheduler"]["networks"]
        assert {**services["airflow-scheduler"]["depends_on"], **celery["airflow-scheduler"]["depends_on"]} == celery[name]["depends_on"]


def test_every_service_of_airflow_uses_the_same_executor(services: dict[str, dict[str, Any]], celery: dict[str, dict[str, Any]]) -> None:
    airflow = [name for name in services if name.startswith("airflow-")]
    assert set(celery) == {*airflow, *NEW}
    for name in (*airflow, *WORKERS):
        environment = merged(services, celery, name)
        assert environment["AIRFLOW__CORE__EXECUTOR"] == "CeleryExecutor"
        assert environment["AIRFLOW__SCHEDULER__MP_START_METHOD"] == "fork"


def test_the_settings_are_those_of_the_embedded_stack_but_for_the_number_of_places(celery: dict[str, dict[str, Any]]) -> None:
    environment = celery[WORKERS[0]]["environment"]
    places = {"AIRFLOW__CORE__PARALLELISM", "AIRFLOW__CELERY__WORKER_CONCURRENCY"}
    assert {key: environment[key] for key in CELERY if key not in places} == {key: CELERY[key] for key in CELERY if key not in places}
    for settings in (environment, CELERY):
        assert int(settings["AIRFLOW__CORE__PARALLELISM"]) == len(WORKERS) * int(settings["AIRFLOW__CELERY__WORKER_CONCURRENCY"])


def test_the_worker_imports_a_module_that_exists(project_root: Path) -> None:
    (name,) = json.loads(CELERY["AIRFLOW__CELERY__EXTRA_CELERY_CONFIG"])["imports"]
    assert (project_root / "plugins" / f"{name.replace('.', '/')}.py").is_file()


def test_docker_compose_accepts_both_files_together_and_wants_a_password(tmp_path: Path) -> None:
    command = shutil.which("docker-compose")
    if command is None:
        pytest.skip("docker-compose is not installed; the schema and the other checks of this file still ran")
    env_file = tmp_path / ".env"
    subprocess.run([sys.executable, "include/compose/make_env.py", str(env_file)], cwd=ROOT, check=True, capture_output=True)
    clean = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    both = [command, "--env-file", str(env_file), "-f", "docker-compose.yml", "-f", FILE.name, "config"]
    result = subprocess.run(both, cwd=ROOT, env=clean, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    found = yaml.safe_load(result.stdout)["services"]
    assert {found[name]["environment"]["AIRFLOW__CORE__EXECUTOR"] for name in (*WORKERS, "airflow-scheduler")} == {"CeleryExecutor"}
    env_file.write_text(re.sub(r"(?m)^REDIS_PASSWORD=.*$", "REDIS_PASSWORD=", env_file.read_text()))
    result = subprocess.run(both, cwd=ROOT, env=clean, capture_output=True, text=True, check=False)
    assert result.returncode != 0
    assert "REDIS_PASSWORD" in result.stderr
