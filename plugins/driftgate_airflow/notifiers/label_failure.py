"""Notifier: labels could not be read, or the metrics of a window not restated."""

from __future__ import annotations

from typing import TYPE_CHECKING

from driftgate_airflow.notifiers.failure import FailureNotifier
from driftgate_airflow.windows import window_from_form

if TYPE_CHECKING:
    from airflow.sdk import Context

    from driftgate.context import Context as MonitorContext
    from driftgate.records import Window


class LabelFailureNotifier(FailureNotifier):
    """Callback for ``on_failure_callback`` of the tasks of ``performance__<id>``; never raises.

    The incident is about the window of the form, else about the latest measured one: a scheduled run is about many windows.
    """

    no_window = "no incident: no window has been measured yet"

    def _window(self, monitor: MonitorContext, context: Context) -> Window | None:
        from driftgate.late_labels import latest_window

        return window_from_form(monitor.config, context["params"]) or latest_window(monitor)
