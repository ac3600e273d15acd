"""Verdicts that follow from what was learned."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from driftgate.calibrate.calibration import Calibration, followed_value, judge, usable_rows
from driftgate.calibrate.drift_limit import SAMPLING, DriftLimit
from driftgate.calibrate.slow import SlowLimit
from driftgate.calibrate.value_limit import ShareLimit, ValueLimit
from driftgate.records import Direction, Family, Metric, MetricVerdict

OK, ALARM, FEW = MetricVerdict.OK, MetricVerdict.ALARM, MetricVerdict.TOO_FEW_ROWS
DISTANCE = ("data_drift", "drift_score", "distance")
VENDOR = ("data_drift", "drift_score", "vendor")
MISSING = ("data_quality", "missing_share", "distance")
MAE = ("performance", "mae", "")
POSITION = ("concept_drift", "position", "residual")


def drift_limit(method: str = "wasserstein", is_p_value: bool = False, minimum_rows: int | None = 50) -> DriftLimit:
    return DriftLimit(
        method, is_p_value, SAMPLING, sizes=[50, 200, 800], medians=[0.1, 0.05, 0.025], bounds=[0.4, 0.2, 0.1], windows=30, usual_rows=200.0,
        power=0.5, level=0.0, spread=1.0, minimum_rows=minimum_rows,
    )  # fmt: skip


CALIBRATION = Calibration(
    budget="1 false alarm per 91d", chance_per_window=0.011, windows=30, usual_rows=200.0, first="2024-01-01", last="2024-01-31",
    fewest_rows=50, most_rows=800, fingerprint="abc", notes=("hour: known in fewer than 8 windows",),
    drift={DISTANCE: drift_limit(), VENDOR: drift_limit("ks", True, None)},
    shares={MISSING: ShareLimit(0.0, 6000, 0.001)},
    values={MAE: ValueLimit(1.0, 0.1, None, 1.4, 30, 200.0), ("system", "row_ratio", ""): ValueLimit(1.0, 0.05, 0.8, 1.2, 30, 200.0)},
    slow={POSITION: SlowLimit(0.5, 0.02, 1 / 12, 200.0, 0.0, True, 30, 4.0)},
)  # fmt: skip


def metric(address: tuple[str, str, str], value: float | None, **fields: Any) -> Metric:
    family, name, column = address
    method = {DISTANCE: "wasserstein", VENDOR: "ks"}.get(address)
    return Metric(Family(family), name, value, column=column, **{"method": method, **fields})


def judged(item: Metric, rows: int = 200, **options: Any) -> Metric:
    return judge(CALIBRATION, [item], rows, {}, 30, **options)[0]


@pytest.mark.parametrize(
    ("address", "good", "bad", "threshold", "direction"),
    [
        pytest.param(DISTANCE, 0.19, 0.21, 0.2, Direction.ABOVE, id="distance"),
        pytest.param(MISSING, 0.0, 0.4, 0.005, Direction.ABOVE, id="share"),
        pytest.param(MAE, 1.39, 1.41, 1.4, Direction.ABOVE, id="error"),
        pytest.param(("system", "row_ratio", ""), 1.1, 1.3, 1.2, Direction.ABOVE, id="many rows"),
        pytest.param(("system", "row_ratio", ""), 0.9, 0.7, 0.8, Direction.BELOW, id="few rows"),
    ],
)
def test_a_value_beyond_its_limit_is_an_alarm(
    address: tuple[str, str, str], good: float, bad: float, threshold: float, direction: Direction
) -> None:
    fine, beyond = judged(metric(address, good)), judged(metric(address, bad))
    assert (fine.verdict, beyond.verdict) == (OK, ALARM)
    assert (beyond.threshold, beyond.direction) == (pytest.approx(threshold), direction)
    assert (fine.value, beyond.value) == (good, bad)


def test_a_p_value_alarms_below_its_limit() -> None:
    limit = float(np.exp(-(0.2**2)))
    calibration = replace(CALIBRATION, drift={VENDOR: drift_limit("ks", True, 50)})
    found = [judge(calibration, [metric(VENDOR, value)], 200, {}, 30)[0] for value in (limit + 0.001, limit - 0.001)]
    assert [item.verdict for item in found] == [OK, ALARM]
    assert found[0].direction is Direction.BELOW
    assert found[0].threshold == pytest.approx(limit)


def test_where_no_simulated_size_finds_the_stated_change_only_the_largest_is_judged() -> None:
    assert [judged(metric(VENDOR, 0.0001), rows).verdict for rows in (200, 799, 800)] == [FEW, FEW, ALARM]


@pytest.mark.parametrize(("rows", "verdict"), [(29, FEW), (49, FEW), (50, ALARM), (200, ALARM)])
def test_drift_is_judged_from_the_size_on_that_finds_the_stated_change(rows: int, verdict: MetricVerdict) -> None:
    assert judged(metric(DISTANCE, 5.0), rows).verdict is verdict


@pytest.mark.parametrize(("rows", "verdict"), [(29, FEW), (30, ALARM)])
def test_other_numbers_are_judged_from_the_fewest_rows_of_the_monitor_file_on(rows: int, verdict: MetricVerdict) -> None:
    for address in (MISSING, MAE):
        assert judged(metric(address, 50.0), rows).verdict is verdict


def test_what_rests_on_too_few_rows_already_stays_so() -> None:
    for address in (DISTANCE, MAE, MISSING):
        assert judged(metric(address, 50.0, verdict=FEW)).verdict is FEW


@pytest.mark.parametrize(
    "item",
    [
        metric(DISTANCE, None),
        metric(DISTANCE, 9.0, method="ks"),
        metric(MAE, 9.0, segment="vendor=a"),
        metric(("kpi", "revenue", ""), 9.0),
        metric(("data_drift", "drift_score", "unknown"), 9.0, threshold=0.1, verdict=ALARM),
    ],
)
def test_a_number_without_a_learned_limit_is_left_as_it_is(item: Metric) -> None:
    assert judged(item) == item


def test_an_estimate_is_judged_by_the_limit_of_what_it_stands_for() -> None:
    found = judged(metric(("performance_estimated", "estimated_mae", ""), 1.5))
    assert (found.verdict, found.threshold, found.reference_value) == (ALARM, 1.4, 1.0)
    assert judged(metric(("performance_estimated", "estimated_rmse", ""), 1.5)).threshold is None


def test_the_last_digits_of_a_constant_are_no_alarm() -> None:
    calibration = replace(CALIBRATION, values={MAE: ValueLimit(1 / 3, 0.0, 1 / 3, 1 / 3, 30, 200.0)})
    found = [judge(calibration, [metric(MAE, value)], 200, {}, 30)[0].verdict for value in (0.3333333333, 0.33333333335, 0.34, 0.32)]
    assert found == [OK, OK, ALARM, ALARM]


def test_several_windows_together_add_a_metric_for_what_is_followed() -> None:
    current = metric(POSITION, 0.56)
    alone = judge(CALIBRATION, [current], 200, {}, 30)
    assert [item.metric for item in alone] == ["position", "slow_drift"]
    assert (alone[1].family, alone[1].column, alone[1].method, alone[1].verdict) == (Family.CONCEPT_DRIFT, "residual", "position", OK)
    after_many = judge(CALIBRATION, [current], 200, {POSITION: [(0.56, 200)] * 6}, 30)[1]
    assert after_many.verdict is ALARM
    assert after_many.value == pytest.approx(CALIBRATION.slow[POSITION].statistic([0.56] * 7, [200] * 7))
    assert (after_many.threshold, after_many.direction) == (4.0, Direction.ABOVE)


def test_windows_with_too_few_rows_neither_count_nor_are_judged_together() -> None:
    current = metric(POSITION, 0.5)
    tiny = judge(CALIBRATION, [current], 200, {POSITION: [(1.0, 29)] * 6}, 30)[1]
    assert tiny.value == judge(CALIBRATION, [current], 200, {}, 30)[1].value
    assert judge(CALIBRATION, [metric(POSITION, 0.9)], 29, {}, 30)[1].verdict is FEW


@pytest.mark.parametrize("metrics", [[], [metric(POSITION, None)], [metric(POSITION, 0.9, segment="vendor=a")]])
def test_without_the_number_that_is_followed_nothing_is_added(metrics: list[Metric]) -> None:
    assert judge(CALIBRATION, metrics, 200, {POSITION: [(0.56, 200)] * 6}, 30) == metrics


def test_drift_scores_are_followed_as_deviations() -> None:
    assert followed_value(CALIBRATION, DISTANCE, 0.3, 200) == CALIBRATION.drift[DISTANCE].deviation(0.3, 200)
    assert followed_value(CALIBRATION, POSITION, 0.3, 200) == 0.3


def test_numbers_rest_on_the_rows_with_a_value_and_errors_on_those_with_a_label() -> None:
    shares = [metric(("data_quality", "missing_share", name), share) for name, share in (("distance", 0.25), ("duration", 0.9), ("", 0.5))]
    rows_of = usable_rows([*shares, metric(("data_quality", "missing_share", "vendor"), None)], 200, "duration")
    addresses = [DISTANCE, VENDOR, MISSING, MAE, POSITION, ("target_drift", "drift_score", "duration"), ("system", "row_ratio", "")]
    assert [rows_of(address) for address in addresses] == [150, 200, 200, 20, 20, 20, 200]
    assert usable_rows(shares, 200, None)(MAE) == 200


def test_few_usable_values_have_a_wider_limit() -> None:
    share = metric(("data_quality", "missing_share", "distance"), 0.75)
    found = judge(CALIBRATION, [metric(DISTANCE, 0.3), share], 200, {}, 30, usable_rows([share], 200, "duration"))[0]
    assert (found.threshold, found.verdict) == (pytest.approx(0.4), OK)


@pytest.mark.parametrize(("rows", "is_covered"), [(49, False), (50, True), (800, True), (801, False)])
def test_limits_cover_a_range_of_sizes(rows: int, is_covered: bool) -> None:
    assert CALIBRATION.covers(rows) is is_covered
    assert replace(CALIBRATION, drift={}).covers(rows), "without drift scores there is nothing that was made for a size"


def test_a_calibration_comes_back_from_json() -> None:
    assert Calibration.from_dict(json.loads(json.dumps(CALIBRATION.to_dict()))) == CALIBRATION
    empty = replace(CALIBRATION, drift={}, shares={}, values={}, slow={}, notes=())
    assert Calibration.from_dict(json.loads(json.dumps(empty.to_dict()))) == empty
