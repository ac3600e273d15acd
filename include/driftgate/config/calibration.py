"""The terms of calibrated thresholds: the false-alarm budget, and the change that should be found."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import Field

from driftgate.config.section import Section
from driftgate.config.types import Duration, format_duration

QUARTER = timedelta(days=91)


class BudgetConfig(Section):
    """How many false alarms a model may have, over all its columns, methods and windows together."""

    false_alarms: Annotated[float, Field(gt=0)] = 1.0
    per: Duration = QUARTER

    @property
    def text(self) -> str:
        """For people, for example ``1 false alarm per 13w``."""
        return f"{self.false_alarms:g} false alarm{'' if self.false_alarms == 1 else 's'} per {format_duration(self.per)}"


class DetectConfig(Section):
    """A change that one window should show; windows with too few rows for that are not judged."""

    change: Annotated[float, Field(gt=0)] = 1.0
    """Numbers: standard deviations of shift; categories: Cohen's effect size w."""
    power: Annotated[float, Field(gt=0, lt=1)] = 0.8
    """Chance with which it should be found."""
