"""Operator: draw the window's Evidently report, where the monitor file wants it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowSkipException

from driftgate_airflow.links import MlflowRunLink, ReportLink, remember, report_address
from driftgate_airflow.operators.base import DriftgateOperator

if TYPE_CHECKING:
    from airflow.sdk import Context


class RenderReportOperator(DriftgateOperator):
    """Draw the report and attach it to the window's MLflow run; off the critical path, since drawing takes longest.

    Is skipped where ``report.draw`` of the monitor file does not want the report of this window.

    Parameters
    ----------
    batch, measures
        What `ingest` and `measure` returned.
    mlflow_run
        What `log_mlflow` returned.
    """

    template_fields: Sequence[str] = (*DriftgateOperator.template_fields, "batch", "measures", "mlflow_run")
    weight = "heavy"
    operator_extra_links = (ReportLink(), MlflowRunLink())

    def __init__(self, *, batch: Mapping[str, Any], measures: Mapping[str, Any], mlflow_run: Mapping[str, Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.batch = batch
        self.measures = measures
        self.mlflow_run = mlflow_run

    def execute(self, context: Context) -> dict[str, Any]:
        from driftgate import pipeline, reports
        from driftgate.records import Batch

        monitor = self.open_context()
        batch = Batch.from_dict(self.batch)
        if not reports.is_wanted(monitor.config, pipeline.load_measures(self.measures["path"])):
            raise AirflowSkipException(
                f"not drawn: report.draw is {monitor.config.report.draw} and nothing is beyond its limit; "
                "the monitor's page and `driftgate report` draw it when asked"
            )
        report = pipeline.render_report(monitor, batch, self.mlflow_run["run_id"])
        address = report_address(monitor.config.monitor_dag_id, batch.window.key)
        remember(self, ReportLink.key, address)
        remember(self, MlflowRunLink.key, self.mlflow_run.get("address"))
        return {"html": str(report.html), "json": str(report.json), "address": address}
