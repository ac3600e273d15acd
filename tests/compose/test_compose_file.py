"""The compose file: valid, private by default, pinned, healthy, and complete."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = ROOT / "docker-compose.yml"
OWN_IMAGE = "driftgate:0.1.0"
ONE_SHOT = {"airflow-init", "driftgate"}
EXPECTED = {
    "postgres", "mlflow", "grafana", "adminer", "driftgate",
    "airflow-init", "airflow-apiserver", "airflow-scheduler", "airflow-dag-processor", "airflow-triggerer",
    "pushgateway", "alertmanager", "prometheus", "influxdb",
}  # fmt: skip
PROFILES = {
    "driftgate": ["cli"], "influxdb": ["influx"],
    "pushgateway": ["prometheus"], "alertmanager": ["prometheus"], "prometheus": ["prometheus"],
}  # fmt: skip
VARIABLE = re.compile(r"\$\{(?P<name>[A-Z_]+)(?P<rest>[^}]*)\}")
SECRET = re.compile(r"PASSWORD|SECRET|KEY|TOKEN")


def _secret_names() -> set[str]:
    lines = (ROOT / ".env.example").read_text().splitlines()
    return {line.partition("=")[0] for line in lines if "=" in line and not line.startswith("#")}


def _strings(node: Any) -> list[str]:
    if isinstance(node, dict):
        return [text for item in node.values() for text in _strings(item)]
    if isinstance(node, list):
        return [text for item in node for text in _strings(item)]
    return [str(node)]


def test_the_file_follows_the_compose_specification() -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(COMPOSE)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


def test_every_service_of_the_stack_is_there(services: dict[str, dict[str, Any]]) -> None:
    assert set(services) == EXPECTED
    assert {name: service["profiles"] for name, service in services.items() if "profiles" in service} == PROFILES


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_ports_are_published_on_the_loopback_address_only(services: dict[str, dict[str, Any]], name: str) -> None:
    for port in services[name].get("ports", []):
        assert re.fullmatch(r"127\.0\.0\.1:\$\{[A-Z]+_PORT:-\d+\}:\d+", port), port
    assert services[name].get("network_mode") != "host"


def test_the_database_is_not_published_and_has_no_way_out(compose: dict[str, Any], services: dict[str, dict[str, Any]]) -> None:
    assert "ports" not in services["postgres"]
    assert services["postgres"]["networks"] == ["back-tier"]
    assert compose["networks"]["back-tier"]["internal"] is True
    assert set(compose["networks"]) == {"back-tier", "front-tier"}


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_images_are_pinned_to_an_exact_version(services: dict[str, dict[str, Any]], name: str) -> None:
    assert re.fullmatch(r"[a-z/]+:v?\d+\.\d+(\.\d+)?(-[a-z]+)?", services[name]["image"]), services[name]["image"]


def test_the_own_image_carries_the_version_of_the_package(services: dict[str, dict[str, Any]]) -> None:
    import driftgate

    assert f"driftgate:{driftgate.__version__}" == OWN_IMAGE
    own = [service for service in services.values() if "build" in service]
    assert len(own) == 7
    assert {service["image"] for service in own} == {OWN_IMAGE}


@pytest.mark.parametrize("name", sorted(EXPECTED - ONE_SHOT))
def test_every_long_running_service_has_a_health_check_and_restarts(services: dict[str, dict[str, Any]], name: str) -> None:
    check = services[name]["healthcheck"]
    assert check["test"][0] in {"CMD", "CMD-SHELL"}
    assert {"interval", "timeout", "retries", "start_period"} <= set(check)
    assert services[name]["restart"] == "unless-stopped"


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_dependencies_wait_for_health_or_completion(services: dict[str, dict[str, Any]], name: str) -> None:
    for other, how in services[name].get("depends_on", {}).items():
        assert how["condition"] == ("service_completed_successfully" if other in ONE_SHOT else "service_healthy")


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_no_service_can_gain_privileges_or_fill_the_disk_with_logs(services: dict[str, dict[str, Any]], name: str) -> None:
    service = services[name]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "max-size" in service["logging"]["options"]
    assert "privileged" not in service
    if name != "postgres":  # its entrypoint changes to the user postgres by itself
        assert service["cap_drop"] == ["ALL"]


def test_no_secret_has_a_default(compose: dict[str, Any]) -> None:
    with_celery = yaml.safe_load((ROOT / "docker-compose.celery.yml").read_text())
    found = [match for text in _strings([compose, with_celery]) for match in VARIABLE.finditer(text)]
    secrets = {match["name"] for match in found if SECRET.search(match["name"])}
    assert secrets == _secret_names()
    for match in found:
        if match["name"] in secrets:
            assert match["rest"].startswith(":?"), match[0]


def test_no_environment_variable_holds_a_literal_secret(services: dict[str, dict[str, Any]]) -> None:
    for name, service in services.items():
        for key, value in service.get("environment", {}).items():
            if SECRET.search(key) and not key.endswith("_FILE"):
                assert value is None or VARIABLE.search(str(value)), f"{name}: {key}"  # None: passed on from .env
            assert not re.search(r"://[^:/]+:[^@$]+@", str(value)), f"{name}: {key}"


def test_all_airflow_services_share_their_keys_and_the_execution_api(services: dict[str, dict[str, Any]]) -> None:
    shared = (
        "AIRFLOW__API_AUTH__JWT_SECRET", "AIRFLOW__API__SECRET_KEY", "AIRFLOW__CORE__FERNET_KEY",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL", "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN",
    )  # fmt: skip
    airflow = [service["environment"] for name, service in services.items() if name.startswith("airflow-")]
    assert len(airflow) == 5
    for key in shared:
        assert len({environment[key] for environment in airflow}) == 1
    assert airflow[0]["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"] == "http://airflow-apiserver:8080/execution/"


def test_only_the_init_container_may_migrate(services: dict[str, dict[str, Any]]) -> None:
    holders = {
        name
        for name, service in services.items()
        if name != "postgres" and any("DRIFTGATE_OWNER_PASSWORD" in str(value) for value in service.get("environment", {}).values())
    }
    assert holders == {"airflow-init"}


def test_the_password_of_the_ui_is_given_to_the_init_container_only(services: dict[str, dict[str, Any]]) -> None:
    assert {name for name, service in services.items() if "AIRFLOW_ADMIN_PASSWORD" in service.get("environment", {})} == {"airflow-init"}


def test_mlflow_answers_to_its_name_on_the_network(services: dict[str, dict[str, Any]]) -> None:
    assert "mlflow:5000" in services["mlflow"]["environment"]["MLFLOW_SERVER_ALLOWED_HOSTS"].split(",")
    assert services["airflow-scheduler"]["environment"]["MLFLOW_TRACKING_URI"] == "http://mlflow:5000"


def test_named_volumes_are_declared_and_used(compose: dict[str, Any], services: dict[str, dict[str, Any]]) -> None:
    mounts = [mount for service in services.values() for mount in service.get("volumes", [])]
    used = {match[1] for mount in mounts if (match := re.match(r"(?:\$\{\w+:-)?([a-z-]+)\}?:/", mount))}
    assert used == set(compose["volumes"])


def test_mounted_files_exist_and_are_read_only(services: dict[str, dict[str, Any]]) -> None:
    for name, service in services.items():
        for mount in service.get("volumes", []):
            if mount.startswith("./"):
                source, _, options = re.sub(r"\$\{\w+:-(\w+)\}", r"\1", mount).split(":")
                assert options == "ro", f"{name}: {mount}"
                assert (ROOT / source).exists(), f"{name}: {mount}"


def test_ports_on_the_host_do_not_collide(services: dict[str, dict[str, Any]]) -> None:
    ports = [re.search(r":-(\d+)\}", port)[1] for service in services.values() for port in service.get("ports", [])]  # type: ignore[index]
    assert len(ports) == len(set(ports)) == 8


def test_optional_sinks_are_off_until_an_address_is_set(services: dict[str, dict[str, Any]]) -> None:
    environment = services["airflow-scheduler"]["environment"]
    assert (environment["PROMETHEUS_GATEWAY"], environment["INFLUXDB_URL"]) == ("${PROMETHEUS_GATEWAY:-}", "${INFLUXDB_URL:-}")


def test_the_database_of_metrics_is_set_up_with_what_the_tasks_use(services: dict[str, dict[str, Any]]) -> None:
    server, tasks = services["influxdb"]["environment"], services["airflow-scheduler"]["environment"]
    assert server["DOCKER_INFLUXDB_INIT_ADMIN_TOKEN"] == tasks["INFLUXDB_TOKEN"]
    assert server["DOCKER_INFLUXDB_INIT_ORG"] == tasks["INFLUXDB_ORG"]
    assert server["DOCKER_INFLUXDB_INIT_BUCKET"] == tasks["INFLUXDB_BUCKET"]
    assert "DOCKER_INFLUXDB_INIT_RETENTION" not in server  # past windows are written too


def test_prometheus_finds_its_neighbours_by_the_names_of_the_services(services: dict[str, dict[str, Any]]) -> None:
    text = (ROOT / "include" / "prometheus" / "prometheus.yml").read_text()
    for name, port in (("pushgateway", 9091), ("alertmanager", 9093)):
        assert f"{name}:{port}" in text
        assert services[name]["ports"][0].endswith(f":{port}")
        assert set(services[name]["networks"]) & set(services["prometheus"]["networks"])


def test_docker_compose_refuses_to_start_without_secrets_and_accepts_generated_ones(tmp_path: Path) -> None:
    command = shutil.which("docker-compose")
    if command is None:
        pytest.skip("docker-compose is not installed; the schema and the other checks of this file still ran")
    clean = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    unfilled = [command, "--env-file", ".env.example", "config"]
    empty = subprocess.run(unfilled, cwd=ROOT, env=clean, capture_output=True, text=True, check=False)
    assert empty.returncode != 0
    assert "make_env.py" in empty.stderr
    subprocess.run([sys.executable, "include/compose/make_env.py", str(tmp_path / ".env")], cwd=ROOT, check=True, capture_output=True)
    filled = [command, "--env-file", str(tmp_path / ".env"), "config", "--quiet"]
    result = subprocess.run(filled, cwd=ROOT, env=clean, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
