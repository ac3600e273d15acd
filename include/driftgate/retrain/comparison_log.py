"""Both scores of a comparison, written to the challenger's MLflow run."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from driftgate.mlflow_client import client, guarded
from driftgate.records import Retraining, to_dict


def log_comparison(tracking_uri: str, retraining: Retraining) -> None:
    """Write `comparison.<champion|challenger>.<metric>`, the verdict as tags, and everything as comparison.json.

    Raises
    ------
    ServiceError
        If MLflow does not answer.
    """
    comparison = retraining.comparison
    with guarded(tracking_uri):
        api = client(tracking_uri)
        known = api.get_run(retraining.mlflow_run).data.metrics
        for name, value in _scores(comparison.champion, comparison.challenger):
            if math.isfinite(value) and known.get(name) != value:
                api.log_metric(retraining.mlflow_run, name, value)
        api.set_tag(retraining.mlflow_run, "driftgate.champion_version", retraining.champion_version or "none")
        api.set_tag(retraining.mlflow_run, "driftgate.comparison", comparison.reason)
        api.log_dict(retraining.mlflow_run, to_dict(comparison), "comparison.json")


def _scores(champion: Mapping[str, float], challenger: Mapping[str, float]) -> Iterator[tuple[str, float]]:
    for who, scores in (("champion", champion), ("challenger", challenger)):
        yield from ((f"comparison.{who}.{metric}", value) for metric, value in scores.items())
