"""Distances between the distribution functions of two samples of numbers."""

from __future__ import annotations

import numpy as np

from driftgate.samples import Numbers

SMALLEST_DEVIATION = 0.001
"""Evidently's: a reference with a smaller standard deviation counts as one with this."""
ROUNDING = 1e-12
"""Distances below this many standard deviations are what prefix sums leave of nothing."""


def wasserstein(current: Numbers, reference: Numbers) -> float:
    """Return the first Wasserstein distance over the reference's standard deviation, Evidently's ``wasserstein``.

    It is the area between both quantile functions. The current one has a step per value; on each step the reference's, which never
    falls, crosses it at most once, so two areas below the reference tell the step's part, and these are differences of prefix sums
    over the reference's sorted values. O(n log N) for n current and N reference values, once the sums are there. All values are
    taken relative to the middle of the reference, so that an offset (seconds since 1970) costs no digits.
    """
    places = current.cumulated * reference.rows / current.rows
    starts, ends = places[:-1], places[1:]
    crossing = np.clip(reference.below(current.values).astype(np.float64), starts, ends)
    level = current.values - reference.centre
    area, middle = reference.area(places), reference.area(crossing)
    below = level * (crossing - starts) - (middle - area[:-1])
    above = (area[1:] - middle) - level * (ends - crossing)
    found = float((below + above).sum()) / reference.rows / max(reference.deviation, SMALLEST_DEVIATION)
    return found if found > ROUNDING else 0.0


def energy(current: Numbers, reference: Numbers) -> float:
    """Return ``scipy.stats.energy_distance``, Evidently's ``ed``: by one merge of both samples, O(n + N)."""
    points = np.concatenate([reference.distinct()[0], current.distinct()[0]])
    points.sort(kind="stable")  # two ascending runs: merged in linear time
    shares = [sample.not_above(points[:-1]) / sample.rows for sample in (reference, current)]
    return float(np.sqrt(2 * ((shares[0] - shares[1]) ** 2 * np.diff(points)).sum()))


def kolmogorov(current: Numbers, reference: Numbers) -> float:
    """Return the largest difference between both distribution functions, O(n log N)."""
    values, counts = current.distinct()
    reached = np.cumsum(counts)
    at = np.abs(reached / current.rows - reference.not_above(values) / reference.rows).max()
    before = np.abs((reached - counts) / current.rows - reference.below(values) / reference.rows).max()
    return float(max(at, before))
