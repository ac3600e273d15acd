"""Operator: tell people about the monitor's incident."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from driftgate_airflow.links import WINDOW_LINKS, remember_window
from driftgate_airflow.operators.base import DriftgateOperator

if TYPE_CHECKING:
    from airflow.sdk import Context


class AlertOperator(DriftgateOperator):
    """Send the messages about the monitor that are due.

    The incident and its messages were recorded with the decision. A receiver that does not take a message makes the task fail, so that it
    is seen; the message is kept and tried again by `driftgate__notify`.

    Parameters
    ----------
    decision
        The decision as a dictionary.
    """

    template_fields: Sequence[str] = (*DriftgateOperator.template_fields, "decision")
    operator_extra_links = WINDOW_LINKS

    def __init__(self, *, decision: Mapping[str, Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.decision = decision

    def execute(self, context: Context) -> str:
        from driftgate import notifications
        from driftgate.errors import ServiceError
        from driftgate.records import Window

        monitor = self.open_context()
        remember_window(self, monitor, Window.from_dict(self.decision["window"]))
        self.log.warning("%s: %s", self.monitor_id, "; ".join(self.decision["reasons"]))
        delivery = notifications.deliver_for(monitor)
        self.log.info("Messages: %s", delivery)
        if not delivery.is_clean:
            raise ServiceError(
                f"monitor {self.monitor_id}: messages did not arrive; they are kept and tried again by the DAG driftgate__notify:\n"
                + "\n".join(f"  - {problem}" for problem in delivery.problems)
            )
        return str(delivery)
