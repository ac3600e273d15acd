"""Simulated rows of many windows with a known expected loss."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from driftgate.config.models import MonitorConfig
from driftgate.estimate.estimator import Estimator, fit
from factories import make_binary_config, make_config

Rows = tuple[pd.DataFrame, list[np.ndarray]]
"""Rows and the positions of their windows."""


def trips(seed: int, windows: int, rows: int, *, level: float = 0.0, shift: float = 0.0) -> Rows:
    """Trips whose error grows with the distance, twice as fast for vendor c; ``level`` is the spread of windows (log)."""
    rng = np.random.default_rng(seed)
    number = np.repeat(np.arange(windows), rows)
    distance = rng.gamma(2.0, 2.0, len(number)) + shift
    vendor = rng.choice(["a", "b", "c"], len(number), p=[0.6, 0.3, 0.1])
    scale = (0.5 + 0.3 * distance) * np.where(vendor == "c", 2.0, 1.0) * np.exp(rng.normal(0, level, windows))[number]
    frame = pd.DataFrame(
        {
            "distance": distance,
            "hour": rng.uniform(0, 24, len(number)),
            "vendor": pd.Series(vendor, dtype="str"),
            "duration": 3 * distance + scale * rng.normal(0, 1, len(number)),
            "prediction": 3 * distance,
        }
    )
    return frame, np.array_split(np.arange(len(number)), windows)


def late_trips(seed: int, windows: int, rows: int, *, shift: float = 0.0) -> Rows:
    """Trips that are late or not, with an overconfident probability."""
    rng = np.random.default_rng(seed)
    distance = rng.normal(shift, 1, windows * rows)
    late = rng.random(len(distance)) < 1 / (1 + np.exp(1 - 1.5 * distance))
    proba = 1 / (1 + np.exp(1 - 3 * distance))
    frame = pd.DataFrame(
        {
            "distance": distance,
            "hour": rng.uniform(0, 24, len(distance)),
            "vendor": pd.Series("a", index=range(len(distance)), dtype="str"),
            "late": pd.Series(np.where(late, "1", "0"), dtype="str"),
            "late_proba": proba,
            "prediction": pd.Series(np.where(proba > 0.5, "1", "0"), dtype="str"),
        }
    )
    return frame, np.array_split(np.arange(len(distance)), windows)


@pytest.fixture(scope="session")
def make_trips() -> Callable[..., Rows]:
    return trips


@pytest.fixture(scope="session")
def make_late_trips() -> Callable[..., Rows]:
    return late_trips


@pytest.fixture(scope="session")
def config() -> MonitorConfig:
    return make_config()


@pytest.fixture(scope="session")
def binary_config() -> MonitorConfig:
    return make_binary_config()


@pytest.fixture(scope="session")
def estimator(config: MonitorConfig) -> Estimator:
    return fit(config, *trips(0, 20, 300))


@pytest.fixture(scope="session")
def binary_estimator(binary_config: MonitorConfig) -> Estimator:
    return fit(binary_config, *late_trips(0, 20, 300))
