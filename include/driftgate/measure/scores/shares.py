"""Distances between the shares of rows per category, or per bin of numbers, as Evidently bins them.

Numbers of more than 20 distinct reference values are put into Sturges' bins over both samples; others are counted like categories.
Sturges' bins depend on the range and the number of rows alone, so sorted values give their counts in O(bins x log N).
"""

from __future__ import annotations

import numpy as np
from scipy.special import rel_entr

from driftgate.samples import Counts, Floats, Numbers, Sample, counts_together

COUNTED_VALUES = 20
"""Evidently's: numbers of at most so many distinct reference values are counted like categories."""
_SMALLEST_SHARE = 1e-4
"""Evidently's: what an empty bin counts for, where no other share is that small."""


def jensenshannon(current: Sample, reference: Sample) -> float:
    """Return the Jensen-Shannon distance with natural logarithms, ``scipy.spatial.distance.jensenshannon``."""
    usual, found = (shares / shares.sum() for shares in _shares(current, reference))
    middle = (usual + found) / 2
    total = float(rel_entr(usual, middle).sum() + rel_entr(found, middle).sum())
    return float(np.sqrt(max(total, 0.0) / 2))


def kl_div(current: Sample, reference: Sample) -> float:
    """Return the Kullback-Leibler divergence of the reference from the window, ``scipy.stats.entropy``."""
    usual, found = (_filled(shares) for shares in _shares(current, reference))
    return float(rel_entr(usual / usual.sum(), found / found.sum()).sum())


def psi(current: Sample, reference: Sample) -> float:
    """Return the population stability index."""
    usual, found = (_filled(shares) for shares in _shares(current, reference))
    return float(((usual - found) * np.log(usual / found)).sum())


def hellinger(current: Sample, reference: Sample) -> float:
    """Return the Hellinger distance; Evidently puts numbers into Sturges' bins for as many rows as there are distinct values."""
    both: tuple[Floats | Counts, Floats | Counts] = counts_together(reference, current)
    width = 1.0
    if isinstance(reference, Numbers) and isinstance(current, Numbers):
        edges = sturges_edges(current, reference, len(both[0]))
        width = float(edges[-1] - edges[0]) / (len(edges) - 1)
        both = _in_bins(reference, edges) / np.diff(edges), _in_bins(current, edges) / np.diff(edges)
    overlap = width * np.cumsum(np.sqrt((both[0] / reference.rows) * (both[1] / current.rows)))[-1]
    return float(np.sqrt(1 - np.clip(overlap, 0, 1)))


def sturges_edges(current: Numbers, reference: Numbers, size: int) -> Floats:
    """Return the edges of ``numpy.histogram_bin_edges(..., bins="sturges")`` for ``size`` values with the range of both samples.

    Raises
    ------
    ValueError
        If the range is too narrow for so many bins, as NumPy does.
    """
    low = min(float(reference.values[0]), float(current.values[0]))
    high = max(float(reference.values[-1]), float(current.values[-1]))
    if low == high:
        return np.array([low - 0.5, high + 0.5])
    count = int(np.ceil((high - low) / ((high - low) / (np.log2(size) + 1.0))))
    edges = np.linspace(low, high, count + 1)
    if np.any(edges[:-1] >= edges[1:]):
        raise ValueError(f"the values between {low} and {high} are too close to each other for {count} bins")
    return edges


def _shares(current: Sample, reference: Sample) -> tuple[Floats, Floats]:
    """Shares of the reference's and of the window's rows per category or bin."""
    usual, found = _counts(current, reference)
    return usual / reference.rows, found / current.rows


def _counts(current: Sample, reference: Sample) -> tuple[Counts, Counts]:
    if isinstance(reference, Numbers) and isinstance(current, Numbers) and len(reference.distinct()[0]) > COUNTED_VALUES:
        edges = sturges_edges(current, reference, reference.rows + current.rows)
        return _in_bins(reference, edges), _in_bins(current, edges)
    return counts_together(reference, current)


def _in_bins(sample: Numbers, edges: Floats) -> Counts:
    """Rows between neighbouring edges, as ``numpy.histogram``: the last edge belongs to the last bin."""
    before = np.append(sample.below(edges[:-1]), sample.not_above(edges[-1:]))
    return before[1:] - before[:-1]


def _filled(shares: Floats) -> Floats:
    """Give empty bins Evidently's stand-in, so that logarithms exist."""
    smallest = float(shares[shares > 0].min())
    return np.where(shares == 0, smallest / 10**6 if smallest <= _SMALLEST_SHARE else _SMALLEST_SHARE, shares)
