"""The state of monitors as JSON: one entry per monitor, with what a person should look at first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from driftgate.addresses import APP_PREFIX, dashboard, monitor_page
from driftgate.config.models import MonitorConfig
from driftgate.record.overview import Fleet
from driftgate.record.rows import Row
from driftgate.settings import Settings
from driftgate_airflow import links
from driftgate_airflow.ui.known import main_metric
from driftgate_airflow.ui.schedule import DagState, Freshness, freshness
from driftgate_airflow.ui.shapes import Json, moment, performance, row_window

_ORDER = {"critical": 0, "warning": 1, "unknown": 2, "ok": 3}
_TREND = ("status", "gate", "drift_share", "drift_verdict", "performance", "performance_verdict")


def entries(configs: Sequence[MonitorConfig], settings: Settings, fleet: Fleet, dags: Mapping[str, DagState], now: datetime) -> list[Json]:
    """Write the entries of monitors, those in the worst state first."""
    written = [entry(config, settings, fleet, dags.get(config.monitor_dag_id), now) for config in configs]
    return sorted(written, key=lambda item: (_ORDER[item["state"]], item["id"]))


def entry(config: MonitorConfig, settings: Settings, fleet: Fleet, dag: DagState | None, now: datetime) -> Json:
    """Write one monitor's entry; ``dag`` is None when Airflow does not know its DAG."""
    windows = fleet.windows.get(config.id, ())
    newest = windows[-1] if windows else None
    end = max((row["window_end"] for row in windows), default=None)
    fresh = freshness(config, end, now, is_paused=dag is not None and dag.is_paused)
    measured, counts = fleet.measured.get(config.id), fleet.incidents.get(config.id)
    body = {
        "window": _newest(config, newest) if newest else None,
        "gate": _gate(newest) if newest else None,
        "measured": row_window(config, measured) if measured else None,
        "drift": _drift(measured) if measured else None,
        "performance": _performance(config, measured) if measured else None,
        "incidents": {name: counts[name] if counts else empty for name, empty in (("open", 0), ("acknowledged", 0), ("worst", None))},
        "champion": _champion(fleet.champions.get(config.id), measured),
        "decision": _decision(config, fleet.decisions.get(config.id)),
        "retraining": _retraining(config, fleet.retrainings.get(config.id)),
        "next_run": moment(dag.next_run) if dag else None,
        "paused": dag.is_paused if dag else None,
        "freshness": _freshness(fresh),
        "trend": _trend(config, windows),
    }
    state, reasons = judge(body)
    return {**_identity(config), "links": _links(config, settings, windows), "state": state, "state_reasons": reasons, **body}


def _identity(config: MonitorConfig) -> Json:
    return {
        "id": config.id,
        "dag_id": config.monitor_dag_id,
        "owner": config.owner,
        "description": config.description,
        "tags": list(config.tags),
        "task": config.task,
        "timezone": config.schedule.timezone,
    }


def _links(config: MonitorConfig, settings: Settings, windows: Sequence[Row]) -> Json:
    first, last = (windows[0]["window_start"], windows[-1]["window_end"]) if windows else (None, None)
    return {
        "page": links.monitor_address(config.monitor_dag_id),
        "page_direct": f"{links.base_path()}{APP_PREFIX}/{monitor_page(config.monitor_dag_id)}",
        "dag": links.dag_address(config.monitor_dag_id),
        "retrain_dag": links.dag_address(config.retrain_dag_id),
        "grafana": dashboard(settings.grafana_url, config.id, first, last),
    }


def _newest(config: MonitorConfig, row: Row) -> Json:
    return {**row_window(config, row), **{name: row[name] for name in ("status", "rows", "note")}}


def _gate(row: Row) -> Json | None:
    if row["gate"] is None:
        return None
    link = links.data_docs_address(row["data_docs"]) if row["data_docs"] else None
    return {"verdict": row["gate"], "failed": row["failed"], "evaluated": row["evaluated"], "link": link}


def _drift(row: Row) -> Json | None:
    if row["share"] is None and row["verdict"] is None:
        return None
    return {name: row[name] for name in ("share", "threshold", "verdict", "drifted_columns", "judged_columns")}


def _performance(config: MonitorConfig, row: Row) -> Json | None:
    shown = performance(main_metric(config), row)
    return {**shown, "window": row_window(config, row, "performance")} if shown else None


def _champion(promoted: Row | None, measured: Row | None) -> Json | None:
    if promoted:
        return {"version": promoted["version"], "since": moment(promoted["since"]), "source": "promoted"}
    return {"version": measured["measured_model_version"], "since": None, "source": "measured"} if measured else None


def _decision(config: MonitorConfig, row: Row | None) -> Json | None:
    if row is None:
        return None
    return {**{name: row[name] for name in ("action", "breached", "reasons")}, "window": row_window(config, row)}


def _retraining(config: MonitorConfig, row: Row | None) -> Json | None:
    if row is None:
        return None
    return {"verdict": row["verdict"], "challenger": row["challenger_version"], "window": row_window(config, row, "trigger_window")}


def _freshness(fresh: Freshness) -> Json:
    return {
        "state": fresh.state,
        "expected_end": moment(fresh.expected_end),
        "behind_seconds": round(fresh.behind.total_seconds()),
        "behind_windows": fresh.windows,
    }


def _trend(config: MonitorConfig, rows: Sequence[Row]) -> Json:
    return {
        "start": [moment(row["window_start"]) for row in rows],
        "label": [row_window(config, row)["label"] for row in rows],
        **{name: [row[name] for row in rows] for name in _TREND},
    }


# --- what to look at first --------------------------------------------------------------------------------------------


def judge(body: Mapping[str, Any]) -> tuple[str, list[str]]:
    """Return a monitor's state and the reasons for it, the worst first."""
    critical, warnings = list(_critical(body)), list(_warnings(body))
    if critical:
        return "critical", critical + warnings
    if warnings:
        return "warning", warnings
    return ("ok" if body["window"] else "unknown"), []


def _critical(body: Mapping[str, Any]) -> Iterator[str]:
    if body["incidents"]["worst"] == "critical":
        yield _incidents(body)
    if body["gate"] and body["gate"]["verdict"] == "fail":
        yield "the gate stopped the newest window"
    if body["window"] and body["window"]["status"] == "failed":
        yield "the newest window could not be read"


def _warnings(body: Mapping[str, Any]) -> Iterator[str]:
    if body["incidents"]["worst"] == "warning":
        yield _incidents(body)
    if body["gate"] and body["gate"]["verdict"] == "warn":
        yield "the gate warned about the newest window"
    if body["performance"] and body["performance"]["verdict"] == "alarm":
        yield f"{body['performance']['metric']} is beyond its limit"
    if body["drift"] and body["drift"]["verdict"] == "alarm":
        yield "the data has drifted"
    if body["freshness"]["state"] == "late":
        late = body["freshness"]["behind_windows"]
        yield f"{late} window{'s' if late != 1 else ''} late"


def _incidents(body: Mapping[str, Any]) -> str:
    number = body["incidents"]["open"]
    return f"{number} open incident{'s' if number != 1 else ''}"


def window_range(rows: Sequence[Row]) -> Json:
    """Write how many windows there are, and which is the first and the last, from the rows per model version."""
    known = [row for row in rows if row["windows"]]
    return {
        "count": sum(row["windows"] for row in known),
        "first": moment(min((row["first"] for row in known), default=None)),
        "last": moment(max((row["last"] for row in known), default=None)),
    }
