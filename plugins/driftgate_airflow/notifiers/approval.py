"""Notifier: a challenger waits for a person."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseNotifier

from driftgate_airflow.common import DRIFTGATE_CONN_ID, open_context

if TYPE_CHECKING:
    from airflow.sdk import Context


class ApprovalNotifier(BaseNotifier):
    """For ``notifiers=[...]`` of the task that asks a person; never raises, so that the question is asked whoever can be reached.

    Parameters
    ----------
    monitor_id
        Which monitor file applies.
    compare_task_id
        Task whose result is the retraining.
    driftgate_conn_id
        Airflow connection (Postgres) of the records.
    """

    template_fields: Sequence[str] = ("monitor_id", "driftgate_conn_id")

    def __init__(self, *, monitor_id: str, compare_task_id: str = "compare", driftgate_conn_id: str = DRIFTGATE_CONN_ID) -> None:
        super().__init__()
        self.monitor_id = monitor_id
        self.compare_task_id = compare_task_id
        self.driftgate_conn_id = driftgate_conn_id

    def __call__(self, *args: Any) -> None:
        """Do it; what goes wrong is logged."""
        try:
            super().__call__(*args)
        except Exception:
            self.log.exception("nobody was told that a challenger of monitor %s waits; see Browse > Required Actions", self.monitor_id)

    def notify(self, context: Context) -> None:
        from driftgate.notifications import deliver_for, enqueue_approval
        from driftgate.records import Retraining

        found = context["ti"].xcom_pull(task_ids=self.compare_task_id)
        monitor = open_context(self.monitor_id, self.driftgate_conn_id)
        enqueue_approval(monitor, Retraining.from_dict(found))
        self.log.info("Messages: %s", deliver_for(monitor))
