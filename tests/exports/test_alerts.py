"""The shipped configuration of Prometheus and Alertmanager: checked by their own tools, and run for real."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from driftgate import exporting
from driftgate.context import Context
from driftgate.export import pushgateway
from driftgate.record.store import RecordStore
from export_servers import ROOT, Server, Stub, alertmanager, prometheus, wait_for
from exports.conftest import record
from factories import make_window

Make = Callable[..., Context]
SHIPPED = ROOT / "include" / "prometheus"
HERE = Path(__file__).resolve().parent


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def rules() -> list[dict[str, Any]]:
    content = yaml.safe_load((SHIPPED / "rules" / "driftgate.yml").read_text())
    return [rule for group in content["groups"] for rule in group["rules"]]


def test_promtool_accepts_the_configuration_and_its_rules() -> None:
    result = run("promtool", "check", "config", str(SHIPPED / "prometheus.yml"))
    assert result.returncode == 0, result.stdout + result.stderr
    assert f"{len(rules())} rules found" in result.stdout


def test_amtool_accepts_the_configuration_of_the_alertmanager() -> None:
    result = run("amtool", "check-config", str(SHIPPED / "alertmanager.yml"))
    assert result.returncode == 0, result.stdout + result.stderr


def test_every_rule_fires_where_it_must_and_only_there() -> None:
    result = run("promtool", "test", "rules", str(HERE / "rules_test.yml"))
    assert result.returncode == 0, result.stdout + result.stderr
    tested = {
        case["alertname"] for test in yaml.safe_load((HERE / "rules_test.yml").read_text())["tests"] for case in test["alert_rule_test"]
    }
    assert tested == {rule["alert"] for rule in rules()}


def test_the_scrape_is_the_documented_one() -> None:
    config = yaml.safe_load((SHIPPED / "prometheus.yml").read_text())
    assert (config["global"]["scrape_interval"], config["global"]["evaluation_interval"]) == ("15s", "15s")
    scrape = {job["job_name"]: job for job in config["scrape_configs"]}["evidently-ml-monitoring"]
    assert scrape["honor_labels"] is True


def test_as_shipped_no_alert_leaves_the_machine() -> None:
    config = yaml.safe_load((SHIPPED / "alertmanager.yml").read_text())
    assert [set(receiver) for receiver in config["receivers"]] == [{"name"}, {"name"}]


def test_rules_name_only_metrics_that_are_pushed() -> None:
    code = Path(pushgateway.__file__).read_text()
    for rule in rules():
        for name in re.findall(r"(?:evidently|driftgate)_\w+", rule["expr"] + str(rule["annotations"])):
            assert name.removesuffix("_total") in code, f"{rule['alert']}: {name}"


@pytest.fixture
def receiver() -> Iterator[Stub]:
    with Stub(answers=[(200, {}, b"")]) as stub:
        yield stub


@pytest.fixture
def alarm_system(tmp_path: Path, gateway: Server, receiver: Stub) -> Iterator[Server]:
    """The shipped files with other addresses, seconds instead of minutes, and a receiver."""
    routes = yaml.safe_load((SHIPPED / "alertmanager.yml").read_text())
    routes["route"] |= {"group_wait": "0s", "group_interval": "1s"}
    for item in routes["receivers"]:
        item["webhook_configs"] = [{"url": f"{receiver.url}/{item['name']}"}]
    (tmp_path / "alertmanager.yml").write_text(yaml.safe_dump(routes))
    shutil.copytree(SHIPPED / "rules", tmp_path / "rules")
    with alertmanager(tmp_path / "alertmanager", tmp_path / "alertmanager.yml") as alerts:
        text = (SHIPPED / "prometheus.yml").read_text().replace("15s", "1s")
        text = text.replace("pushgateway:9091", gateway.url.removeprefix("http://")).replace(
            "alertmanager:9093", f"127.0.0.1:{alerts.port}"
        )
        (tmp_path / "prometheus.yml").write_text(text)
        with prometheus(tmp_path / "prometheus", tmp_path / "prometheus.yml") as server:
            yield server


def ask(server: Server, query: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = server.get("/api/v1/query", query=query).json()["data"]["result"]
    return found


def alerts_at(receiver: Stub, name: str, status: str) -> list[dict[str, Any]]:
    messages = [json.loads(got.body) for got in receiver.received if got.path == "/warning"]
    return [
        alert for message in messages for alert in message["alerts"] if (alert["labels"]["alertname"], alert["status"]) == (name, status)
    ]


def test_a_drifted_window_is_scraped_alerts_a_receiver_and_a_good_one_resolves_it(
    alarm_system: Server, receiver: Stub, make_context: Make, gateway: Server, store: RecordStore
) -> None:
    context = make_context(gateway=gateway.url)
    record(store, 0)
    exporting.export_window(context, make_window(0), "1")
    (sample,) = wait_for(lambda: ask(alarm_system, "evidently_drift_share"))
    assert sample["value"][1] == "0.5"
    labels = {key: text for key, text in sample["metric"].items() if key != "__name__"}
    assert labels == {"job": "evidently_ml_monitoring", "environment": "test", "monitor": "trips", "model_version": "1"}
    assert ask(alarm_system, 'histogram_quantile(0.9, evidently_report_generation_seconds_bucket{monitor="trips"})')
    (alert,) = wait_for(lambda: alerts_at(receiver, "DriftgateDataDrift", "firing"))[:1]
    assert alert["labels"]["monitor"] == "trips"
    assert alert["annotations"]["description"].endswith("single drift scores over their limit: 50% of the columns.")
    record(store, 1, drifted=False)
    exporting.export_window(context, make_window(1), "1")
    wait_for(lambda: alerts_at(receiver, "DriftgateDataDrift", "resolved"))
