"""Everything that the head of a monitor's page shows, as JSON."""

from __future__ import annotations

from collections.abc import Sequence

from driftgate.config.fairness import fairness_gaps
from driftgate.config.models import MonitorConfig, performance_metrics
from driftgate.config.windows import localise
from driftgate.record.rows import Row
from driftgate_airflow.ui.fleet import window_range
from driftgate_airflow.ui.known import main_metric, sentence
from driftgate_airflow.ui.shapes import Json, moment


def details(config: MonitorConfig, versions: Sequence[Row], metrics: Sequence[Row], segments: Sequence[Row]) -> Json:
    """Write columns with their roles, what can be drawn, model versions, schedule and policy."""
    return {
        "schedule": _schedule(config),
        "columns": _columns(config),
        "metrics": [{name: row[name] for name in ("family", "metric", "columns", "segments")} for row in metrics],
        "segments": [row["segment"] for row in segments],
        "model_versions": [
            {"version": row["version"], "first": moment(row["first"]), "last": moment(row["last"]), "windows": row["windows"]}
            for row in versions
            if row["version"] is not None
        ],
        "windows": window_range(versions),
        "policy": {
            "rules": [sentence(rule) for rule in config.rules],
            "consecutive": config.decision.consecutive,
            "cooldown_seconds": round(config.decision.cooldown.total_seconds()),
            "minimum_rows": config.decision.minimum_rows,
        },
        "main_metric": main_metric(config),
        "performance_metrics": list(performance_metrics(config.task)),
        "fairness": {"columns": list(config.fairness.columns), "gaps": list(fairness_gaps(config.task))},
    }


def _schedule(config: MonitorConfig) -> Json:
    schedule = config.schedule
    start, end = (moment(localise(config, value)) if value else None for value in (schedule.start, schedule.end))
    return {"cron": schedule.cron, "window_seconds": round(config.window.size.total_seconds()), "start": start, "end": end}


def _columns(config: MonitorConfig) -> list[Json]:
    roles = config.columns
    named = {
        "timestamp": [roles.timestamp],
        "numerical": roles.numerical,
        "categorical": roles.categorical,
        "target": [roles.target],
        "prediction": [roles.prediction],
        "prediction_proba": [roles.prediction_proba],
        "id": roles.id,
    }
    found: dict[str, str] = {}
    for role, columns in named.items():
        for column in columns:
            if column:
                found.setdefault(column, role)
    return [{"name": column, "role": role, "segment": column in roles.segments} for column, role in found.items()]
