"""Links from a task to what it made or is about: Data Docs, MLflow run, Evidently report, the monitor's page, Grafana.

An operator pushes the address as an XCom while it runs; the link reads it back when the task ends, also when it failed. Airflow shows
no link whose address is empty.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from airflow.sdk import BaseOperatorLink

from driftgate import addresses
from driftgate.addresses import DOCS_ROUTE, PAGES_ROUTE

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator
    from airflow.sdk.types import TaskInstanceKey

    from driftgate.context import Context as MonitorContext
    from driftgate.records import Window

DAG_TAB_ROUTE = "driftgate-monitor"
"""Route of the tab on a DAG's page; Airflow wants each route once."""


class _PushedLink(BaseOperatorLink):
    """A link whose address the task pushed under ``key``."""

    key: str = ""

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        from airflow.sdk.execution_time.xcom import XCom

        return XCom.get_value(ti_key=ti_key, key=self.key) or ""


class DataDocsLink(_PushedLink):
    """The validation page of the window's batch."""

    name = "Data Docs"
    key = "data_docs_address"


class MlflowRunLink(_PushedLink):
    """The window's MLflow run."""

    name = "MLflow run"
    key = "mlflow_address"


class ReportLink(_PushedLink):
    """The window's Evidently report."""

    name = "Evidently report"
    key = "report_address"


class MonitorLink(_PushedLink):
    """The window on the monitor's page."""

    name = "Driftgate"
    key = "monitor_address"


class GrafanaLink(_PushedLink):
    """The window on the monitor's dashboard."""

    name = "Grafana"
    key = "grafana_address"


WINDOW_LINKS = (MonitorLink(), GrafanaLink())
"""For tasks whose addresses :func:`push_window_links` pushes."""


def base_path() -> str:
    """Return the path below which Airflow's UI is served (empty at the root of its host)."""
    from airflow.sdk.configuration import conf

    return urlsplit(conf.get("api", "base_url", fallback="") or "").path.rstrip("/")


def in_frame(route: str, path: str) -> str:
    """Return the address that opens one of the project's pages inside Airflow's UI, in the frame of the view ``route``."""
    return addresses.in_frame(base_path(), route, path)


def data_docs_address(page: str | None) -> str:
    """Return the address of a Data Docs page (relative to the site; None: its index) as a view inside Airflow's UI."""
    return in_frame(DOCS_ROUTE, addresses.data_docs_page(page or "index.html"))


def report_address(dag_id: str, window_key: str) -> str:
    """Return the address of a window's Evidently report inside Airflow's UI."""
    return in_frame(PAGES_ROUTE, addresses.report_page(dag_id, window_key))


def monitor_address(dag_id: str, window_key: str | None = None) -> str:
    """Return the address of a monitor's page inside Airflow's UI, with one of its windows marked."""
    return in_frame(PAGES_ROUTE, addresses.monitor_page(dag_id, window_key))


def dag_address(dag_id: str, run_id: str | None = None) -> str:
    """Return the address of a DAG, or of one of its runs, in Airflow's UI."""
    return addresses.dag_path(base_path(), dag_id, run_id)


def mlflow_address(server: str, run_id: str) -> str:
    """Return the address of a run in MLflow, by its id alone."""
    return f"{server.rstrip('/')}/#/runs/{quote(run_id, safe='')}"


def push_window_links(context: Mapping[str, Any], monitor: MonitorContext, window: Window) -> None:
    """Push the addresses of a window's place on the monitor's page and, where there is one, on its Grafana dashboard."""
    config = monitor.config
    found = {
        MonitorLink.key: monitor_address(config.monitor_dag_id, window.key),
        GrafanaLink.key: addresses.dashboard(monitor.settings.grafana_url, config.id, window.start, window.end),
    }
    for key, address in found.items():
        if address:
            context["ti"].xcom_push(key=key, value=address)


def absolute(address: str) -> str:
    """Put Airflow's own address before a path, for log messages that are read elsewhere."""
    from airflow.sdk.configuration import conf

    root = urlsplit(conf.get("api", "base_url", fallback="") or "")
    return f"{root.scheme}://{root.netloc}{address}" if root.netloc else address
