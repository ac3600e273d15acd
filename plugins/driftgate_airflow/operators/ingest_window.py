"""Operator: read, type, score and keep the rows of the run's window."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import SkipMixin
from airflow.sdk.exceptions import AirflowFailException

from driftgate_airflow.common import RETURN_VALUE
from driftgate_airflow.operators.base import DriftgateOperator
from driftgate_airflow.windows import InvalidWindowError, window_of_run

if TYPE_CHECKING:
    from airflow.sdk import Context

WINDOW_KEY = "window_key"
"""XCom key of the window's name in file names and run ids."""


class IngestWindowOperator(DriftgateOperator, SkipMixin):
    """Keep one window's rows; an empty window is recorded and ends the run well.

    Parameters
    ----------
    fingerprint
        Hash of the monitor file, shown with the task so that it is known which configuration ran.
    """

    template_fields: Sequence[str] = (*DriftgateOperator.template_fields, "fingerprint")
    weight = "heavy"

    def __init__(self, *, fingerprint: str = "", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.fingerprint = fingerprint

    def execute(self, context: Context) -> dict[str, Any]:
        from driftgate import pipeline
        from driftgate.records import BatchStatus, to_dict

        monitor = self.open_context()
        try:
            window = window_of_run(monitor.config, context["dag_run"], context["params"])
        except InvalidWindowError as error:
            raise AirflowFailException(str(error)) from error
        self.log.info("Window %s", window)
        context["ti"].xcom_push(key=WINDOW_KEY, value=window.key)
        batch = pipeline.ingest(monitor, window, reprocess=bool(context["params"].get("reprocess")), dag_run=context["dag_run"].run_id)
        if batch.status is BatchStatus.NO_DATA:
            self.log.info("No rows in %s: recorded as no_data, nothing else to do", window)
            context["ti"].xcom_push(key=RETURN_VALUE, value=to_dict(batch))
            self.skip(ti=context["ti"], tasks=self.get_direct_relatives(upstream=False))
        return to_dict(batch)
