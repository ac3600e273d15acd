"""Alert rules: their form, and that each fires on records that should fire and on no others."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Connection, Engine

from grafana_files import dashboards, panels, provisioned, queries, rules
from grafana_macros import Everything, Value, expand

START, END = datetime(2023, 12, 30, tzinfo=UTC), datetime(2024, 2, 1, tzinfo=UTC)
UIDS = sorted(rules())
MONITOR = "trips"
NEWEST = "(SELECT max(window_start) FROM driftgate.batch WHERE monitor = 'trips' AND measured_model_version IS NOT NULL)"
LAST_BATCH = "(SELECT max(window_start) FROM driftgate.batch WHERE monitor = 'trips')"


def metric(change: str, condition: str) -> str:
    return f"UPDATE driftgate.metric SET {change} WHERE monitor = 'trips' AND {condition}"


def batch(change: str, condition: str = f"window_start = {LAST_BATCH}") -> str:
    return f"UPDATE driftgate.batch SET {change} WHERE monitor = 'trips' AND {condition}"


def retraining(change: str) -> str:
    last = "(SELECT max(trigger_window_start) FROM driftgate.retraining WHERE monitor = 'trips')"
    return f"UPDATE driftgate.retraining SET {change} WHERE monitor = 'trips' AND trigger_window_start = {last}"


DATASET = "metric = 'dataset_drift'"
SHARE, SCORE, KPI = "metric = 'drift_share'", "family = 'performance' AND threshold IS NOT NULL", "family = 'kpi' AND threshold IS NOT NULL"
MISSING = "metric = 'missing_share' AND \"column\" = ''"
COLUMNS = "metric = 'missing_share' AND \"column\" <> ''"
STORY: dict[str, tuple[str, str]] = {
    "driftgate-high-data-drift": (metric("verdict = 'ok', value = 0", DATASET), metric("verdict = 'alarm', value = 1", DATASET)),
    "driftgate-drift-over-one-tenth": (metric("value = 0.1", SHARE), metric("value = 0.11", SHARE)),
    "driftgate-performance": (metric("verdict = 'ok'", SCORE), metric("verdict = 'alarm', value = 2 * threshold", SCORE)),
    "driftgate-estimated-performance": (
        metric("verdict = 'alarm'", "family = 'performance_estimated'"),
        "DELETE FROM driftgate.metric WHERE monitor = 'trips' AND family = 'performance'",
    ),
    "driftgate-quarantined": (batch("status = 'measured'"), batch("status = 'quarantined'")),
    "driftgate-failed": (batch("status = 'measured'"), batch("status = 'failed'")),
    "driftgate-freshness": (batch("updated_at = now() - interval '2 days'", "true"), batch("updated_at = now() - interval '4 days'", "true")),
    "driftgate-missing-values": (metric("value = 0.05", MISSING), metric("value = 0.051", MISSING)),
    "driftgate-missing-columns": (
        metric("verdict = 'ok'", COLUMNS),
        metric("verdict = 'alarm'", f"{COLUMNS} AND \"column\" = 'hour' AND window_start = {NEWEST}"),
    ),
    "driftgate-incident": (
        "UPDATE driftgate.incident SET acknowledged = now() WHERE monitor = 'trips'",
        "UPDATE driftgate.incident SET severity = 'critical', acknowledged = NULL WHERE monitor = 'trips'",
    ),
    "driftgate-retraining-lost": (retraining("verdict = 'promoted'"), retraining("verdict = 'champion_stays', updated_at = now()")),
    "driftgate-retraining-missing": (
        "UPDATE driftgate.decision SET created_at = now() - interval '5 hours' WHERE monitor = 'trips'",
        "DELETE FROM driftgate.retraining WHERE monitor = 'trips' AND champion_version IS NOT NULL",
    ),
    "driftgate-approval": (
        retraining("verdict = 'challenger_wins', updated_at = now() - interval '23 hours'"),
        retraining("verdict = 'challenger_wins', updated_at = now() - interval '25 hours'"),
    ),
    "driftgate-kpi": (metric("verdict = 'ok'", KPI), metric("verdict = 'alarm', value = 2 * threshold", KPI)),
    "driftgate-messages": (
        "UPDATE driftgate.message SET state = 'pending' WHERE monitor = 'trips'",
        "UPDATE driftgate.message SET state = 'failed', updated_at = now() WHERE monitor = 'trips'",
    ),
    "driftgate-exports": (
        "UPDATE driftgate.export SET state = 'sent' WHERE monitor = 'trips'",
        "UPDATE driftgate.export SET state = 'failed' WHERE monitor = 'trips'",
    ),
}  # fmt: skip
"""Per rule a change of the real records after which it must be silent, and a further one after which it must fire."""


@pytest.fixture
def writer(records: Engine) -> Iterator[Connection]:
    """A connection whose changes are undone."""
    with records.connect() as connection, connection.begin() as transaction:
        yield connection
        transaction.rollback()


def firing(connection: Connection, uid: str) -> list[dict[str, Any]]:
    """Return the labels and values for which the rule's condition holds, as Grafana evaluates query and threshold."""
    query, threshold = rules()[uid]["data"]
    (condition,) = threshold["model"]["conditions"]
    assert condition["evaluator"]["type"] == "gt"
    (limit,) = condition["evaluator"]["params"]
    found = connection.exec_driver_sql(query["model"]["rawSql"].replace("%", "%%")).mappings()
    return [dict(row) for row in found if row["value"] > limit]


def monitors_firing(connection: Connection, uid: str) -> set[str]:
    return {row["monitor"] for row in firing(connection, uid)}


def test_every_rule_has_a_story() -> None:
    assert set(STORY) == set(UIDS)


@pytest.mark.parametrize("uid", UIDS)
def test_a_rule_fires_on_what_it_is_for_and_is_silent_otherwise(writer: Connection, uid: str) -> None:
    healthy, sick = STORY[uid]
    others = monitors_firing(writer, uid) - {MONITOR}
    writer.exec_driver_sql(healthy)
    assert MONITOR not in monitors_firing(writer, uid)
    changed = writer.exec_driver_sql(sick)
    assert changed.rowcount, "the change found no row"
    assert MONITOR in monitors_firing(writer, uid)
    assert monitors_firing(writer, uid) - {MONITOR} == others, "another monitor's rows changed the answer"


@pytest.mark.parametrize("uid", ["driftgate-high-data-drift", "driftgate-missing-values", "driftgate-performance", "driftgate-quarantined"])
def test_only_the_newest_window_counts(writer: Connection, uid: str) -> None:
    healthy, sick = STORY[uid]
    writer.exec_driver_sql(sick.replace(f"window_start = {LAST_BATCH}", "true"))
    last = LAST_BATCH if "batch SET" in healthy else NEWEST
    writer.exec_driver_sql(healthy if "window_start =" in healthy else f"{healthy} AND window_start = {last}")
    assert MONITOR not in monitors_firing(writer, uid)


def test_a_p_value_below_its_limit_fires_like_a_distance_above_it(writer: Connection) -> None:
    writer.exec_driver_sql(metric("verdict = 'alarm', direction = 'below', value = threshold / 10", SCORE))
    (row,) = [row for row in firing(writer, "driftgate-performance") if row["monitor"] == MONITOR]
    assert row["value"] == pytest.approx(10)


@pytest.mark.parametrize("limits", ["value = 5, threshold = -1", "value = 5, threshold = 0", "value = -5, threshold = -6"])
def test_a_limit_at_or_below_zero_fires_as_well(writer: Connection, limits: str) -> None:
    writer.exec_driver_sql(metric(f"verdict = 'alarm', direction = 'above', {limits}", SCORE))
    assert MONITOR in monitors_firing(writer, "driftgate-performance")


def test_without_any_record_no_rule_fires_and_none_fails(writer: Connection) -> None:
    _empty(writer)
    assert not [uid for uid in UIDS if firing(writer, uid)]


def test_without_any_record_every_query_of_a_dashboard_runs(writer: Connection) -> None:
    """A fresh installation shows texts, not errors; no variable has a value yet."""
    _empty(writer)
    for asked in queries():
        variables: dict[str, Value] = {}
        for variable in dashboards()[asked.dashboard]["templating"]["list"] if asked.dashboard else ():
            variables[variable["name"]] = Everything(variable["allValue"]) if variable.get("includeAll") else [""]
        writer.exec_driver_sql(expand(asked.sql, variables, START, END).replace("%", "%%")).fetchall()


def _empty(connection: Connection) -> None:
    for table in ("message", "export", "incident", "metric", "decision", "gate_result", "retraining", "batch"):
        connection.exec_driver_sql(f"DELETE FROM driftgate.{table}")


@pytest.mark.parametrize("uid", UIDS)
def test_a_rule_has_the_form_of_a_provisioning_file(uid: str) -> None:
    rule = rules()[uid]
    assert set(rule) == {
        "uid", "title", "condition", "data", "dashboardUid", "panelId", "noDataState", "execErrState", "for", "annotations", "labels", "isPaused",
    }  # fmt: skip
    assert len(uid) <= 40
    assert re.fullmatch(r"\d+[smhd]", rule["for"])
    assert rule["noDataState"] == "OK", "a rule must not fire because there is no monitor yet"
    assert rule["execErrState"] == "Error"
    assert rule["labels"] in ({"application": "driftgate", "severity": "critical"}, {"application": "driftgate", "severity": "warning"})
    query, threshold = rule["data"]
    for part in (query, threshold):
        assert set(part) == {"refId", "queryType", "relativeTimeRange", "datasourceUid", "model"}
        assert part["refId"] == part["model"]["refId"]
        assert part["relativeTimeRange"]["from"] > part["relativeTimeRange"]["to"] == 0
    assert (rule["condition"], threshold["refId"], threshold["model"]["expression"]) == ("B", "B", query["refId"])
    assert (threshold["datasourceUid"], threshold["model"]["type"]) == ("__expr__", "threshold")


def test_groups_have_names_folders_and_intervals_that_grafana_takes() -> None:
    content = provisioned("alerting/rules.yml")
    assert content["apiVersion"] == 1
    for group in content["groups"]:
        assert (group["orgId"], group["folder"]) == (1, "Driftgate alerts")
        assert int(re.fullmatch(r"(\d+)(s|m)", group["interval"])[1]) > 0  # type: ignore[index]
    assert len({group["name"] for group in content["groups"]}) == len(content["groups"])
    titles = [rule["title"] for rule in rules().values()]
    assert len(set(titles)) == len(titles)
    assert [uid for uid, rule in rules().items() if rule["isPaused"]] == ["driftgate-drift-over-one-tenth"]


@pytest.mark.parametrize("uid", UIDS)
def test_annotations_use_labels_of_the_query_and_nothing_from_the_environment(writer: Connection, uid: str) -> None:
    annotations = rules()[uid]["annotations"]
    text = " ".join(annotations.values())
    assert "$" not in text, "Grafana fills `$NAME` in, in some versions and not in others"
    columns = set(writer.exec_driver_sql(rules()[uid]["data"][0]["model"]["rawSql"].replace("%", "%%")).keys())
    used = set(re.findall(r"\.Labels\.(\w+)", text))
    assert "monitor" in used
    assert used <= columns - {"value"}
    assert annotations["runbook_url"] == (
        "http://localhost:8080/plugin/driftgate/driftgate/pages/monitor.html?dag=monitor__{{ .Labels.monitor }}"
    )
    assert annotations["dashboard"].removeprefix("/d/").partition("?")[0] == rules()[uid]["dashboardUid"]
    board = dashboards()[rules()[uid]["dashboardUid"]]
    assert rules()[uid]["panelId"] in {panel["id"] for panel in panels(board)}
