"""Every query of every panel, variable, annotation and alert rule, expanded and run as the role of Grafana on records of real runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from grafana_files import Asked, dashboards, panels, queries
from grafana_macros import Everything, UnknownInQueryError, Value, expand

MONITOR, AWKWARD = "trips", 'o\'hare; "DROP"'
START, END = datetime(2023, 12, 30, tzinfo=UTC), datetime(2024, 2, 1, tzinfo=UTC)
NUMERIC = {16, 20, 21, 23, 700, 701, 1700}
BOOLEAN, TEXT, TIMES = {16}, {18, 25, 1043}, {1082, 1114, 1184}
ASKED = list(queries())


def choices(dashboard: str, monitor: str, *, everything: bool) -> dict[str, Value]:
    """Return a value for every variable of a dashboard: what is chosen, or "All" where the variable allows it."""
    chosen: dict[str, Value] = {
        "monitor": [monitor],
        "model_version": ["1", "2"],
        "column": ["distance", "hour", "vendor", "duration", "prediction"],
        "performance": ["mae"],
        "segment": ["vendor=a", "vendor=b", "vendor=c"],
        "kpi": ["long_trips"],
        "airflow_url": "http://localhost:8080",
        "mlflow_url": "http://localhost:5000",
    }
    found: dict[str, Value] = {}
    for variable in dashboards()[dashboard]["templating"]["list"] if dashboard else ():
        is_all = everything and variable.get("includeAll")
        found[variable["name"]] = Everything(variable["allValue"]) if is_all else chosen[variable["name"]]
    return found


def ask(reader: Connection, sql: str, variables: Mapping[str, Value]) -> Any:
    """Run a query as text, without bound parameters: that is how Grafana sends it."""
    return reader.exec_driver_sql(expand(sql, variables, START, END).replace("%", "%%"))


def types(result: Any) -> dict[str, int]:
    """Return the type of every column as PostgreSQL numbers them."""
    return {item.name: item.type_code for item in result.cursor.description}


def check_shape(asked: Asked, columns: Mapping[str, int], rows: Sequence[Any]) -> None:
    """Fail where Grafana would show nothing, or something else than what is meant."""
    assert rows, "no rows"
    assert len(columns) == len(rows[0]), "two columns have the same name"
    checks = {"time_series": _check_series, "annotation": _check_annotation, "variable": _check_variable, "rule": _check_rule}
    if asked.kind in checks:
        checks[asked.kind](columns, rows)


def _check_series(columns: Mapping[str, int], rows: Sequence[Any]) -> None:
    assert columns.get("time") in TIMES, "a time series needs the column time"
    times = [row._mapping["time"] for row in rows]
    assert times == sorted(times), "times must ascend"
    texts = [name for name, code in columns.items() if code in TEXT]
    numbers = [name for name, code in columns.items() if code in NUMERIC - BOOLEAN]
    assert numbers, "a time series needs numbers"
    assert len(texts) <= 1, "one column may name the series"
    assert {"time", *texts, *numbers} == set(columns), f"columns of other types: {dict(columns)}"
    keys = [(row._mapping["time"], *(row._mapping[name] for name in texts)) for row in rows]
    assert len(keys) == len(set(keys)), "two values for the same series and time"
    assert any(row._mapping[name] is not None for row in rows for name in numbers), "no value at all"


def _check_annotation(columns: Mapping[str, int], rows: Sequence[Any]) -> None:
    assert columns["time"] in TIMES
    assert columns["text"] in TEXT
    assert all(row._mapping["text"] for row in rows)


def _check_variable(columns: Mapping[str, int], rows: Sequence[Any]) -> None:
    assert len(columns) == 1
    assert all(code in TEXT for code in columns.values())
    assert len(set(rows)) == len(rows)


def _check_rule(columns: Mapping[str, int], rows: Sequence[Any]) -> None:
    """A rule gets labels from texts and needs exactly one number, never null, and no row twice."""
    assert [name for name, code in columns.items() if code in NUMERIC - BOOLEAN] == ["value"]
    labels = [name for name, code in columns.items() if code in TEXT]
    assert {"value", *labels} == set(columns)
    assert all(row._mapping["value"] is not None for row in rows)
    keys = [tuple(row._mapping[name] for name in labels) for row in rows]
    assert len(keys) == len(set(keys)), "two rows with the same labels"


@pytest.mark.parametrize("everything", [False, True], ids=["chosen", "All"])
@pytest.mark.parametrize("monitor", [MONITOR, AWKWARD], ids=["plain", "awkward"])
@pytest.mark.parametrize("asked", ASKED, ids=[item.place for item in ASKED])
def test_a_query_runs_and_answers_in_the_expected_shape(reader: Connection, asked: Asked, monitor: str, everything: bool) -> None:
    result = ask(reader, asked.sql, choices(asked.dashboard, monitor, everything=everything))
    columns = types(result)
    check_shape(asked, columns, result.fetchall())


def test_the_role_of_grafana_cannot_write(reader: Connection) -> None:
    with pytest.raises(DBAPIError, match=r"read-only|permission denied"):
        reader.exec_driver_sql("DELETE FROM driftgate.metric")


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("SELECT $__timeBucket(x)", "unknown macro"),
        ("SELECT ${other:sqlstring}", "unknown variable other"),
        ("SELECT [[other]]", "unknown variable other"),
        ("SELECT $other", "unknown variable other"),
        ("SELECT ${monitor}", "unsafe or unknown format"),
        ("SELECT ${monitor:csv}", "unsafe or unknown format"),
        ("SELECT $__timeFilter(x", "not closed"),
    ],
)
def test_an_unknown_macro_variable_or_format_is_noticed(sql: str, message: str) -> None:
    with pytest.raises(UnknownInQueryError, match=message):
        expand(sql, {"monitor": ["a"]}, START, END)


def test_every_macro_of_the_data_source_expands_to_sql_that_runs(reader: Connection) -> None:
    sql = """
        SELECT $__time(t), $__timeGroup(t, '1h'), $__timeGroup(t, $__interval) AS i, $__unixEpochGroup(e, '1d'), $__interval_ms AS ms,
            $__unixEpochFrom() AS a, $__unixEpochTo() AS b
        FROM (SELECT '2024-01-02 03:04:05+00'::timestamptz AS t, 1704164645 AS e) AS x
        WHERE $__timeFilter(t) AND t > $__timeFrom() AND t < $__timeTo() AND $__unixEpochFilter(e)
    """
    sql = sql.replace("$__timeGroup(t, $__interval)", "$__timeGroupAlias(t, '5m')").replace("AS i,", ",")
    (row,) = ask(reader, sql, {}).fetchall()
    assert row[1] == datetime(2024, 1, 2, 3, tzinfo=UTC)
    assert row[2] == datetime(2024, 1, 2, 3, tzinfo=UTC)


ERRORS = {
    "no rows": ("time_series", "SELECT now() AS time, 1 AS value WHERE false"),
    "needs the column time": ("time_series", "SELECT now() AS at, 1 AS value"),
    "needs numbers": ("time_series", "SELECT now() AS time, 'a' AS metric"),
    "one column may name": ("time_series", "SELECT now() AS time, 'a' AS metric, 'b' AS other, 1 AS value"),
    "same series and time": (
        "time_series",
        "SELECT '2024-01-01'::timestamptz AS time, 'a' AS metric, n AS value FROM generate_series(1, 2) AS n",
    ),
    "ascend": ("time_series", "SELECT now() - n * interval '1 day' AS time, 1 AS value FROM generate_series(1, 2) AS n"),
    "no value at all": ("time_series", "SELECT now() AS time, NULL::float8 AS value"),
    "other types": ("time_series", "SELECT now() AS time, 1 AS value, true AS flag"),
    "same labels": ("rule", "SELECT 'a' AS monitor, n AS value FROM generate_series(1, 2) AS n"),
    "same name": ("table", "SELECT 1 AS a, 2 AS a"),
}


@pytest.mark.parametrize("message", list(ERRORS))
def test_a_query_of_the_wrong_shape_is_noticed(reader: Connection, message: str) -> None:
    kind, sql = ERRORS[message]
    result = ask(reader, sql, {})
    with pytest.raises(AssertionError, match=message):
        check_shape(Asked("", sql, kind), types(result), result.fetchall())


def rows(reader: Connection, dashboard: str, title: str, **other: Value) -> list[dict[str, Any]]:
    """Return what a panel shows for the plain monitor."""
    (panel,) = [panel for panel in panels(dashboards()[dashboard]) if panel["title"] == title]
    variables = choices(dashboard, MONITOR, everything=False) | other
    return [dict(row._mapping) for row in ask(reader, panel["targets"][0]["rawSql"], variables)]


def test_the_monitor_table_shows_the_newest_window_and_links_to_all_of_them(reader: Connection) -> None:
    (row,) = rows(reader, "driftgate-overview", "Monitors")
    assert (row["status"], row["champion"], row["quarantined"]) == ("failed", "2", 2)
    assert row["open incidents"] >= 2
    assert datetime.fromtimestamp(row["from_ms"] / 1000, UTC) == datetime(2023, 12, 28, tzinfo=UTC)
    assert datetime.fromtimestamp(row["to_ms"] / 1000, UTC) == datetime(2024, 1, 14, tzinfo=UTC)


def test_scores_of_both_directions_are_comparable(reader: Connection) -> None:
    """Columns are tested with p-values and with distances here; beyond 1 is an alarm for both."""
    found = rows(reader, "driftgate-drift", "Test results")
    assert {row["drift if"] for row in found} == {"above", "below"}
    for row in found:
        assert (row["excess"] > 1) == (row["verdict"] == "alarm") or row["excess"] == 1, row


def test_the_gauge_and_the_chart_of_mape_agree_with_the_records(reader: Connection) -> None:
    (stored,) = reader.exec_driver_sql(
        "SELECT value FROM driftgate.metric WHERE monitor = 'trips' AND family = 'performance' AND metric = 'mape' "
        "AND segment = '' ORDER BY window_start DESC LIMIT 1"
    ).scalars()
    assert [row["mape"] for row in rows(reader, "driftgate-performance", "MAPE")] == [stored]
    assert rows(reader, "driftgate-performance", "MAPE over time")[-1]["mape"] == stored


def test_incidents_show_who_acknowledged_them_and_that_they_ended(reader: Connection) -> None:
    found = {(row["cause"], row["state"]) for row in rows(reader, "driftgate-operations", "Incidents")}
    assert {("gate", "resolved"), ("gate", "open"), ("policy", "resolved")} <= found
    assert "somebody" in {row["by"] for row in rows(reader, "driftgate-operations", "Incidents")}


def test_gate_failures_are_counted_by_expectation_and_column(reader: Connection) -> None:
    (row,) = rows(reader, "driftgate-quality", "Failures by expectation and column")
    assert (row["expectation"], row["column"], row["windows"]) == ("expect_column_values_to_be_between", "distance", 2)


def test_choosing_a_model_version_leaves_the_windows_of_the_others_out(reader: Connection) -> None:
    both = rows(reader, "driftgate-performance", "All scores")
    second = rows(reader, "driftgate-performance", "All scores", model_version=["2"])
    assert {row["time"] for row in second} < {row["time"] for row in both}
    assert second


def test_choosing_columns_leaves_the_others_out(reader: Connection) -> None:
    assert {row["metric"] for row in rows(reader, "driftgate-drift", "Feature drift heat map", column=["hour"])} == {"hour"}


def of(reader: Connection, sql: str) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in reader.exec_driver_sql(f"SELECT {sql} ORDER BY 1")]


def test_realised_and_estimated_performance_stand_beside_each_other(reader: Connection) -> None:
    found = rows(reader, "driftgate-performance", "Performance: ${performance}")
    names = ("measured", "measured low", "measured high", "estimated", "estimated low", "estimated high")
    stored = of(
        reader,
        "r.window_start, r.value, r.low, r.high, e.value, e.low, e.high FROM driftgate.metric r JOIN driftgate.metric e "
        "USING (monitor, window_start, model_version) WHERE monitor = 'trips' AND r.metric = 'mae' AND r.family = 'performance' "
        "AND r.segment = '' AND e.metric = 'estimated_mae'",
    )
    assert [(row["time"], *(row[name] for name in names)) for row in found] == stored
    assert any(row["limit"] is not None for row in found)


def test_the_estimates_are_scored_by_the_windows_with_labels(reader: Connection) -> None:
    (share,) = rows(reader, "driftgate-performance", "Estimates that were right")
    inside = rows(reader, "driftgate-performance", "Estimated scores per window")
    right = [
        row["at least"] <= row["realised"] <= row["at most"] for row in inside if row["score"] == "mae" and row["realised"] is not None
    ]
    assert right
    assert share["covered"] == pytest.approx(sum(right) / len(right))


def test_slow_drift_and_the_errors_have_panels(reader: Connection) -> None:
    slow = {row["metric"] for row in rows(reader, "driftgate-drift", "Slow drift against limit by column")}
    assert {"distance", "residual"} <= slow
    one = {row["metric"] for row in rows(reader, "driftgate-drift", "Slow drift against limit by column", column=["hour"])}
    assert one == {"hour", "residual"}
    assert {row["metric"] for row in rows(reader, "driftgate-drift", "Concept drift against limit")} == {"one window", "several windows"}
    for row in rows(reader, "driftgate-drift", "Slow drift now"):
        assert (row["change"] > row["limit"]) == (row["verdict"] == "alarm")


def test_a_gap_is_the_largest_difference_of_its_groups(reader: Connection) -> None:
    found = rows(reader, "driftgate-performance", "Fairness now")
    groups = [row["value"] for row in found if row["measure"] == "group_mae"]
    (gap,) = [row["value"] for row in found if row["measure"] == "mae_gap"]
    assert len(groups) == 3
    assert gap == pytest.approx(max(groups) - min(groups))


def test_the_gauge_is_beyond_its_end_exactly_when_the_dataset_drifts(reader: Connection) -> None:
    (gauge,) = rows(reader, "driftgate-drift", "Dataset drift")
    (verdict,) = rows(reader, "driftgate-drift", "Dataset")
    assert (gauge["of the limit"] > 1) == (verdict["verdict"] == "alarm")


def test_choosing_a_segment_leaves_the_others_out(reader: Connection) -> None:
    everyone = rows(reader, "driftgate-performance", "Score by segment over time: ${performance}", segment=Everything("'__all'"))
    assert {row["metric"] for row in everyone} == {"vendor=a", "vendor=b", "vendor=c"}
    (one,) = rows(reader, "driftgate-performance", "Segments against their reference: ${performance}", segment=["vendor=a"])
    assert one["segment"] == "vendor=a"
    assert one["newest against reference"] == pytest.approx(one["newest"] / one["reference"])
