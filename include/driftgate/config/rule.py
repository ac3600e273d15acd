"""One rule of the decision policy."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import model_validator

from driftgate.config.section import Section


class Rule(Section):
    """One condition on one metric of a window."""

    metric: str
    column: str = ""
    above: float | None = None
    below: float | None = None
    above_reference: float | None = None
    """Broken when value > above_reference x the reference's value (errors)."""
    below_reference: float | None = None
    """Broken when value < below_reference x the reference's value (scores)."""
    calibrated: bool = False
    """Broken when the value is beyond the limit that was learned for the model version, within the false-alarm budget."""
    severity: Literal["warning", "critical"] | None = None
    """How bad it is when the rule is broken; default: critical for performance, else warning."""

    @model_validator(mode="after")
    def _one_limit(self) -> Self:
        limits = [self.above, self.below, self.above_reference, self.below_reference]
        if sum(limit is not None for limit in limits) + self.calibrated != 1:
            raise ValueError("needs exactly one of above, below, above_reference, below_reference, calibrated: true")
        return self
