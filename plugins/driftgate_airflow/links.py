"""Links from a task to what it made or is about: Data Docs, MLflow run, Evidently report, the monitor's page, Grafana.

An operator remembers the address while it runs; Airflow asks the link for it in the same process when the task ends, also when it
failed, and keeps the answer. Nothing travels for that: each question to Airflow's server would be time of the window. Airflow shows no
link whose address is empty.
"""

from __future__ import annotations

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


class _RememberedLink(BaseOperatorLink):
    """A link whose address the task remembered under ``key``."""

    key: str = ""

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        return _remembered(operator).get(self.key, "")


def remember(operator: Any, key: str, address: str | None) -> None:
    """Keep an address for the link with this key; None leaves it out."""
    if address:
        _remembered(operator)[key] = address


def _remembered(operator: Any) -> dict[str, str]:
    found: dict[str, str] = operator.__dict__.setdefault("_link_addresses", {})
    return found


class DataDocsLink(_RememberedLink):
    """The validation page of the window's batch."""

    name = "Data Docs"
    key = "data_docs_address"


class MlflowRunLink(_RememberedLink):
    """The window's MLflow run."""

    name = "MLflow run"
    key = "mlflow_address"


class ReportLink(_RememberedLink):
    """The window's Evidently report."""

    name = "Evidently report"
    key = "report_address"


class MonitorLink(_RememberedLink):
    """The window on the monitor's page."""

    name = "Driftgate"
    key = "monitor_address"


class GrafanaLink(_RememberedLink):
    """The window on the monitor's dashboard."""

    name = "Grafana"
    key = "grafana_address"


WINDOW_LINKS = (MonitorLink(), GrafanaLink())
"""For tasks whose addresses :func:`remember_window` keeps."""


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


def remember_window(operator: Any, monitor: MonitorContext, window: Window) -> None:
    """Keep the addresses of a window's place on the monitor's page and, where there is one, on its Grafana dashboard."""
    config = monitor.config
    remember(operator, MonitorLink.key, monitor_address(config.monitor_dag_id, window.key))
    remember(operator, GrafanaLink.key, addresses.dashboard(monitor.settings.grafana_url, config.id, window.start, window.end))


def absolute(address: str) -> str:
    """Put Airflow's own address before a path, for log messages that are read elsewhere."""
    from airflow.sdk.configuration import conf

    root = urlsplit(conf.get("api", "base_url", fallback="") or "")
    return f"{root.scheme}://{root.netloc}{address}" if root.netloc else address
