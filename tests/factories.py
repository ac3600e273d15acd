"""Small, seeded data and configurations for tests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

from driftgate.config.models import MonitorConfig
from driftgate.records import Family, Measures, Metric, Window

DAY = datetime(2024, 1, 1, tzinfo=UTC)


def make_window(day: int = 0, days: int = 1) -> Window:
    start = DAY + timedelta(days=day)
    return Window(start, start + timedelta(days=days))


def make_config(**overrides: Any) -> MonitorConfig:
    """Return a small regression monitor; keys given replace whole sections."""
    base: dict[str, Any] = {
        "id": "trips",
        "owner": "tests",
        "task": "regression",
        "source": {"kind": "files", "path": "data/{window_start:%Y-%m-%d}.csv"},
        "columns": {
            "timestamp": "ts",
            "id": ["trip_id"],
            "target": "duration",
            "numerical": ["distance", "hour"],
            "categorical": ["vendor"],
            "segments": ["vendor"],
        },
    }
    return MonitorConfig.model_validate({**base, **overrides})


def make_binary_config(**overrides: Any) -> MonitorConfig:
    columns = {
        "timestamp": "ts",
        "id": ["trip_id"],
        "target": "late",
        "prediction_proba": "late_proba",
        "numerical": ["distance", "hour"],
        "categorical": ["vendor"],
    }
    return make_config(**{"task": "binary", "columns": columns, **overrides})


def make_frame(rows: int = 200, seed: int = 0, day: int = 0, *, shift: float = 0.0, slope: float = 3.0) -> pd.DataFrame:
    """Return trips of one day as they come out of ingest: typed, sorted, with target and prediction.

    ``shift`` moves `distance`; ``slope`` is minutes per unit of distance (3.0 is what the prediction assumes).
    """
    rng = np.random.default_rng(seed)
    start = DAY + timedelta(days=day)
    distance = rng.gamma(2.0, 2.0, rows) + shift
    hour = rng.integers(0, 24, rows).astype(float)
    return pd.DataFrame(
        {
            "trip_id": [f"{day}-{index}" for index in range(rows)],
            "ts": pd.to_datetime([start + timedelta(seconds=86400 * index / max(rows, 1)) for index in range(rows)], utc=True),
            "distance": distance,
            "hour": hour,
            "vendor": pd.Series(rng.choice(["a", "b", "c"], rows, p=[0.6, 0.3, 0.1]), dtype="str"),
            "duration": slope * distance + rng.normal(0, 1, rows),
            "prediction": 3.0 * distance,
        }
    )


def make_binary_frame(rows: int = 200, seed: int = 0, day: int = 0) -> pd.DataFrame:
    frame = make_frame(rows, seed, day)
    rng = np.random.default_rng(seed + 1)
    chance = 1 / (1 + np.exp(-(frame["distance"] - 4)))
    late = rng.random(rows) < chance
    frame["late"] = pd.Series(np.where(late, "1", "0"), dtype="str")
    frame["late_proba"] = chance
    frame["prediction"] = pd.Series(np.where(chance > 0.5, "1", "0"), dtype="str")
    return frame.drop(columns=["duration"])


def make_measures(
    day: int = 0, *, rows: int = 200, model_version: str = "1", drift_share: float = 0.0, mae: float = 1.0, reference_mae: float = 1.0
) -> Measures:
    metrics = (
        Metric(Family.DATA_DRIFT, "drift_share", drift_share, threshold=0.5),
        Metric(Family.PERFORMANCE, "mae", mae, reference_value=reference_mae),
    )
    return Measures("trips", make_window(day), model_version, rows, metrics)
