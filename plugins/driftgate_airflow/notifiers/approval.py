"""Notifier: a challenger waits for a person."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from driftgate_airflow.notifiers.base import MonitorNotifier

if TYPE_CHECKING:
    from airflow.sdk import Context


class ApprovalNotifier(MonitorNotifier):
    """For ``notifiers=[...]`` of the task that asks a person; never raises, so that the question is asked whoever can be reached.

    Parameters
    ----------
    compare_task_id
        Task whose result is the retraining.
    """

    lost = "nobody was told that a challenger of monitor %s waits; see Browse > Required Actions"

    def __init__(self, *, compare_task_id: str = "compare", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.compare_task_id = compare_task_id

    def notify(self, context: Context) -> None:
        from driftgate.notifications import deliver_for, enqueue_approval
        from driftgate.records import Retraining

        found = context["ti"].xcom_pull(task_ids=self.compare_task_id)
        monitor = self.open_context()
        enqueue_approval(monitor, Retraining.from_dict(found))
        self.log.info("Messages: %s", deliver_for(monitor))
