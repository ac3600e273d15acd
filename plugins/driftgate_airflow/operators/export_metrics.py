"""Operator: send the window's recorded metrics to Prometheus and InfluxDB, where they are configured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from driftgate_airflow.operators.base import DriftgateOperator

if TYPE_CHECKING:
    from airflow.sdk import Context


class ExportMetricsOperator(DriftgateOperator):
    """Export one window from the record; a sink that fails makes the task fail, after it was noted in the record.

    The series of monitors that are gone are removed from the Pushgateway on the way.

    Parameters
    ----------
    batch, measures
        What `ingest` and `measure` returned.
    """

    template_fields: Sequence[str] = (*DriftgateOperator.template_fields, "batch", "measures")

    def __init__(self, *, batch: Mapping[str, Any], measures: Mapping[str, Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.batch = batch
        self.measures = measures

    def execute(self, context: Context) -> list[str]:
        from driftgate import exporting
        from driftgate.housekeeping import prune_pushgateway
        from driftgate.records import Batch

        window = Batch.from_dict(self.batch).window
        monitor = self.open_context()
        exports = exporting.export_window(monitor, window, self.measures["model_version"])
        prune_pushgateway(monitor.settings)
        sinks = [export.sink.value for export in exports]
        self.log.info("exported to %s", ", ".join(sinks) or "nothing: no sink is configured")
        return sinks
