"""What the notifiers about one monitor have in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.sdk import BaseNotifier

from driftgate_airflow.common import DRIFTGATE_CONN_ID, open_context

if TYPE_CHECKING:
    from driftgate.context import Context as MonitorContext


class MonitorNotifier(BaseNotifier):
    """Tells about one monitor and never raises: what goes wrong here must not hide or stop what it is about.

    Parameters
    ----------
    monitor_id
        Which monitor file applies.
    driftgate_conn_id
        Airflow connection (Postgres) of the records.
    """

    template_fields: Sequence[str] = ("monitor_id", "driftgate_conn_id")
    lost: ClassVar[str]
    """What is logged when telling fails; ``%s`` is the monitor."""

    def __init__(self, *, monitor_id: str, driftgate_conn_id: str = DRIFTGATE_CONN_ID) -> None:
        super().__init__()
        self.monitor_id = monitor_id
        self.driftgate_conn_id = driftgate_conn_id

    def __call__(self, *args: Any) -> None:
        """Do it; what goes wrong is logged."""
        try:
            super().__call__(*args)
        except Exception:
            self.log.exception(self.lost, self.monitor_id)

    def open_context(self) -> MonitorContext:
        """Open the monitor's context."""
        return open_context(self.monitor_id, self.driftgate_conn_id)
