"""Drift scores from sorted values and counts: the numbers of Evidently's tests without its frames and plots.

With the reference sorted once, a window of n rows against N costs O(n log N) or, for tests that look at every value, one merge.
"""

from __future__ import annotations

from driftgate.columns import Kind
from driftgate.samples import Sample


def score(method: str, kind: Kind, current: Sample, reference: Sample) -> float | None:
    """Return the score of a drift method; None where it cannot judge these samples (the score is not a number).

    Parameters
    ----------
    method
        One of :data:`driftgate.config.models.DRIFT_METHODS`, the name of a two-sample test (:mod:`driftgate.two_sample`), or another
        test that Evidently has registered, which is then given one element per row.
    kind
        ``num`` for :class:`Numbers`, ``cat`` for :class:`Categories`.
    current, reference
        Neither may be empty.
    """
    raise NotImplementedError


def default_method(kind: Kind, current: Sample, reference: Sample) -> str:
    """Return the method that Evidently chooses for these samples."""
    raise NotImplementedError
