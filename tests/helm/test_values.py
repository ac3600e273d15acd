"""Values for the official Airflow chart: private, complete, consistent with the embedded stack, and valid for the chart's own schema."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from driftgate.stack.executors import CELERY

ROOT = Path(__file__).resolve().parents[2]
HELM = ROOT / "include" / "helm"
FILES = {"celery": ("values.yaml",), "kubernetes": ("values.yaml", "values-kubernetes.yaml")}
SECRET = re.compile(r"password|secret|fernet|token", re.IGNORECASE)
PLACES = {"AIRFLOW__CORE__PARALLELISM", "AIRFLOW__CELERY__WORKER_CONCURRENCY"}
SCHEMA = "AIRFLOW_CHART_SCHEMA"


def merge(base: Any, over: Any) -> Any:
    """Merge values as Helm does: mappings key by key, everything else is replaced."""
    if isinstance(base, dict) and isinstance(over, dict):
        return {**base, **{key: merge(base.get(key), value) for key, value in over.items()}}
    return over


@pytest.fixture(params=sorted(FILES))
def values(request: pytest.FixtureRequest) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for name in FILES[request.param]:
        result = merge(result, yaml.safe_load((HELM / name).read_text()))
    return result


@pytest.fixture
def celery() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((HELM / "values.yaml").read_text())
    return found


def environment(values: dict[str, Any]) -> dict[str, str]:
    return {item["name"]: item["value"] for item in values["env"]}


def leaves(node: Any, path: str = "") -> list[tuple[str, Any]]:
    if isinstance(node, dict):
        return [leaf for key, value in node.items() for leaf in leaves(value, f"{path}.{key}")]
    if isinstance(node, list):
        return [leaf for number, value in enumerate(node) for leaf in leaves(value, f"{path}[{number}]")]
    return [(path, node)]


def test_the_values_are_valid_for_the_charts_schema(values: dict[str, Any]) -> None:
    """Give the schema of the chart that is installed: chart/values.schema.json of Airflow's chart 1.22 or newer."""
    path = os.environ.get(SCHEMA)
    if not path:
        pytest.skip(
            f"set {SCHEMA} to values.schema.json of the chart (`helm pull --untar apache-airflow/airflow`) to check the values by it"
        )
    import jsonschema

    schema = json.loads(Path(path).read_text())
    errors = list(jsonschema.validators.validator_for(schema)(schema).iter_errors(values))
    assert [f"{'.'.join(map(str, error.absolute_path))}: {error.message}" for error in errors] == []


def test_no_secret_is_in_the_values(values: dict[str, Any]) -> None:
    for path, value in leaves(values):
        key = path.rpartition(".")[2]
        if SECRET.search(key):
            assert key.endswith(("SecretName", "secretName", "secretKey")), path
            assert re.fullmatch(r"[a-z][a-z-]*", value), path
        assert not re.search(r"://[^/\s]*:[^/\s]*@", str(value)), path
    assert values["createUserJob"]["enabled"] is False  # its password would be a value


def test_database_and_broker_and_keys_come_from_secrets_that_exist(values: dict[str, Any]) -> None:
    assert set(values["data"]) == {"metadataSecretName", "resultBackendSecretName", "brokerUrlSecretName"}
    assert all(values[name] for name in ("fernetKeySecretName", "apiSecretKeySecretName", "jwtSecretName"))
    assert {item["envName"] for item in values["secret"]} == {"AIRFLOW_CONN_DRIFTGATE_DB", "DRIFTGATE_DATABASE_URI"}
    assert values["postgresql"]["enabled"] is False


def test_only_the_migration_gets_the_owner_of_the_tables(values: dict[str, Any]) -> None:
    holders = {path.split(".")[1] for path, value in leaves(values) if "owner" in str(value)}
    assert holders == {"migrateDatabaseJob"}
    script = values["migrateDatabaseJob"]["args"][1].removeprefix("/opt/driftgate/")
    assert (ROOT / script).is_file()


def test_the_image_is_ours_and_runs_as_its_user(values: dict[str, Any]) -> None:
    import driftgate

    assert values["images"]["airflow"]["tag"] == driftgate.__version__
    assert (values["uid"], values["gid"], values["securityContexts"]["pod"]["runAsUser"]) == (50000, 50000, 50000)
    assert "useradd --uid 50000 --gid 50000" in (ROOT / "Dockerfile").read_text()
    assert values["securityContexts"]["containers"]["capabilities"] == {"drop": ["ALL"]}
    pinned = re.search(r"(?m)^apache-airflow==(.+)$", (ROOT / "requirements.txt").read_text())
    assert pinned
    assert values["airflowVersion"] == pinned[1]


@pytest.mark.parametrize("name", ["apiServer", "scheduler", "dagProcessor", "triggerer"])
def test_every_component_is_bounded_and_probed(values: dict[str, Any], name: str) -> None:
    assert {"cpu", "memory"} <= set(values[name]["resources"]["requests"])
    assert "memory" in values[name]["resources"]["limits"]
    assert values[name]["livenessProbe"]["failureThreshold"] >= 3


def test_nothing_calls_a_script_that_only_the_charts_own_image_has(values: dict[str, Any]) -> None:
    """Without commands the chart's probes start through ``/entrypoint``, and its sidecars run ``/clean-logs``: ours has neither."""
    probes = [values[name]["livenessProbe"] for name in ("scheduler", "dagProcessor", "triggerer")]
    probes += [values["scheduler"]["startupProbe"], values["workers"]["celery"].get("livenessProbe", {"command": ["airflow"]})]
    for probe in probes:
        program, *arguments = probe["command"]
        assert program in ("airflow", "python")
        scripts = [item for item in arguments if item.startswith("/")]
        assert all((ROOT / script.removeprefix("/opt/driftgate/")).is_file() for script in scripts)
    for component in (values["scheduler"], values["dagProcessor"], values["triggerer"], values["workers"]["celery"]):
        assert component["logGroomerSidecar"]["enabled"] is False


def test_the_schedulers_probe_finds_its_page(values: dict[str, Any]) -> None:
    from airflow.configuration import conf

    settings = environment(values)
    assert settings["AIRFLOW__SCHEDULER__ENABLE_HEALTH_CHECK"] == "True"
    host, port = (
        settings["AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_SERVER_HOST"],
        conf.get("scheduler", "scheduler_health_check_server_port"),
    )
    assert values["scheduler"]["livenessProbe"]["command"][-1] == f"http://{host}:{port}/health"


def test_heavy_tasks_have_workers_with_more_memory(celery: dict[str, Any]) -> None:
    sets = {item["queue"]: item for item in celery["workers"]["celery"]["sets"]}
    assert set(sets) == {"default", environment(celery)["DRIFTGATE_HEAVY_QUEUE"]}
    memory = {queue: int(item["resources"]["limits"]["memory"].removesuffix("Gi")) for queue, item in sets.items()}
    assert memory["heavy"] > memory["default"]


def test_there_are_never_more_tasks_than_places(celery: dict[str, Any]) -> None:
    workers = sum(item["replicas"] for item in celery["workers"]["celery"]["sets"])
    settings = environment(celery)
    assert int(settings["AIRFLOW__CORE__PARALLELISM"]) == workers * int(settings["AIRFLOW__CELERY__WORKER_CONCURRENCY"])


def test_the_settings_of_celery_are_those_that_are_tested(celery: dict[str, Any]) -> None:
    settings = environment(celery)
    assert {key: settings[key] for key in CELERY if key not in PLACES} == {key: CELERY[key] for key in CELERY if key not in PLACES}


def test_without_celery_nothing_of_it_is_left() -> None:
    over = yaml.safe_load((HELM / "values-kubernetes.yaml").read_text())
    assert over["executor"] == "KubernetesExecutor"
    assert over["redis"]["enabled"] is False
    assert over["workers"]["celery"] == {"enableDefault": False, "sets": []}


def test_every_setting_exists_in_this_airflow(celery: dict[str, Any]) -> None:
    """A misspelt AIRFLOW__SECTION__KEY is silently ignored by Airflow; options of providers count when these are installed."""
    from airflow.configuration import conf

    free = {"celery_broker_transport_options"}
    for name in environment(celery):
        if name.startswith("AIRFLOW__"):
            _, section, key = name.lower().split("__")
            known = conf.configuration_description.get(section)
            if section not in free and known is not None:
                assert key in known["options"], name


def test_what_the_containers_read_is_mounted_where_the_image_expects_it(values: dict[str, Any]) -> None:
    mounts = {mount["name"]: mount["mountPath"] for mount in values["volumeMounts"]}
    assert {volume["name"] for volume in values["volumes"]} == set(mounts)
    dockerfile = (ROOT / "Dockerfile").read_text()
    assert f"DRIFTGATE_HOME={mounts['driftgate-state']}" in dockerfile
    assert mounts["driftgate-monitors"] == "/opt/driftgate/include/monitors"
    assert values["airflowHome"] == re.search(r"AIRFLOW_HOME=(\S+)", dockerfile)[1]  # type: ignore[index]
