"""The dashboard of a monitor in the Evidently UI: which numbers of the snapshots are drawn over the windows."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import Any

from evidently.core.report import Snapshot
from evidently.sdk.models import DashboardModel, DashboardPanelPlot, DashboardTabModel, PanelMetric
from evidently.sdk.panels import bar_plot_panel, counter_panel, line_plot_panel

from driftgate.columns import drift_columns
from driftgate.config.models import P_VALUE_METHODS, MonitorConfig
from driftgate.records import Family

TOP_COLUMNS = 10
"""Lines in one chart; of a wider monitor the columns that drifted most in the latest window are drawn."""

_DRIFT_LEGEND = "{{column}} ({{threshold}})"  # a longer one loses its colour and squeezes the chart
_DRIFT_HELP = "The limit is in brackets. Distances rise with drift, p-values fall."
_PERFORMANCE: dict[str, tuple[tuple[str, dict[str, str]], ...]] = {
    "regression": (("MAE", {"value_type": "mean"}), ("RMSE", {})),
    "binary": (("Accuracy", {}), ("F1Score", {}), ("Precision", {}), ("Recall", {})),
    "multiclass": (("Accuracy", {}), ("F1Score", {}), ("Precision", {}), ("Recall", {})),
}
_EVERYWHERE = ("DriftedColumnsCount", "ValueDrift", "RowCount", "DatasetMissingValueCount")
DRAWN_METRICS = frozenset((*_EVERYWHERE, *(name for metrics in _PERFORMANCE.values() for name, _ in metrics)))
"""What any panel draws; the server keeps no other numbers in memory."""

_NAMES = {"MAE": "mean absolute error", "RMSE": "root mean squared error", "F1Score": "F1"}


def dashboard(config: MonitorConfig, snapshot: Snapshot, project: uuid.UUID) -> DashboardModel:
    """Return the panels of a monitor's project; the same monitor and columns give the same panels to the last byte."""
    panels = [
        panel.copy(update={"id": uuid.uuid5(project, panel.title)})
        for panel in (*_overview(), *_drift(config, snapshot), *_quality(config), *_performance(config))
    ]
    tab = DashboardTabModel(id=uuid.uuid5(project, "tab"), title="Windows", panels=[panel.id for panel in panels])
    return DashboardModel(tabs=[tab], panels=panels)


def _overview() -> Iterable[DashboardPanelPlot]:
    share = _metric("DriftedColumnsCount", "of the columns drifted", value_type="share")
    yield counter_panel("Drift in the latest window", [share], size="half")
    yield counter_panel("Rows of the latest window", [_metric("RowCount", "rows")], size="half")


def _drift(config: MonitorConfig, snapshot: Snapshot) -> Iterable[DashboardPanelPlot]:
    share = _metric("DriftedColumnsCount", "share of drifted columns", value_type="share")
    count = _metric("DriftedColumnsCount", "drifted columns", value_type="count")
    limit = f"The window as a whole drifts at {config.measures.drift_share:g}."
    yield line_plot_panel("Share of drifted columns", [share], limit, size="half")
    yield bar_plot_panel("Number of drifted columns", [count], size="half")
    yield from _features(config, snapshot)
    outcomes = [name for name in (config.columns.prediction, config.columns.target) if name]
    yield line_plot_panel("Drift score of prediction and target", _scores(outcomes), _DRIFT_HELP)


def _features(config: MonitorConfig, snapshot: Snapshot) -> Iterable[DashboardPanelPlot]:
    known = [column.name for column in drift_columns(config) if column.family is Family.DATA_DRIFT]
    if not known:
        return
    shown, rest = known, ""
    if len(known) > TOP_COLUMNS:
        ranked = [name for name in _by_drift(snapshot) if name in known]
        strongest = list(dict.fromkeys([*ranked, *known]))[:TOP_COLUMNS]
        shown = [name for name in known if name in strongest]
        rest = f" Of {len(known)} columns the {TOP_COLUMNS} that drifted most in the latest window."
    yield line_plot_panel("Drift score of the features", _scores(shown), _DRIFT_HELP + rest)


def _quality(config: MonitorConfig) -> Iterable[DashboardPanelPlot]:
    missing = _metric("DatasetMissingValueCount", "share of missing values", value_type="share")
    yield line_plot_panel("Missing values", [missing], size="half")
    yield bar_plot_panel("Rows", [_metric("RowCount", "rows")], size="half")


def _performance(config: MonitorConfig) -> Iterable[DashboardPanelPlot]:
    if config.columns.target is None:
        return
    metrics = [_metric(name, _NAMES.get(name, name.lower()), **labels) for name, labels in _PERFORMANCE[config.task]]
    yield line_plot_panel("Performance", metrics, "Windows whose target is known.")


def _scores(columns: Iterable[str]) -> list[PanelMetric]:
    return [_metric("ValueDrift", _DRIFT_LEGEND, column=name) for name in columns]


def _metric(name: str, legend: str, **labels: str) -> PanelMetric:
    return PanelMetric(legend=legend, metric=name, metric_labels=labels)


def _by_drift(snapshot: Snapshot) -> list[str]:
    """Columns with a drift score, the furthest beyond its limit first."""
    found: dict[str, float] = {}
    for result in snapshot.metric_results.values():
        parameters: dict[str, Any] = result.metric_value_location.metric.params
        if parameters["type"].endswith(":ValueDrift"):
            found[parameters["column"]] = _excess(result.value, parameters.get("threshold"), str(parameters.get("method")))
    return sorted(found, key=lambda name: found[name], reverse=True)


def _excess(score: Any, limit: float | None, method: str) -> float:
    """Ratio to the limit, upside down for p-values, so that larger always means more drift."""
    value, bound = max(float(score), 1e-300), max(float(limit or 0.0), 1e-300)
    ratio = bound / value if "p_value" in method or method in P_VALUE_METHODS else value / bound
    return ratio if ratio == ratio else 0.0
