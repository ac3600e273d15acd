"""Drift scores from sorted values and counts: the numbers of Evidently's tests without its frames and plots.

With the reference sorted once, a window of n rows against N costs O(n log N) or, for tests that look at every value, one merge. Four
tests that need more than counts, or whose cost lies elsewhere, are Evidently's own, on one element per row (``anderson``, ``es``,
``cramer_von_mises`` without ties, and whatever else Evidently has registered).
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping
from typing import Any

from driftgate.columns import Kind
from driftgate.measure.scores import distances, p_values, shares
from driftgate.measure.scores.methods import METHODS, Method, default_method
from driftgate.samples import Sample
from driftgate.two_sample import P_VALUES

__all__ = ["METHODS", "Method", "default_method", "raw_score", "score"]

_OWN: Mapping[str, Callable[[Any, Any], float]] = {
    "ed": distances.energy,
    "hellinger": shares.hellinger,
    "jensenshannon": shares.jensenshannon,
    "kl_div": shares.kl_div,
    "ks": p_values.ks,
    "psi": shares.psi,
    "t_test": p_values.t_test,
    "wasserstein": distances.wasserstein,
    "z": p_values.z,
}
"""Functions of current and reference."""


def score(method: str, kind: Kind, current: Sample, reference: Sample) -> float | None:
    """Return the score of a drift method; None where it cannot judge these samples.

    Parameters
    ----------
    method
        One of :data:`driftgate.config.models.DRIFT_METHODS`, the name of a two-sample test (:mod:`driftgate.two_sample`), or another
        test that Evidently has registered.
    kind
        ``num`` for :class:`Numbers`, ``cat`` for :class:`Categories`.
    current, reference
        Neither may be empty.
    """
    try:
        return raw_score(method, kind, current, reference)
    except (ValueError, ArithmeticError, IndexError):
        return None


def raw_score(method: str, kind: Kind, current: Sample, reference: Sample) -> float | None:
    """Return :func:`score`, or the method's own error where it cannot judge; None for a score that is not a number.

    Raises
    ------
    ValueError, ArithmeticError, IndexError
        What the method says about samples that it does not take (too few rows, no spread).
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # empty bins, zero expectations, ties: the score says what came of it
        if method in _OWN:
            value = _OWN[method](current, reference)
        elif method in P_VALUES:
            value = P_VALUES[method](reference, current)
        else:
            value = _evidentlys(method, kind, current, reference)
    return value if math.isfinite(value) else None


def _evidentlys(method: str, kind: Kind, current: Sample, reference: Sample) -> float:
    """Return the score of Evidently's own test on one element per row."""
    import pandas as pd
    from evidently.legacy.calculations.stattests import get_stattest
    from evidently.legacy.core import ColumnType

    rows = [pd.Series(sample.expanded(), dtype="float64" if kind == "num" else "str") for sample in (reference, current)]
    try:
        return float(get_stattest(*rows, kind, method)(*rows, ColumnType(kind), None).drift_score)
    except TypeError as error:  # cramer_von_mises counts in too narrow integers for some samples of 20 rows or fewer
        raise ValueError(str(error)) from error
