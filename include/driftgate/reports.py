"""The HTML report of a window: whether the monitor file wants it, and drawing it when somebody asks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from driftgate.config.models import MonitorConfig
from driftgate.errors import MeasureError
from driftgate.records import BatchStatus, Measures, MetricVerdict, Window
from driftgate.rules import evaluate

if TYPE_CHECKING:
    from driftgate.context import Context
    from driftgate.report.evidently_report import RenderedReport


def is_wanted(config: MonitorConfig, measures: Measures) -> bool:
    """Whether the report of a window is drawn without being asked for (``report.draw`` of the monitor file)."""
    if config.report.draw == "on_alarm":
        return _has_alarm(config, measures)
    return config.report.draw == "always"


def _has_alarm(config: MonitorConfig, measures: Measures) -> bool:
    if any(metric.verdict is MetricVerdict.ALARM for metric in measures.metrics):
        return True
    return any(outcome.is_broken for outcome in evaluate(config.rules, measures))


def draw(context: Context, window: Window) -> RenderedReport:
    """Draw the report of a measured window, whatever the monitor file says, and attach it to the window's MLflow run.

    The rows are those that were measured, and so is the reference. Drawn again, the report replaces the earlier one.

    Raises
    ------
    MeasureError
        If the window was never measured.
    ServiceError
        If PostgreSQL or MLflow does not answer.
    """
    from driftgate import pipeline
    from driftgate.record.mlflow_runs import find_run

    config = context.config
    batch = context.store.find_batch(config.id, window)
    if batch is None or batch.status is not BatchStatus.MEASURED:
        state = "is not known" if batch is None else f"is {batch.status.value.replace('_', ' ')}"
        raise MeasureError(
            f"monitor {config.id}: window {window} {state}, so there is nothing to draw; run it first, with the DAG "
            f"{config.monitor_dag_id} or `driftgate run {config.id} --window {window.start:%Y-%m-%dT%H:%M%z}`"
        )
    run_id = find_run(context.settings.require_mlflow(), config, window)
    return pipeline.render_report(context, batch, run_id)
