"""The estimates against those of NannyML 0.13.1 (pandas 2.3.3, NumPy 2.4.6, scikit-learn 1.9.1, LightGBM 4.5.0, Python 3.11).

Recipe: ``reference = classified(20000, 1)``, ``current = concat(classified(2000, 2), classified(2000, 3, shift=1.0))``,
``nannyml.CBPE(problem_type="classification_binary", y_pred_proba="late_proba", y_pred="prediction", y_true="late",
metrics=[...], chunk_size=2000).fit(reference).estimate(current)``; NannyML finds that the probabilities need calibration. The same with
``measured(20000, 4)``, ``measured(2000, 5)``, ``measured(2000, 6, shift=3.0)`` and ``nannyml.DLE(feature_column_names=["distance",
"hour", "vendor"], y_pred="prediction", y_true="duration", metrics=["mae", "rmse"], chunk_size=2000)``.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from driftgate.estimate.estimator import estimate, fit
from factories import make_binary_config, make_config

CBPE = {
    "accuracy": (0.7196111533146609, 0.788664527679427),
    "precision": (0.7076152709059312, 0.8138005187920959),
    "recall": (0.7140577424506914, 0.927506763114378),
    "f1": (0.7108219092852346, 0.8669411686824833),
    "roc_auc": (0.7973735047300419, 0.8107442414808164),
}
DLE = {"mae": (1.5363914244202628, 2.310316738860823), "rmse": (2.272541393464096, 3.171387540035423)}
WINDOWS = np.array_split(np.arange(20_000), 10)


def classified(rows: int, seed: int, shift: float = 0.0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    distance = rng.normal(shift, 1.0, rows)
    hour = rng.uniform(0.0, 24.0, rows)
    logit = 1.5 * distance + 0.1 * (hour - 12)
    late = rng.random(rows) < 1 / (1 + np.exp(-logit))
    proba = 1 / (1 + np.exp(-2.5 * (1.5 * distance)))
    return pd.DataFrame(
        {"distance": distance, "hour": hour, "late": late.astype(int), "late_proba": proba, "prediction": (proba > 0.5).astype(int)}
    )


def measured(rows: int, seed: int, shift: float = 0.0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    distance = rng.gamma(2.0, 2.0, rows) + shift
    hour = rng.uniform(0.0, 24.0, rows)
    vendor = rng.choice(["a", "b", "c"], rows, p=[0.6, 0.3, 0.1])
    noise = (0.5 + 0.3 * distance) * np.where(vendor == "c", 2.0, 1.0)
    duration = 3 * distance + noise * rng.normal(0, 1, rows)
    return pd.DataFrame({"distance": distance, "hour": hour, "vendor": vendor, "duration": duration, "prediction": 3 * distance})


def test_binary_estimates_are_those_of_nannyml() -> None:
    config = make_binary_config(
        columns={"timestamp": "ts", "target": "late", "prediction_proba": "late_proba", "numerical": ["distance", "hour"]}
    )
    fitted = fit(config, classified(20_000, 1), WINDOWS)
    for chunk, frame in enumerate((classified(2000, 2), classified(2000, 3, shift=1.0))):
        found = {item.metric.removeprefix("estimated_"): item.value for item in estimate(config, fitted, frame)}
        # NannyML rounds the counts under its ROC curve to five decimals
        assert {name: found[name] for name in CBPE} == pytest.approx({name: values[chunk] for name, values in CBPE.items()}, abs=1e-8)


def test_regression_estimates_are_near_those_of_nannyml_and_nearer_the_truth_than_the_reference() -> None:
    """Other trees (LightGBM, squared error): within 2 %. The realised mae are 1.549 and 2.318, the rmse 2.381 and 3.239."""
    config = make_config(columns={"timestamp": "ts", "target": "duration", "numerical": ["distance", "hour"], "categorical": ["vendor"]})
    fitted = fit(config, measured(20_000, 4), WINDOWS)
    for chunk, frame in enumerate((measured(2000, 5), measured(2000, 6, shift=3.0))):
        found = {item.metric.removeprefix("estimated_"): item for item in estimate(config, fitted, frame)}
        assert {name: item.value for name, item in found.items()} == pytest.approx(
            {name: values[chunk] for name, values in DLE.items()}, rel=0.02
        )
        error = frame["prediction"] - frame["duration"]
        for name, truth in (("mae", error.abs().mean()), ("rmse", (error**2).mean() ** 0.5)):
            assert found[name].low < truth < found[name].high
