"""Links between dashboards, to the Airflow pages, to MLflow and to Data Docs.

Dashboard files are not filled in from Grafana's environment, so the base addresses are hidden variables of every dashboard. Their
defaults are those of Docker Compose on one machine; ``python -m driftgate_dashboards --airflow-url ... --mlflow-url ...`` writes others,
and ``&var-airflow_url=...`` in the browser's address changes one visit (links between the dashboards carry it on).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models.dashboard import DashboardLink, DashboardLinkType, DynamicConfigValue

TAG = "driftgate"
OVERVIEW, MODEL, DRIFT, QUALITY = "driftgate-overview", "driftgate-model", "driftgate-drift", "driftgate-quality"
PERFORMANCE, OPERATIONS, KPIS = "driftgate-performance", "driftgate-operations", "driftgate-kpis"
TITLES = {
    OVERVIEW: "Driftgate: fleet",
    MODEL: "Driftgate: one model",
    DRIFT: "Driftgate: drift analysis",
    QUALITY: "Driftgate: data quality",
    PERFORMANCE: "Driftgate: model performance",
    OPERATIONS: "Driftgate: operations and freshness",
    KPIS: "Driftgate: business KPIs",
}

_PAGE = "/plugin/driftgate/driftgate/pages/monitor.html?dag=monitor__"
_KEEP = "${airflow_url:queryparam}&${mlflow_url:queryparam}"
_INCIDENTS = "/plugin/driftgate/driftgate/pages/incidents.html"


@dataclass(frozen=True)
class Addresses:
    """Where Airflow and MLflow are found by the browser of the person who looks at Grafana; no slash at the end."""

    airflow: str = "http://localhost:8080"
    mlflow: str = "http://localhost:5000"

    def monitor_page(self, monitor: str) -> str:
        """Return the Driftgate page of a monitor in Airflow; the monitor may be a template that Grafana fills in."""
        return f"{self.airflow}{_PAGE}{monitor}"


VARIABLES = Addresses("${airflow_url:raw}", "${mlflow_url:raw}")
"""The addresses as a dashboard refers to them."""


def data_link(title: str, url: str, *, new_tab: bool = False) -> dict[str, Any]:
    """Return a link that Grafana shows on a point, a bar or a cell."""
    return {"title": title, "url": url, "targetBlank": new_tab}


def on_field(*found: dict[str, Any]) -> DynamicConfigValue:
    """Return the field setting that puts links on a column of a table."""
    return DynamicConfigValue(id_val="links", value=list(found))


def to_dashboard(uid: str, *, monitor: str = "${monitor:percentencode}") -> dict[str, Any]:
    """Return the drill-down to another dashboard; addresses and time range go along."""
    return data_link(
        f"{TITLES[uid]}", f"/d/{uid}?var-monitor={monitor}&${{airflow_url:queryparam}}&${{mlflow_url:queryparam}}&${{__url_time_range}}"
    )


def to_windows(monitor: str, start: str, end: str) -> dict[str, Any]:
    """Return the drill-down to one model with the time range of all of its windows."""
    return data_link("One model, all of its windows", f"/d/{MODEL}?var-monitor={monitor}&from={start}&to={end}&{_KEEP}")


def to_airflow(monitor: str = "${monitor:percentencode}") -> dict[str, Any]:
    return data_link("Driftgate page in Airflow", VARIABLES.monitor_page(monitor), new_tab=True)


def to_data_docs(path: str = "${__value.raw}") -> dict[str, Any]:
    """Return the link to a page of Data Docs, served by Airflow behind its login."""
    return data_link("Data Docs of this window", f"{VARIABLES.airflow}/plugin/data-docs/driftgate/data-docs/{path}", new_tab=True)


def to_mlflow_run(run: str = "${__value.raw}") -> dict[str, Any]:
    """Return the link to a run; MLflow finds its experiment by itself."""
    return data_link("MLflow run", f"{VARIABLES.mlflow}/#/runs/{run}", new_tab=True)


def dashboard_links() -> list[Builder[DashboardLink]]:
    """Return the row of links at the top of every dashboard: its neighbours, then Airflow and MLflow."""
    others = builders.DashboardLink("Driftgate").type(DashboardLinkType.DASHBOARDS).tags([TAG]).as_dropdown(False)
    return [
        others.include_vars(True).keep_time(True),
        _outside("Airflow", f"{VARIABLES.airflow}/plugin/driftgate", "Driftgate's pages in Airflow"),
        _outside("Incidents", f"{VARIABLES.airflow}{_INCIDENTS}", "Acknowledge incidents in Airflow"),
        _outside("MLflow", VARIABLES.mlflow, "Runs and models"),
    ]


def _outside(title: str, url: str, tooltip: str) -> builders.DashboardLink:
    return builders.DashboardLink(title).type(DashboardLinkType.LINK).url(url).tooltip(tooltip).icon("external link").target_blank(True)
