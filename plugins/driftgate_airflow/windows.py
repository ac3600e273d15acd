"""Which window a DAG run is about. Plain functions: no database, no running Airflow."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from driftgate.config.windows import add, localise, window_at, window_ending

if TYPE_CHECKING:
    from driftgate.config.models import MonitorConfig
    from driftgate.records import Window

SCHEDULED_RUN_TYPES = ("scheduled", "backfill")


class InvalidWindowError(ValueError):
    """The dates given for a run do not make a window."""


def window_of_run(config: MonitorConfig, dag_run: Any, params: Mapping[str, Any]) -> Window:
    """Return the window that a run evaluates.

    A scheduled or backfill run evaluates the window of the monitor's size that ends with its data interval, whatever the
    form says. Any other run takes the form's dates (in the monitor's time zone; a missing end or start follows from the
    window size), then its data interval, then the last complete window before it was created.

    Raises
    ------
    InvalidWindowError
        If the form's dates cannot be read or the end is not after the start.
    """
    run_type = str(getattr(dag_run.run_type, "value", dag_run.run_type))
    chosen = None if run_type in SCHEDULED_RUN_TYPES else window_from_form(config, params)
    if chosen is not None:
        return chosen
    if dag_run.data_interval_end is not None:
        return window_ending(config, dag_run.data_interval_end)
    return window_ending(config, last_boundary(config, dag_run.run_after))


def window_from_form(config: MonitorConfig, params: Mapping[str, Any]) -> Window | None:
    """Return the window that the trigger form names; None when both fields are empty.

    Raises
    ------
    InvalidWindowError
        If the dates cannot be read or the end is not after the start.
    """
    start, end = _given(params, "window_start"), _given(params, "window_end")
    if start is None and end is None:
        return None
    try:
        if start is None:
            return window_ending(config, localise(config, str(end)))
        return window_at(config, start, end)
    except ValueError as error:
        raise InvalidWindowError(
            f"monitor {config.id}: window_start={start!r} and window_end={end!r} do not make a window: {error}; "
            f"give a start and a later end (time zone {config.schedule.timezone}), or leave the end empty"
        ) from error


def _given(params: Mapping[str, Any], name: str) -> str | None:
    value = params.get(name)
    return str(value).strip() or None if value is not None else None


def last_boundary(config: MonitorConfig, moment: datetime) -> datetime:
    """Return the last moment, not after this one, at which a window of the monitor ends.

    With a schedule that is its latest tick. Without one, whole days end at local midnight and shorter windows at
    multiples of their size after it.
    """
    if config.schedule.cron is not None:
        return _last_tick(config, moment)
    midnight = moment.astimezone(config.schedule.zone).replace(hour=0, minute=0, second=0, microsecond=0)
    if config.window.size >= timedelta(days=1):
        return midnight.astimezone(UTC)
    steps = (moment - midnight) // config.window.size
    return add(config, midnight, steps * config.window.size)


def _last_tick(config: MonitorConfig, moment: datetime) -> datetime:
    from croniter import croniter

    naive = moment.astimezone(config.schedule.zone).replace(tzinfo=None)
    tick: datetime = croniter(config.schedule.cron, naive + timedelta(microseconds=1)).get_prev(datetime)
    return tick.replace(tzinfo=config.schedule.zone).astimezone(UTC)
