from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from driftgate.errors import SchemaError
from driftgate.ingest.roles import apply_roles, source_columns
from driftgate.records import Window
from factories import make_binary_config, make_config, make_window

WINDOW = make_window()


def test_types_follow_the_roles(raw_trips):
    frame, note = apply_roles(raw_trips(), make_config(), WINDOW)
    assert frame.dtypes.astype(str).to_dict() == {
        "trip_id": "str",
        "ts": "datetime64[us, UTC]",
        "distance": "float64",
        "hour": "float64",
        "vendor": "str",
        "duration": "float64",
    }
    assert note is None


def test_rows_are_sorted_by_time_and_rows_outside_the_window_are_left_out(raw_trips):
    rows = raw_trips(ts=["2024-01-01T08:00:00Z", "2024-01-01T00:00:00Z", "2024-01-02T00:00:00Z"])
    frame, _ = apply_roles(rows, make_config(), WINDOW)
    assert frame["trip_id"].tolist() == ["a", "b"], "the start belongs to the window, the end does not"


def test_the_batch_does_not_depend_on_the_order_of_the_source(raw_trips):
    rows = pd.concat([raw_trips(), raw_trips(distance=[9.0, 9.5, np.nan])])
    first, _ = apply_roles(rows, make_config(), WINDOW)
    second, _ = apply_roles(rows.sample(frac=1, random_state=3), make_config(), WINDOW)
    pd.testing.assert_frame_equal(first, second)


def test_the_champions_prediction_is_not_asked_of_the_source_but_a_source_prediction_is():
    assert "prediction" not in source_columns(make_config())
    config = make_config(model={"predictions": "source"}, reference={"kind": "window", "start": "2024-01-01", "end": "2024-02-01"})
    assert "prediction" in source_columns(config)


def test_a_missing_source_prediction_is_an_error(raw_trips):
    config = make_config(model={"predictions": "source"}, reference={"kind": "window", "start": "2024-01-01", "end": "2024-02-01"})
    with pytest.raises(SchemaError, match="no column 'prediction'"):
        apply_roles(raw_trips(), config, WINDOW)


@pytest.mark.parametrize("column", ["distance", "vendor", "trip_id", "ts"])
def test_a_column_that_is_gone_is_named(raw_trips, column):
    with pytest.raises(SchemaError, match=f"no column '{column}'.*restore it"):
        apply_roles(raw_trips().drop(columns=[column]), make_config(), WINDOW)


def test_a_missing_target_becomes_nulls_and_a_note(raw_trips):
    frame, note = apply_roles(raw_trips().drop(columns=["duration"]), make_config(), WINDOW)
    assert frame["duration"].isna().all()
    assert frame["duration"].dtype == "float64"
    assert note is not None
    assert "target column 'duration'" in note


def test_an_added_column_is_left_out(raw_trips):
    frame, _ = apply_roles(raw_trips(extra=[1, 2, 3]), make_config(), WINDOW)
    assert "extra" not in frame


def test_numbers_as_text_are_read(raw_trips):
    frame, _ = apply_roles(raw_trips(distance=[" 1.5", "2.5", ""]), make_config(), WINDOW)
    assert frame["distance"].tolist()[:2] == [2.5, 1.5]
    assert np.isnan(frame["distance"].tolist()[2])


def test_text_that_is_no_number_names_column_count_and_examples(raw_trips):
    with pytest.raises(SchemaError, match=r"'distance' \(numerical\): 2 of 3 values are not numbers, for example 'far', '1,5'"):
        apply_roles(raw_trips(distance=["far", "1,5", "2"]), make_config(), WINDOW)


def test_dates_in_a_numerical_column_are_refused(raw_trips):
    with pytest.raises(SchemaError, match="holds datetime64"):
        apply_roles(raw_trips(distance=pd.to_datetime(["2024-01-01"] * 3)), make_config(), WINDOW)


def test_infinite_numbers_become_null_and_are_noted(raw_trips):
    frame, note = apply_roles(raw_trips(distance=[np.inf, 1.0, -np.inf]), make_config(), WINDOW)
    assert frame["distance"].isna().sum() == 2
    assert note == "2 infinite values in distance are read as missing"


@pytest.mark.parametrize("value", [None, np.nan, pd.NA])
def test_an_all_null_column_keeps_its_type(raw_trips, value):
    nulls = pd.Series([value] * 3, dtype=object)
    frame, _ = apply_roles(raw_trips(distance=nulls, vendor=nulls), make_config(), WINDOW)
    assert frame["distance"].dtype == "float64"
    assert str(frame["vendor"].dtype) == "str"
    assert frame[["distance", "vendor"]].isna().all(axis=None)


def test_a_new_category_passes_unchanged(raw_trips):
    frame, _ = apply_roles(raw_trips(vendor=["x", "never seen", "x"]), make_config(), WINDOW)
    assert "never seen" in set(frame["vendor"])


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1, 2, 1], ["1", "2", "1"]),
        ([1.0, np.nan, 2.5], ["1", None, "2.5"]),
        (["1.0", "007", "2.10"], ["1", "007", "2.10"]),
        ([True, False, True], ["True", "False", "True"]),
        (pd.Series([True, None, False], dtype=object), ["True", None, "False"]),
        (pd.array([1, None, 2], dtype="Int64"), ["1", None, "2"]),
        (pd.Categorical(["x", None, "y"]), ["x", None, "y"]),
    ],
    ids=["integers", "floats", "text", "booleans", "booleans with nulls", "nullable integers", "categorical"],
)
def test_categories_are_rendered_the_same_whatever_the_source_type(raw_trips, values, expected):
    rows = raw_trips(vendor=values, ts=["2024-01-01T01:00Z", "2024-01-01T02:00Z", "2024-01-01T03:00Z"])
    frame, _ = apply_roles(rows, make_config(), WINDOW)
    assert [None if pd.isna(value) else value for value in frame["vendor"]] == expected


def test_class_labels_are_text_in_every_window(raw_trips):
    config = make_binary_config()
    whole, _ = apply_roles(raw_trips(late=[1, 0, 1]), config, WINDOW)
    with_null, _ = apply_roles(raw_trips(late=[1.0, np.nan, 0.0]), config, WINDOW)
    assert set(whole["late"]) == {"0", "1"}
    assert set(with_null["late"].dropna()) == {"0", "1"}


def test_a_target_that_is_no_number_is_an_error_for_a_regression(raw_trips):
    with pytest.raises(SchemaError, match=r"'duration' \(target\): 1 of 3 values are not numbers"):
        apply_roles(raw_trips(duration=["1", "soon", "2"]), make_config(), WINDOW)


@pytest.mark.parametrize("rows", [pd.DataFrame(), pd.DataFrame(columns=["trip_id", "ts"])])
def test_zero_rows_give_an_empty_typed_batch(rows):
    frame, note = apply_roles(rows, make_config(), WINDOW)
    assert len(frame) == 0
    assert list(frame.columns) == source_columns(make_config())
    assert frame["distance"].dtype == "float64"
    assert str(frame["ts"].dtype) == "datetime64[us, UTC]"
    assert note is None


def test_one_row_is_enough(raw_trips):
    frame, _ = apply_roles(raw_trips().head(1), make_config(), WINDOW)
    assert len(frame) == 1


def test_duplicated_rows_are_kept_and_noted(raw_trips):
    frame, note = apply_roles(pd.concat([raw_trips(), raw_trips().head(2)]), make_config(), WINDOW)
    assert len(frame) == 5
    assert note == "2 of 5 rows are exact copies of another row"


def test_rows_without_a_timestamp_are_left_out_and_noted(raw_trips):
    frame, note = apply_roles(raw_trips(ts=["2024-01-01T08:00:00Z", None, "2024-01-01T09:00:00Z"]), make_config(), WINDOW)
    assert len(frame) == 2
    assert note == "1 rows without a ts belong to no window and are left out"


def test_unreadable_timestamps_are_an_error(raw_trips):
    with pytest.raises(SchemaError, match=r"'ts' \(timestamp\): 1 of 3 values are not date-times, for example 'yesterday'"):
        apply_roles(raw_trips(ts=["2024-01-01T08:00:00Z", "yesterday", "2024-01-01"]), make_config(), WINDOW)


def test_epoch_numbers_are_not_guessed_at(raw_trips):
    with pytest.raises(SchemaError, match="holds int64, not date-times"):
        apply_roles(raw_trips(ts=[1704096000, 1704096001, 1704096002]), make_config(), WINDOW)


BERLIN = {"timezone": "Europe/Berlin"}


def moments(values, day: str, schedule=BERLIN):
    rows = pd.DataFrame({"trip_id": range(len(values)), "ts": values, "distance": 1.0, "hour": 1, "vendor": "x", "duration": 1.0})
    start = pd.Timestamp(day, tz="UTC")
    window = Window((start - pd.Timedelta(days=1)).to_pydatetime(), (start + pd.Timedelta(days=2)).to_pydatetime())
    frame, note = apply_roles(rows, make_config(schedule=schedule), window)
    return [moment.isoformat() for moment in frame.sort_values("trip_id")["ts"]], note


@pytest.mark.parametrize("as_dtype", ["str", "datetime64[ns]"])
def test_naive_timestamps_are_in_the_schedules_time_zone(as_dtype):
    values = pd.Series(["2024-07-01 10:00:00", "2024-07-01 11:30:00"]).astype(as_dtype)
    assert moments(values, "2024-07-01")[0] == ["2024-07-01T08:00:00+00:00", "2024-07-01T09:30:00+00:00"]


def test_offsets_win_over_the_schedules_time_zone_even_when_mixed():
    values = ["2024-07-01T10:00:00", "2024-07-01T10:00:00Z", "2024-07-01T10:00:00-0400", "2024-07-01 10:00:00.5+02"]
    assert moments(values, "2024-07-01")[0] == [
        "2024-07-01T08:00:00+00:00",
        "2024-07-01T10:00:00+00:00",
        "2024-07-01T14:00:00+00:00",
        "2024-07-01T08:00:00.500000+00:00",
    ]


def test_a_local_time_that_clocks_skip_is_moved_to_the_next_that_exists():
    assert moments(["2024-03-31 02:30:00"], "2024-03-31")[0] == ["2024-03-31T01:00:00+00:00"]


def test_a_local_time_that_happens_twice_is_the_first_and_noted():
    found, note = moments(["2024-10-27 02:30:00", "2024-10-27 12:00:00"], "2024-10-27")
    assert found == ["2024-10-27T00:30:00+00:00", "2024-10-27T11:00:00+00:00"]
    assert note == "1 local times happened twice because clocks went back; the first of the two is taken"


def test_timestamps_in_another_zone_become_utc():
    values = pd.Series(pd.to_datetime(["2024-07-01 10:00"]).tz_localize("America/New_York"))
    assert moments(values, "2024-07-01")[0] == ["2024-07-01T14:00:00+00:00"]
