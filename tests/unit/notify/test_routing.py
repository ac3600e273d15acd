"""Who hears of what, and when: routes, quiet hours across midnight and clock changes, digests, distances between attempts."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from driftgate.config.notifications import NotificationsConfig
from driftgate.notify.routing import channels_for, digest_day, next_attempt, quiet_until
from driftgate.records import Severity

CHANNELS = {name: {"kind": "slack", "connection": name} for name in ("mail", "chat", "pager")}
WARNING, CRITICAL = Severity.WARNING, Severity.CRITICAL


def make(**content: Any) -> NotificationsConfig:
    return NotificationsConfig.model_validate({"channels": CHANNELS, **content})


@pytest.mark.parametrize(
    ("routes", "asked", "expected"),
    [
        pytest.param([], ("a", "flights", WARNING), ["mail", "chat", "pager"], id="without routes everybody hears"),
        pytest.param([{"channels": "chat"}], ("a", "flights", WARNING), ["chat"], id="a route without conditions"),
        pytest.param([{"channels": ["chat"], "owner": "a"}], ("b", "flights", WARNING), [], id="a warning of nobody's stays in the pages"),
        pytest.param(
            [{"channels": ["chat"], "owner": "a"}], ("b", "flights", CRITICAL), ["mail", "chat", "pager"], id="nothing critical is lost"
        ),
        pytest.param([{"channels": ["chat"], "severity": "critical"}], ("a", "f", None), ["chat"], id="a question has no severity"),
        pytest.param([{"channels": ["chat"], "monitors": ["fares_*"]}], ("a", "fares_day", WARNING), ["chat"], id="pattern"),
        pytest.param([{"channels": ["chat"], "monitors": ["fares_*"]}], ("a", "flights", WARNING), [], id="pattern of others"),
        pytest.param(
            [{"channels": ["pager", "chat"]}, {"channels": ["chat", "mail"], "severity": ["warning"], "owner": ["a", "b"]}],
            ("b", "flights", WARNING),
            ["mail", "chat", "pager"],
            id="every route that matches applies and a channel comes once",
        ),
    ],
)
def test_routes(routes: list[Any], asked: tuple[str, str, Severity | None], expected: list[str]) -> None:
    owner, monitor, severity = asked
    assert list(channels_for(make(routes=routes), owner=owner, monitor=monitor, severity=severity)) == expected


BERLIN = {"from": "22:00", "to": "07:00", "timezone": "Europe/Berlin"}


@pytest.mark.parametrize(
    ("quiet", "now", "until"),
    [
        pytest.param(BERLIN, "2026-01-10T20:59Z", None, id="before"),
        pytest.param(BERLIN, "2026-01-10T21:00Z", "2026-01-11T06:00Z", id="begins, until next morning"),
        pytest.param(BERLIN, "2026-01-11T05:59Z", "2026-01-11T06:00Z", id="after midnight"),
        pytest.param(BERLIN, "2026-01-11T06:00Z", None, id="over"),
        pytest.param(BERLIN, "2026-03-28T22:30Z", "2026-03-29T05:00Z", id="clocks go forward: the night is an hour shorter"),
        pytest.param(BERLIN, "2026-10-24T21:00Z", "2026-10-25T06:00Z", id="clocks go back: it is an hour longer"),
        pytest.param({"from": "12:00", "to": "13:30"}, "2026-01-10T12:15Z", "2026-01-10T13:30Z", id="within a day"),
        pytest.param({"from": "12:00", "to": "13:30"}, "2026-01-10T13:30Z", None, id="within a day, over"),
        pytest.param(
            {"from": "22:00", "to": "02:30", "timezone": "Europe/Berlin"},
            "2026-10-25T00:15Z",
            "2026-10-25T00:30Z",
            id="the end comes twice: the first one counts",
        ),
        pytest.param(
            {"from": "22:00", "to": "02:30", "timezone": "Europe/Berlin"},
            "2026-10-25T01:15Z",
            "2026-10-25T01:30Z",
            id="the end comes twice: after the first one the second counts",
        ),
        pytest.param(
            {"from": "22:00", "to": "02:30", "timezone": "Europe/Berlin"},
            "2026-03-29T00:45Z",
            "2026-03-29T01:30Z",
            id="the end does not exist: half past three is meant",
        ),
    ],
)
def test_quiet_hours(quiet: dict[str, str], now: str, until: str | None) -> None:
    found = quiet_until(make(quiet_hours=quiet), WARNING, datetime.fromisoformat(now))
    assert found == (datetime.fromisoformat(until) if until else None)


def test_every_wait_for_the_end_of_quiet_hours_ends() -> None:
    """Minute by minute over both changes of the clocks: the end lies ahead, within a day, and it is not quiet then."""
    config = make(quiet_hours={"from": "23:30", "to": "02:30", "timezone": "Europe/Berlin"})
    for start in (datetime(2026, 3, 28, 20, tzinfo=UTC), datetime(2026, 10, 24, 20, tzinfo=UTC)):
        for minute in range(24 * 60):
            now = start + timedelta(minutes=minute)
            until = quiet_until(config, WARNING, now)
            assert until is None or now < until <= now + timedelta(hours=5)


def test_what_is_let_through_does_not_wait() -> None:
    night = datetime(2026, 1, 10, 23, tzinfo=UTC)
    assert quiet_until(make(quiet_hours=BERLIN), CRITICAL, night) is None
    assert quiet_until(make(quiet_hours={**BERLIN, "let_through": []}), CRITICAL, night) is not None
    assert quiet_until(make(quiet_hours=BERLIN), None, night) is not None
    assert quiet_until(make(), WARNING, night) is None


def test_the_digest_is_due_from_its_time_on_by_the_local_day() -> None:
    config = make(digest={"at": "08:00", "timezone": "America/New_York", "channels": ["mail"]})
    assert digest_day(config, datetime(2026, 1, 10, 12, 59, tzinfo=UTC)) is None
    assert digest_day(config, datetime(2026, 1, 10, 13, 0, tzinfo=UTC)) == date(2026, 1, 10)
    assert digest_day(config, datetime(2026, 1, 11, 4, 59, tzinfo=UTC)) == date(2026, 1, 10)
    assert digest_day(make(), datetime(2026, 1, 11, 4, 59, tzinfo=UTC)) is None


def test_attempts_come_at_growing_distances_and_end() -> None:
    now = datetime(2026, 1, 10, tzinfo=UTC)
    waits = [next_attempt(attempt, 9, now) for attempt in range(1, 10)]
    minutes = [(moment - now).total_seconds() / 60 if moment else None for moment in waits]
    assert minutes == [1, 5, 15, 60, 180, 360, 720, 720, None]


def test_a_receiver_may_ask_for_more_patience_but_not_for_ever() -> None:
    now = datetime(2026, 1, 10, tzinfo=UTC)
    assert next_attempt(1, 8, now, timedelta(minutes=30)) == now + timedelta(minutes=30)
    assert next_attempt(3, 8, now, timedelta(seconds=1)) == now + timedelta(minutes=15)
    assert next_attempt(1, 8, now, timedelta(days=30)) == now + timedelta(hours=12)
