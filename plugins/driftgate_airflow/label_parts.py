"""Schedule and form of the DAGs `performance__<id>`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk import Asset, AssetOrTimeSchedule, CronTriggerTimetable, Param

from driftgate_airflow.dag_parts import window_fields
from driftgate_airflow.notifiers.label_failure import LabelFailureNotifier

if TYPE_CHECKING:
    from driftgate.config.models import LoadedMonitor, MonitorConfig


def label_schedule(config: MonitorConfig) -> Any:
    """When labels are looked for: by cron in the monitor's time zone, with an asset's updates, both, or only by hand."""
    labels = config.labels
    if labels is None:
        return None
    ticks = CronTriggerTimetable(labels.cron, timezone=config.schedule.timezone) if labels.cron else None
    if labels.asset is None:
        return ticks
    asset = Asset(**labels.asset.model_dump(exclude_none=True))
    return [asset] if ticks is None else AssetOrTimeSchedule(timetable=ticks, assets=[asset])


def label_arguments(arguments: dict[str, Any], monitor: LoadedMonitor) -> dict[str, Any]:
    """Return the arguments that every DAG of a monitor has, with a failure told as one of this DAG."""
    notifier = LabelFailureNotifier(monitor_id=monitor.config.id)
    return {**arguments, "default_args": {**arguments["default_args"], "on_failure_callback": [notifier]}}


def performance_form(config: MonitorConfig) -> dict[str, Param]:
    """Fields of the trigger form: one window, or every window that is due."""
    zone = config.schedule.timezone
    return window_fields(config, f"First moment of the window of the predictions, in {zone}. Empty: every window that is due.")
