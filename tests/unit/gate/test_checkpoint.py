from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from driftgate.errors import GateError
from driftgate.gate.checkpoint import run_gate
from driftgate.records import GateResult, GateVerdict, to_dict
from expectations import IN_SET, NOT_NULL, ROWS, expectation
from factories import make_config, make_frame, make_window


def gate(frame, settings, *, window=None, docs=False, gate=None):
    config = make_config(gate={"suite": "trips", **(gate or {})})
    return run_gate(config, window or make_window(), frame, settings, build_docs=docs)


def test_a_good_batch_passes(suite, gate_settings):
    suite()
    result = gate(make_frame(100), gate_settings)
    assert (result.verdict, result.evaluated, result.failed, result.suite) == (GateVerdict.PASS, 4, (), "trips")
    assert GateResult.from_dict(json.loads(json.dumps(to_dict(result)))) == result


def test_a_critical_failure_stops_and_is_told_in_numbers(suite, gate_settings):
    suite()
    frame = make_frame(100)
    frame.loc[:9, "distance"] = 5000.5
    frame.loc[:2, "vendor"] = None
    result = gate(frame, gate_settings)
    assert result.verdict is GateVerdict.FAIL
    assert [str(item) for item in result.failed] == [
        "expect_column_values_to_not_be_null(vendor): 3 of 100 values are null",
        "expect_column_values_to_be_between(distance): 10 of 100 values are not in [0, 100] (at most 2 % may be), for example 5,000.5",
    ]


def test_a_failed_warning_only_warns(suite, gate_settings):
    suite()
    frame = make_frame(100)
    frame.loc[0, "vendor"] = "unknown"
    result = gate(frame, gate_settings)
    assert result.verdict is GateVerdict.WARN
    assert result.failed[0].severity == "warning"
    assert result.failed[0].detail == "1 of 100 values are not in {a, b, c}, for example unknown"


def test_on_failure_warn_lets_a_critical_failure_go_on(suite, gate_settings):
    suite()
    result = gate(make_frame(10), gate_settings, gate={"on_failure": "warn"})
    assert result.verdict is GateVerdict.WARN
    assert result.failed[0].detail == "observed 10, expected in [50, 500]"


def test_critical_failures_come_first(suite, gate_settings):
    suite(IN_SET, ROWS)
    assert [item.severity for item in gate(make_frame(10).assign(vendor="z"), gate_settings).failed] == ["critical", "warning"]


@pytest.mark.parametrize("rows", [0, 1])
def test_very_small_batches_are_judged_and_do_not_crash(suite, gate_settings, rows):
    suite()
    result = gate(make_frame(3).head(rows), gate_settings)
    assert result.verdict is GateVerdict.FAIL
    assert result.failed[0].expectation == "expect_table_row_count_to_be_between"


def test_an_all_null_column_fails_its_expectation(suite, gate_settings):
    suite(NOT_NULL)
    frame = make_frame(100)
    frame["vendor"] = np.nan
    assert gate(frame, gate_settings).failed[0].detail == "100 of 100 values are null"


def test_duplicates_are_found(suite, gate_settings):
    suite(expectation("expect_compound_columns_to_be_unique", column_list=["ts", "trip_id"]))
    frame = make_frame(100)
    frame.loc[1, ["ts", "trip_id"]] = frame.loc[0, ["ts", "trip_id"]]
    result = gate(frame, gate_settings)
    assert str(result.failed[0]) == "expect_compound_columns_to_be_unique(ts, trip_id): 2 of 100 values are not unique"


def test_an_expectation_on_a_column_that_is_gone_counts_as_failed(suite, gate_settings):
    suite(expectation("expect_column_values_to_not_be_null", column="gone"), ROWS)
    result = gate(make_frame(100), gate_settings)
    assert result.verdict is GateVerdict.FAIL
    assert len(result.failed) == 1
    assert result.failed[0].column == "gone"
    assert result.failed[0].detail.startswith("could not be evaluated: ")
    assert '"gone"' in result.failed[0].detail


def test_without_a_suite_everything_passes_and_nothing_is_evaluated(gate_settings):
    result = run_gate(make_config(), make_window(), make_frame(5), gate_settings)
    assert (result.verdict, result.evaluated, result.data_docs, result.result_path) == (GateVerdict.PASS, 0, None, None)


def test_a_missing_suite_names_the_path_and_the_suites_present(suite, gate_settings):
    suite(name="taxi")
    with pytest.raises(GateError, match=r"monitor trips.*there is no suite .*/expectations/trips\.json \(suites present: taxi\)"):
        gate(make_frame(5), gate_settings)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "cannot be read as JSON"),
        ("[]", "has no list 'expectations'"),
        (
            json.dumps({"expectations": [{"type": "expect_nothing_of_the_kind", "kwargs": {}}]}),
            "not a valid suite: .*expect_nothing_of_the_kind",
        ),
        (json.dumps({"expectations": [expectation("expect_column_values_to_not_be_null", colum="x")]}), "not a valid suite: .*colum"),
        (
            json.dumps({"expectations": [expectation("expect_column_values_to_not_be_null", "fatal", column="x")]}),
            "not a valid suite: .*severity",
        ),
    ],
    ids=["json", "form", "expectation", "argument", "severity"],
)
def test_an_invalid_suite_is_named_with_its_fault(suite, gate_settings, content, message):
    suite().write_text(content)
    with pytest.raises(GateError, match=rf"trips\.json.*{message}"):
        gate(make_frame(5), gate_settings)


def test_the_result_is_kept_as_json_beside_the_batch(suite, gate_settings):
    suite()
    result = gate(make_frame(10), gate_settings)
    path = Path(result.result_path or "")
    assert path == gate_settings.window_dir("trips", make_window().key) / "gate.json"
    content = json.loads(path.read_text())
    assert content["success"] is False
    assert content["statistics"]["evaluated_expectations"] == 4


def test_the_suite_file_is_never_written(suite, gate_settings):
    path = suite()
    before = path.read_bytes(), path.stat().st_mtime_ns
    gate(make_frame(100), gate_settings, docs=True)
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before
    assert [item.name for item in gate_settings.gx_dir.rglob("*")] == ["expectations", "trips.json"]
