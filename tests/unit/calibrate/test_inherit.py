"""A version with few windows takes over from the one before how much ordinary windows differ; its level is its own."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from driftgate.calibrate.drift_limit import SAMPLING, WINDOWS, DriftLimit
from driftgate.calibrate.inherit import inherit_drift, inherit_slow, inherit_value
from driftgate.calibrate.slow import SlowLimit, slow_limit
from driftgate.calibrate.value_limit import ValueLimit

OWN = DriftLimit(
    "wasserstein", False, WINDOWS, [50, 200, 800], [0.1, 0.05, 0.025], [0.4, 0.2, 0.1], 9, 200.0, level=3.0, spread=2.0, bound=20.0
)
FORMER = replace(OWN, windows=60, level=1.0, spread=0.5, bound=2.5)
SCORES, ROWS = np.array([0.05, 0.1, 0.2]), np.array([200, 200, 200])
SLOW = SlowLimit(0.4, 0.2, 1 / 12, 200.0, 0.3, True, 9, 9.0)
FORMER_SLOW = SlowLimit(0.5, 0.02, 1 / 12, 200.0, 0.6, True, 60, 4.0)


def test_a_drift_limit_keeps_the_distance_of_the_former_from_the_level() -> None:
    found = inherit_drift(OWN, FORMER, SCORES, ROWS)
    middle = OWN.relative(0.1, 200)
    assert (found.level, found.spread, found.regime) == (pytest.approx(middle), 0.5, WINDOWS)
    assert found.bound == pytest.approx(middle + 1.5 * np.sqrt(1 + 1 / 3))
    assert found.threshold(200) < OWN.threshold(200)


def test_windows_that_were_like_samples_before_are_taken_to_be_so_again() -> None:
    found = inherit_drift(OWN, replace(FORMER, regime=SAMPLING), SCORES, ROWS)
    assert found.regime == SAMPLING
    assert found.threshold(200) == pytest.approx(0.2)


@pytest.mark.parametrize("former", [None, replace(FORMER, method="ks")])
def test_without_a_former_limit_of_the_method_the_own_one_stays(former: DriftLimit | None) -> None:
    assert inherit_drift(OWN, former, SCORES, ROWS) == OWN


def test_a_version_whose_windows_are_like_samples_needs_nothing() -> None:
    sampled = replace(OWN, regime=SAMPLING)
    assert inherit_drift(sampled, FORMER, SCORES, ROWS) == sampled


def test_an_error_may_grow_by_the_same_factor_as_before() -> None:
    own, former = ValueLimit(12.0, 0.3, None, 40.0, 9, 200.0), ValueLimit(10.0, 0.1, None, 14.0, 60, 200.0)
    found = inherit_value(own, former, np.array([5.0, 6.0, 7.0, 8.0]))
    assert found.level == 6.5
    assert found.bounds(200) == (None, pytest.approx(6.5 * 1.4 ** np.sqrt(1.25)))


def test_a_number_with_two_limits_keeps_their_distances() -> None:
    own, former = ValueLimit(1.0, 0.3, 0.1, 1.9, 9, 200.0), ValueLimit(1.0, 0.1, 0.8, 1.3, 60, 200.0)
    found = inherit_value(own, former, np.array([1.1] * 4))
    assert found.bounds(200) == (pytest.approx(1.1 - 0.2 * np.sqrt(1.25)), pytest.approx(1.1 + 0.3 * np.sqrt(1.25)))


def test_limits_on_other_sides_are_not_taken_over() -> None:
    own, former = ValueLimit(1.0, 0.3, 0.1, 1.9, 9, 200.0), ValueLimit(1.0, 0.1, None, 1.3, 60, 200.0)
    assert inherit_value(own, former, np.ones(4)) == own
    assert inherit_value(own, None, np.ones(4)) == own


def test_slow_change_is_measured_by_the_former_spread_and_persistence() -> None:
    found = inherit_slow(SLOW, FORMER_SLOW, np.array([0.4, 0.45, 0.5]), 0.001)
    assert (found.level, found.spread, found.persistence, found.windows) == (0.45, 0.02, 0.6, 9)
    assert found.limit == slow_limit(9, 0.6, 0.001, True)
    assert found.sampling <= found.spread**2 * found.usual_rows
    assert np.isfinite(found.statistic([0.5] * 5, [200] * 5))
    assert inherit_slow(SLOW, None, np.array([0.4]), 0.001) == SLOW
