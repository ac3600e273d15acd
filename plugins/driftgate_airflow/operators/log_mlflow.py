"""Operator: write the window's one MLflow run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from driftgate_airflow.links import MlflowRunLink, remember
from driftgate_airflow.operators.base import DriftgateOperator

if TYPE_CHECKING:
    from airflow.sdk import Context


class LogMlflowOperator(DriftgateOperator):
    """Log parameters, metrics and the gate's result; returns the run's id and address.

    Parameters
    ----------
    batch, gate_result, measures
        What `ingest`, `gate` and `measure` returned.
    """

    template_fields: Sequence[str] = (*DriftgateOperator.template_fields, "batch", "gate_result", "measures")
    operator_extra_links = (MlflowRunLink(),)

    def __init__(self, *, batch: Mapping[str, Any], gate_result: Mapping[str, Any], measures: Mapping[str, Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.batch = batch
        self.gate_result = gate_result
        self.measures = measures

    def execute(self, context: Context) -> dict[str, Any]:
        from driftgate import pipeline
        from driftgate.records import Batch, GateResult

        monitor = self.open_context()
        measures = pipeline.load_measures(self.measures["path"])
        batch = Batch.from_dict(self.batch)
        run_id = pipeline.log_mlflow(monitor, batch, GateResult.from_dict(self.gate_result), measures)
        address = monitor.store.find_report(self.monitor_id, batch.window, "mlflow")
        remember(self, MlflowRunLink.key, address)
        return {"run_id": run_id, "address": address}
