"""The steady part of a model's error: a small change of the error is seen first in rows where the model is usually right.

Rows are cut into strata by the loss that is expected of them. In each window, each stratum has a typical error; the weighted sum of
these is followed over the windows. The weights are those of the smallest variance over the windows of the reference (generalised
least squares for a common shift; Aitken 1935), none negative, with the covariance shrunk as by Ledoit and Wolf (A well-conditioned
estimator for large-dimensional covariance matrices, 2004). On flights a day's winds move the errors of long flights together; short
flights hardly notice, so a shift of five minutes stands out in them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from driftgate.growing import Growing

STRATA = 8
ROWS_PER_STRATUM = 10
FOLDS = 5


@dataclass(frozen=True)
class SteadyError:
    """How the errors of a window are summed up."""

    edges: Sequence[float]
    """Inner edges of the strata of expected loss."""
    weights: Sequence[float]
    is_median: bool

    def value(self, expected: np.ndarray, errors: np.ndarray) -> float | None:
        """Return the steady error of a window; None where a stratum with weight has no rows."""
        strata = _typical(expected, errors, np.asarray(self.edges), is_median=self.is_median)
        used = np.asarray(self.weights) > 0
        return None if np.isnan(strata[used]).any() else float(strata[used] @ np.asarray(self.weights)[used])

    def value_of(self, pieces: Iterable[tuple[np.ndarray, np.ndarray]]) -> float | None:
        """Return the same for rows that come in pieces of expected loss and signed error; 8 bytes a row are held."""
        edges = np.asarray(self.edges)
        grown = [Growing() for _ in range(len(edges) + 1)]
        for expected, errors in pieces:
            strata = np.searchsorted(edges, expected, side="right")
            for index in np.unique(strata):
                grown[index].append(errors[strata == index])
        if not any(len(part) for part in grown):
            return None
        used = np.flatnonzero(np.asarray(self.weights) > 0)
        found = [_typical_error(grown[index].take(), is_median=self.is_median) for index in used]
        return None if np.isnan(found).any() else float(np.asarray(found) @ np.asarray(self.weights)[used])

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        return cls(**data)


def fit_steady(
    expected: Sequence[np.ndarray], errors: Sequence[np.ndarray], *, is_median: bool
) -> tuple[SteadyError, list[float | None]] | None:
    """Learn the weights from the windows of the reference, in time order.

    Parameters
    ----------
    expected, errors
        Expected loss and signed error of the labelled rows, one array per window.
    is_median
        The typical error of a stratum is its median; else its mean (errors of classifiers, which have no useful median).

    Returns
    -------
    tuple or None
        The way to sum up, and the value of every window by weights learned from the *other* windows (five contiguous blocks), so
        that their spread is that of new windows. None with too few rows or windows.
    """
    usual = float(np.median([len(item) for item in errors])) if errors else 0.0
    count = min(STRATA, int(usual // ROWS_PER_STRATUM))
    if count < 1 or len(errors) < 2 * FOLDS:
        return None
    together = np.concatenate(list(expected))
    edges = np.unique(np.quantile(together, np.arange(1, count) / count))
    edges = edges[edges > together.min()]
    table = np.array([_typical(one, error, edges, is_median=is_median) for one, error in zip(expected, errors, strict=True)])
    complete = ~np.isnan(table).any(axis=1)
    if complete.sum() < 2 * FOLDS:
        return None
    values: list[float | None] = [None] * len(table)
    for block in np.array_split(np.flatnonzero(complete), FOLDS):
        others = np.setdiff1d(np.flatnonzero(complete), block)
        weights = _smallest_variance(table[others])
        for index in block:
            values[int(index)] = float(table[index] @ weights)
    return SteadyError([float(edge) for edge in edges], [float(item) for item in _smallest_variance(table[complete])], is_median), values


def _typical(expected: np.ndarray, errors: np.ndarray, edges: np.ndarray, *, is_median: bool) -> np.ndarray:
    strata = np.searchsorted(edges, expected, side="right")
    found = np.full(len(edges) + 1, np.nan)
    for index in range(len(found)):
        rows = errors[strata == index]
        if len(rows):
            found[index] = np.median(rows) if is_median else rows.mean()
    return found


def _typical_error(errors: np.ndarray, *, is_median: bool) -> float:
    if not len(errors):
        return float("nan")
    return float(np.median(errors, overwrite_input=True) if is_median else errors.mean())


def _smallest_variance(table: np.ndarray) -> np.ndarray:
    from scipy.optimize import minimize
    from sklearn.covariance import LedoitWolf

    count = table.shape[1]
    if count == 1:
        return np.ones(1)
    covariance = LedoitWolf().fit(table).covariance_
    covariance = covariance / max(float(np.trace(covariance)) / count, 1e-300)
    found = minimize(
        lambda weights: weights @ covariance @ weights,
        np.full(count, 1 / count),
        jac=lambda weights: 2 * covariance @ weights,
        bounds=[(0.0, 1.0)] * count,
        constraints={"type": "eq", "fun": lambda weights: weights.sum() - 1, "jac": lambda weights: np.ones(count)},
        method="SLSQP",
        options={"ftol": 1e-12, "maxiter": 500},
    )
    weights = np.where(found.x > 1e-6, found.x, 0.0)
    return np.asarray(weights / weights.sum())
