"""What a drift score is when nothing has changed: simulated from the reference for windows of several sizes.

Current rows and reference rows are both samples. Drawing ``n N / (n + N)`` rows from the reference and comparing them with the
reference itself has, to the first order, the spread of comparing ``n`` new rows with a reference of ``N``: the variances 1/n and 1/N
add up (as in the two-sample Kolmogorov-Smirnov statistic; Smirnov 1948).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from driftgate.samples import Categories, Numbers, Sample, counts_of

DRAWS = 400
SLOW_DRAWS = 120
SUPPORT = 2_000
"""A continuous reference is thinned to this many values for the simulation only."""
OUTERMOST = 250
"""So many values at either end are kept as they are."""
_COUNTED = 3
"""Draws per value up to which they are counted one by one."""
_CELLS = 2**16
RANGE = 4.0
"""The simulated sizes reach from a fourth of the smallest usual window to four times the largest."""
SMALLEST_P = 1e-300

Score = Callable[[Sample, Sample], float | None]
"""Score of current rows (first) against reference rows (second)."""


def sizes_around(rows: Sequence[int] | np.ndarray) -> list[int]:
    """Return the sizes to simulate for windows that have had these sizes; neighbours differ by a factor of at most about 2."""
    low, high = max(min(rows) / RANGE, 5), max(rows) * RANGE
    steps = max(int(np.ceil(np.log2(high / low))), 1)
    return sorted({int(size) for size in np.rint(np.geomspace(low, high, steps + 1))})


def distance(value: float, *, is_p_value: bool) -> float:
    """Turn a score into a number that grows with the difference: distances stay, p-values become sqrt(-ln p)."""
    return float(np.sqrt(-np.log(min(max(value, SMALLEST_P), 1.0)))) if is_p_value else float(value)


def score_of(distance_value: float, *, is_p_value: bool) -> float:
    """Inverse of :func:`distance`."""
    return float(np.exp(-(distance_value**2))) if is_p_value else float(distance_value)


def simulate(
    reference: Sample, method: str, size: int, score: Score, *, seed: int, change: float = 0.0, is_categorical: bool = False
) -> np.ndarray:
    """Return scores of windows of ``size`` rows drawn from the reference, changed by ``change`` where that is not 0.

    Parameters
    ----------
    reference
        Numbers, or categories; neither may be empty.
    method
        Name of the drift method; the normed Wasserstein distance and the Jensen-Shannon distance of categories are worked out for all
        draws at once, every other method by calling ``score``.
    change
        Numbers: a shift by so many standard deviations. Categories: the most frequent one swells, measured by Cohen's effect size
        w (Statistical Power Analysis for the Behavioral Sciences, 1988, chapter 7).
    is_categorical
        Draw distinct values with their shares, also of numbers (of few values).
    """
    rng = np.random.default_rng(seed)
    drawn = max(round(size * reference.rows / (size + reference.rows)), 2)
    if is_categorical or isinstance(reference, Categories):
        return _categories(rng, reference, method, drawn, score, change)
    return _numbers(rng, reference, method, drawn, score, change)


def uniform_p_values() -> np.ndarray:
    """Return the p-values of a correct test when nothing has changed: uniform, whatever the size."""
    return np.asarray((np.arange(DRAWS) + 0.5) / DRAWS)


def _numbers(rng: np.random.Generator, reference: Numbers, method: str, drawn: int, score: Score, change: float) -> np.ndarray:
    values = reference.expanded()
    spread = max(float(values.std()), 0.001)
    if method == "wasserstein":
        grid, shares = _support(values)
        counts = _even_counts(rng, drawn, len(grid)) if shares is None else _counts(rng, drawn, shares)
        return _wasserstein(grid, counts, change * spread, shares) / spread
    found = [score(Numbers.of(rng.choice(values, drawn) + change * spread), reference) for _ in range(SLOW_DRAWS)]
    return np.array([value for value in found if value is not None], dtype=float)


def _support(values: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """Thin sorted values: the outermost stay as they are, because few large values make most of a distance; shares None: all equal."""
    if len(values) <= SUPPORT:
        return values, None
    inner = values[OUTERMOST:-OUTERMOST]
    count = SUPPORT - 2 * OUTERMOST
    middle = np.quantile(inner, (np.arange(count) + 0.5) / count)
    shares = np.full(SUPPORT, len(inner) / count / len(values))
    shares[:OUTERMOST] = shares[-OUTERMOST:] = 1 / len(values)
    return np.concatenate([values[:OUTERMOST], middle, values[-OUTERMOST:]]), shares


def _counts(rng: np.random.Generator, drawn: int, shares: np.ndarray) -> np.ndarray:
    if drawn > _COUNTED * len(shares):
        return np.asarray(rng.multinomial(drawn, shares / shares.sum(), size=DRAWS))
    edges = np.cumsum(shares)
    places = _places(edges, rng.random(DRAWS * drawn) * edges[-1])
    places = np.minimum(places, len(shares) - 1) + np.repeat(np.arange(DRAWS) * len(shares), drawn)
    return np.bincount(places, minlength=DRAWS * len(shares)).reshape(DRAWS, len(shares))


def _places(edges: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Return ``searchsorted(edges, points, "right")`` for many points in no order, by a table of cells that lie between two edges."""
    scale = _CELLS / edges[-1]
    first = np.searchsorted(edges, np.arange(_CELLS + 2) / scale, side="right")
    cells = (points * scale).astype(np.intp)
    found: np.ndarray = first[cells]
    # The cell of a point close to a cell's end may be one too far or too low by rounding: its neighbours must agree too.
    is_mixed = (first[np.maximum(cells - 1, 0)] != found) | (first[np.minimum(cells + 2, _CELLS + 1)] != found)
    found[is_mixed] = np.searchsorted(edges, points[is_mixed], side="right")
    return found


def _even_counts(rng: np.random.Generator, drawn: int, values: int) -> np.ndarray:
    """Draw every value with the same chance and count; for few draws counting is many times faster than the multinomial law."""
    if drawn > _COUNTED * values:
        return np.asarray(rng.multinomial(drawn, np.full(values, 1 / values), size=DRAWS))
    places = rng.integers(0, values, DRAWS * drawn) + np.repeat(np.arange(DRAWS) * values, drawn)
    return np.bincount(places, minlength=DRAWS * values).reshape(DRAWS, values)


def _wasserstein(grid: np.ndarray, counts: np.ndarray, shift: float, shares: np.ndarray | None = None) -> np.ndarray:
    """First Wasserstein distance of each row of counts, moved by ``shift``, from the shares (default: equal) on the same grid."""
    ranks = np.cumsum(counts, axis=1) / counts.sum(axis=1, keepdims=True)
    base = np.arange(1, len(grid) + 1) / len(grid) if shares is None else np.cumsum(shares)
    if shift == 0:
        return np.asarray((np.abs(ranks - base)[:, :-1] * np.diff(grid)).sum(axis=1))
    points = np.concatenate([grid, grid + shift])
    order = np.argsort(points, kind="stable")
    steps = np.diff(points[order])
    old = np.concatenate([[0.0], base])[np.cumsum(order < len(grid))[:-1]]
    new = np.maximum(np.cumsum(order >= len(grid))[:-1], 0)
    moved = np.concatenate([np.zeros((len(counts), 1)), ranks], axis=1)[:, new]
    return np.asarray((np.abs(moved - old) * steps).sum(axis=1))


def _categories(rng: np.random.Generator, reference: Sample, method: str, drawn: int, score: Score, change: float) -> np.ndarray:
    known = counts_of(reference) / reference.rows
    shares = _changed(known, change)
    if method == "jensenshannon":
        draws = rng.multinomial(drawn, shares, size=DRAWS)
        return _jensen_shannon(draws / drawn, known)
    names = reference.names if isinstance(reference, Categories) else reference.distinct()[0]
    found = [score(_sample(rng.choice(names, drawn, p=shares)), reference) for _ in range(SLOW_DRAWS)]
    return np.array([value for value in found if value is not None], dtype=float)


def _sample(values: np.ndarray) -> Sample:
    return Categories.of(values) if values.dtype == object else Numbers.of(values)


def _changed(shares: np.ndarray, change: float) -> np.ndarray:
    """Let the most frequent category swell until the effect size is reached (or nothing else is left)."""
    if change == 0 or len(shares) < 2:
        return shares
    towards = -shares
    towards[int(np.argmax(shares))] += 1
    step = min(change / float(np.sqrt(np.sum(towards**2 / shares))), 1.0)
    return np.asarray(shares + step * towards)


def _jensen_shannon(draws: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Jensen-Shannon distance (natural logarithm), as ``scipy.spatial.distance.jensenshannon``."""
    middle = (draws + shares) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        left = np.where(draws > 0, draws * np.log(draws / middle), 0.0).sum(axis=1)
        right = np.where(shares > 0, shares * np.log(shares / middle), 0.0).sum(axis=1)
    return np.asarray(np.sqrt(np.maximum(left + right, 0.0) / 2))
