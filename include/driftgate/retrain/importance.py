"""Importance of the features of a fresh model: by how much it gets worse when one of them is shuffled on the held-out rows."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

import pandas as pd

from driftgate.config.models import HIGHER_IS_BETTER, MonitorConfig
from driftgate.predictions import few_threads, predict
from driftgate.retrain.scores import comparison_metric, make_outcome, scores
from driftgate.sampling import thin

log = logging.getLogger(__name__)

ROWS, REPEATS = 2000, 3
"""Rows and shuffles per feature: about half a second for the six features of the flights example."""
MANY_FEATURES = 50
WIDE_ROWS, WIDE_REPEATS = 500, 1
"""The same for a model with more features than that: the ranking gets coarser, the time stays in seconds."""
SEED = 0


@dataclass(frozen=True)
class Importance:
    """How much each feature counts, and how that was found."""

    metric: str
    rows: int
    repeats: int
    shares: dict[str, float]
    """Per feature, 0 or more; the sum is 1, or 0 where shuffling no feature makes the model worse."""


def feature_importance(config: MonitorConfig, held_out: pd.DataFrame, estimator: Any) -> Importance | None:
    """Measure the permutation importance of every feature in units of the metric of the comparison.

    The same rows and the same model give the same numbers. Of features that carry the same information each may look
    unimportant. None where it cannot be measured (no rows with a target, a metric that these rows do not have, a model that
    cannot digest shuffled rows): a ranking of causes is no reason to fail a training.
    """
    rows = held_out[held_out[str(config.columns.target)].notna()]
    is_wide = len(config.columns.features) > MANY_FEATURES
    rows, repeats = thin(rows, WIDE_ROWS if is_wide else ROWS), WIDE_REPEATS if is_wide else REPEATS
    try:
        metric = comparison_metric(config, _scores(config, estimator, rows, rows[str(config.columns.target)]))
        worsening = _worsening(config, rows, estimator, metric, repeats)
    except Exception as error:
        log.warning("monitor %s: the importance of features is not known: %s: %s", config.id, type(error).__name__, error)
        return None
    return Importance(metric, len(rows), repeats, _shares(worsening))


def _worsening(config: MonitorConfig, rows: pd.DataFrame, estimator: Any, metric: str, repeats: int) -> dict[str, float]:
    from sklearn.inspection import permutation_importance

    def goodness(model: Any, features: pd.DataFrame, target: pd.Series) -> float:
        value = _scores(config, model, features, target)[metric]
        if metric == "me":
            return -abs(value)
        return value if metric in HIGHER_IS_BETTER else -value

    names = config.columns.features
    with few_threads(len(rows)):
        found = permutation_importance(
            estimator, rows[names], rows[str(config.columns.target)], scoring=goodness, n_repeats=repeats, random_state=SEED
        )
    return {name: float(mean) for name, mean in zip(names, found.importances_mean, strict=True)}


def _scores(config: MonitorConfig, estimator: Any, features: pd.DataFrame, target: pd.Series) -> dict[str, float]:
    return scores(make_outcome(config, target, predict(config, estimator, features)))


def _shares(worsening: dict[str, float]) -> dict[str, float]:
    """Turn worsening into shares; a model that seems better without a feature (chance) does not rest on it."""
    positive = {name: max(value, 0.0) for name, value in worsening.items()}
    total = sum(positive.values())
    return {name: value / total if total > 0 else 0.0 for name, value in positive.items()}
