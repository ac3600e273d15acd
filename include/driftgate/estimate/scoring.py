"""How good the estimates were, once the labels are there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from driftgate.config.rule_names import ESTIMATED
from driftgate.records import Family, Metric, MetricVerdict

ERROR, COVERED = "estimate_error_", "estimate_covered_"


def score_estimates(estimated: Sequence[Metric], realised: Sequence[Metric]) -> list[Metric]:
    """Compare the estimates of a window with the scores that its labels show.

    Parameters
    ----------
    estimated
        Metrics of the window, among them those of :func:`estimate`.
    realised
        Metrics of the same window, among them the realised performance. The labels should be (nearly) complete: the ranges of the
        estimates are those of a score over all rows of the window.

    Returns
    -------
    list of Metric
        Of family ``performance_estimated``, with the estimate as reference value: ``estimate_error_mae`` is realised minus estimated,
        ``estimate_covered_mae`` is 1 where the realised score lies within the 95 % range, limits included, else 0. Pairs are left out
        where either has no value or rests on too few rows.
    """
    scores = {(item.metric, item.column, item.segment): item for item in realised if item.family is Family.PERFORMANCE}
    found: list[Metric] = []
    for item in estimated:
        if item.family is Family.PERFORMANCE_ESTIMATED and item.metric.startswith(ESTIMATED):
            found += _pair(item, scores.get((item.metric.removeprefix(ESTIMATED), item.column, item.segment)))
    return found


def _pair(estimate: Metric, score: Metric | None) -> Iterator[Metric]:
    if score is None or score.value is None or estimate.value is None:
        return
    if MetricVerdict.TOO_FEW_ROWS in (estimate.verdict, score.verdict):
        return
    yield _metric(estimate, ERROR + score.metric, score.value - estimate.value)
    if estimate.low is not None and estimate.high is not None:
        yield _metric(estimate, COVERED + score.metric, float(estimate.low <= score.value <= estimate.high))


def _metric(estimate: Metric, name: str, value: float) -> Metric:
    return Metric(
        Family.PERFORMANCE_ESTIMATED, name, value, estimate.column, estimate.segment, method=estimate.method, reference_value=estimate.value
    )
