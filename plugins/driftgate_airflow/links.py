"""Links from a task to what it made: Data Docs, MLflow run, Evidently report.

An operator pushes the address as an XCom while it runs; the link reads it back when the task ends, also when it failed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from airflow.sdk import BaseOperatorLink

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator
    from airflow.sdk.types import TaskInstanceKey

APP_PREFIX = "/driftgate"
"""Where the pages of this package are mounted in Airflow's web server."""
DOCS_ROUTE = "data-docs"
"""Route of the Data Docs view inside Airflow's UI."""


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


def base_path() -> str:
    """Return the path below which Airflow's UI is served (empty at the root of its host)."""
    from airflow.sdk.configuration import conf

    return urlsplit(conf.get("api", "base_url", fallback="") or "").path.rstrip("/")


def data_docs_address(page: str | None) -> str:
    """Return the address of a Data Docs page (relative to the site; None: its index) as a view inside Airflow's UI."""
    file = quote(page or "index.html")
    return f"{base_path()}/plugin/{DOCS_ROUTE}{APP_PREFIX}/data-docs/{file}"


def report_address(dag_id: str, window_key: str) -> str:
    """Return the address of a window's Evidently report; readable by who may read the monitor's DAG."""
    return f"{base_path()}{APP_PREFIX}/reports/{quote(dag_id)}/{quote(window_key)}/evidently.html"


def absolute(address: str) -> str:
    """Put Airflow's own address before a path, for log messages that are read elsewhere."""
    from airflow.sdk.configuration import conf

    root = urlsplit(conf.get("api", "base_url", fallback="") or "")
    return f"{root.scheme}://{root.netloc}{address}" if root.netloc else address
