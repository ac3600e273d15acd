"""Who hears of what, and when. Pure: the same file, incident and moment give the same answer."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock
from fnmatch import fnmatchcase
from zoneinfo import ZoneInfo

from driftgate.config.notifications import NotificationsConfig, QuietHours, RouteConfig
from driftgate.records import Severity

RETRY_AFTER = (
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=15),
    timedelta(hours=1),
    timedelta(hours=3),
    timedelta(hours=6),
    timedelta(hours=12),
)
"""Time to the next attempt, after the first, second, ... that failed; the last one repeats."""
LONGEST_RETRY_AFTER = timedelta(hours=12)
"""A receiver that asks for more patience than this is asked again anyway."""
_DAY = timedelta(days=1)


def channels_for(config: NotificationsConfig, *, owner: str, monitor: str, severity: Severity | None) -> tuple[str, ...]:
    """Return the channels that hear of an incident, in the order of the file.

    Without routes that is every channel. With routes it is the channels of all that match; where none matches, a warning stays in the pages
    while a critical incident, or a question to a person, goes to every channel rather than to nobody.

    Parameters
    ----------
    severity
        None for what has no severity (a challenger that waits for approval): the routes' severities are not asked.
    """
    if not config.routes:
        return tuple(config.channels)
    wanted = {name for route in config.routes if _matches(route, owner, monitor, severity) for name in route.channels}
    if not wanted and severity is not Severity.WARNING:
        return tuple(config.channels)
    return tuple(name for name in config.channels if name in wanted)


def _matches(route: RouteConfig, owner: str, monitor: str, severity: Severity | None) -> bool:
    if route.owner and owner not in route.owner:
        return False
    if route.severity and severity is not None and severity not in route.severity:
        return False
    return not route.monitors or any(fnmatchcase(monitor, pattern) for pattern in route.monitors)


def quiet_until(config: NotificationsConfig, severity: Severity | None, now: datetime) -> datetime | None:
    """Return the end of the quiet hours that a message has to wait for; None when it may go now."""
    quiet = config.quiet_hours
    if quiet is None or (severity is not None and severity in quiet.let_through):
        return None
    local = now.astimezone(ZoneInfo(quiet.timezone))
    if not _is_quiet(quiet, local.time()):
        return None
    end = _at(quiet.end, local.date(), quiet.timezone, after=now)
    return end if end > now else _at(quiet.end, local.date() + _DAY, quiet.timezone, after=now)


def _is_quiet(quiet: QuietHours, moment: clock) -> bool:
    if quiet.start < quiet.end:
        return quiet.start <= moment < quiet.end
    return moment >= quiet.start or moment < quiet.end


def _at(moment: clock, day: date, timezone: str, after: datetime) -> datetime:
    """Return a local time of day as UTC; when clocks go back it comes twice, and the first one after ``after`` counts."""
    local = datetime.combine(day, moment, tzinfo=ZoneInfo(timezone))
    first = local.astimezone(UTC)
    return first if first > after else local.replace(fold=1).astimezone(UTC)


def digest_day(config: NotificationsConfig, now: datetime) -> date | None:
    """Return the local day whose digest is due by now; None when there is none, or it is too early in the day."""
    if config.digest is None:
        return None
    local = now.astimezone(ZoneInfo(config.digest.timezone))
    return local.date() if local.time() >= config.digest.at else None


def next_attempt(attempts: int, limit: int, now: datetime, asked: timedelta | None = None) -> datetime | None:
    """Return when a message is tried again after this many attempts; None when it is given up.

    Parameters
    ----------
    asked
        How long the receiver asked to wait (Retry-After).
    """
    if attempts >= limit:
        return None
    wait = _nth(RETRY_AFTER, attempts)
    if asked is not None:
        wait = min(max(wait, asked), LONGEST_RETRY_AFTER)
    return now + wait


def _nth(waits: Sequence[timedelta], attempts: int) -> timedelta:
    return waits[min(max(attempts, 1), len(waits)) - 1]
