"""Operator: fail where labels could not be read, after everything else was restated and followed up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from driftgate_airflow.operators.base import DriftgateOperator

if TYPE_CHECKING:
    from airflow.sdk import Context


class CheckLabelsOperator(DriftgateOperator):
    """Say which windows could not be restated; without any, an incident about failed runs of this monitor is over.

    Parameters
    ----------
    restated
        What `restate` returned.
    """

    template_fields: Sequence[str] = (*DriftgateOperator.template_fields, "restated")

    def __init__(self, *, restated: Mapping[str, Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.restated = restated

    def execute(self, context: Context) -> None:
        from driftgate import incidents
        from driftgate.errors import SourceError
        from driftgate.late_labels import latest_window
        from driftgate.records import Cause

        problems = self.restated["problems"]
        if problems:
            listed = "\n".join(f"  - {problem}" for problem in problems)
            raise SourceError(f"monitor {self.monitor_id}: {len(problems)} windows could not be restated; the others were:\n{listed}")
        monitor = self.open_context()
        window = latest_window(monitor)
        if window is not None:
            incidents.task_succeeded(monitor, Cause.RUN, window)
