"""Operator: draw the report that somebody asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowFailException

from driftgate_airflow.links import WINDOW_LINKS, ReportLink, remember, remember_window, report_address
from driftgate_airflow.operators.base import DriftgateOperator
from driftgate_airflow.windows import InvalidWindowError, window_from_form

if TYPE_CHECKING:
    from airflow.sdk import Context


class DrawReportOperator(DriftgateOperator):
    """Draw the report of the window that the run's form names; the form's ``monitor`` says whose."""

    weight = "heavy"
    operator_extra_links = (ReportLink(), *WINDOW_LINKS)

    def execute(self, context: Context) -> dict[str, Any]:
        from driftgate import reports

        monitor = self.open_context()
        try:
            window = window_from_form(monitor.config, context["params"])
        except InvalidWindowError as error:
            raise AirflowFailException(str(error)) from error
        if window is None:
            raise AirflowFailException(f"monitor {self.monitor_id}: which window? Give window_start, for example 2013-04-05")
        report = reports.draw(monitor, window)
        address = report_address(monitor.config.monitor_dag_id, window.key)
        remember(self, ReportLink.key, address)
        remember_window(self, monitor, window)
        return {"html": str(report.html), "json": str(report.json), "address": address}
