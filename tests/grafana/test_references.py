"""What refers to what: data source, dashboards, variables, mounts, contact points, policies."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from grafana_files import EXPECTED, GRAFANA, ROOT, dashboards, panels, provisioned, rules

CONTACT_POINTS = sorted(path.stem for path in (GRAFANA / "contact-points").glob("*.yml"))
BUILT_IN = {"__data", "__value", "__field", "__url_time_range", "__all", "__interval"}
VARIABLE = re.compile(r"\$\{(\w+)")


def grafana_service() -> dict[str, Any]:
    service: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]["grafana"]
    return service


def contact_point(kind: str) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((GRAFANA / "contact-points" / f"{kind}.yml").read_text())
    return content


def environment() -> dict[str, str]:
    """Return the service's environment as compose fills it in for a person who set the required passwords only."""
    found = {}
    for name, value in grafana_service()["environment"].items():
        text = re.sub(r"\$\{\w+:\?[^}]*\}", "secret", str(value))
        found[name] = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", text)
    return found


def test_the_data_source_reads_with_the_read_only_role() -> None:
    content = provisioned("datasources/postgres.yml")
    (source,) = content["datasources"]
    assert content["apiVersion"] == 1
    assert source["type"] == "grafana-postgresql-datasource"
    assert (source["url"], source["user"], source["jsonData"]["database"]) == ("postgres:5432", "driftgate_reader", "driftgate")
    assert source["secureJsonData"] == {"password": "$DRIFTGATE_READER_PASSWORD"}
    assert "password" not in source


def test_everything_asks_the_provisioned_data_source() -> None:
    (source,) = provisioned("datasources/postgres.yml")["datasources"]
    expected = {"type": source["type"], "uid": source["uid"]}
    for dashboard in dashboards().values():
        asking = [*panels(dashboard), *dashboard["annotations"]["list"]]
        asking += [variable for variable in dashboard["templating"]["list"] if variable["type"] == "query"]
        asking += [target for panel in panels(dashboard) for target in panel["targets"]]
        asking += [annotation["target"] for annotation in dashboard["annotations"]["list"]]
        assert all(part["datasource"] == expected for part in asking)
    for rule in rules().values():
        assert rule["data"][0]["datasourceUid"] == source["uid"]
        assert rule["data"][0]["model"]["datasource"] == expected


def test_optional_sinks_are_data_sources_of_their_own() -> None:
    found = {source["uid"]: source for source in provisioned("datasources/sinks.yml")["datasources"]}
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    assert set(found) == {"driftgate-prometheus", "driftgate-influxdb"}
    for source in found.values():
        host = source["url"].removeprefix("http://").partition(":")[0]
        assert services[host]["profiles"], f"{host} is not an optional service of docker-compose.yml"
        assert not source.get("isDefault")
    assert found["driftgate-influxdb"]["secureJsonData"] == {"token": "$INFLUXDB_TOKEN"}


def _links(node: Any) -> list[str]:
    if isinstance(node, dict):
        own = [node["url"]] if isinstance(node.get("url"), str) else []
        return own + [url for item in node.values() for url in _links(item)]
    if isinstance(node, list):
        return [url for item in node for url in _links(item)]
    return []


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_links_lead_to_dashboards_and_variables_that_exist(name: str) -> None:
    found = _links(dashboards()[name])
    inside = [url for url in found if url.startswith("/d/")]
    assert name == "driftgate-performance" or inside, "no way on to the details"
    for url in inside:
        uid, _, query = url.removeprefix("/d/").partition("?")
        variables = {variable["name"] for variable in dashboards()[uid]["templating"]["list"]}
        assert set(re.findall(r"var-(\w+)=", query)) <= variables
        assert "${airflow_url:queryparam}" in query, "the addresses must go along"
        assert "${__url_time_range}" in query or ("from=" in query and "to=" in query), "the time range must go along"


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_links_to_airflow_and_mlflow_start_with_the_address_variables(name: str) -> None:
    found = {url for url in _links(dashboards()[name]) if url and not url.startswith("/d/")}
    assert found
    assert all(url.startswith(("${airflow_url:raw}", "${mlflow_url:raw}")) for url in found)
    assert "${airflow_url:raw}/plugin/driftgate" in found


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_only_variables_of_the_dashboard_are_used(name: str) -> None:
    dashboard = dashboards()[name]
    known = {variable["name"] for variable in dashboard["templating"]["list"]} | BUILT_IN
    assert set(VARIABLE.findall(json.dumps(dashboard))) <= known


def test_a_variable_depends_only_on_variables_before_it() -> None:
    for dashboard in dashboards().values():
        before: set[str] = set()
        for variable in dashboard["templating"]["list"]:
            if variable["type"] == "query":
                assert set(VARIABLE.findall(variable["query"])) <= before
            before.add(variable["name"])


def test_addresses_are_hidden_variables_with_the_defaults_of_compose() -> None:
    for dashboard in dashboards().values():
        found = {variable["name"]: variable for variable in dashboard["templating"]["list"] if variable["type"] == "textbox"}
        assert {name: variable["query"] for name, variable in found.items()} == {
            "airflow_url": "http://localhost:8080", "mlflow_url": "http://localhost:5000",
        }  # fmt: skip
        assert all(variable["hide"] == 2 for variable in found.values())
        assert all(variable["current"]["value"] == variable["query"] for variable in found.values())


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_panels_have_ids_of_their_own_texts_and_places_that_do_not_overlap(name: str) -> None:
    dashboard = dashboards()[name]
    assert (dashboard["uid"], dashboard["schemaVersion"]) == (name, 42)
    everything = dashboard["panels"]
    assert len({panel["id"] for panel in everything}) == len(everything)
    titles = [panel["title"] for panel in panels(dashboard)]
    assert len(set(titles)) == len(titles), "two panels with the same title"
    taken: set[tuple[int, int]] = set()
    for panel in everything:
        grid = panel["gridPos"]
        cells = {(x, y) for x in range(grid["x"], grid["x"] + grid["w"]) for y in range(grid["y"], grid["y"] + grid["h"])}
        assert not cells & taken, panel["title"]
        assert grid["x"] + grid["w"] <= 24
        taken |= cells
    for panel in panels(dashboard):
        defaults = panel["fieldConfig"]["defaults"]
        assert panel["description"], panel["title"]
        assert defaults["noValue"], panel["title"]
        assert panel["type"] in {"table", "heatmap"} or defaults["unit"], panel["title"]


def test_charts_with_several_series_have_a_legend_and_stats_reduce() -> None:
    for dashboard in dashboards().values():
        for panel in panels(dashboard):
            if panel["type"] == "timeseries":
                assert panel["options"]["legend"]["showLegend"], panel["title"]
            if panel["type"] in {"stat", "gauge", "bargauge"}:
                assert panel["options"]["reduceOptions"]["calcs"], panel["title"]


def test_the_provider_and_the_home_page_point_to_the_mounted_dashboards() -> None:
    provider = provisioned("dashboards/driftgate.yml")["providers"][0]
    folder = provider["options"]["path"]
    assert f"./include/grafana/dashboards:{folder}:ro" in grafana_service()["volumes"]
    home = Path(grafana_service()["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"])
    assert str(home.parent) == folder
    assert home.stem in dashboards()


def test_every_mounted_file_is_there_whatever_contact_point_is_chosen() -> None:
    assert CONTACT_POINTS == ["email", "slack", "teams", "webhook"]
    mounts = [volume for volume in grafana_service()["volumes"] if volume.startswith("./")]
    for mount in mounts:
        source = mount.split(":/")[0]
        for kind in CONTACT_POINTS:
            path = ROOT / re.sub(r"\$\{GRAFANA_CONTACT_POINT:-\w+\}", kind, source)
            assert path.exists(), path
    targets = {mount.split(":")[-2] for mount in mounts}
    assert {f"/etc/grafana/provisioning/alerting/{name}.yml" for name in ("rules", "policies", "contact-points")} <= targets


@pytest.mark.parametrize("kind", CONTACT_POINTS)
def test_a_contact_point_never_has_an_empty_setting_that_would_stop_grafana(kind: str) -> None:
    """Grafana refuses to start on a contact point without an address; every variable therefore has a value."""
    (point,) = contact_point(kind)["contactPoints"]
    (receiver,) = point["receivers"]
    assert (point["name"], receiver["type"]) == ("Driftgate", kind)
    assert receiver["uid"] == "driftgate", "another choice must replace this one, not join it"
    for value in receiver["settings"].values():
        if isinstance(value, str):
            assert value.startswith("$"), "addresses come from the environment only"
            assert environment()[value.removeprefix("$")]


def test_without_settings_alerts_go_nowhere_outside_this_machine() -> None:
    found = environment()
    assert found["DRIFTGATE_ALERT_EMAIL"] == "root@localhost"
    assert found["DRIFTGATE_ALERT_URL"].startswith("http://127.0.0.1:")
    assert not [name for name in found if name.startswith("GF_SMTP")]


def test_policies_name_contact_points_and_mute_timings_that_exist() -> None:
    content = provisioned("alerting/policies.yml")
    names = {point["name"] for kind in CONTACT_POINTS for point in contact_point(kind)["contactPoints"]}
    timings = {timing["name"] for timing in content["muteTimes"]}
    (tree,) = content["policies"]
    for policy in (tree, *tree["routes"]):
        assert policy["receiver"] in names
        assert set(policy.get("mute_time_intervals", ())) <= timings
    matched = [{(name, value) for name, _, value in route["object_matchers"]} for route in tree["routes"]]
    for rule in rules().values():
        labels = set(rule["labels"].items())
        assert [matchers for matchers in matched if matchers <= labels], f"no policy for {rule['title']}"
    critical = next(route for route in tree["routes"] if ["severity", "=", "critical"] in route["object_matchers"])
    assert "mute_time_intervals" not in critical


def test_every_variable_of_the_provisioning_files_is_given_to_grafana() -> None:
    for path in GRAFANA.rglob("*.yml"):
        for name in re.findall(r"(?<!\$)\$\{?([A-Z][A-Z_]+)\}?", path.read_text()):
            assert name in grafana_service()["environment"], f"{path.relative_to(GRAFANA)}: {name}"
