"""What the DAG files share: schedule, form fields, retries, documentation."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pendulum
from airflow.sdk import ExceptionRetryPolicy, Param, RetryAction, RetryRule

from driftgate.config.types import format_duration
from driftgate.config.windows import localise
from driftgate_airflow.notifiers.failure import FailureNotifier
from driftgate_airflow.timetables import MonitorTimetable

if TYPE_CHECKING:
    from driftgate.config.models import LoadedMonitor, MonitorConfig

RETRIES = 3
RETRY_DELAY = timedelta(seconds=20)
OPTIONAL: dict[str, Any] = {"retries": 0, "on_failure_callback": None}
"""Arguments of tasks on which nothing depends: they bound their own attempts, are tried again elsewhere, and open no incident."""
PATIENT: dict[str, Any] = {"weight_rule": "absolute", "priority_weight": 0}
"""Arguments of tasks that are started when no other is waiting: what they make is not needed by any decision."""
PROMPT: dict[str, Any] = {"weight_rule": "absolute", "priority_weight": 100}
"""Arguments of tasks that are started before all others, however many windows are under way: somebody waits for what they do."""
EARLIEST = pendulum.datetime(2000, 1, 1)
"""Start of every DAG: early enough for any window, fixed so that it never moves. The schedule's own bounds are in the timetable."""


def retry_policy() -> ExceptionRetryPolicy:
    """Retry when a server did not answer; never retry what would fail again; leave the unknown to Airflow."""
    return ExceptionRetryPolicy(
        rules=[
            RetryRule("driftgate.errors.ServiceError", RetryAction.RETRY, RETRY_DELAY, reason="a server did not answer"),
            RetryRule("driftgate.errors.DriftgateError", RetryAction.FAIL, reason="trying again would fail the same way"),
        ]
    )


def common_arguments(monitor: LoadedMonitor, kind: str) -> dict[str, Any]:
    """Arguments that every DAG of a monitor has."""
    config = monitor.config
    return {
        "tags": sorted({"driftgate", kind, config.task, *config.tags}),
        "is_paused_upon_creation": False,
        # One at a time: the decision of a window looks at the windows before it, and a champion must not move under a comparison.
        "max_active_runs": 1,
        "default_args": {
            "owner": config.owner,
            "retries": RETRIES,
            "retry_delay": RETRY_DELAY,
            "retry_policy": retry_policy(),
            # The later a task in its DAG, the sooner it is started: of many windows at once, one is finished before the next is begun.
            "weight_rule": "upstream",
            "on_failure_callback": [FailureNotifier(monitor_id=config.id)],
        },
    }


def timetable(config: MonitorConfig) -> MonitorTimetable | None:
    """When the monitor runs: at each tick, for the data interval that ends there; `airflow backfill create` uses the same ticks."""
    plan = config.schedule
    if plan.cron is None:
        return None
    zone = pendulum.timezone(plan.timezone)
    start, end = (pendulum.instance(localise(config, moment)).in_timezone(zone) if moment else None for moment in (plan.start, plan.end))
    return MonitorTimetable(plan.cron, zone, start, end)


def window_fields(config: MonitorConfig, about_start: str) -> dict[str, Param]:
    """Fields of a trigger form that name one window; ``about_start`` says what it is and what follows from leaving it empty."""
    zone, size = config.schedule.timezone, format_duration(config.window.size)
    moment = "date" if config.window.size % timedelta(days=1) == timedelta(0) else "date-time"
    return {
        "window_start": Param(
            None,
            type=["null", "string"],
            format=moment,
            title="Window start",
            description=about_start,
        ),
        "window_end": Param(
            None,
            type=["null", "string"],
            format=moment,
            title="Window end",
            description=f"First moment after the window (not part of it), in {zone}. Empty: start + {size}.",
        ),
    }


def monitor_form(config: MonitorConfig) -> dict[str, Param]:
    """Fields of the trigger form of a monitor."""
    zone, size = config.schedule.timezone, format_duration(config.window.size)
    return {
        **window_fields(config, f"First moment of the window, in {zone}. Empty: the last complete window ({size})."),
        "reprocess": Param(
            False,
            type="boolean",
            title="Reprocess",
            description="Read the source again even when this window's rows are already kept (after a correction at the source).",
        ),
    }


def retrain_form() -> dict[str, Param]:
    """Fields of the trigger form of a retraining."""
    return {
        "window_start": Param(
            None,
            type=["null", "string"],
            format="date-time",
            title="Trigger window start",
            description="Window that caused the retraining. Empty: the latest measured window.",
        ),
        "window_end": Param(
            None,
            type=["null", "string"],
            format="date-time",
            title="Trigger window end",
            description="End of that window; training rows are taken from before it. Empty: start + window size.",
        ),
        "reason": Param("started by hand", type="string", title="Reason", description="Why the model is retrained."),
    }
