"""The exported numbers against hand-computed ones."""

from __future__ import annotations

from typing import Any

import pytest

from driftgate.export.figures import ColumnFigures, Figures, figures
from driftgate.records import Direction, Family, Measures, Metric, MetricVerdict
from factories import make_window

OK, ALARM, FEW = MetricVerdict.OK, MetricVerdict.ALARM, MetricVerdict.TOO_FEW_ROWS


def drift(column: str, score: float | None, verdict: MetricVerdict | None, threshold: float = 0.1, **rest: Any) -> Metric:
    return Metric(Family.DATA_DRIFT, "drift_score", score, column, threshold=threshold, verdict=verdict, **rest)


def missing(column: str, share: float | None) -> Metric:
    return Metric(Family.DATA_QUALITY, "missing_share", share, column, threshold=0.1, verdict=OK)


def made(*metrics: Metric, rows: int = 200, **options: Any) -> Figures:
    return figures(Measures("trips", make_window(), "3", rows, metrics), "duration", **options)


def test_missing_cells_are_counted_over_features_and_prediction_but_not_the_target() -> None:
    whole = made(
        missing("", 0.02), missing("distance", 0.05), missing("vendor", 0.01), missing("prediction", 0.0), missing("duration", 1.0)
    )
    assert whole.total_values == 600  # 200 rows x 3 columns
    assert whole.missing_count == 12
    assert whole.missing_percentage == pytest.approx(2.0)


def test_a_share_of_many_cells_gives_back_the_exact_count() -> None:
    share = float(f"{1_234_567 / 3_000_000:.10g}")
    assert made(missing("", share), missing("a", 0.0), missing("b", 0.0), missing("c", 0.0), rows=1_000_000).missing_count == 1_234_567


def test_the_data_set_numbers_are_whole_where_they_count() -> None:
    named = (("drifted_columns", 2.0), ("judged_columns", 3.0), ("drift_share", 2 / 3), ("dataset_drift", 1.0))
    whole = made(*(Metric(Family.DATA_DRIFT, name, value) for name, value in named))
    assert (whole.dataset_drift, whole.drifted_features, whole.total_features) == (1, 2, 3)
    assert isinstance(whole.dataset_drift, int)
    assert whole.drift_share == 2 / 3


def test_what_could_not_be_judged_has_no_number_instead_of_a_zero() -> None:
    named = (("drifted_columns", None), ("judged_columns", 0.0), ("drift_share", None), ("dataset_drift", None))
    whole = made(
        *(Metric(Family.DATA_DRIFT, name, value, verdict=FEW) for name, value in named), drift("distance", 0.2, FEW), missing("", None)
    )
    assert (whole.dataset_drift, whole.drift_share, whole.drifted_features, whole.total_features) == (None, None, None, 0)
    assert (whole.missing_percentage, whole.missing_count) == (None, None)
    assert whole.columns == (ColumnFigures("distance", 0.2, 0.1, None, None),)


def test_columns_of_all_drift_families_carry_score_limit_verdict_and_missing_share() -> None:
    prediction = Metric(Family.PREDICTION_DRIFT, "drift_score", 0.01, "prediction", threshold=0.1, direction=Direction.ABOVE, verdict=OK)
    whole = made(drift("vendor", 0.3, ALARM), prediction, missing("vendor", 0.25), missing("hour", 0.0))
    assert whole.columns == (
        ColumnFigures("hour", missing_share=0.0),
        ColumnFigures("prediction", 0.01, 0.1, False, None),
        ColumnFigures("vendor", 0.3, 0.1, True, 0.25),
    )


def test_the_most_drifted_columns_are_kept_when_there_are_too_many() -> None:
    scores = [
        drift("calm", 0.01, OK),
        drift("p_value", 0.001, ALARM, threshold=0.05),
        drift("worst", 0.9, ALARM),
        drift("close", 0.099, OK),
    ]
    whole = made(*scores, missing("only_missing", 0.5), max_columns=2)
    assert [item.column for item in whole.columns] == ["p_value", "worst"]
    assert whole.columns_left_out == 3


def test_segments_are_not_exported_but_their_alarms_are_counted() -> None:
    score = Metric(Family.PERFORMANCE, "mae", 2.0, threshold=1.5, verdict=ALARM, reference_value=1.0)
    part = Metric(Family.PERFORMANCE, "mae", 9.0, "vendor", "a", threshold=1.5, verdict=ALARM)
    whole = made(score, part, Metric(Family.PERFORMANCE, "rmse", None), drift("hour", 0.01, OK))
    assert (whole.performance["mae"].value, whole.performance["mae"].reference, whole.performance["mae"].threshold) == (2.0, 1.0, 1.5)
    assert whole.performance["rmse"].value is None
    assert whole.alarms == {"performance": 2, "data_drift": 0}
    assert [item.column for item in whole.columns] == ["hour"]


def test_estimated_scores_are_exported_beside_the_realised_ones_but_not_how_good_they_were() -> None:
    estimated = Metric(
        Family.PERFORMANCE_ESTIMATED, "estimated_mae", 1.8, threshold=2.5, verdict=OK, reference_value=1.0, low=1.2, high=2.6
    )
    covered = Metric(Family.PERFORMANCE_ESTIMATED, "estimate_covered_mae", 1.0)
    whole = made(Metric(Family.PERFORMANCE, "mae", 2.0), estimated, covered)
    assert {name: score.value for name, score in whole.performance.items()} == {"mae": 2.0, "estimated_mae": 1.8}
    assert (whole.performance["estimated_mae"].reference, whole.performance["estimated_mae"].threshold) == (1.0, 2.5)


def test_what_several_windows_say_belongs_to_its_column() -> None:
    def slow(family: Family, column: str, value: float) -> Metric:
        return Metric(family, "slow_drift", value, column, threshold=4.6, direction=Direction.ABOVE, verdict=OK)

    whole = made(
        drift("hour", 0.01, OK),
        slow(Family.DATA_DRIFT, "hour", 1.5),
        slow(Family.CONCEPT_DRIFT, "residual", 5.0),
        slow(Family.DATA_DRIFT, "", 0.2),
    )
    assert whole.columns == (
        ColumnFigures("hour", 0.01, 0.1, False, None, 1.5, 4.6),
        ColumnFigures("residual", None, None, None, None, 5.0, 4.6),
    )
