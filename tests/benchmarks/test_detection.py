"""The detection benchmark: changes are what they say, numbers are the product's, runs repeat, intervals are right."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from benchmarks.detection import inject, intervals, real, study
from benchmarks.detection.arms import ARMS, LIMIT, Verdicts, _others
from benchmarks.detection.check import assert_evidentlys
from benchmarks.detection.criteria import is_below
from benchmarks.detection.estimates import Results
from benchmarks.detection.report import write
from benchmarks.detection.synthetic import Maker, Spec, changes
from evidently.legacy.calculations.stattests import get_stattest
from evidently.legacy.core import ColumnType
from scipy import stats

from driftgate.columns import drift_columns, usable
from driftgate.config.models import MonitorConfig
from driftgate.measure.calibratable import calibratable_metrics
from driftgate.measure.prepared import PreparedReference
from driftgate.measure.window_rows import FrameRows

SPEC = Spec(rows=60, columns=8)


@pytest.fixture
def frame() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "a": [1.0, 2.0, np.nan, 4.0],
            "c": pd.Series(["x", "y", "x", "y"], dtype="str"),
            "y": [10.0, 20.0, 30.0, 40.0],
            "prediction": [12.0, 15.0, 30.0, 41.0],
            "label": pd.Series(["0", "1", "1", "0"], dtype="str"),
        }
    )


def rng() -> np.random.Generator:
    return np.random.default_rng(1)


def test_shift_and_units_change_every_value_and_nothing_else(frame: pd.DataFrame) -> None:
    before = frame.copy()
    assert inject.shifted(frame, "a", 0.5)["a"].tolist()[:2] == [1.5, 2.5]
    assert inject.scaled(frame, "a", 1000)["a"].tolist()[3] == 4000.0
    pd.testing.assert_frame_equal(frame, before)
    pd.testing.assert_frame_equal(inject.shifted(frame, "a", 0.5).drop(columns="a"), before.drop(columns="a"))


def test_mix_missing_and_flip_touch_the_stated_share(frame: pd.DataFrame) -> None:
    rows = pd.concat([frame] * 50, ignore_index=True)
    mixed = inject.mixed(rows, "c", "z", 0.25, rng())["c"]
    assert (mixed == "z").sum() == 50
    assert mixed.dtype == rows["c"].dtype
    assert inject.blanked(rows, "y", 0.1, rng())["y"].isna().sum() == 20
    flipped = inject.flipped(rows, "label", 0.05, rng())["label"]
    assert (flipped != rows["label"]).sum() == 10
    assert set(flipped) == {"0", "1"}


def test_a_stuck_sensor_has_one_value_and_worse_errors_keep_their_sign(frame: pd.DataFrame) -> None:
    assert inject.stuck(frame, "a")["a"].tolist() == [1.0] * 4
    error = inject.worse(frame, "y", "prediction", 5.0)["y"] - frame["prediction"]
    assert error.tolist() == [-7.0, 10.0, 5.0, -6.0]


def test_a_ramp_grows_evenly_and_stays() -> None:
    assert [inject.ramp(14.0, 7, after) for after in (0, 2, 6, 20)] == [2.0, 6.0, 14.0, 14.0]


@pytest.mark.parametrize(("hits", "cases"), [(0, 10), (3, 10), (10, 10), (40, 200)])
def test_wilson_is_scipys(hits: int, cases: int) -> None:
    own, theirs = intervals.wilson(hits, cases), stats.binomtest(hits, cases).proportion_ci(method="wilson")
    assert (own.value, own.low, own.high) == pytest.approx((hits / cases, theirs.low, theirs.high), abs=1e-12)


@pytest.mark.parametrize(("count", "low", "high"), [(0, 0.0, 3.689), (1, 0.0253, 5.572), (10, 4.795, 18.391)])
def test_poisson_interval_is_garwoods_published_one(count: int, low: float, high: float) -> None:
    own = intervals.poisson(count, 2.0)
    assert (own.value, own.low, own.high) == pytest.approx((count / 2, low / 2, high / 2), abs=5e-4)
    assert own == intervals.overdispersed(count, 2.0, 1.0)


def test_dispersion_of_poisson_counts_is_one_and_widens_intervals_otherwise() -> None:
    counts = [rng().poisson(2.0, 4000).tolist()]
    assert intervals.dispersion(counts) == pytest.approx(1.0, abs=0.1)
    assert intervals.dispersion([[item * 3 for item in counts[0]]]) == pytest.approx(3.0, abs=0.3)
    wide, plain = intervals.overdispersed(10, 1.0, 2.0), intervals.poisson(10, 1.0)
    assert wide.low < plain.low
    assert wide.high > plain.high


def test_an_alarm_begins_where_there_was_none_before() -> None:
    assert study.beginnings([True, True, False, True, False]) == 2
    assert study.beginnings([]) == 0


def verdict(excess: float, *, calibrated: bool = False) -> Verdicts:
    return Verdicts({"defaults": excess, "psi": excess, "ks": excess}, {"dataset": False, "fixed": False, "calibrated": calibrated})


def test_equal_factor_gives_as_many_false_alarms() -> None:
    values = rng().random(400)
    quarters = [[verdict(value) for value in values]]
    factor = study.equal_factor(quarters, "defaults", 7)
    assert sum(study.false_alarms(quarters, "defaults", factor)) == 7


def test_delay_counts_from_the_first_changed_window() -> None:
    cases = [[verdict(0), verdict(2)], [verdict(2), verdict(0)], [verdict(0), verdict(0)]]
    assert study.delays(cases, "defaults").tolist() == [2.0, 1.0, np.inf]
    assert study.single(cases, "defaults") == (1, 3)


@pytest.mark.parametrize(("only_other", "only_own", "expected"), [(6, 0, True), (5, 0, False), (9, 1, True), (8, 2, False), (0, 9, False)])
def test_below_beyond_noise_is_the_exact_sign_test(only_other: int, only_own: int, expected: bool) -> None:
    # one-sided binomial tails: 1/64, 1/32, 11/1024, 56/1024
    own = np.array([False] * only_other + [True] * only_own + [True] * 5)
    other = np.array([True] * only_other + [False] * only_own + [True] * 5)
    assert is_below(own, other) is expected


def test_held_out_windows_are_never_calibrated_on() -> None:
    for is_random in (True, False):
        for known, held_out in real.splits(90, 5, is_random=is_random):
            assert sorted([*known, *held_out]) == list(range(90))
            assert len(known) == 60


def maker_frames() -> tuple[MonitorConfig, pd.DataFrame, pd.DataFrame]:
    maker = Maker(SPEC, seed=3)
    return SPEC.config(), maker.windows(20), maker.windows(1)


def test_the_scores_are_evidentlys_and_a_wrong_one_stops_the_run() -> None:
    config, rows, window = maker_frames()
    window = inject.mixed(inject.scaled(window, "heavy_0", 1000), "level5_0", "new", 0.1, rng())
    found = calibratable_metrics(config, window, rows)
    assert_evidentlys(config, found, window, rows)
    wrong = [replace(item, value=(item.value or 0) + 1e-6) for item in found]
    with pytest.raises(AssertionError, match="is not"):
        assert_evidentlys(config, wrong, window, rows)


def test_psi_and_kolmogorov_smirnov_are_evidentlys_and_scipys() -> None:
    config, rows, window = maker_frames()
    usual = PreparedReference(config, lambda: rows)
    scores, statistics = [], []
    for plan in drift_columns(config):
        own, reference = usable(window, plan), usable(rows, plan)
        scores.append(get_stattest(reference, own, plan.kind, "psi")(reference, own, ColumnType(plan.kind), None).drift_score)
        if plan.kind == "num":
            statistics.append(stats.ks_2samp(reference, own))
    found = _others(config, FrameRows(window), usual)
    assert found["psi"] * LIMIT == pytest.approx(max(scores))
    assert found["ks"] >= max(np.log(item.pvalue) / np.log(0.05) for item in statistics) * 0.999


def test_the_same_seed_gives_the_same_verdicts_and_a_page(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    monkeypatch.setattr(study, "CALIBRATION", 20)
    monkeypatch.setattr(study, "QUARTER", study.BLOCK)
    known = [change for change in changes() if change.name in ("none", "units", "normal_0+0.1", "normal_0+0.25", "normal_0+0.5")]
    cells = [study.run_cell(SPEC, 1, known) for _ in range(2)]
    assert cells[0].quarters == cells[1].quarters
    assert cells[0].cases == cells[1].cases
    assert study.delays(cells[0].cases["units"], "calibrated").tolist() == [1.0]
    results = Results(cells=cells[:1], changes={change.name: change.text for change in known})
    write(results, tmp_path / "page.md", tmp_path / "images")
    page = (tmp_path / "page.md").read_text(encoding="utf-8")
    assert "{{" not in page
    assert all(text in page for text in ARMS.values())
    assert (tmp_path / "images" / "detection-power.svg").stat().st_size > 1000
