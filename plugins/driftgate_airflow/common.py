"""What every operator needs: the monitor's context, and small helpers for what travels between tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from driftgate.context import Context
    from driftgate.record.store import RecordStore
    from driftgate.records import Measures
    from driftgate.storage import DataPath

DRIFTGATE_CONN_ID = "driftgate_db"
RETURN_VALUE = "return_value"
"""XCom key of an operator's result; pushed by hand where a task ends by an exception."""


def open_context(monitor_id: str, conn_id: str = DRIFTGATE_CONN_ID) -> Context:
    """Build the library's context for one monitor, with its records behind an Airflow connection."""
    from driftgate.config.loader import find_monitor
    from driftgate.context import Context
    from driftgate.settings import load

    settings = load()
    monitor = find_monitor(settings.monitors_dir, monitor_id)
    return Context(monitor, settings, _open_store(conn_id), connection_uri=connection_uri)


def _open_store(conn_id: str) -> RecordStore:
    from airflow.sdk.exceptions import AirflowNotFoundException

    from driftgate.errors import SettingsError
    from driftgate_airflow.hooks.records import DriftgateHook

    try:
        return DriftgateHook(postgres_conn_id=conn_id).get_store()
    except AirflowNotFoundException as error:
        raise SettingsError(
            f"the Airflow connection {conn_id!r} does not exist; add it (type Postgres) under Admin > Connections, "
            f"or set AIRFLOW_CONN_{conn_id.upper()}=postgresql://user:password@host:port/driftgate"
        ) from error


def connection_uri(conn_id: str) -> str:
    """Return an Airflow connection as a URI, for sources of kind `sql`."""
    from airflow.sdk import BaseHook

    return BaseHook.get_connection(conn_id).get_uri()


def summarise(measures: Measures, path: DataPath) -> dict[str, Any]:
    """Describe measures in a few numbers; the metrics themselves stay in the file at ``path``."""
    alarms = [metric for metric in measures.metrics if metric.verdict is not None and metric.verdict.value == "alarm"]
    return {
        "path": str(path),
        "model_version": measures.model_version,
        "rows": measures.rows,
        "metrics": len(measures.metrics),
        "alarms": len(alarms),
        "first_alarms": [".".join(filter(None, metric.address)) for metric in alarms[:10]],
    }
