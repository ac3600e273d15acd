"""Absolute addresses of what is known about a monitor and a window, for messages that are read elsewhere."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import quote, urlencode

from driftgate.records import Window
from driftgate.settings import Settings

MONITOR_DASHBOARD = "driftgate-model"
"""Dashboard of one model in Grafana."""
_AROUND = timedelta(days=14)


class Addresses:
    """Pages for people; each method returns None where that server's address is not known."""

    def __init__(self, settings: Settings) -> None:
        self._airflow = (settings.airflow_url or "").rstrip("/")
        self._grafana = (settings.grafana_url or "").rstrip("/")

    def monitor_page(self, monitor: str, window: Window | None = None) -> str | None:
        query = urlencode({"dag": f"monitor__{monitor}", **({"window": window.key} if window else {})})
        return self._in_airflow(f"/plugin/driftgate/driftgate/pages/monitor.html?{query}")

    def incidents_page(self) -> str | None:
        return self._in_airflow("/plugin/driftgate/driftgate/pages/incidents.html")

    def dag(self, dag_id: str, run_id: str | None = None) -> str | None:
        run = f"/runs/{quote(run_id, safe='')}" if run_id else ""
        return self._in_airflow(f"/dags/{quote(dag_id, safe='')}{run}")

    def required_action(self, dag_id: str, run_id: str, task_id: str) -> str | None:
        place = "/".join(quote(part, safe="") for part in (dag_id, "runs", run_id, "tasks", task_id, "required_actions"))
        return self._in_airflow(f"/dags/{place}?map_index=-1")

    def required_actions(self) -> str | None:
        return self._in_airflow("/required_actions")

    def data_docs(self, page: str | None) -> str | None:
        return self._in_airflow(f"/plugin/data-docs/driftgate/data-docs/{quote(page)}") if page else None

    def evidently_report(self, monitor: str, window: Window) -> str | None:
        return self._in_airflow(f"/driftgate/reports/monitor__{quote(monitor, safe='')}/{window.key}/evidently.html")

    def dashboard(self, monitor: str, window: Window) -> str | None:
        if not self._grafana:
            return None
        first, last = (int(moment.timestamp() * 1000) for moment in (window.start - _AROUND, window.end + _AROUND))
        return f"{self._grafana}/d/{MONITOR_DASHBOARD}?{urlencode({'var-monitor': monitor, 'from': first, 'to': last})}"

    def _in_airflow(self, path: str) -> str | None:
        return f"{self._airflow}{path}" if self._airflow else None
