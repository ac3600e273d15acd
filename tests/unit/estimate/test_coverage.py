"""The ranges cover the realised scores of simulated stationary windows as often as they say.

Eight fits, each with windows of its own, so that what one fit has learned wrongly by chance is averaged as well. The limit is three
standard errors of a share among 400 windows (1.1 % each), and as much again for what the windows of one fit have in common.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from driftgate.config.models import MonitorConfig
from driftgate.estimate.estimator import estimate, fit
from driftgate.estimate.tables import realised, score_function

FITS, WINDOWS, ROWS, TESTED = 8, 30, 120, 50
LARGEST_MISS = 2 * 3 * (0.95 * 0.05 / (FITS * TESTED)) ** 0.5


def coverage(config: MonitorConfig, make: Callable) -> dict[str, float]:
    covered: dict[str, list[bool]] = {}
    for seed in range(FITS):
        rows, windows = make(seed, WINDOWS + TESTED, ROWS)
        fitted = fit(config, rows[: WINDOWS * ROWS], windows[:WINDOWS])
        for window in windows[WINDOWS:]:
            actual = score_function(config.task)(realised(config, rows.iloc[window], fitted.positive))
            for item in estimate(config, fitted, rows.iloc[window]):
                assert item.low is not None
                assert item.high is not None
                covered.setdefault(item.metric, []).append(item.low <= actual[item.metric.removeprefix("estimated_")] <= item.high)
    return {name: float(np.mean(found)) for name, found in covered.items()}


def test_regression_with_windows_of_different_levels(config: MonitorConfig, make_trips: Callable) -> None:
    found = coverage(config, lambda *shape: make_trips(*shape, level=0.2))
    assert set(found) == {"estimated_mae", "estimated_rmse"}
    assert min(found.values()) >= 0.95 - LARGEST_MISS, found
    assert max(found.values()) <= 0.99, found


def test_binary_with_windows_that_differ_by_chance_only(binary_config: MonitorConfig, make_late_trips: Callable) -> None:
    found = coverage(binary_config, make_late_trips)
    assert len(found) == 6
    assert min(found.values()) >= 0.95 - LARGEST_MISS, found
    assert max(found.values()) <= 0.99, found
