"""Which numbers of a row are added up for the scores of a task, and how the scores follow from the sums.

The formulas are those of :mod:`driftgate.resampling` and :mod:`driftgate.measure.performance`; here they take sums of any shape whose last
axis are the columns, so that the sums of a window, of its segments and of all resamples are treated alike.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from driftgate.growing import Growing
from driftgate.measure.performance import _PREDICTION, _PROBA, _TARGET

Floats = npt.NDArray[np.float64]
Places = npt.NDArray[np.intp]
Function = Callable[[Floats], Floats]
"""From sums, shape (..., columns), to values, shape (...)."""

_TINY = float(np.finfo(np.float64).eps)


@dataclass(frozen=True)
class Score:
    """How a score follows from sums."""

    value: Function
    below: Function
    """Number of rows that the score is a share or a mean of; without any it does not exist."""


@dataclass(frozen=True)
class Columns:
    """The numbers of a row that are added up."""

    count: int
    of: Callable[[pd.DataFrame, Places], Iterator[Floats]]
    """Yields the columns of labelled rows, given their slots; rows of no slot (-1) may have any number."""
    scores: Mapping[str, Score]
    rows: Function
    """Number of rows that take part."""


def score_columns(task: str, classes: Sequence[str], positive: str | None, centre: float) -> Columns:
    """Return what is added up for all scores but those of probabilities.

    Parameters
    ----------
    classes
        Classification: every class among targets and predictions.
    positive
        Binary: the positive class.
    centre
        Regression: a value of the target.
    """
    if task == "regression":
        return _regression(centre)
    return _labels(list(classes) if positive is None else [positive], is_mean=positive is None)


# --- regression -------------------------------------------------------------------------------------------------------


def _regression(centre: float) -> Columns:
    def of(found: pd.DataFrame, _: Places) -> Iterator[Floats]:
        target = found[_TARGET].to_numpy()
        error = found[_PREDICTION].to_numpy() - target
        size = np.abs(target)
        is_sized = size > _TINY
        yield np.ones(len(found))
        yield error
        yield np.abs(error)
        yield error**2
        yield np.where(is_sized, 100 * np.abs(error) / np.where(is_sized, size, 1.0), 0.0)
        yield is_sized.astype(np.float64)
        yield target - centre
        yield (target - centre) ** 2

    def rows(sums: Floats) -> Floats:
        return sums[..., 0]

    def sized(sums: Floats) -> Floats:
        return sums[..., 5]

    scores = {
        "me": Score(lambda s: s[..., 1] / s[..., 0], rows),
        "mae": Score(lambda s: s[..., 2] / s[..., 0], rows),
        "rmse": Score(lambda s: np.sqrt(s[..., 3] / s[..., 0]), rows),
        "mape": Score(lambda s: s[..., 4] / s[..., 5], sized),
        "r2": Score(lambda s: 1 - s[..., 3] / (s[..., 7] - s[..., 6] ** 2 / s[..., 0]), rows),
    }
    return Columns(8, of, scores, rows)


# --- labels -----------------------------------------------------------------------------------------------------------


def _labels(classes: Sequence[str], *, is_mean: bool) -> Columns:
    """Rows, right ones, then hits, actual and predicted ones of every class."""
    count, index = len(classes), pd.Index(classes)

    def of(found: pd.DataFrame, _: Places) -> Iterator[Floats]:
        target, prediction = (index.get_indexer(pd.Index(found[name])) for name in (_TARGET, _PREDICTION))
        is_right = (found[_TARGET] == found[_PREDICTION]).to_numpy(dtype=bool)
        yield np.ones(len(found))
        yield is_right.astype(np.float64)
        for number in range(count):
            yield ((target == number) & is_right).astype(np.float64)
            yield (target == number).astype(np.float64)
            yield (prediction == number).astype(np.float64)

    def parts(sums: Floats) -> tuple[Floats, Floats, Floats]:
        return sums[..., 2::3], sums[..., 3::3], sums[..., 4::3]

    def mean(hits: Floats, below: Floats, sums: Floats) -> Floats:
        _, actual, predicted = parts(sums)
        values = np.divide(hits, below, out=np.zeros_like(hits), where=below > 0)
        return np.asarray(values.sum(axis=-1) / np.maximum(((actual + predicted) > 0).sum(axis=-1), 1))

    def rows(sums: Floats) -> Floats:
        return sums[..., 0]

    def below(pick: Callable[[Floats, Floats, Floats], Floats]) -> Function:
        return rows if is_mean else lambda sums: pick(*parts(sums)).sum(axis=-1)

    scores = {
        "accuracy": Score(lambda s: s[..., 1] / s[..., 0], rows),
        "precision": Score(lambda s: mean(parts(s)[0], parts(s)[2], s), below(lambda hits, actual, predicted: predicted)),
        "recall": Score(lambda s: mean(parts(s)[0], parts(s)[1], s), below(lambda hits, actual, predicted: actual)),
        "f1": Score(
            lambda s: mean(parts(s)[0], (parts(s)[1] + parts(s)[2]) / 2, s),
            below(lambda hits, actual, predicted: actual + predicted - hits),
        ),
    }
    return Columns(2 + 3 * count, of, scores, rows)


# --- probabilities ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Probabilities:
    """The probabilities of the positive class, of all rows that have one."""

    slots: int
    positive: str
    parts: Callable[[], Iterator[tuple[Places, npt.NDArray[np.bool_], Floats]]]
    """Reads slot, truth and probability anew, piece by piece."""


def roc_columns(probabilities: Probabilities) -> Columns:
    """Return what is added up for the area under the ROC curve and the log loss.

    The area is the mean over positive rows of the share of negative rows below them; its projection on single rows, as in
    :func:`driftgate.resampling.decomposition`, tells how it varies. All probabilities are sorted here, per slot and class.
    """
    above, below = _sorted(probabilities)

    def of(found: pd.DataFrame, slots: Places) -> Iterator[Floats]:
        proba = found[_PROBA].to_numpy()
        truth = (found[_TARGET] == probabilities.positive).to_numpy(dtype=bool)
        is_known = np.isfinite(proba) & (slots >= 0)
        place = _placed(proba, truth, np.where(is_known, slots, -1), above, below)
        likely = np.clip(np.where(truth, proba, 1 - proba), _TINY, 1 - _TINY)
        yield np.where(is_known & truth, place, 0.0)
        yield (is_known & truth).astype(np.float64)
        yield np.where(is_known & ~truth, place, 0.0)
        yield (is_known & ~truth).astype(np.float64)
        yield np.where(is_known, -np.log(np.where(is_known, likely, 1.0)), 0.0)

    def pairs(sums: Floats) -> Floats:
        return sums[..., 1] * sums[..., 3]

    def rows(sums: Floats) -> Floats:
        return sums[..., 1] + sums[..., 3]

    areas = np.full(probabilities.slots, np.nan)
    for slot, (one, other) in enumerate(zip(above, below, strict=True)):
        if len(one) and len(other):
            areas[slot] = sum(float(_share_below(other, part).sum()) for part in np.array_split(one, len(one) // (1 << 18) + 1)) / len(one)
    scores = {
        "roc_auc": Score(lambda s: np.clip(s[..., 0] / s[..., 1] + s[..., 2] / s[..., 3] - areas, 0, 1), pairs),
        "log_loss": Score(lambda s: s[..., 4] / rows(s), pairs),
    }
    return Columns(5, of, scores, rows)


def _sorted(probabilities: Probabilities) -> tuple[list[Floats], list[Floats]]:
    """Return the sorted probabilities of the positive and of the negative rows of every slot."""
    grown = [[Growing() for _ in range(probabilities.slots)] for _ in range(2)]
    for slots, truth, proba in probabilities.parts():
        for slot in np.unique(slots):
            for is_positive in (True, False):
                grown[not is_positive][slot].append(proba[(slots == slot) & (truth == is_positive)])
    found = [[part.take() for part in side] for side in grown]
    for side in found:
        for values in side:
            values.sort()
    return found[0], found[1]


def _placed(proba: Floats, truth: npt.NDArray[np.bool_], slots: Places, above: Sequence[Floats], below: Sequence[Floats]) -> Floats:
    """Return for positive rows the share of negative ones below, for negative ones the share of positive ones above."""
    place = np.full(len(proba), np.nan)
    for slot in np.unique(slots[slots >= 0]):
        for is_positive, others in ((True, below[slot]), (False, above[slot])):
            chosen = np.flatnonzero((slots == slot) & (truth == is_positive))
            if len(others):
                shares = _share_below(others, proba[chosen])
                place[chosen] = shares if is_positive else 1 - shares
    return place


def _share_below(ordered: Floats, numbers: Floats) -> Floats:
    """Return the share of the ordered numbers that lie below each number, equal ones counted half."""
    order = np.argsort(numbers)  # ascending questions walk through the answers instead of jumping
    asked, found = numbers[order], np.empty(len(numbers))
    found[order] = np.searchsorted(ordered, asked, "left") + np.searchsorted(ordered, asked, "right")
    return np.asarray(found / (2 * len(ordered)))
