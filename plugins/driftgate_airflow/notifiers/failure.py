"""Notifier: a task of a monitor failed for good. Opens the incident about it and delivers what is due for the monitor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseNotifier
from airflow.sdk.exceptions import AirflowFailException

from driftgate_airflow.common import DRIFTGATE_CONN_ID, open_context
from driftgate_airflow.windows import window_from_form, window_of_run

if TYPE_CHECKING:
    from airflow.sdk import Context

    from driftgate.context import Context as MonitorContext
    from driftgate.records import Window

GATE_TASK = "gate"
_LONGEST_DETAIL = 300


class FailureNotifier(BaseNotifier):
    """Callback for ``on_failure_callback`` of the tasks of ``monitor__<id>`` and ``retrain__<id>``; never raises.

    A batch that the gate stopped has its own incident already; for it only messages are delivered.

    Parameters
    ----------
    monitor_id
        Which monitor file applies.
    driftgate_conn_id
        Airflow connection (Postgres) of the records.
    """

    template_fields: Sequence[str] = ("monitor_id", "driftgate_conn_id")

    def __init__(self, *, monitor_id: str, driftgate_conn_id: str = DRIFTGATE_CONN_ID) -> None:
        super().__init__()
        self.monitor_id = monitor_id
        self.driftgate_conn_id = driftgate_conn_id

    def __call__(self, *args: Any) -> None:
        """Do it; whatever goes wrong here is logged and never hides why the task failed."""
        try:
            super().__call__(*args)
        except Exception:
            self.log.exception("nobody was told that a task of monitor %s failed; see the incidents page", self.monitor_id)

    def notify(self, context: Context) -> None:
        from driftgate.exporting import refresh_if_on
        from driftgate.notifications import deliver_for

        monitor = open_context(self.monitor_id, self.driftgate_conn_id)
        if not _is_gate_verdict(context):
            self._open_incident(monitor, context)
        self.log.info("Messages: %s", deliver_for(monitor))
        refresh_if_on(monitor)

    def _open_incident(self, monitor: MonitorContext, context: Context) -> None:
        from driftgate import incidents
        from driftgate.records import Cause

        is_retraining = context["dag_run"].dag_id == monitor.config.retrain_dag_id
        window = (
            _trigger_window(monitor, context) if is_retraining else window_of_run(monitor.config, context["dag_run"], context["params"])
        )
        if window is None:
            self.log.warning("no incident: it is not known which window the run is about")
            return
        incidents.task_failed(monitor, Cause.RETRAIN if is_retraining else Cause.RUN, window, _detail(context))


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
