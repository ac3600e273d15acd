"""Windows from dates: cutting time in the monitor's time zone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

from driftgate.config.models import MonitorConfig
from driftgate.records import Window

_DAY = timedelta(days=1)


def localise(config: MonitorConfig, moment: datetime | date | str) -> datetime:
    """Read a date or date-time; without an offset it means the monitor's time zone.

    Raises
    ------
    ValueError
        If a text is not an ISO 8601 date or date-time.
    """
    if isinstance(moment, str):
        try:
            moment = datetime.fromisoformat(moment)
        except ValueError:
            raise ValueError(f"{moment!r} is not a date; write for example 2013-04-05 or 2013-04-05T06:00") from None
    elif not isinstance(moment, datetime):
        moment = datetime(moment.year, moment.month, moment.day)
    return moment if moment.tzinfo else moment.replace(tzinfo=config.schedule.zone)


def add(config: MonitorConfig, moment: datetime, delta: timedelta) -> datetime:
    """Move a moment; whole days follow the local calendar, so that a day stays a day when clocks change."""
    if delta % _DAY:
        return (moment.astimezone(UTC) + delta).astimezone(UTC)
    local = moment.astimezone(config.schedule.zone)
    return (local + delta).astimezone(UTC)  # zone-aware addition is wall-clock addition


def window_at(config: MonitorConfig, start: datetime | date | str, end: datetime | date | str | None = None) -> Window:
    """Return the window that starts here and, without an end, has the monitor's window size."""
    first = localise(config, start)
    last = add(config, first, config.window.size) if end in (None, "") else localise(config, end)
    return Window(first, last)


def window_ending(config: MonitorConfig, end: datetime) -> Window:
    """Return the window of the monitor's size that ends here."""
    return Window(add(config, end, -config.window.size), end)


def windows_between(config: MonitorConfig, start: datetime | date | str, end: datetime | date | str) -> Iterator[Window]:
    """Yield consecutive windows of the monitor's size in [start, end); a last incomplete one is left out."""
    current, last = localise(config, start), localise(config, end)
    while (following := add(config, current, config.window.size)) <= last:
        yield Window(current, following)
        current = following


def label(config: MonitorConfig, window: Window) -> str:
    """Name a window for people: its local date, with the time where it does not start at midnight or span one day."""
    local = window.start.astimezone(config.schedule.zone)
    if local.hour == local.minute == 0 and add(config, window.start, _DAY) == window.end:
        return local.strftime("%Y-%m-%d")
    last = window.end.astimezone(config.schedule.zone)
    return f"{local:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M}"
