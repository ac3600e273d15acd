"""Which column makes a window hard: the expected loss with the window's column against that with the column as in the reference.

For each feature the window's values are exchanged for values of the reference, everything else stays, and the expected loss is taken
again; what it falls by is the feature's contribution. The exchange moves as little as it can, so that a column that has not changed
contributes nothing and columns that belong together stay together:

- numbers: the row of rank r gets the reference's value of rank r (the monotone, that is the optimal, transport of one distribution
  onto the other; Villani 2003, "Topics in Optimal Transportation", section 2.2); ties are put in random order;
- categories: a value keeps as many rows as the reference's share allows, and only rows beyond it, chosen at random, get values that
  are too rare (a maximal coupling);
- missing values are exchanged as a category of their own.

The loss is the *expected* one. The realised loss of exchanged rows cannot be computed: nobody knows the target of a row that never
was. So what a column does through a changed meaning (concept drift) is not in its contribution.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

import numpy as np
import pandas as pd

from driftgate.columns import labels
from driftgate.config.models import MonitorConfig
from driftgate.estimate.calibrator import Calibrator
from driftgate.estimate.estimator import Estimator
from driftgate.estimate.tables import predicted_rows, require

LARGEST = 5000
"""Rows of a window that are looked at, evenly spread; enough to rank columns."""
NOISE = 2.0
"""A contribution of less than so many standard errors is 0."""

Predict = Callable[[pd.DataFrame], pd.DataFrame]


def contributions(
    config: MonitorConfig,
    estimator: Estimator,
    frame: pd.DataFrame,
    reference: pd.DataFrame,
    *,
    predict: Predict | None = None,
    columns: Collection[str] | None = None,
    seed: int = 0,
) -> dict[str, float]:
    """Return by how much each feature's change raises the expected loss of the window.

    Parameters
    ----------
    config
        The monitor.
    estimator
        Fitted for the model version.
    frame
        Rows of the window with features and prediction, in any order.
    reference
        Rows of the reference.
    predict
        From rows to the same rows with new predictions: what the model would have said of the exchanged column. Without it the
        predictions stay as they are, and a binary model, whose estimate rests on the probability alone, has no contributions.
    columns
        Features that are asked about, for example those that drifted; None: all. Each costs one more estimate.
    seed
        Seed of ties and choices.

    Returns
    -------
    dict
        Per feature, in units of the target (mae) or of log loss: positive where the change makes the window harder, negative where
        easier, 0 within twice its standard error and for columns that either frame lacks. They need not add up to the change of the
        loss. Empty where nothing can be estimated or either frame has no rows.

    Raises
    ------
    MeasureError
        If the window lacks a column that the estimator needs.
    """
    if estimator.reason or frame.empty or reference.empty or (predict is None and isinstance(estimator.model, Calibrator)):
        return {}
    require(config, frame, estimator.columns(config))
    rows = _canonical(config, frame.iloc[predicted_rows(config, frame)])
    if rows.empty:
        return {}
    usual = estimator.losses(config, rows if predict is None else predict(rows))
    found = {name: 0.0 for name in config.columns.features if columns is None or name in columns}
    for number, name in enumerate(config.columns.features):
        if name not in found or name not in rows or name not in reference:
            continue
        chooser = np.random.default_rng([seed, number])
        exchanged = rows.assign(**{name: _exchanged(rows[name], reference[name], name in config.columns.numerical, chooser)})
        found[name] = _contribution(usual, estimator.losses(config, exchanged if predict is None else predict(exchanged)))
    return found


def _contribution(usual: np.ndarray, exchanged: np.ndarray) -> float:
    falls = usual - exchanged
    falls = falls[np.isfinite(falls)]  # the model may say nothing of some exchanged rows
    if not len(falls):
        return 0.0
    error = float(falls.std(ddof=1)) / np.sqrt(len(falls)) if len(falls) > 1 else np.inf
    mean = float(falls.mean())
    return mean if abs(mean) > NOISE * error else 0.0


def _canonical(config: MonitorConfig, rows: pd.DataFrame) -> pd.DataFrame:
    """Return at most ``LARGEST`` rows in an order that depends on the rows alone."""
    names = [name for name in (*config.columns.features, config.columns.prediction) if name in rows]
    keys = [pd.factorize(rows[name], sort=True)[0] for name in names]
    order = np.lexsort(keys[::-1])
    if len(order) > LARGEST:
        order = order[np.linspace(0, len(order) - 1, LARGEST).round().astype(int)]
    return rows.iloc[order].reset_index(drop=True)


# --- exchange ---------------------------------------------------------------------------------------------------------


def _exchanged(values: pd.Series, reference: pd.Series, is_number: bool, chooser: np.random.Generator) -> pd.Series:
    """Return the column with the distribution of the reference, changed as little as possible."""
    if not is_number:
        return _coupled(labels(values), labels(reference), chooser)
    numbers, wanted = (column.to_numpy(dtype="float64", na_value=np.nan) for column in (values, reference))
    return pd.Series(_transported(np.where(np.isfinite(numbers), numbers, np.nan), wanted, chooser), index=values.index)


def _transported(numbers: np.ndarray, reference: np.ndarray, chooser: np.random.Generator) -> np.ndarray:
    known = np.sort(reference[np.isfinite(reference)])
    missing = round(len(numbers) * (1 - len(known) / len(reference)))
    is_missing = _adjusted(np.isnan(numbers), missing, chooser)
    found = np.full(len(numbers), np.nan)
    filled = np.where(np.isnan(numbers), chooser.permutation(numbers), numbers)  # a missing value takes some place among the others
    places = np.flatnonzero(~is_missing)
    order = places[np.lexsort([chooser.random(len(places)), filled[places]])]
    ranks = (np.arange(len(order)) + 0.5) / max(len(order), 1)
    found[order] = known[(ranks * len(known)).astype(int)] if len(known) else np.nan
    return found


def _adjusted(chosen: np.ndarray, count: int, chooser: np.random.Generator) -> np.ndarray:
    """Return the mask with exactly ``count`` rows chosen, of which as many as possible were chosen before."""
    priority = chooser.random(len(chosen)) + chosen
    adjusted = np.zeros(len(chosen), dtype=bool)
    adjusted[np.argsort(-priority, kind="stable")[:count]] = True
    return adjusted


def _coupled(values: pd.Series, reference: pd.Series, chooser: np.random.Generator) -> pd.Series:
    codes, names = pd.factorize(pd.concat([values, reference], ignore_index=True), sort=True, use_na_sentinel=False)
    now, wanted = codes[: len(values)], np.bincount(codes[len(values) :], minlength=len(names)) / len(reference)
    allowed = _whole(wanted * len(values))
    shuffled = chooser.permutation(len(now))
    order = shuffled[np.argsort(now[shuffled], kind="stable")]
    starts = np.cumsum(np.bincount(now, minlength=len(names)))[:-1]
    keep = np.concatenate([part[: allowed[number]] for number, part in enumerate(np.split(order, starts))]).astype(int)
    found = np.full(len(now), -1)
    found[keep] = now[keep]
    found[found < 0] = chooser.permutation(np.repeat(np.arange(len(names)), allowed - np.bincount(now[keep], minlength=len(names))))
    return pd.Series(np.asarray(names, dtype=object)[found], index=values.index).astype(values.dtype)


def _whole(numbers: np.ndarray) -> np.ndarray:
    """Round to whole numbers with the same sum: the largest remainders are rounded up."""
    floor = np.floor(numbers).astype(int)
    left = round(float(numbers.sum())) - int(floor.sum())
    floor[np.argsort(floor - numbers, kind="stable")[:left]] += 1
    return np.asarray(floor)
