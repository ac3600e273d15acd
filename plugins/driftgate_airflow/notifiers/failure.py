"""Notifier: a task of a monitor failed for good. Opens the incident about it and delivers what is due for the monitor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.sdk.exceptions import AirflowFailException

from driftgate_airflow.notifiers.base import MonitorNotifier
from driftgate_airflow.windows import window_from_form, window_of_run

if TYPE_CHECKING:
    from airflow.sdk import Context

    from driftgate.context import Context as MonitorContext
    from driftgate.records import Window

GATE_TASK = "gate"
_LONGEST_DETAIL = 300


class FailureNotifier(MonitorNotifier):
    """Callback for ``on_failure_callback`` of the tasks of ``monitor__<id>`` and ``retrain__<id>``; never raises.

    A batch that the gate stopped has its own incident already; for it only messages are delivered.
    """

    no_window = "no incident: it is not known which window the run is about"
    lost = "nobody was told that a task of monitor %s failed; see the incidents page"

    def notify(self, context: Context) -> None:
        from driftgate.exporting import refresh_if_on
        from driftgate.notifications import deliver_for

        monitor = self.open_context()
        if not _is_gate_verdict(context):
            self._open_incident(monitor, context)
        self.log.info("Messages: %s", deliver_for(monitor))
        refresh_if_on(monitor)

    def _open_incident(self, monitor: MonitorContext, context: Context) -> None:
        from driftgate import incidents
        from driftgate.records import Cause

        is_retraining = context["dag_run"].dag_id == monitor.config.retrain_dag_id
        window = _trigger_window(monitor, context) if is_retraining else self._window(monitor, context)
        if window is None:
            self.log.warning(self.no_window)
            return
        incidents.task_failed(monitor, Cause.RETRAIN if is_retraining else Cause.RUN, window, _detail(context))

    def _window(self, monitor: MonitorContext, context: Context) -> Window | None:
        """Return the window that the run is about."""
        return window_of_run(monitor.config, context["dag_run"], context["params"])


def _is_gate_verdict(context: Context) -> bool:
    """Whether the gate itself said no, rather than breaking."""
    return context["ti"].task_id == GATE_TASK and isinstance(context.get("exception"), AirflowFailException)


def _trigger_window(monitor: MonitorContext, context: Context) -> Window | None:
    """Return the window that caused the retraining: from the form, or as the first task found it."""
    from driftgate.records import Window

    chosen = window_from_form(monitor.config, context["params"])
    if chosen is not None:
        return chosen
    plan = context["ti"].xcom_pull(task_ids="build_training_set")
    return Window.from_dict(plan["trigger_window"]) if plan else None


def _detail(context: Context) -> str:
    error = context.get("exception")
    first_line = (str(error).strip().splitlines() or [""])[0] if error is not None else ""
    said = f"{type(error).__name__}: {first_line}" if error is not None else "the process ended before it could say why"
    return f"task {context['ti'].task_id}: {said}".replace("; ", ", ")[:_LONGEST_DETAIL]
