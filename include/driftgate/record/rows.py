"""Records as rows and back: the only place that knows both shapes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from driftgate.records import (
    Action,
    Batch,
    BatchStatus,
    Cause,
    Comparison,
    Decision,
    Direction,
    FailedExpectation,
    Family,
    GateResult,
    GateVerdict,
    Incident,
    LikelyCause,
    Measures,
    Metric,
    MetricVerdict,
    Retraining,
    RetrainVerdict,
    Severity,
    Window,
    to_dict,
)

Row = Mapping[Any, Any]
"""One row by column name."""


def finite(value: float | None) -> float | None:
    """Return the number, or None where it is missing, not a number or infinite."""
    return float(value) if value is not None and math.isfinite(value) else None


def finite_json(value: Any) -> Any:
    """Copy JSON-ready values with every NaN and infinity as None, which JSON in PostgreSQL cannot hold."""
    if isinstance(value, Mapping):
        return {str(key): finite_json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite_json(item) for item in value]
    if isinstance(value, float):
        return finite(value)
    return value


def window_columns(window: Window, prefix: str = "window") -> dict[str, Any]:
    return {f"{prefix}_start": window.start, f"{prefix}_end": window.end}


def window_of(row: Row, prefix: str = "window") -> Window:
    """Read a row's window from its two columns."""
    return Window(row[f"{prefix}_start"], row[f"{prefix}_end"])


def batch_row(batch: Batch) -> dict[str, Any]:
    return {
        "monitor": batch.monitor,
        **window_columns(batch.window),
        "status": batch.status.value,
        "rows": batch.rows,
        "bytes": batch.bytes,
        "content_hash": batch.content_hash,
        "path": batch.path,
        "model_version": batch.model_version,
        "dag_run": batch.dag_run,
        "note": batch.note,
    }


def to_batch(row: Row) -> Batch:
    names = ("monitor", "rows", "bytes", "content_hash", "path", "model_version", "dag_run", "note")
    return Batch(window=window_of(row), status=BatchStatus(row["status"]), **{name: row[name] for name in names})


def gate_row(result: GateResult) -> dict[str, Any]:
    return {
        "monitor": result.monitor,
        **window_columns(result.window),
        "suite": result.suite,
        "verdict": result.verdict.value,
        "evaluated": result.evaluated,
        "failed": finite_json(to_dict(result.failed)),
        "data_docs": result.data_docs,
        "result_path": result.result_path,
    }


def to_gate(row: Row) -> GateResult:
    names = ("monitor", "suite", "evaluated", "data_docs", "result_path")
    return GateResult(
        window=window_of(row),
        verdict=GateVerdict(row["verdict"]),
        failed=tuple(FailedExpectation(**item) for item in row["failed"]),
        **{name: row[name] for name in names},
    )


def metric_row(measures: Measures, metric: Metric) -> dict[str, Any]:
    return {
        "monitor": measures.monitor,
        "model_version": measures.model_version,
        **window_columns(measures.window),
        "family": metric.family.value,
        "metric": metric.metric,
        "column": metric.column,
        "segment": metric.segment,
        "value": finite(metric.value),
        "threshold": finite(metric.threshold),
        "direction": metric.direction.value if metric.direction else None,
        "verdict": metric.verdict.value if metric.verdict else None,
        "method": metric.method,
        "reference_value": finite(metric.reference_value),
        "low": finite(metric.low),
        "high": finite(metric.high),
    }


def to_metric(row: Row) -> Metric:
    names = ("metric", "value", "column", "segment", "threshold", "method", "reference_value", "low", "high")
    return Metric(
        family=Family(row["family"]),
        direction=Direction(row["direction"]) if row["direction"] else None,
        verdict=MetricVerdict(row["verdict"]) if row["verdict"] else None,
        **{name: row[name] for name in names},
    )


def decision_row(decision: Decision) -> dict[str, Any]:
    return {
        "monitor": decision.monitor,
        **window_columns(decision.window),
        "model_version": decision.model_version,
        "action": decision.action.value,
        "reasons": list(decision.reasons),
        "reasons_against": list(decision.reasons_against),
        "breached": decision.breached,
    }


def to_decision(row: Row) -> Decision:
    return Decision(
        monitor=row["monitor"],
        window=window_of(row),
        model_version=row["model_version"],
        action=Action(row["action"]),
        reasons=tuple(row["reasons"]),
        reasons_against=tuple(row["reasons_against"]),
        breached=row["breached"],
    )


def to_incident(row: Row) -> Incident:
    names = ("id", "monitor", "count", "detail", "model_version", "acknowledged", "acknowledged_by", "resolved")
    return Incident(
        cause=Cause(row["cause"]),
        opened=window_of(row, "opened"),
        last_seen=window_of(row, "last_seen"),
        severity=Severity(row["severity"]),
        likely_causes=tuple(LikelyCause(**item) for item in row["likely_causes"]),
        resolved_window=window_of(row, "resolved_window") if row["resolved_window_start"] else None,
        **{name: row[name] for name in names},
    )


def retraining_row(retraining: Retraining) -> dict[str, Any]:
    comparison = retraining.comparison
    return {
        "monitor": retraining.monitor,
        **window_columns(retraining.trigger_window, "trigger_window"),
        "verdict": retraining.verdict.value,
        "champion_version": retraining.champion_version,
        "challenger_version": retraining.challenger_version,
        "metric": comparison.metric,
        "rows": comparison.rows,
        "champion_scores": finite_json(comparison.champion),
        "challenger_scores": finite_json(comparison.challenger),
        "champion_segments": finite_json(comparison.champion_segments),
        "challenger_segments": finite_json(comparison.challenger_segments),
        "gain": finite(comparison.gain),
        "gain_low": finite(comparison.gain_low),
        "gain_high": finite(comparison.gain_high),
        "challenger_wins": comparison.challenger_wins,
        "comparison_reason": comparison.reason,
        "mlflow_run": retraining.mlflow_run,
        "approver": retraining.approver,
        "reason": retraining.reason,
        "dag_run": retraining.dag_run,
    }


def to_retraining(row: Row) -> Retraining:
    comparison = Comparison(
        champion=row["champion_scores"],
        challenger=row["challenger_scores"],
        reason=row["comparison_reason"],
        **{
            name: row[name]
            for name in ("metric", "rows", "champion_segments", "challenger_segments", "gain", "gain_low", "gain_high", "challenger_wins")
        },
    )
    names = ("monitor", "champion_version", "challenger_version", "mlflow_run", "approver", "reason", "dag_run")
    return Retraining(
        trigger_window=window_of(row, "trigger_window"),
        verdict=RetrainVerdict(row["verdict"]),
        comparison=comparison,
        **{name: row[name] for name in names},
    )
