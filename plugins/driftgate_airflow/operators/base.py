"""What the operators have in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.sdk import BaseOperator

from driftgate_airflow.common import DRIFTGATE_CONN_ID, open_context

if TYPE_CHECKING:
    from driftgate.context import Context as MonitorContext
    from driftgate.placement import Weight


class DriftgateOperator(BaseOperator):
    """A step of one monitor.

    Parameters
    ----------
    monitor_id
        Which monitor file applies.
    driftgate_conn_id
        Airflow connection (Postgres) of the records.
    """

    template_fields: Sequence[str] = ("monitor_id", "driftgate_conn_id")
    ui_color = "#e8f1f8"
    weight: ClassVar[Weight] = "light"
    """Whether the task reads the rows of a window; see :mod:`driftgate_airflow.placing`."""

    def __init__(self, *, monitor_id: str, driftgate_conn_id: str = DRIFTGATE_CONN_ID, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.monitor_id = monitor_id
        self.driftgate_conn_id = driftgate_conn_id

    def open_context(self) -> MonitorContext:
        """Open the monitor's context; the one seam that tests replace."""
        return open_context(self.monitor_id, self.driftgate_conn_id)
