"""Notifier: labels could not be read, or the metrics of a window not restated."""

from __future__ import annotations

from typing import TYPE_CHECKING

from driftgate_airflow.notifiers.failure import FailureNotifier, _detail
from driftgate_airflow.windows import window_from_form

if TYPE_CHECKING:
    from airflow.sdk import Context

    from driftgate.context import Context as MonitorContext


class LabelFailureNotifier(FailureNotifier):
    """Callback for ``on_failure_callback`` of the tasks of ``performance__<id>``; never raises.

    The incident is about the window of the form, else about the latest measured one: a scheduled run is about many windows.
    """

    def _open_incident(self, monitor: MonitorContext, context: Context) -> None:
        from driftgate import incidents
        from driftgate.late_labels import latest_window
        from driftgate.records import Cause

        window = window_from_form(monitor.config, context["params"]) or latest_window(monitor)
        if window is None:
            self.log.warning("no incident: no window has been measured yet")
            return
        incidents.task_failed(monitor, Cause.RUN, window, _detail(context))
