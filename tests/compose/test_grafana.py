"""Grafana's files: they parse, fit together, and every query runs on real records as the read-only role."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy import Connection, create_engine

from driftgate.record.incidents import IncidentStore
from driftgate.records import (
    Action,
    Batch,
    BatchStatus,
    Cause,
    Comparison,
    Decision,
    Direction,
    FailedExpectation,
    Family,
    GateResult,
    GateVerdict,
    Measures,
    Metric,
    MetricVerdict,
    Retraining,
    RetrainVerdict,
    Window,
)

ROOT = Path(__file__).resolve().parents[2]
GRAFANA = ROOT / "include" / "grafana"
MONITOR = "o'hare"  # a name that only works when it is quoted properly
DAY = datetime(2024, 3, 1, tzinfo=UTC)
TIME_RANGE = "'2024-02-28T00:00:00Z' AND '2024-04-01T00:00:00Z'"
VALUES = {"monitor": [MONITOR], "performance": ["mae"], "column": ["distance", "carrier"]}


def _load_dashboard(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text())
    return content


DASHBOARDS = {path.stem: _load_dashboard(path) for path in sorted((GRAFANA / "dashboards").glob("*.json"))}


def _quote(values: list[str]) -> str:
    return ",".join("'" + value.replace("'", "''") + "'" for value in values)


def expand(sql: str) -> str:
    """Replace Grafana's macros and variables as its PostgreSQL data source does; an unknown one is an error."""
    sql = re.sub(r"\$__timeFilter\(([^()]+)\)", rf"\1 BETWEEN {TIME_RANGE}", sql)
    sql = re.sub(r"\$\{(\w+):sqlstring\}", lambda match: _quote(VALUES[match[1]]), sql)
    assert "$" not in sql, f"unknown macro or variable in: {sql}"
    return sql


def _queries() -> Iterator[Any]:
    for name, dashboard in DASHBOARDS.items():
        for panel in dashboard["panels"]:
            for target in panel["targets"]:
                yield pytest.param(target["rawSql"], target["format"], id=f"{name}-{panel['title']}-{target['refId']}")
        for variable in dashboard["templating"]["list"]:
            yield pytest.param(variable["query"], "variable", id=f"{name}-variable-{variable['name']}")
        for annotation in dashboard["annotations"]["list"]:
            yield pytest.param(annotation["target"]["rawSql"], "annotation", id=f"{name}-annotation-{annotation['name']}")


def _metrics(day: int) -> tuple[Metric, ...]:
    drifted = day % 2
    alarm = MetricVerdict.ALARM if drifted else MetricVerdict.OK
    above, below = Direction.ABOVE, Direction.BELOW
    return (
        Metric(Family.DATA_DRIFT, "drift_share", 0.5 * drifted, threshold=0.5, direction=above, verdict=alarm),
        Metric(Family.DATA_DRIFT, "drifted_columns", float(drifted)),
        Metric(Family.DATA_DRIFT, "drift_score", 0.2, "distance", threshold=0.1, direction=above, verdict=alarm, method="wasserstein"),
        Metric(Family.DATA_DRIFT, "drift_score", 0.0, "carrier", threshold=0.05, direction=below, verdict=MetricVerdict.ALARM, method="z"),
        Metric(Family.DATA_QUALITY, "missing_share", 0.03),
        Metric(Family.PERFORMANCE, "mae", 11.0 + day, reference_value=10.0),
    )


def _save_window(store: Any, day: int) -> None:
    window = Window(DAY + timedelta(days=day), DAY + timedelta(days=day + 1))
    batch = Batch(MONITOR, window, BatchStatus.INGESTED, rows=900 + day, model_version="1")
    store.save_batch(batch)
    store.save_gate(batch, GateResult(MONITOR, window, "flights", GateVerdict.PASS, 8))
    store.save_measures(batch, Measures(MONITOR, window, "1", batch.rows, _metrics(day)))
    action = Action.ALERT if day % 2 else Action.NO_ACTION
    store.save_decision(Decision(MONITOR, window, "1", action, ("drift share 0.5 is above 0.4",), ("too early",), bool(day % 2)))


def _save_quarantined(store: Any, day: int) -> None:
    window = Window(DAY + timedelta(days=day), DAY + timedelta(days=day + 1))
    failed = tuple(FailedExpectation("expect_column_values_to_be_between", "distance", "critical", f"{n} outside") for n in range(12))
    batch = Batch(MONITOR, window, BatchStatus.QUARANTINED, rows=900)
    store.save_batch(batch)
    store.save_gate(batch, GateResult(MONITOR, window, "flights", GateVerdict.FAIL, 8, failed))
    IncidentStore(store.engine).open(MONITOR, Cause.GATE, window, "12 expectations failed")


def _save_retraining(store: Any) -> None:
    scores = {"mae": 12.0}, {"mae": 10.5}
    comparison = Comparison("mae", 500, *scores, {}, {}, 1.5, 1.0, 2.0, True, "gain 1.5 is beyond noise")
    trigger = Window(DAY + timedelta(days=3), DAY + timedelta(days=4))
    store.save_retraining(Retraining(MONITOR, trigger, RetrainVerdict.PROMOTED, "1", "2", comparison, "run", approver="auto"))


@pytest.fixture(scope="module")
def reader(migrated_postgres: Callable[[str, str], str]) -> Iterator[Connection]:
    """Records of one monitor, written as the tasks do and read as Grafana does."""
    from driftgate.record.store import RecordStore

    engine = create_engine(migrated_postgres("driftgate_app", "driftgate"))
    store = RecordStore(engine)
    for day in range(5):
        _save_window(store, day)
    _save_quarantined(store, 5)
    _save_retraining(store)
    engine.dispose()
    engine = create_engine(migrated_postgres("driftgate_reader", "driftgate"))
    with engine.connect() as connection:
        yield connection
    engine.dispose()


@pytest.mark.parametrize(("sql", "kind"), list(_queries()))
def test_every_query_runs_and_finds_rows(reader: Connection, sql: str, kind: str) -> None:
    # As text, without bound parameters: that is how Grafana sends it.
    result = reader.exec_driver_sql(expand(sql).replace("%", "%%"))
    rows = result.fetchall()
    assert rows
    if kind in {"time_series", "annotation"}:
        assert "time" in list(result.keys())
        assert all(isinstance(row._mapping["time"], datetime) for row in rows)
    if kind == "time_series":
        times = [row._mapping["time"] for row in rows]
        assert times == sorted(times), "Grafana needs time series in ascending order"


def _rows(reader: Connection, title: str) -> list[dict[str, Any]]:
    (panel,) = [panel for panel in DASHBOARDS["driftgate-overview"]["panels"] if panel["title"] == title]
    result = reader.exec_driver_sql(expand(panel["targets"][0]["rawSql"]).replace("%", "%%"))
    return [dict(row._mapping) for row in result]


def test_the_panels_show_the_numbers_of_the_records(reader: Connection) -> None:
    assert [row["drift share"] for row in _rows(reader, "Drift share")] == [0.0, 0.5, 0.0, 0.5, 0.0]
    assert [row["drifted columns"] for row in _rows(reader, "Drifted columns")] == [0, 1, 0, 1, 0]
    first = _rows(reader, "Performance: $performance")[0]
    assert (first["measured"], first["reference"]) == (11.0, 10.0)
    assert {row["missing"] for row in _rows(reader, "Missing values")} == {0.03}
    assert [row["quarantined"] for row in _rows(reader, "Rows")] == [None] * 5 + [900]


def test_drift_scores_of_both_directions_are_comparable(reader: Connection) -> None:
    first = {row["metric"]: row["value"] for row in _rows(reader, "Drift score by column")[:2]}
    assert first["distance"] == pytest.approx(2.0)
    assert first["carrier"] > 1  # a p-value of zero drifts, and does not divide by zero


def test_the_gate_table_names_at_most_ten_failed_expectations(reader: Connection) -> None:
    newest = _rows(reader, "Gate verdicts")[0]
    assert (newest["verdict"], newest["status"], newest["failed"]) == ("fail", "quarantined", 12)
    assert newest["what failed"].startswith("expect_column_values_to_be_between(distance): 0 outside; ")
    assert newest["what failed"].count("outside") == 10


def test_the_monitor_table_links_to_the_whole_range_of_its_windows(reader: Connection) -> None:
    (row,) = [row for row in _rows(reader, "Monitors") if row["monitor"] == MONITOR]
    assert (row["windows"], row["measured"], row["quarantined"], row["open incidents"]) == (6, 5, 1, 1)
    assert datetime.fromtimestamp(row["from_ms"] / 1000, UTC) == DAY
    assert datetime.fromtimestamp(row["to_ms"] / 1000, UTC) == DAY + timedelta(days=6)


def test_an_unknown_macro_or_variable_is_noticed() -> None:
    with pytest.raises(AssertionError, match="unknown macro"):
        expand("SELECT $__timeBucket(x)")
    with pytest.raises(KeyError):
        expand("SELECT ${other:sqlstring}")


def test_the_data_source_reads_with_the_read_only_role() -> None:
    content = yaml.safe_load((GRAFANA / "provisioning" / "datasources" / "postgres.yml").read_text())
    (source,) = content["datasources"]
    assert content["apiVersion"] == 1
    assert source["type"] == "grafana-postgresql-datasource"
    assert (source["url"], source["user"], source["jsonData"]["database"]) == ("postgres:5432", "driftgate_reader", "driftgate")
    assert source["secureJsonData"] == {"password": "$DRIFTGATE_READER_PASSWORD"}
    assert "password" not in source


def test_every_panel_variable_and_annotation_uses_the_provisioned_data_source() -> None:
    content = yaml.safe_load((GRAFANA / "provisioning" / "datasources" / "postgres.yml").read_text())
    expected = {"type": content["datasources"][0]["type"], "uid": content["datasources"][0]["uid"]}
    for dashboard in DASHBOARDS.values():
        parts = [*dashboard["panels"], *dashboard["templating"]["list"], *dashboard["annotations"]["list"]]
        parts += [target for panel in dashboard["panels"] for target in panel["targets"]]
        assert all(part["datasource"] == expected for part in parts)


def test_the_provider_and_the_home_page_point_to_the_mounted_dashboards(services: dict[str, dict[str, Any]]) -> None:
    provider = yaml.safe_load((GRAFANA / "provisioning" / "dashboards" / "driftgate.yml").read_text())["providers"][0]
    folder = provider["options"]["path"]
    assert f"./include/grafana/dashboards:{folder}:ro" in services["grafana"]["volumes"]
    home = Path(services["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"])
    assert str(home.parent) == folder
    assert home.stem in DASHBOARDS


@pytest.mark.parametrize("name", sorted(DASHBOARDS))
def test_panels_have_ids_of_their_own_and_do_not_overlap(name: str) -> None:
    dashboard = DASHBOARDS[name]
    assert dashboard["schemaVersion"] == 42
    assert dashboard["uid"] == name
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])
    taken: set[tuple[int, int]] = set()
    for panel in dashboard["panels"]:
        grid = panel["gridPos"]
        cells = {(x, y) for x in range(grid["x"], grid["x"] + grid["w"]) for y in range(grid["y"], grid["y"] + grid["h"])}
        assert not cells & taken, panel["title"]
        assert grid["x"] + grid["w"] <= 24
        taken |= cells
