"""Operator: hold the batch at the gate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowFailException

from driftgate_airflow.common import RETURN_VALUE
from driftgate_airflow.links import WINDOW_LINKS, DataDocsLink, absolute, data_docs_address, remember, remember_window
from driftgate_airflow.operators.base import DriftgateOperator

if TYPE_CHECKING:
    from airflow.sdk import Context


class GateWindowOperator(DriftgateOperator):
    """Validate a batch; a failed verdict is recorded first and then fails the task without retry.

    Parameters
    ----------
    batch
        The batch as a dictionary, as `ingest` returned it.
    """

    template_fields: Sequence[str] = (*DriftgateOperator.template_fields, "batch")
    weight = "heavy"
    operator_extra_links = (DataDocsLink(), *WINDOW_LINKS)

    def __init__(self, *, batch: Mapping[str, Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.batch = batch

    def execute(self, context: Context) -> dict[str, Any]:
        from driftgate import pipeline
        from driftgate.records import Batch, GateVerdict, to_dict

        monitor = self.open_context()
        result = pipeline.gate(monitor, Batch.from_dict(self.batch))
        page = data_docs_address(result.data_docs)
        remember(self, DataDocsLink.key, page)
        remember_window(self, monitor, result.window)
        if result.verdict is GateVerdict.FAIL:
            context["ti"].xcom_push(key=RETURN_VALUE, value=to_dict(result))
            raise AirflowFailException(str(pipeline.gate_failure(monitor, result, absolute(page))))
        self.log.info("Gate: %s, %d of %d expectations failed", result.verdict, len(result.failed), result.evaluated)
        return to_dict(result)
