"""The gate on a batch file gives the results that it gives on the whole frame."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from driftgate.errors import GateError
from driftgate.gate import big, big_unique
from driftgate.gate.checkpoint import run_gate
from expectations import expectation
from factories import make_config, make_frame, make_window


def frame() -> pd.DataFrame:
    """Rows with nulls, infinities, copies, and values that only some pieces have."""
    rng = np.random.default_rng(3)
    rows = make_frame(2_300, 1)
    rows.loc[rng.random(len(rows)) < 0.05, "distance"] = np.nan
    rows.loc[[1_500, 1_700], "distance"] = [np.inf, 5_000.0]
    rows.loc[rng.random(len(rows)) < 0.03, "vendor"] = None
    rows.loc[2_200, "vendor"] = "unknown"
    rows.loc[2_000:2_004, "trip_id"] = ["0-7", "0-7", "0-1999", None, None]
    return rows


SUITE = [
    expectation("expect_table_row_count_to_be_between", min_value=1, max_value=2_000),
    expectation("expect_table_column_count_to_equal", value=7),
    expectation("expect_table_columns_to_match_set", column_set=["ts", "trip_id"]),
    expectation("expect_column_to_exist", column="nowhere"),
    expectation("expect_column_values_to_not_be_null", column="vendor", mostly=0.9),
    expectation("expect_column_values_to_be_null", column="vendor"),
    expectation("expect_column_values_to_be_between", column="distance", min_value=1, max_value=9, mostly=0.5),
    expectation("expect_column_values_to_be_between", column="distance", min_value=1, max_value=9),
    expectation("expect_column_values_to_be_in_set", column="vendor", value_set=["a", "b", "c"]),
    expectation("expect_column_values_to_not_be_in_set", column="vendor", value_set=["a"]),
    expectation("expect_column_values_to_match_regex", column="vendor", regex="^[a-b]$"),
    expectation("expect_column_value_lengths_to_be_between", column="vendor", max_value=1),
    expectation("expect_column_values_to_be_of_type", column="hour", type_="float64"),
    expectation("expect_column_pair_values_a_to_be_greater_than_b", column_A="hour", column_B="distance"),
    expectation("expect_multicolumn_sum_to_equal", column_list=["hour", "distance"], sum_total=4),
    expectation("expect_select_column_values_to_be_unique_within_record", column_list=["hour", "prediction"]),
    expectation("expect_column_values_to_be_between", column="hour", max_value=3, row_condition="distance > 5", condition_parser="pandas"),
    expectation("expect_column_max_to_be_between", column="hour", max_value=5),
    expectation("expect_column_min_to_be_between", column="hour", min_value=5),
    expectation("expect_column_sum_to_be_between", column="hour", max_value=5),
    expectation("expect_column_mean_to_be_between", column="hour", min_value=13),
    expectation("expect_column_stdev_to_be_between", column="duration", min_value=1e9),
    expectation("expect_column_unique_value_count_to_be_between", column="vendor", max_value=3),
    expectation("expect_column_proportion_of_unique_values_to_be_between", column="vendor", max_value=0.001),
    expectation("expect_column_proportion_of_non_null_values_to_be_between", column="vendor", min_value=0.99),
    expectation("expect_column_distinct_values_to_be_in_set", column="vendor", value_set=["a", "b"]),
    expectation("expect_column_distinct_values_to_contain_set", column="vendor", value_set=["a", "z"]),
    expectation("expect_column_distinct_values_to_equal_set", column="vendor", value_set=["a", "b"]),
    expectation("expect_column_most_common_value_to_be_in_set", column="vendor", value_set=["b"]),
    expectation("expect_column_values_to_be_unique", column="trip_id"),
    expectation("expect_column_values_to_be_unique", column="ts"),
    expectation("expect_compound_columns_to_be_unique", column_list=["trip_id", "vendor"]),
    expectation("expect_compound_columns_to_be_unique", column_list=["hour", "vendor"], ignore_row_if="any_value_is_missing"),
    expectation("expect_column_median_to_be_between", column="distance", max_value=1),
    expectation("expect_column_values_to_be_increasing", column="hour"),
    expectation("expect_column_values_to_be_between", column="nowhere", min_value=1),
]


def written(rows: pd.DataFrame, folder: Path) -> Path:
    path = folder / "batch.parquet"
    pq.write_table(pa.Table.from_pandas(rows, preserve_index=False), path, row_group_size=300)
    return path


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(big, "PIECE_ROWS", 500)


def outcome(result: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(Path(result.result_path).read_text())
    return found


def results(found: dict[str, Any]) -> dict[str, Any]:
    return {
        json.dumps(item["expectation_config"]["kwargs"], sort_keys=True) + item["expectation_config"]["type"]: item
        for item in found["results"]
    }


@pytest.mark.parametrize("confirmed", [big_unique.CONFIRMED, 2], ids=["confirmed", "by hashes alone"])
def test_results_are_those_of_the_frame(suite, gate_settings, tmp_path, monkeypatch, confirmed):
    monkeypatch.setattr(big_unique, "CONFIRMED", confirmed)
    suite(*SUITE)
    rows, config = frame(), make_config(gate={"suite": "trips"})
    small_result = run_gate(config, make_window(), rows, gate_settings, build_docs=False)
    small = outcome(small_result)
    big_result = run_gate(config, make_window(), written(rows, tmp_path), gate_settings, build_docs=False)
    found = outcome(big_result)
    assert found["statistics"] == small["statistics"]
    assert found["statistics"]["evaluated_expectations"] == len(SUITE)
    expected, got = results(small), results(found)
    assert got.keys() == expected.keys()
    for name, item in expected.items():
        assert got[name]["success"] == item["success"], name
        assert got[name]["exception_info"].keys() == item["exception_info"].keys(), name
        own, others = flat(got[name]["result"]), flat(item["result"])
        assert own.keys() == others.keys(), name
        for part, value in others.items():
            assert own[part] == (pytest.approx(value, rel=1e-9, nan_ok=True) if isinstance(value, float) else value), (name, part)
    assert [str(item) for item in big_result.failed] == [str(item) for item in small_result.failed]
    assert big_result.verdict == small_result.verdict


def flat(value: Any, name: str = "") -> dict[str, Any]:
    if isinstance(value, dict):
        return {key: item for part, inner in value.items() for key, item in flat(inner, f"{name}.{part}").items()}
    if isinstance(value, list):
        return {key: item for part, inner in enumerate(value) for key, item in flat(inner, f"{name}[{part}]").items()}
    return {name: value}


def test_the_page_of_the_window_is_that_of_the_frame(suite, gate_settings, tmp_path):
    suite(*SUITE[:9])
    pages = []
    for rows in (frame(), written(frame(), tmp_path)):
        result = run_gate(make_config(gate={"suite": "trips"}), make_window(), rows, gate_settings)
        page = (gate_settings.data_docs_dir / result.data_docs).read_text()
        page = re.sub(r"\d{8}T\d{6}\.\d{6}Z", "(when the rows were shown to GX)", page)
        pages.append(re.sub(r">[0-9a-f]{32}<", ">(fingerprint of the rows that GX was shown: all, or the first)<", page))
    assert pages[1] == pages[0]


@pytest.mark.parametrize(
    ("asked", "named"),
    [
        (
            expectation("expect_column_median_to_be_between", column="distance", max_value=1),
            "expect_column_median_to_be_between of 'distance'",
        ),
        (expectation("expect_column_values_to_be_increasing", column="hour"), "expect_column_values_to_be_increasing of 'hour'"),
    ],
)
def test_what_needs_too_many_rows_at_once_is_refused_by_name(suite, gate_settings, tmp_path, monkeypatch, asked, named):
    monkeypatch.setattr(big, "MOST_CELLS", 2_000)
    suite(asked)
    with pytest.raises(GateError, match=named) as error:
        run_gate(make_config(gate={"suite": "trips"}), make_window(), written(frame(), tmp_path), gate_settings)
    assert "batch.stream_above" in str(error.value)


def test_too_many_distinct_values_are_refused(suite, gate_settings, tmp_path, monkeypatch):
    monkeypatch.setattr(big, "MOST_DISTINCT", 1_000)
    suite(expectation("expect_column_unique_value_count_to_be_between", column="trip_id", min_value=1))
    with pytest.raises(GateError, match="distinct values of 'trip_id'"):
        run_gate(make_config(gate={"suite": "trips"}), make_window(), written(frame(), tmp_path), gate_settings)
