"""Records as JSON for the pages: times in UTC with Z, windows with a label in the monitor's time zone, links where there is something."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from driftgate.addresses import dashboard, openable
from driftgate.config.models import MonitorConfig
from driftgate.config.windows import label
from driftgate.mlflow_client import safe_address
from driftgate.record.rows import Row, window_of
from driftgate.records import Window
from driftgate.settings import Settings
from driftgate_airflow import links
from driftgate_airflow.ui.known import is_higher_better, main_metric

Json = dict[str, Any]


def moment(value: datetime | None) -> str | None:
    """Write a moment as UTC, for example ``2013-04-05T04:00:00Z``."""
    return None if value is None else value.astimezone(UTC).isoformat().replace("+00:00", "Z")


def window(config: MonitorConfig, value: Window) -> Json:
    return {"start": moment(value.start), "end": moment(value.end), "key": value.key, "label": label(config, value)}


def row_window(config: MonitorConfig, row: Row, prefix: str = "window") -> Json:
    return window(config, window_of(row, prefix))


def optional_window(config: MonitorConfig, row: Row, prefix: str) -> Json | None:
    return row_window(config, row, prefix) if row[f"{prefix}_start"] is not None else None


def performance(metric: str, row: Row) -> Json | None:
    """Write the main metric beside the reference's value; None where it was not measured."""
    value, reference = row["performance"], row["performance_reference"]
    if value is None and reference is None:
        return None
    return {
        "metric": metric,
        "higher_is_better": is_higher_better(metric),
        "value": value,
        "reference": reference,
        "ratio": value / reference if value is not None and reference else None,
        "threshold": row["performance_threshold"],
        "verdict": row["performance_verdict"],
    }


@dataclass(frozen=True)
class Shapes:
    """Writes the rows of one monitor."""

    config: MonitorConfig
    settings: Settings

    def window_item(self, row: Row) -> Json:
        gate = {"verdict": row["gate"], "failed": row["failed"], "evaluated": row["evaluated"]} if row["gate"] else None
        decision = {"action": row["action"], "breached": row["breached"], "reasons": row["reasons"]} if row["action"] else None
        drift = {
            "share": row["drift_share"],
            "threshold": row["drift_threshold"],
            "verdict": row["drift_verdict"],
            "drifted_columns": row["drifted_columns"],
        }
        return {
            "window": row_window(self.config, row),
            **{name: row[name] for name in ("status", "rows", "bytes", "note", "dag_run")},
            "model_version": row["measured_model_version"] or row["model_version"],
            "gate": gate,
            "decision": decision,
            "drift": drift if row["drift_share"] is not None else None,
            "performance": performance(main_metric(self.config), row),
            "links": self._window_links(row),
        }

    def _window_links(self, row: Row) -> Json:
        dag_id, span, reports = self.config.monitor_dag_id, window_of(row), row["reports"] or {}
        return {
            "page": links.monitor_address(dag_id, span.key),
            "dag_run": links.dag_address(dag_id, row["dag_run"]) if row["dag_run"] else None,
            "data_docs": self.data_docs(row["data_docs"]),
            "evidently": links.report_address(dag_id, span.key) if "evidently" in reports else None,
            "mlflow": openable(reports.get("mlflow")),
            "grafana": self.grafana(span),
        }

    def gate_item(self, row: Row) -> Json:
        return {
            "window": row_window(self.config, row),
            **{name: row[name] for name in ("suite", "verdict", "evaluated", "failed")},
            "links": {"data_docs": self.data_docs(row["data_docs"])},
        }

    def decision_item(self, row: Row) -> Json:
        names = ("model_version", "action", "breached", "reasons", "reasons_against")
        return {"window": row_window(self.config, row), **{name: row[name] for name in names}}

    def retraining_item(self, row: Row) -> Json:
        names = (
            "verdict", "metric", "rows", "champion_scores", "challenger_scores", "champion_segments", "challenger_segments",
            "gain", "gain_low", "gain_high", "challenger_wins", "approver", "reason",
        )  # fmt: skip
        run = links.dag_address(self.config.retrain_dag_id, row["dag_run"]) if row["dag_run"] else None
        return {
            "window": row_window(self.config, row, "trigger_window"),
            **{name: row[name] for name in names},
            "champion": row["champion_version"],
            "challenger": row["challenger_version"],
            "comparison": row["comparison_reason"],
            "links": {"mlflow": self.mlflow_run(row["mlflow_run"]), "dag_run": run},
            "at": moment(row["updated_at"]),
        }

    def incident_item(self, row: Row, messages: list[Row], *, data_docs: str | None, may_acknowledge: bool) -> Json:
        last_seen = window_of(row, "last_seen")
        return {
            **{name: row[name] for name in ("id", "monitor", "cause", "severity", "detail", "count", "model_version", "likely_causes")},
            "dag_id": self.config.monitor_dag_id,
            "owner": self.config.owner,
            "timezone": self.config.schedule.timezone,
            "opened": row_window(self.config, row, "opened"),
            "last_seen": window(self.config, last_seen),
            "acknowledged": moment(row["acknowledged"]),
            "acknowledged_by": row["acknowledged_by"],
            "resolved": moment(row["resolved"]),
            "resolved_window": optional_window(self.config, row, "resolved_window"),
            "messages": [message_item(item) for item in messages],
            "may": {"acknowledge": may_acknowledge},
            "links": {
                "page": links.monitor_address(self.config.monitor_dag_id, last_seen.key),
                "data_docs": self.data_docs(data_docs),
                "grafana": self.grafana(Window(row["opened_start"], max(row["opened_end"], last_seen.end))),
            },
        }

    def mark(self, row: Row) -> Json:
        span, kind = window_of(row), row["kind"]
        texts = {
            "quarantined": f"the gate stopped {row['rows']} rows",
            "no_data": row["detail"] or "no rows",
            "failed": row["detail"] or "the rows could not be read",
            "promoted": f"model version {row['version']} became champion",
            "retraining": f"retraining of version {row['version']}: {str(row['detail']).replace('_', ' ')}",
        }
        kinds = {"quarantined": "quarantine"}
        return {"kind": kinds.get(kind, kind), "start": moment(span.start), "label": label(self.config, span), "text": texts[kind]}

    def data_docs(self, page: str | None) -> str | None:
        return links.data_docs_address(page) if page else None

    def mlflow_run(self, run_id: str | None) -> str | None:
        known = self.settings.mlflow_public_url or (safe_address(self.settings.mlflow_uri) if self.settings.mlflow_uri else None)
        server = openable(known)
        return links.mlflow_address(server, run_id) if run_id and server else None

    def grafana(self, span: Window) -> str | None:
        return dashboard(self.settings.grafana_url, self.config.id, span.start, span.end)


def message_item(row: Row) -> Json:
    return {
        **{name: row[name] for name in ("event", "channel", "state", "attempts")},
        "error": row["last_error"],
        "sent_at": moment(row["sent_at"]),
        "not_before": moment(row["not_before"]),
    }
