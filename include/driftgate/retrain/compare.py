"""Champion against challenger on the same held-out rows: the challenger wins only by a margin beyond noise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from driftgate.config.models import MonitorConfig
from driftgate.errors import RetrainError, SchemaError
from driftgate.predictions import predict
from driftgate.records import Comparison
from driftgate.resampling import time_units
from driftgate.retrain.bootstrap import Interval, paired_interval
from driftgate.retrain.scores import Outcome, comparison_metric, make_outcome, scores, segment_scores


@dataclass(frozen=True)
class _Scored:
    outcome: Outcome
    overall: Mapping[str, float]
    segments: Mapping[str, Mapping[str, float]]


def compare(config: MonitorConfig, held_out: pd.DataFrame, champion: Any | None, challenger: Any) -> Comparison:
    """Score both models on the held-out rows and say whether the challenger wins.

    It wins when the lower limit of its gain (paired bootstrap, two-sided at ``retrain.confidence``) is greater than
    ``retrain.minimum_gain`` times the size of the champion's score. The gain is in units of ``retrain.metric``: the fall of an
    error (mae, rmse, mape, log_loss; me by its size), the rise of a score (r2, accuracy, precision, recall, f1, roc_auc). So with
    ``minimum_gain`` 0.02 an error of 10 must fall by more than 0.2 and an f1 of 0.80 must rise by more than 0.016.

    Parameters
    ----------
    held_out
        Rows with targets that neither model was trained on; see :mod:`driftgate.retrain.bootstrap` for what is resampled.
    champion
        None at first, when there is no champion: the challenger wins. So it does against a champion that cannot score
        these rows any more because columns of its training are gone.

    Raises
    ------
    RetrainError
        If no held-out row has a target, or the metric cannot be computed on these rows.
    SchemaError
        If the challenger cannot score the rows.
    """
    rows = _rows(config, held_out)
    new = _score(config, rows, challenger)
    metric = _metric(config, new)
    if champion is None:
        return _uncontested(metric, len(rows), new, "there is no champion yet")
    try:
        old = _score(config, rows, champion)
    except SchemaError as error:
        return _uncontested(metric, len(rows), new, f"the champion cannot score these rows ({error})")
    if metric not in old.overall and config.retrain.metric is None:
        metric = "f1"  # the champion gives no probabilities
    if metric not in old.overall:
        raise RetrainError(
            f"monitor {config.id}: {metric} of the champion cannot be computed on the held-out rows; set another retrain.metric"
        )
    units, what = time_units(config, rows[config.columns.timestamp])
    interval = paired_interval(metric, old.outcome, new.outcome, units, confidence=config.retrain.confidence)
    return _judge(config, metric, len(rows), old, new, interval, what)


def _rows(config: MonitorConfig, held_out: pd.DataFrame) -> pd.DataFrame:
    target = config.columns.target
    assert target is not None  # the monitor file was validated
    rows = held_out[held_out[target].notna()]
    if rows.empty:
        raise RetrainError(f"monitor {config.id}: none of the {len(held_out)} held-out rows has a value in the target {target!r}")
    return rows


def _score(config: MonitorConfig, rows: pd.DataFrame, estimator: Any) -> _Scored:
    assert config.columns.target is not None
    outcome = make_outcome(config, rows[config.columns.target], predict(config, estimator, rows))
    segments = segment_scores(rows, config.columns.segments, outcome, config.retrain.minimum_segment_rows)
    return _Scored(outcome, scores(outcome), segments)


def _metric(config: MonitorConfig, challenger: _Scored) -> str:
    """Name the metric of the comparison, which the held-out rows must allow."""
    wanted = comparison_metric(config, challenger.overall)
    if wanted not in challenger.overall:
        raise RetrainError(
            f"monitor {config.id}: retrain.metric {wanted} cannot be computed on the {len(challenger.outcome.target)} held-out rows "
            f"(one class only, a constant target, or a model without probabilities); use one of {', '.join(challenger.overall)}"
        )
    return wanted


def _judge(config: MonitorConfig, metric: str, rows: int, old: _Scored, new: _Scored, interval: Interval, what: str) -> Comparison:
    margin = config.retrain.minimum_gain * abs(old.overall[metric])
    wins = interval.low > margin
    certain = f"{config.retrain.confidence:.0%} interval {_number(interval.low)} to {_number(interval.high)}, resampled by {what}"
    verdict = "beyond" if wins else "not beyond"
    limit = f"{verdict} noise" if margin == 0 else f"{verdict} the minimum gain of {_number(margin)}"
    reason = (
        f"{metric} of the challenger is {_number(new.overall[metric])}, of the champion {_number(old.overall[metric])}, on the same "
        f"{rows} held-out rows: a gain of {_number(interval.gain)} ({certain}), {limit}"
    )
    return Comparison(
        metric=metric,
        rows=rows,
        champion=old.overall,
        challenger=new.overall,
        champion_segments=old.segments,
        challenger_segments=new.segments,
        gain=interval.gain,
        gain_low=interval.low if np.isfinite(interval.low) else None,
        gain_high=interval.high if np.isfinite(interval.high) else None,
        challenger_wins=bool(wins),
        reason=reason,
    )


def _uncontested(metric: str, rows: int, new: _Scored, why: str) -> Comparison:
    reason = f"{why}; {metric} of the challenger is {_number(new.overall[metric])} on {rows} held-out rows"
    return Comparison(metric, rows, {}, new.overall, {}, new.segments, None, None, None, True, reason)


def _number(value: float) -> str:
    return f"{value:.4g}"
