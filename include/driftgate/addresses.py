"""Where people find what is known about a monitor and a window: paths in Airflow's web server, and whole addresses.

Paths are for what Airflow itself shows; :class:`Addresses` makes whole addresses of them, for messages that are read elsewhere. ``base`` is
the path below which Airflow is served, empty at the root of its host.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode, urlsplit

if TYPE_CHECKING:
    from driftgate.records import Window
    from driftgate.settings import Settings

APP_PREFIX = "/driftgate"
"""Where the project's pages are mounted in Airflow's web server."""
DOCS_ROUTE = "data-docs"
"""Route of the Data Docs view inside Airflow's UI."""
PAGES_ROUTE = "driftgate"
"""Route of the monitors' pages inside Airflow's UI."""
MONITOR_DASHBOARD = "driftgate-model"
"""Dashboard of one model in Grafana."""
_AROUND = timedelta(days=14)


def in_frame(base: str, route: str, path: str) -> str:
    """Return the path that opens one of the project's pages inside Airflow's UI, in the frame of the view ``route``."""
    return f"{base}/plugin/{route}{base}{APP_PREFIX}/{path}"


def monitor_page(dag_id: str, window_key: str | None = None) -> str:
    """Return the path of a monitor's page below the project's prefix, with one of its windows marked."""
    return f"pages/monitor.html?{urlencode({'dag': dag_id, **({'window': window_key} if window_key else {})})}"


def data_docs_page(page: str) -> str:
    """Return the path of a Data Docs page below the project's prefix."""
    return f"data-docs/{quote(page)}"


def report_page(dag_id: str, window_key: str) -> str:
    """Return the path of a window's Evidently report below the project's prefix; readable by who may read the monitor's DAG."""
    return f"reports/{quote(dag_id, safe='')}/{quote(window_key, safe='')}/evidently.html"


def dag_path(base: str, dag_id: str, run_id: str | None = None) -> str:
    """Return the path of a DAG, or of one of its runs, in Airflow's UI."""
    return f"{base}/dags/{quote(dag_id, safe='')}" + (f"/runs/{quote(run_id, safe='')}" if run_id else "")


def dashboard(grafana_url: str | None, monitor: str, start: datetime | None = None, end: datetime | None = None) -> str | None:
    """Return the address of a monitor's dashboard in Grafana, for a stretch of time; None without a Grafana."""
    if not grafana_url:
        return None
    values = {"var-monitor": monitor}
    if start is not None and end is not None:
        values |= {"from": str(round(start.timestamp() * 1000)), "to": str(round(end.timestamp() * 1000))}
    return f"{grafana_url}/d/{MONITOR_DASHBOARD}?{urlencode(values)}"


def openable(address: str | None) -> str | None:
    """Return an address that a browser can open; None for any other (a tracking store without a server)."""
    return address if address and address.startswith(("http://", "https://")) else None


class Addresses:
    """Whole addresses; each method returns None where that server's address is not known."""

    def __init__(self, settings: Settings) -> None:
        self._airflow = (settings.airflow_url or "").rstrip("/")
        self._grafana = (settings.grafana_url or "").rstrip("/")

    def monitor_page(self, monitor: str, window: Window | None = None) -> str | None:
        return self._framed(PAGES_ROUTE, monitor_page(f"monitor__{monitor}", window.key if window else None))

    def incidents_page(self) -> str | None:
        return self._framed(PAGES_ROUTE, "pages/incidents.html")

    def dag(self, dag_id: str, run_id: str | None = None) -> str | None:
        return self._in_airflow(dag_path("", dag_id, run_id))

    def required_action(self, dag_id: str, run_id: str, task_id: str) -> str | None:
        place = f"{dag_path('', dag_id, run_id)}/tasks/{quote(task_id, safe='')}/required_actions"
        return self._in_airflow(f"{place}?map_index=-1")

    def required_actions(self) -> str | None:
        return self._in_airflow("/required_actions")

    def data_docs(self, page: str | None) -> str | None:
        return self._framed(DOCS_ROUTE, data_docs_page(page)) if page else None

    def evidently_report(self, monitor: str, window: Window) -> str | None:
        """Return the report on a page of its own: whoever comes from a message wants it large."""
        return self._in_airflow(f"{APP_PREFIX}/{report_page(f'monitor__{monitor}', window.key)}")

    def dashboard(self, monitor: str, window: Window) -> str | None:
        return dashboard(self._grafana, monitor, window.start - _AROUND, window.end + _AROUND)

    def _framed(self, route: str, path: str) -> str | None:
        """Return a page in its frame: the frame opens a path of the host, so the path below which Airflow is served stands in it twice."""
        if not self._airflow:
            return None
        base = urlsplit(self._airflow).path
        return f"{self._airflow.removesuffix(base) if base else self._airflow}{in_frame(base, route, path)}"

    def _in_airflow(self, path: str) -> str | None:
        return f"{self._airflow}{path}" if self._airflow else None
