"""Data quality metrics against Evidently's and on awkward data."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from evidently import DataDefinition, Dataset, Report
from evidently.metrics import DatasetMissingValueCount, DuplicatedRowCount, MissingValueCount, OutListValueCount, OutRangeValueCount

from driftgate.measure.quality import quality_metrics
from driftgate.records import Direction, Metric, MetricVerdict
from factories import make_config, make_frame

JUDGED = ["distance", "hour", "vendor", "prediction"]


def quality(current: pd.DataFrame, reference: pd.DataFrame, **overrides: Any) -> dict[tuple[str, str], Metric]:
    return {(item.metric, item.column): item for item in quality_metrics(make_config(**overrides), current, reference)}


def evidently_value(metric: Any, current: pd.DataFrame) -> dict[str, float]:
    definition = DataDefinition(numerical_columns=["distance", "hour", "prediction"], categorical_columns=["vendor"])
    dataset = Dataset.from_pandas(current[JUDGED], data_definition=definition)
    return Report([metric], include_tests=False).run(dataset, None).dict()["metrics"][0]["value"]


@pytest.fixture
def current() -> pd.DataFrame:
    frame = make_frame(200, seed=1)
    frame.loc[:49, "distance"] = np.nan
    frame.loc[50:52, "distance"] = 1e6
    frame.loc[53, "distance"] = -1.0
    frame.loc[:9, "vendor"] = None
    frame.loc[10:29, "vendor"] = "new"
    frame.loc[30:31, "vendor"] = "other"
    return frame


@pytest.fixture
def reference() -> pd.DataFrame:
    return make_frame(1000)


def test_missing_shares_equal_evidentlys(current: pd.DataFrame, reference: pd.DataFrame) -> None:
    found = quality(current, reference)
    for name in JUDGED:
        assert found["missing_share", name].value == pytest.approx(evidently_value(MissingValueCount(column=name), current)["share"])


def test_the_whole_missing_share_is_evidentlys_count_over_all_cells(current: pd.DataFrame, reference: pd.DataFrame) -> None:
    count = evidently_value(DatasetMissingValueCount(), current)["count"]
    assert count == 60
    assert quality(current, reference)["missing_share", ""].value == pytest.approx(count / (200 * 4))


def test_new_categories_equal_evidentlys_values_out_of_list(current: pd.DataFrame, reference: pd.DataFrame) -> None:
    found = quality(current, reference)
    expected = evidently_value(OutListValueCount(column="vendor", values=["a", "b", "c"]), current)
    assert found["new_categories", "vendor"].value == 2
    assert found["new_category_share", "vendor"].value == pytest.approx(22 / 190)
    assert expected["count"] == 22


def test_out_of_range_share_equals_evidentlys(current: pd.DataFrame, reference: pd.DataFrame) -> None:
    low, high = reference["distance"].min(), reference["distance"].max()
    expected = evidently_value(OutRangeValueCount(column="distance", left=low, right=high), current)
    assert expected["count"] >= 4
    assert quality(current, reference)["out_of_range_share", "distance"].value == pytest.approx(expected["share"])


def test_duplicate_share_equals_evidentlys_count(current: pd.DataFrame, reference: pd.DataFrame) -> None:
    doubled = pd.concat([current, current.head(40)], ignore_index=True)
    assert quality(doubled, reference)["duplicate_share", ""].value == pytest.approx(40 / 240)
    plain = doubled[JUDGED].assign(distance=np.arange(240) % 200)
    assert _single(evidently_value(DuplicatedRowCount(), plain)) == plain.duplicated().sum() == 40


def _single(value: Any) -> float:
    return value["count"] if isinstance(value, dict) else value


def test_the_missing_limit_is_the_references_share_plus_the_allowance() -> None:
    reference = make_frame(1000)
    reference.loc[:99, "distance"] = np.nan
    current = make_frame(200, seed=1)
    verdicts = {}
    for missing in (39, 41):
        current["distance"] = 1.0
        current.loc[: missing - 1, "distance"] = np.nan
        verdicts[missing] = quality(current, reference)["missing_share", "distance"]
    assert verdicts[39].verdict is MetricVerdict.OK
    assert verdicts[41].verdict is MetricVerdict.ALARM
    assert verdicts[41].threshold == pytest.approx(0.2)
    assert verdicts[41].reference_value == pytest.approx(0.1)
    assert verdicts[41].direction is Direction.ABOVE


def test_late_labels_are_recorded_but_no_alarm(reference: pd.DataFrame) -> None:
    found = quality(make_frame(200).assign(duration=np.nan), reference)
    assert (found["missing_share", "duration"].value, found["missing_share", "duration"].verdict) == (1.0, None)
    assert found["missing_share", ""].value == 0


def test_an_all_null_column_is_an_alarm_and_has_no_other_shares(reference: pd.DataFrame) -> None:
    frame = make_frame(200).assign(distance=np.nan, vendor=pd.Series(None, index=range(200), dtype="str"))
    found = quality(frame, reference)
    assert found["missing_share", "distance"].verdict is found["missing_share", "vendor"].verdict is MetricVerdict.ALARM
    assert found["out_of_range_share", "distance"].value is None
    assert found["new_category_share", "vendor"].value is None
    assert found["new_categories", "vendor"].value == 0


def test_infinities_are_out_of_range(reference: pd.DataFrame) -> None:
    frame = make_frame(200)
    frame.loc[:9, "hour"] = [np.inf, -np.inf] * 5
    reference.loc[0, "hour"] = np.inf
    assert quality(frame, reference)["out_of_range_share", "hour"].value == pytest.approx(0.05)


@pytest.mark.parametrize("rows", [0, 1])
def test_few_rows_are_not_judged(rows: int, reference: pd.DataFrame) -> None:
    found = quality(make_frame(rows or 5).head(rows), reference)
    assert found["rows", ""].value == rows
    assert found["missing_share", "distance"].verdict is MetricVerdict.TOO_FEW_ROWS
    assert (found["missing_share", ""].value is None) is (rows == 0)
