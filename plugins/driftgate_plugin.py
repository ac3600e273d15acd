"""The only file that Airflow loads by itself from plugins/: adds Driftgate's pages to the UI.

Airflow runs it in every process, every task included, so it imports next to nothing; the pages are built at their first request.
"""

from __future__ import annotations

from typing import Any, ClassVar

from airflow.plugins_manager import AirflowPlugin

from driftgate.addresses import APP_PREFIX, DOCS_ROUTE, PAGES_ROUTE
from driftgate_airflow.links import DAG_TAB_ROUTE, base_path
from driftgate_airflow.listeners import WarmStart
from driftgate_airflow.timetables import MonitorTimetable
from driftgate_airflow.ui.lazy import LazyApp

_PAGES = f"{base_path()}{APP_PREFIX}"
_ICONS = {"icon": f"{_PAGES}/icons/driftgate.svg", "icon_dark_mode": f"{_PAGES}/icons/driftgate-dark.svg"}


class DriftgatePlugin(AirflowPlugin):
    """The monitors' pages, Data Docs and reports behind Airflow's own login, and the schedule of monitors."""

    name = "driftgate"
    fastapi_apps: ClassVar[list[dict[str, Any]]] = [
        {"app": LazyApp("driftgate_airflow.ui.app:create_app"), "url_prefix": APP_PREFIX, "name": "driftgate"}
    ]
    timetables: ClassVar[list[type]] = [MonitorTimetable]
    listeners: ClassVar[list[object]] = [WarmStart()]
    external_views: ClassVar[list[dict[str, Any]]] = [
        {
            "name": "Driftgate",
            "href": f"{_PAGES}/pages/index.html",
            "destination": "nav",
            "url_route": PAGES_ROUTE,
            "nav_top_level": True,
            **_ICONS,
        },
        {
            "name": "Data Docs",
            "href": f"{_PAGES}/data-docs/index.html",
            "destination": "nav",
            "url_route": DOCS_ROUTE,
            "nav_top_level": True,
        },
        {
            "name": "Driftgate",
            "href": f"{_PAGES}/pages/monitor.html?dag={{DAG_ID}}",
            "destination": "dag",
            "url_route": DAG_TAB_ROUTE,
            **_ICONS,
        },
    ]
