"""Operator: compare the batch with the reference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from driftgate_airflow.common import summarise
from driftgate_airflow.operators.base import DriftgateOperator

if TYPE_CHECKING:
    from airflow.sdk import Context


class MeasureWindowOperator(DriftgateOperator):
    """Measure a batch; the metrics stay in a file, the result names it and counts the alarms.

    Parameters
    ----------
    batch
        The batch as a dictionary, as `ingest` returned it.
    """

    template_fields: Sequence[str] = (*DriftgateOperator.template_fields, "batch")
    weight = "heavy"

    def __init__(self, *, batch: Mapping[str, Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.batch = batch

    def execute(self, context: Context) -> dict[str, Any]:
        from driftgate import pipeline
        from driftgate.records import Batch

        monitor = self.open_context()
        batch = Batch.from_dict(self.batch)
        measures = pipeline.measure(monitor, batch)
        return summarise(measures, pipeline.measures_path(monitor, batch.window))
