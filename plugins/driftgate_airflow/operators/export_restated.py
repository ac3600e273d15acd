"""Operator: send restated metrics to Prometheus and InfluxDB, where they are configured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from driftgate_airflow.operators.base import DriftgateOperator

if TYPE_CHECKING:
    from airflow.sdk import Context


class ExportRestatedOperator(DriftgateOperator):
    """Export every window that was restated; a sink that fails makes the task fail, after it was noted in the record.

    Parameters
    ----------
    restated
        What `restate` returned.
    """

    template_fields: Sequence[str] = (*DriftgateOperator.template_fields, "restated")

    def __init__(self, *, restated: Mapping[str, Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.restated = restated

    def execute(self, context: Context) -> int:
        from driftgate import exporting
        from driftgate.records import Window

        monitor = self.open_context()
        for item in self.restated["restated"]:
            exporting.export_window(monitor, Window.from_dict(item["window"]), item["model_version"])
        self.log.info("%d restated windows exported", len(self.restated["restated"]))
        return len(self.restated["restated"])
