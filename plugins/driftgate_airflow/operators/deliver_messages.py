"""Operator: one pass over the outbox of messages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowFailException

from driftgate_airflow.common import DRIFTGATE_CONN_ID, connection_uri

if TYPE_CHECKING:
    from airflow.sdk import Context


class DeliverMessagesOperator(BaseOperator):
    """Send every message that is due, and the digest when its time has come.

    Fails without retry when a channel did not take a message, so that it is seen; the message itself is kept, and the next run tries again
    when its time has come.

    Parameters
    ----------
    driftgate_conn_id
        Airflow connection (Postgres) of the records.
    """

    template_fields: Sequence[str] = ("driftgate_conn_id",)
    ui_color = "#e8f1f8"

    def __init__(self, *, driftgate_conn_id: str = DRIFTGATE_CONN_ID, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.driftgate_conn_id = driftgate_conn_id

    def execute(self, context: Context) -> str:
        from driftgate.notifications import deliver_due
        from driftgate.settings import load
        from driftgate_airflow.hooks.records import DriftgateHook

        store = DriftgateHook(postgres_conn_id=self.driftgate_conn_id).get_store()
        delivery = deliver_due(load(), store.engine, connection_uri)
        self.log.info("Messages: %s", delivery)
        if not delivery.is_clean:
            raise AirflowFailException("messages did not arrive:\n" + "\n".join(f"  - {problem}" for problem in delivery.problems))
        return str(delivery)
