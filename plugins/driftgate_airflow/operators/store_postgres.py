"""Operator: write the window's metrics and status into PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from driftgate_airflow.links import WINDOW_LINKS, remember_window
from driftgate_airflow.operators.base import DriftgateOperator

if TYPE_CHECKING:
    from airflow.sdk import Context


class StorePostgresOperator(DriftgateOperator):
    """Write every metric and the batch's status in one transaction; written again, the rows stay the same.

    Parameters
    ----------
    batch, measures
        What `ingest` and `measure` returned.
    """

    template_fields: Sequence[str] = (*DriftgateOperator.template_fields, "batch", "measures")
    operator_extra_links = WINDOW_LINKS

    def __init__(self, *, batch: Mapping[str, Any], measures: Mapping[str, Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.batch = batch
        self.measures = measures

    def execute(self, context: Context) -> int:
        from driftgate import pipeline
        from driftgate.records import Batch

        monitor = self.open_context()
        measures = pipeline.load_measures(self.measures["path"])
        pipeline.store(monitor, Batch.from_dict(self.batch), measures)
        remember_window(self, monitor, measures.window)
        self.log.info("%d metrics of model version %s written", len(measures.metrics), measures.model_version)
        return len(measures.metrics)
