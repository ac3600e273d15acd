"""The false-alarm budget is shared out completely, whatever there is to test."""

from __future__ import annotations

from datetime import timedelta
from itertools import combinations

import pytest

from driftgate.calibrate.budget import SHARES, Group, chance_per_window, split

GROUPS = [set(chosen) for size in range(1, len(Group) + 1) for chosen in combinations(Group, size)]


@pytest.mark.parametrize("present", GROUPS, ids=lambda chosen: "+".join(sorted(chosen)))
@pytest.mark.parametrize("count", [1, 3, 40])
def test_the_chances_of_all_tests_add_up_to_the_budget(present: set[Group], count: int) -> None:
    members = {group: range(count + index) if group in present else () for index, group in enumerate(Group)}
    chances = split(0.01, members)
    assert set(chances) == present
    assert sum(chance * len(members[group]) for group, chance in chances.items()) == pytest.approx(0.01)


def test_the_shares_are_a_whole_and_half_of_it_is_for_what_pages() -> None:
    assert sum(SHARES.values()) == pytest.approx(1.0)
    assert set(SHARES) == set(Group)
    assert SHARES[Group.PERFORMANCE] + SHARES[Group.SLOW_PERFORMANCE] == pytest.approx(0.5)


def test_what_absent_groups_leave_goes_to_the_others_in_proportion() -> None:
    chances = split(0.01, {Group.DRIFT: ["a", "b"], Group.QUALITY: ["c"], Group.PERFORMANCE: []})
    assert chances[Group.DRIFT] * 2 / chances[Group.QUALITY] == pytest.approx(SHARES[Group.DRIFT] / SHARES[Group.QUALITY])


def test_nothing_to_test_has_no_chances() -> None:
    assert split(0.01, {Group.DRIFT: []}) == {}


def test_one_false_alarm_per_quarter_is_a_chance_of_one_in_91_days() -> None:
    day = timedelta(days=1)
    assert chance_per_window(1, 91 * day, day) == pytest.approx(1 / 91)
    assert chance_per_window(2, 28 * day, 7 * day) == pytest.approx(0.5)
    assert chance_per_window(1, 91 * day, timedelta(hours=1)) == pytest.approx(1 / 91 / 24)
