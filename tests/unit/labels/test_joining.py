"""Labels joined to rows: hand-made cases, and pandas' own merge as the second opinion."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from driftgate.errors import SchemaError
from driftgate.labels.joining import KNOWN_AT, fill_labels, join_labels
from factories import make_binary_config, make_binary_frame, make_config, make_frame

SOURCE = {"kind": "files", "path": "labels/{window_start:%Y-%m-%d}.csv"}
CONFIG = make_config(labels={"source": SOURCE})
TIMED = make_config(labels={"source": SOURCE, "timestamp": "known"})


def make_labels(pairs: list[tuple[Any, Any]], times: list[Any] | None = None) -> pd.DataFrame:
    moments = pd.to_datetime(times or [None] * len(pairs), utc=True).astype("datetime64[us, UTC]")
    ids = pd.Series([pair[0] for pair in pairs], dtype="str")
    return pd.DataFrame({"trip_id": ids, "duration": pd.Series([pair[1] for pair in pairs], dtype="float64"), KNOWN_AT: moments})


@pytest.fixture
def rows() -> pd.DataFrame:
    return make_frame(6).assign(duration=np.nan)


def targets(frame: pd.DataFrame) -> dict[str, float]:
    return {key: value for key, value in zip(frame["trip_id"], frame["duration"], strict=True) if value == value}


def test_labels_are_what_a_merge_by_id_gives_and_nothing_else_moves() -> None:
    rows = make_frame(300, seed=4).assign(duration=np.nan)
    labels = make_labels([(f"0-{number}", float(number) / 7) for number in np.random.default_rng(1).permutation(300)[:180]])
    joined = join_labels(CONFIG, rows, labels)
    merged = rows.drop(columns="duration").merge(labels[["trip_id", "duration"]], on="trip_id", how="left")
    pd.testing.assert_frame_equal(joined.frame, merged[rows.columns])
    assert (joined.counts.labelled, joined.counts.unlabelled, joined.counts.rows) == (180, 120, 300)
    assert joined.changed == 180


def test_labels_for_ids_that_the_window_does_not_have_are_counted_and_left_out(rows: pd.DataFrame) -> None:
    joined = join_labels(CONFIG, rows, make_labels([("0-1", 5.0), ("9-1", 6.0), ("9-1", 7.0), ("9-2", 8.0)]))
    assert targets(joined.frame) == {"0-1": 5.0}
    assert (joined.counts.unknown_ids, joined.counts.duplicate_ids) == (2, 0)
    assert joined.known["trip_id"].tolist() == ["0-1"]


def test_the_last_row_of_the_source_wins_where_no_time_is_given(rows: pd.DataFrame) -> None:
    joined = join_labels(CONFIG, rows, make_labels([("0-1", 5.0), ("0-2", 1.0), ("0-1", 6.0), ("0-2", 1.0)]))
    assert targets(joined.frame) == {"0-1": 6.0, "0-2": 1.0}
    assert (joined.counts.duplicate_ids, joined.counts.conflicts) == (2, 1)


@pytest.mark.parametrize("order", [[0, 1, 2], [2, 1, 0], [1, 2, 0]])
def test_the_latest_known_label_wins_in_any_order_of_the_source(rows: pd.DataFrame, order: list[int]) -> None:
    labels = make_labels([("0-1", 5.0), ("0-1", 6.0), ("0-1", 7.0)], ["2024-01-03", "2024-01-05", None])
    assert targets(join_labels(TIMED, rows, labels.iloc[order]).frame) == {"0-1": 6.0}


def test_a_label_that_was_known_later_is_not_replaced_by_an_older_one_that_arrives_after_it(rows: pd.DataFrame) -> None:
    first = join_labels(TIMED, rows, make_labels([("0-1", 6.0)], ["2024-01-05"]))
    second = join_labels(TIMED, rows, make_labels([("0-1", 5.0)], ["2024-01-03"]), first.known)
    assert targets(second.frame) == {"0-1": 6.0}
    assert second.changed == 0


def test_two_halves_add_up_and_what_the_source_no_longer_has_stays_known(rows: pd.DataFrame) -> None:
    first = join_labels(CONFIG, rows, make_labels([("0-0", 1.0), ("0-1", 2.0)]))
    second = join_labels(CONFIG, rows, make_labels([("0-2", 3.0)]), first.known)
    assert targets(second.frame) == {"0-0": 1.0, "0-1": 2.0, "0-2": 3.0}
    assert (second.changed, second.counts.corrected, second.counts.labelled) == (1, 0, 3)


def test_a_correction_counts_as_one_and_the_same_label_does_not(rows: pd.DataFrame) -> None:
    first = join_labels(CONFIG, rows, make_labels([("0-0", 1.0), ("0-1", 2.0)]))
    second = join_labels(CONFIG, rows, make_labels([("0-0", 1.0), ("0-1", 2.5)]), first.known)
    assert targets(second.frame) == {"0-0": 1.0, "0-1": 2.5}
    assert (second.changed, second.counts.corrected) == (1, 1)
    again = join_labels(CONFIG, rows, make_labels([("0-1", 2.5), ("0-0", 1.0)]), second.known)
    assert (again.changed, again.counts.corrected) == (0, 0)
    pd.testing.assert_frame_equal(again.known, second.known)


def test_a_label_without_id_or_value_says_nothing(rows: pd.DataFrame) -> None:
    first = join_labels(CONFIG, rows, make_labels([("0-0", 1.0)]))
    joined = join_labels(CONFIG, rows, make_labels([("0-0", None), (None, 3.0)]), first.known)
    assert targets(joined.frame) == {"0-0": 1.0}
    assert joined.counts.ignored == 2


def test_a_label_corrects_a_target_that_the_rows_already_had() -> None:
    rows = make_frame(3)
    joined = join_labels(CONFIG, rows, make_labels([("0-1", -4.0)]))
    assert joined.frame["duration"].tolist() == [rows["duration"][0], -4.0, rows["duration"][2]]
    assert (joined.counts.corrected, joined.counts.labelled) == (1, 3)


def test_rows_that_share_an_id_get_the_same_label_and_are_counted(rows: pd.DataFrame) -> None:
    shared = rows.assign(trip_id=["a", "a", "b", "c", None, None]).astype({"trip_id": "str"})
    joined = join_labels(CONFIG, shared, make_labels([("a", 1.0), ("c", 2.0)]))
    assert joined.frame["duration"].tolist()[:4] == [1.0, 1.0, pytest.approx(np.nan, nan_ok=True), 2.0]
    assert joined.frame["duration"].isna().sum() == 3, "rows without an id never join"
    assert joined.counts.shared_rows == 2


def test_several_id_columns_join_together_and_never_run_into_each_other() -> None:
    config = make_config(columns={**CONFIG.columns.model_dump(), "id": ["trip_id", "vendor"]}, labels={"source": SOURCE})
    rows = make_frame(2).assign(trip_id=["1", "11"], vendor=["11", "1"], duration=np.nan).astype({"trip_id": "str", "vendor": "str"})
    labels = make_labels([("1", 5.0), ("11", 6.0), ("11", 7.0)]).assign(vendor=pd.Series(["11", "1", None], dtype="str"))
    joined = join_labels(config, rows, labels)
    assert joined.frame["duration"].tolist() == [5.0, 6.0]
    assert (joined.counts.ignored, joined.counts.duplicate_ids) == (1, 0)


def test_classes_are_joined_as_texts() -> None:
    config = make_binary_config(labels={"source": SOURCE})
    rows = make_binary_frame(4).assign(late=pd.Series([None] * 4, dtype="str"))
    labels = pd.DataFrame({"trip_id": pd.Series(["0-0", "0-3"], dtype="str"), "late": pd.Series(["1", "0"], dtype="str"), KNOWN_AT: pd.NaT})
    joined = join_labels(config, rows, labels)
    assert joined.frame["late"].dropna().to_dict() == {0: "1", 3: "0"}
    assert joined.frame["late"].dtype == rows["late"].dtype


@pytest.mark.parametrize("rows_in_window", [0, 4])
def test_no_labels_and_no_rows_are_no_error(rows_in_window: int) -> None:
    rows = make_frame(rows_in_window).assign(duration=np.nan).astype({"trip_id": "str"})
    joined = join_labels(CONFIG, rows, make_labels([]))
    pd.testing.assert_frame_equal(joined.frame, rows)
    assert (joined.counts.labelled, joined.changed, len(joined.known)) == (0, 0, 0)


def test_known_labels_fill_rows_that_were_read_again(rows: pd.DataFrame) -> None:
    known = join_labels(CONFIG, rows, make_labels([("0-1", 2.0), ("0-5", 3.0)])).known
    fewer = rows.iloc[[5, 0]].reset_index(drop=True)
    assert targets(fill_labels(CONFIG, fewer, known)) == {"0-5": 3.0}


def test_rows_without_the_id_column_are_named() -> None:
    with pytest.raises(SchemaError, match=r"monitor trips: the rows lack the id column 'trip_id'.*reprocess"):
        join_labels(CONFIG, make_frame(3).drop(columns="trip_id"), make_labels([]))
