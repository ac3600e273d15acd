"""Learning limits from the windows of a reference, and judging new windows by them."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

import factories
from driftgate.calibrate.calibration import Calibration
from driftgate.calibrate.steady import SteadyError
from driftgate.calibrating import Learned, cut_windows, errors_of, judge_measures, learn, steady_metric, usual_rows, with_methods
from driftgate.config.calibration import BudgetConfig
from driftgate.config.models import MonitorConfig
from driftgate.measure.measures import measure_batch
from driftgate.measure.reference_parts import IndexedReference
from driftgate.records import Family, Measures, Metric, MetricVerdict

DAYS, ROWS = 10, 110
"""More than 1,000 rows: Evidently then uses distances, which are simulated fast."""
FEW = 130
DISTANCE = ("data_drift", "drift_score", "distance")


def reference_rows(make: Callable[..., pd.DataFrame] = factories.make_frame, days: int = DAYS, rows: int = ROWS) -> pd.DataFrame:
    return pd.concat([make(rows, seed=day, day=day) for day in range(days)], ignore_index=True)


LEAN = factories.make_config(
    columns={"timestamp": "ts", "target": "duration", "numerical": ["distance"], "categorical": ["vendor"]},
    measures={"multivariate": "none"},
)


def learned(config: MonitorConfig, rows: pd.DataFrame, **options: Any) -> Calibration:
    found = learn(config, rows, rows, **options)
    assert found is not None
    return found.calibration


@pytest.fixture(scope="module")
def usual() -> Learned:
    rows = reference_rows()
    delivered = {factories.make_window(day): ROWS + day for day in range(DAYS)}
    found = learn(factories.make_config(), rows, rows, lambda frame: frame["distance"].to_numpy(), delivered=delivered)
    assert found is not None
    return found


def measured(config: MonitorConfig, frame: pd.DataFrame, day: int = 20) -> Measures:
    return measure_batch(config, frame, reference_rows(), window=factories.make_window(day), model_version="1")


def judged(usual: Learned, frame: pd.DataFrame) -> Measures:
    return judge_measures(factories.make_config(), measured(factories.make_config(), frame), usual.calibration, {})


# --- learning ---------------------------------------------------------------------------------------------------------


def test_every_number_that_is_judged_has_a_limit(usual: Learned) -> None:
    calibration = usual.calibration
    scored = {("data_drift", name) for name in ("distance", "hour", "vendor")}
    scored |= {("prediction_drift", "prediction"), ("target_drift", "duration"), ("concept_drift", "residual")}
    assert {(family, column) for family, _, column in calibration.drift} == scored
    shares = {(name, column) for _, name, column in calibration.shares}
    assert shares == {
        *(("missing_share", name) for name in ("distance", "hour", "vendor", "prediction")),
        *(("most_frequent_share", name) for name in ("distance", "hour")),
    }
    assert {("performance", "mae", ""), ("system", "row_ratio", "")} <= set(calibration.values)
    assert ("concept_drift", "steady_residual", "residual") in calibration.slow
    assert ("concept_drift", "position", "residual") not in calibration.slow, "the steady error stands in for it"
    assert calibration.notes == ()


def test_it_says_what_it_rests_on(usual: Learned) -> None:
    found = usual.calibration
    assert (found.windows, found.usual_rows) == (DAYS, ROWS)
    assert (found.first, found.last) == ("2024-01-01T00:00:00+00:00", "2024-01-11T00:00:00+00:00")
    assert (found.fewest_rows, found.most_rows) == (pytest.approx(ROWS / 4, abs=1), ROWS * 4)
    assert (found.budget, found.chance_per_window) == ("1 false alarm per 13w", pytest.approx(1 / 91))


def test_the_same_rows_in_any_order_give_the_same_limits() -> None:
    config, rows = LEAN, reference_rows(days=8, rows=FEW)
    mixed = rows.sample(frac=1, random_state=1)
    one, other = learned(config, rows), learned(config, mixed)
    assert one.fingerprint == other.fingerprint
    for name in ("drift", "values", "shares"):
        assert getattr(one, name).keys() == getattr(other, name).keys()
    for address, limit in one.drift.items():
        assert other.drift[address].threshold(FEW) == pytest.approx(limit.threshold(FEW), rel=1e-9)
    for address, value in one.values.items():
        for found, expected in zip(other.values[address].bounds(FEW), value.bounds(FEW), strict=True):
            assert found == (None if expected is None else pytest.approx(expected, rel=1e-6))
    for address, slow in one.slow.items():
        assert (other.slow[address].level, other.slow[address].limit) == pytest.approx((slow.level, slow.limit), rel=1e-6)


def test_fewer_than_eight_windows_are_too_few_and_it_is_said(caplog: pytest.LogCaptureFixture) -> None:
    rows = reference_rows(days=7)
    with caplog.at_level(logging.WARNING, logger="driftgate"):
        assert learn(factories.make_config(), rows, rows) is None
    assert "trips: 7 windows in the reference, 8 are needed to calibrate limits" in caplog.text


def test_windows_with_too_few_rows_do_not_count() -> None:
    rows = pd.concat([reference_rows(days=7), factories.make_frame(29, seed=7, day=7)], ignore_index=True)
    assert learn(factories.make_config(), rows, rows) is None


def test_without_rows_nothing_is_learned() -> None:
    rows = reference_rows(days=1).iloc[:0]
    assert learn(factories.make_config(), rows, rows) is None


def test_a_fortnight_gives_wider_limits_than_a_season_and_no_error() -> None:
    config = LEAN
    few, many = (learned(config, reference_rows(days=days, rows=FEW)) for days in (14, 45))
    for address, limit in few.slow.items():
        assert limit.limit > many.slow[address].limit, address
    assert all(np.isfinite(limit.threshold(FEW)) for limit in few.drift.values())
    mae = ("performance", "mae", "")
    assert few.values[mae].bounds(FEW)[1] is not None


@pytest.mark.parametrize(
    ("change", "address"),
    [
        pytest.param({"hour": 7.0}, ("data_drift", "drift_score", "hour"), id="constant"),
        pytest.param({"vendor": "a"}, ("data_drift", "drift_score", "vendor"), id="one category"),
    ],
)
def test_a_column_with_one_value_is_judged_by_any_other_value(change: dict[str, Any], address: tuple[str, str, str]) -> None:
    config = factories.make_config(measures={"multivariate": "none"})
    rows = reference_rows(days=8, rows=FEW).assign(**change)
    calibration = learned(config, rows)
    assert calibration.drift[address].minimum_rows == 1
    for frame, verdict in ((change, MetricVerdict.OK), ({}, MetricVerdict.ALARM)):
        current = factories.make_frame(FEW, seed=40, day=9).assign(**frame)
        found = measure_batch(config, current, rows, window=factories.make_window(9), model_version="1")
        item = judge_measures(config, found, calibration, {}).find("drift_score", address[2])
        assert item is not None
        assert item.verdict is verdict


def test_a_column_without_any_value_has_no_limit_and_is_not_an_error() -> None:
    config = factories.make_config()
    rows = reference_rows(days=8, rows=FEW).assign(hour=np.nan)
    calibration = learned(config, rows)
    assert ("data_drift", "drift_score", "hour") not in calibration.drift
    found = measure_batch(config, factories.make_frame(FEW, seed=40, day=9), rows, window=factories.make_window(9), model_version="1")
    item = judge_measures(config, found, calibration, {}).find("drift_score", "hour")
    assert item is not None
    assert item.verdict is not MetricVerdict.ALARM


def test_limits_of_a_column_with_many_nulls_are_those_of_its_values() -> None:
    config = factories.make_config()
    rows = reference_rows(rows=100)
    rows.loc[np.random.default_rng(1).random(len(rows)) < 0.5, "distance"] = np.nan
    limit = learned(config, rows).drift[DISTANCE]
    assert limit.usual_rows == pytest.approx(50, abs=8)
    assert limit.regime == "sampling"


@pytest.mark.parametrize(
    ("method", "kind"), [("ks", "numerical"), ("t_test", "numerical"), ("psi", "numerical"), ("chisquare", "categorical")]
)
def test_any_drift_method_can_be_calibrated(method: str, kind: str) -> None:
    config = factories.make_config(measures={f"method_{kind}": method, "multivariate": "none"})
    rows = reference_rows(days=14, rows=FEW)
    calibration = learned(config, rows)
    address = ("data_drift", "drift_score", "distance" if kind == "numerical" else "vendor")
    limit = calibration.drift[address]
    assert limit.is_p_value == (method != "psi")
    shifted = factories.make_frame(FEW, seed=99, day=9, shift=6.0).assign(vendor="c")
    for frame, verdict in ((factories.make_frame(FEW, seed=98, day=9), MetricVerdict.OK), (shifted, MetricVerdict.ALARM)):
        found = measure_batch(config, frame, rows, window=factories.make_window(9), model_version="1")
        item = judge_measures(config, found, calibration, {}).find("drift_score", address[2])
        assert item is not None
        assert item.verdict is verdict, (item, limit)


@pytest.mark.parametrize("task", ["binary", "binary without probabilities", "multiclass"])
def test_classification_is_calibrated_by_its_own_errors(task: str) -> None:
    config = factories.make_binary_config() if task == "binary" else without_probabilities(task)
    calibration = learned(config, reference_rows(factories.make_binary_frame, days=8, rows=FEW))
    metric = "log_loss" if task == "binary" else "f1"
    low, high = calibration.values["performance", metric, ""].bounds(ROWS)
    assert (low is None, high is None) == ((True, False) if task == "binary" else (False, True))
    if low is not None:
        assert 0 < low < 1
    assert ("concept_drift", "drift_score", "residual") in calibration.drift
    followed = {name for family, name, _ in calibration.slow if family == "concept_drift"}
    assert followed & {"position", "steady_residual"}


def without_probabilities(task: str) -> MonitorConfig:
    columns = {"timestamp": "ts", "target": "late", "numerical": ["distance", "hour"], "categorical": ["vendor"]}
    return factories.make_config(task=task.split()[0], columns=columns)


def test_rows_without_labels_have_limits_for_drift_only() -> None:
    columns = {"timestamp": "ts", "numerical": ["distance", "hour"], "categorical": ["vendor"]}
    config = factories.make_config(
        columns=columns, model={"predictions": "source"}, reference={"kind": "window", "start": "2024-01-01", "end": "2024-01-11"}
    )
    calibration = learned(config, reference_rows(days=8, rows=FEW).drop(columns=["duration"]))
    assert {family for family, _, _ in calibration.drift} == {"data_drift", "prediction_drift"}
    assert not [address for address in calibration.values if address[0] == "performance"]
    assert not [address for address in calibration.slow if address[0] == "concept_drift"]


def test_a_limit_of_the_users_own_is_not_learned() -> None:
    config = factories.make_config(measures={"columns": {"distance": {"threshold": 0.7}, "hour": {"drift": False}}})
    calibration = learned(config, reference_rows(days=8, rows=FEW))
    assert {column for family, _, column in calibration.drift if family == "data_drift"} == {"vendor"}


def test_limits_can_be_asked_for_other_sizes_too() -> None:
    rows = reference_rows(days=8, rows=FEW)
    plain, wide = learned(LEAN, rows), learned(LEAN, rows, sizes=[5000])
    assert not plain.covers(5000)
    assert wide.covers(5000)
    assert wide.covers(FEW)
    assert wide.drift[DISTANCE].threshold(FEW) == pytest.approx(plain.drift[DISTANCE].threshold(FEW), rel=0.2)


def test_the_method_is_that_of_live_windows_also_where_leaving_a_window_out_would_change_it() -> None:
    rows = reference_rows(days=8, rows=FEW)
    assert len(rows) > 1000 > len(rows) - FEW, "Evidently chooses by the size of the reference, at 1,000 rows"
    calibration = learned(factories.make_config(), rows)
    current = factories.make_frame(FEW, seed=99, day=20)
    live = measure_batch(factories.make_config(), current, rows, window=factories.make_window(20), model_version="1")
    for (family, name, column), limit in calibration.drift.items():
        scored = live.find(name, column, family)
        assert scored is not None
        assert scored.method == limit.method
    own = factories.make_config(measures={"method_numerical": "ks", "columns": {"hour": {"method": "auto"}, "vendor": {"threshold": 0.3}}})
    pinned = with_methods(own, IndexedReference(own, rows), factories.make_window(7)).measures
    assert (pinned.method_numerical, pinned.columns["hour"].method, pinned.columns["vendor"].threshold) == ("ks", "wasserstein", 0.3)


def test_a_smaller_budget_widens_every_limit() -> None:
    rows = reference_rows(days=8, rows=FEW)
    measures = LEAN.measures.model_copy(update={"budget": BudgetConfig(per=timedelta(days=910))})
    loose, strict = (learned(config, rows) for config in (LEAN, LEAN.model_copy(update={"measures": measures})))
    for address, limit in loose.drift.items():
        assert strict.drift[address].threshold(FEW) > limit.threshold(FEW)
    for address, slow in loose.slow.items():
        assert strict.slow[address].limit > slow.limit
    assert strict.fingerprint != loose.fingerprint


def test_a_fortnight_takes_over_how_much_windows_differ_from_the_version_before() -> None:
    def days(first: int, last: int, rows: int = FEW) -> pd.DataFrame:
        shifts = np.random.default_rng(first).normal(0, 1.0, last)
        return pd.concat(
            [factories.make_frame(rows, seed=day, day=day, shift=shifts[day]) for day in range(first, last)], ignore_index=True
        )

    config = LEAN
    season, fortnight = days(0, 40), days(40, 52)
    before = learn(config, season, season)
    assert before is not None
    alone = learn(config, fortnight, fortnight)
    after = learn(config, fortnight, fortnight, former=before)
    assert alone is not None
    assert after is not None
    assert after.steady == before.steady
    assert (alone.calibration.spread_windows, after.calibration.spread_windows) == (0, 40)
    assert before.calibration.drift[DISTANCE].regime == alone.calibration.drift[DISTANCE].regime == "windows"
    assert after.calibration.drift[DISTANCE].spread == before.calibration.drift[DISTANCE].spread
    assert after.calibration.drift[DISTANCE].level != before.calibration.drift[DISTANCE].level
    for address, limit in after.calibration.slow.items():
        assert limit.spread == before.calibration.slow[address].spread
    many = learn(config, season, season, former=after)
    assert many is not None
    assert many.calibration == before.calibration, "a version with enough windows needs nothing from the one before"


def test_weights_of_the_version_before_that_no_window_can_use_are_left_aside() -> None:
    rows = reference_rows(days=8, rows=FEW)
    former = learn(LEAN, rows, rows)
    assert former is not None
    useless = replace(former, steady=SteadyError(edges=[1e9], weights=[0.5, 0.5], is_median=True))
    found = learn(LEAN, rows, rows, former=useless)
    assert found is not None
    assert found.steady is None
    assert ("concept_drift", "position", "residual") in found.calibration.slow, "the model's errors are followed in the other way"


# --- cutting ----------------------------------------------------------------------------------------------------------


def test_rows_are_cut_into_local_days_also_where_clocks_change() -> None:
    config = factories.make_config(schedule={"timezone": "America/New_York"})
    times = pd.date_range("2024-03-09", "2024-03-12", freq="30min", inclusive="left", tz="America/New_York").tz_convert("UTC")
    rows = pd.DataFrame({"ts": times}).sample(frac=1, random_state=3)
    found = cut_windows(config, rows)
    assert [(window.end - window.start) / timedelta(hours=1) for window, _ in found] == [24, 23, 24]
    for window, positions in found:
        inside = rows["ts"].iloc[positions]
        assert len(positions) == ((rows["ts"] >= window.start) & (rows["ts"] < window.end)).sum()
        assert ((inside >= window.start) & (inside < window.end)).all()
        assert inside.is_monotonic_increasing


def test_the_last_window_is_cut_also_when_its_last_row_ends_with_nanoseconds() -> None:
    rows = factories.make_frame(40)
    rows["ts"] = rows["ts"].astype("datetime64[ns, UTC]")
    rows.loc[39, "ts"] = pd.Timestamp("2024-01-01T23:59:59.999999999Z")
    [(window, positions)] = cut_windows(factories.make_config(), rows)
    assert (window, len(positions)) == (factories.make_window(0), 40)


# --- errors -----------------------------------------------------------------------------------------------------------


def test_expected_losses_belong_to_the_labelled_rows() -> None:
    frame = factories.make_frame(20, seed=1)
    frame.index = range(500, 520)
    frame.loc[[503, 507], "duration"] = np.nan
    expected, errors = errors_of(factories.make_config(), frame, lambda rows: rows["distance"].to_numpy())
    labelled = frame.drop(index=[503, 507])
    np.testing.assert_array_equal(expected, labelled["distance"])
    np.testing.assert_allclose(errors, labelled["prediction"] - labelled["duration"])


def test_usual_rows_are_the_median_of_windows_that_had_some() -> None:
    assert usual_rows({factories.make_window(day): rows for day, rows in enumerate([100, 0, 120, 300])}) == 120
    assert usual_rows({}) is None


def test_the_steady_error_is_a_metric_of_the_residual() -> None:
    found = steady_metric(factories.make_config(), 1.5)
    assert (found.family, found.metric, found.column, found.value) == (Family.CONCEPT_DRIFT, "steady_residual", "residual", 1.5)


# --- judging ----------------------------------------------------------------------------------------------------------


def verdict(measures: Measures, metric: str, column: str = "") -> MetricVerdict | None:
    found = measures.find(metric, column)
    assert found is not None, (metric, column)
    return found.verdict


def test_an_ordinary_window_has_no_alarm(usual: Learned) -> None:
    found = judged(usual, factories.make_frame(ROWS, seed=77, day=20))
    assert not [item for item in found.metrics if item.verdict is MetricVerdict.ALARM]
    assert verdict(found, "dataset_drift") is MetricVerdict.OK
    assert found.rows == ROWS


def test_a_shift_is_an_alarm_of_its_column_and_of_the_data_set(usual: Learned) -> None:
    found = judged(usual, factories.make_frame(ROWS, seed=77, day=20, shift=3.0))
    assert verdict(found, "drift_score", "distance") is MetricVerdict.ALARM
    assert verdict(found, "drift_score", "vendor") is MetricVerdict.OK
    summary = found.find("dataset_drift")
    assert summary is not None
    assert (summary.value, summary.verdict) == (1.0, MetricVerdict.ALARM)
    share = found.find("drift_share")
    assert share is not None
    assert (share.threshold, share.verdict) == (None, None)


def test_larger_errors_are_an_alarm_of_performance(usual: Learned) -> None:
    found = judged(usual, factories.make_frame(ROWS, seed=77, day=20, slope=5.0))
    assert verdict(found, "mae") is MetricVerdict.ALARM
    assert verdict(found, "drift_score", "residual") is MetricVerdict.ALARM
    assert verdict(found, "drift_score", "distance") is MetricVerdict.OK


def test_missing_values_are_an_alarm_of_their_share(usual: Learned) -> None:
    frame = factories.make_frame(ROWS, seed=77, day=20)
    frame.loc[: ROWS // 4, "distance"] = np.nan
    found = judged(usual, frame)
    assert verdict(found, "missing_share", "distance") is MetricVerdict.ALARM
    assert verdict(found, "missing_share", "hour") is MetricVerdict.OK


def test_a_handful_of_rows_is_never_judged(usual: Learned) -> None:
    found = judged(usual, factories.make_frame(5, seed=77, day=20, shift=50.0))
    assert {item.verdict for item in found.metrics if item.verdict} == {MetricVerdict.TOO_FEW_ROWS}


def test_few_labels_are_judged_as_few_rows(usual: Learned) -> None:
    frame = factories.make_frame(ROWS, seed=77, day=20, slope=9.0)
    frame.loc[10:, "duration"] = np.nan
    found = judged(usual, frame)
    for name, column in (("mae", ""), ("drift_score", "duration"), ("drift_score", "residual")):
        assert verdict(found, name, column) is MetricVerdict.TOO_FEW_ROWS
    assert verdict(found, "drift_score", "distance") is MetricVerdict.OK


def test_only_what_was_measured_is_judged(usual: Learned) -> None:
    measures = measured(factories.make_config(), factories.make_frame(ROWS, seed=77, day=20).drop(columns=["duration"]))
    found = judge_measures(factories.make_config(), measures, usual.calibration, {})
    assert found.find("mae") is None
    kpi = Metric(Family.KPI, "revenue", 3.0)
    more = judge_measures(factories.make_config(), replace(measures, metrics=(*measures.metrics, kpi)), usual.calibration, {})
    assert kpi in more.metrics


def test_a_rule_can_ask_for_the_learned_limit_of_a_kpi_and_a_gap() -> None:
    rules = [{"metric": "long_share", "calibrated": True}, {"metric": "mae_gap", "column": "vendor", "calibrated": True}]
    config = factories.make_config(
        kpis=[{"name": "long_share", "expression": "share(duration > 15)"}],
        fairness={"columns": ["vendor"], "minimum_rows": 5},
        decision={"rules": rules},
    )
    limits = learned(config, reference_rows()).values
    share = [float((factories.make_frame(ROWS, seed=day, day=day)["duration"] > 15).mean()) for day in range(DAYS)]
    kpi = limits["kpi", "long_share", ""]
    assert kpi.level == pytest.approx(np.mean(share))
    assert kpi.low is not None
    assert kpi.high is not None
    assert kpi.low < min(share) <= max(share) < kpi.high
    assert limits["fairness", "mae_gap", "vendor"].high is not None


def test_a_limit_in_a_rule_is_not_replaced_by_a_learned_one() -> None:
    config = factories.make_config(decision={"rules": [{"metric": "mae", "above_reference": 1.5}]})
    calibration = learned(config, reference_rows())
    assert ("performance", "mae", "") not in calibration.values
    assert ("performance", "mae", "") in learned(factories.make_config(), reference_rows()).values
