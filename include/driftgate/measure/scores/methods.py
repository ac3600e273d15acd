"""The drift methods: which columns each fits, its default limit, and on which side of it drift lies.

The values are those of Evidently's registry, kept here so that a score needs no import of Evidently; a test compares them.
"""

from __future__ import annotations

from dataclasses import dataclass

from driftgate.columns import Kind
from driftgate.config.models import P_VALUE_METHODS
from driftgate.samples import Numbers, Sample, counts_of, counts_together

FEW_ROWS = 1000
"""Evidently's: up to so many reference rows get p-values by default, larger references distances."""
FEW_VALUES = 5
"""Evidently's: numbers of at most so many distinct values are counted by default."""


@dataclass(frozen=True)
class Method:
    """One drift method."""

    name: str
    kinds: tuple[Kind, ...]
    threshold: float
    """Evidently's default limit."""
    is_strict: bool = True
    """Whether a score equal to the limit is no drift."""

    @property
    def is_p_value(self) -> bool:
        """Whether small scores are drift."""
        return self.name in P_VALUE_METHODS

    def is_drift(self, score: float, threshold: float) -> bool:
        """Whether a score lies on the side of the limit where drift is."""
        if score == threshold:
            return not self.is_strict
        return score < threshold if self.is_p_value else score > threshold


_NUM: tuple[Kind, ...] = ("num",)
_CAT: tuple[Kind, ...] = ("cat",)
_BOTH: tuple[Kind, ...] = ("num", "cat")

METHODS = {
    method.name: method
    for method in (
        Method("anderson", _NUM, 0.1),
        Method("chisquare", _CAT, 0.05),
        Method("chisquare_two_sample", _BOTH, 0.05),
        Method("cramer_von_mises", _NUM, 0.1, is_strict=False),
        Method("cramer_von_mises_ties", _NUM, 0.1),
        Method("ed", _NUM, 0.1),
        Method("es", _NUM, 0.05),
        Method("hellinger", _BOTH, 0.1, is_strict=False),
        Method("jensenshannon", _BOTH, 0.1, is_strict=False),
        Method("kl_div", _BOTH, 0.1, is_strict=False),
        Method("ks", _NUM, 0.05, is_strict=False),
        Method("mannw", _NUM, 0.05),
        Method("mannw_two_sided", _NUM, 0.05),
        Method("psi", _BOTH, 0.1, is_strict=False),
        Method("t_test", _NUM, 0.05),
        Method("wasserstein", _NUM, 0.1, is_strict=False),
        Method("z", _CAT, 0.05),
    )
}
"""By name."""


def default_method(kind: Kind, current: Sample, reference: Sample) -> str:
    """Return the method that Evidently chooses for these samples, by its own name (see :data:`driftgate.two_sample.REPLACED`).

    Up to 1,000 reference rows: the z-test for one or two distinct values, chi-square for categories and for numbers of at most five
    values, else Kolmogorov-Smirnov. Above: Jensen-Shannon for categories and for such numbers, else the normed Wasserstein distance.
    """
    values = _distinct_values(current, reference)
    is_counted = kind == "cat" or values <= FEW_VALUES
    if reference.rows > FEW_ROWS:
        return "jensenshannon" if is_counted else "wasserstein"
    if not is_counted:
        return "ks"
    return "chisquare" if values > 2 else "z"


def _distinct_values(current: Sample, reference: Sample) -> int:
    """Return the number of distinct values of both samples together; at least the reference's where that decides."""
    own = len(counts_of(reference))
    is_many = own > (FEW_VALUES if isinstance(reference, Numbers) else 2)
    return own if is_many else len(counts_together(reference, current)[0])
