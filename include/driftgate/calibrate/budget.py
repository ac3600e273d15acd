"""How the false-alarm budget of a model is shared by its tests.

The budget counts windows in which an alarm begins although nothing has changed, over all columns and all methods together. By Boole's
inequality (Bonferroni) the chances of the single tests may simply be added up, whatever their dependence.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from enum import StrEnum


class Group(StrEnum):
    """Kinds of tests; each kind has a share of the budget, which its members divide evenly."""

    PERFORMANCE = "performance"  # errors of the model, realised or estimated, in one window
    SLOW_PERFORMANCE = "slow_performance"  # the same over several windows
    DRIFT = "drift"  # drift scores of one window
    SLOW_DRIFT = "slow_drift"
    QUALITY = "quality"  # missing values, number of rows


SHARES: Mapping[Group, float] = {
    Group.PERFORMANCE: 0.15,
    Group.SLOW_PERFORMANCE: 0.35,
    Group.DRIFT: 0.25,
    Group.SLOW_DRIFT: 0.15,
    Group.QUALITY: 0.10,
}
"""What pages gets half of the budget, and most of it where small changes are found: over several windows."""


def chance_per_window(false_alarms: float, period: timedelta, window: timedelta) -> float:
    """Return the chance of a false alarm that one window may have."""
    return false_alarms * (window / period)


def split(chance: float, members: Mapping[Group, Sequence[object]]) -> dict[Group, float]:
    """Return the chance of each single test by its group; shares of groups without tests go to the others in proportion."""
    present = {group: SHARES[group] for group, tests in members.items() if tests}
    whole = sum(present.values())
    return {group: chance * share / whole / len(members[group]) for group, share in present.items()}
