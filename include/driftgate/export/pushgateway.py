"""Prometheus through a Pushgateway: the present state of a monitor, replaced as a whole at every push.

A Pushgateway keeps what was pushed last and takes no timestamps, so nothing is counted in this process: every value, counters and
histogram too, is worked out from the record just before the push, and pushing twice shows the same as pushing once.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from prometheus_client import CollectorRegistry, delete_from_gateway, push_to_gateway
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from driftgate.errors import ServiceError
from driftgate.export.delivery import Request, Target, deliver, parse_address
from driftgate.export.figures import Figures
from driftgate.records import Sink, Window

JOB = "evidently_ml_monitoring"
"""Job of every group; together with environment and monitor it is the group's key."""
BUCKETS_S = (0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)
"""Upper bounds of the histogram of report durations."""
VARIABLE = "PROMETHEUS_GATEWAY"
_MAX_GROUPS_ANSWER = 256 * 1024 * 1024

_ADVICE = {
    400: "the answer names the metric; delete the group in the Pushgateway's page if another program pushes the same names",
    401: f"write user and password into {VARIABLE} (https://user:password@host:port)",
    403: f"check user and password in {VARIABLE}",
    404: f"{VARIABLE} is not a Pushgateway, or lacks a path prefix",
}


@dataclass(frozen=True)
class Durations:
    """Report durations of many windows, as a histogram counts them."""

    at_most: tuple[int, ...] = (0,) * len(BUCKETS_S)
    """How many took no longer than each of ``BUCKETS_S``."""
    count: int = 0
    total_s: float = 0.0


@dataclass(frozen=True)
class MonitorState:
    """What the Pushgateway shows about one monitor."""

    monitor: str
    exported_at: float
    """Seconds since 1970."""
    figures: Figures | None
    """The latest measured window; None before the first."""
    windows: Mapping[str, int]
    """Windows of the monitor by status."""
    last_window: Window | None
    """The latest window, whatever became of it."""
    last_window_quarantined: bool
    overdue_after: float | None
    """When the next window must have been measured, seconds since 1970; None where none is expected."""
    export_errors: Mapping[Sink, int]
    """Failed tries to export windows of this model version."""
    report_durations: Durations = Durations()


def push(gateway: str, environment: str, state: MonitorState) -> None:
    """Replace everything that the Pushgateway shows about a monitor.

    Raises
    ------
    ServiceError, SinkRefusedError, SettingsError
        As :func:`driftgate.export.delivery.deliver`.
    """
    target = make_target(gateway)
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_StateCollector(state))
    push_to_gateway(target.url, JOB, registry, _group(environment, state.monitor), handler=_handler(target))


def monitors(gateway: str, environment: str) -> set[str]:
    """Return the monitors of which the Pushgateway shows something for this environment."""
    target = make_target(gateway)
    answer = deliver(target, Request("GET", "/api/v1/metrics", max_answer=_MAX_GROUPS_ANSWER))
    try:
        labels = [group["labels"] for group in json.loads(answer)["data"]]
    except (ValueError, KeyError, TypeError) as error:
        raise ServiceError(f"Pushgateway at {target.url} answered something that is not a list of groups; {_ADVICE[404]}") from error
    return {item["monitor"] for item in labels if (item.get("job"), item.get("environment")) == (JOB, environment) and "monitor" in item}


def prune(gateway: str, environment: str, keep: Collection[str]) -> list[str]:
    """Remove what the Pushgateway still shows about monitors that are not among ``keep``; return their names."""
    target = make_target(gateway)
    gone = sorted(monitors(gateway, environment) - set(keep))
    for monitor in gone:
        delete_from_gateway(target.url, JOB, _group(environment, monitor), handler=_handler(target))
    return gone


def make_target(gateway: str) -> Target:
    """Read the gateway's address; user and password in it become basic authentication and are shown nowhere."""
    url, auth = parse_address(gateway, VARIABLE)
    secrets = () if auth is None else (auth[1], quote(auth[1], safe=""))
    return Target("Pushgateway", url, auth, secrets=secrets, advice=_ADVICE)


def _group(environment: str, monitor: str) -> dict[str, Any]:
    return {"environment": environment, "monitor": monitor}


def _handler(target: Target) -> Any:
    """Return the transport that prometheus_client asks for: the library makes address and text, this sends them."""

    def handle(url: str, method: str, timeout: float | None, headers: Sequence[tuple[str, str]], data: bytes) -> Any:
        path = url.removeprefix(target.url)
        return lambda: deliver(target, Request(method, path, content=data, headers=dict(headers)))

    return handle


# --- metrics ----------------------------------------------------------------------------------------------------------


class _StateCollector(Collector):
    """Turns a state into metric families; ``monitor`` and ``environment`` are labels of the group."""

    def __init__(self, state: MonitorState) -> None:
        self.state = state

    def collect(self) -> Iterator[Metric]:
        yield from _monitor_metrics(self.state)
        version = self.state.figures.model_version if self.state.figures else ""
        yield from _own_metrics(self.state, version)
        if self.state.figures is not None:
            yield from _window_metrics(self.state.figures)
            yield from _column_metrics(self.state.figures)
            yield from _score_metrics(self.state.figures)


def _gauge(name: str, text: str, *values: tuple[Mapping[str, str], float | None]) -> Iterator[Metric]:
    """Yield a gauge with every sample that has a value; nothing where none has."""
    present = [(labels, value) for labels, value in values if value is not None]
    if present:
        family = GaugeMetricFamily(name, text, labels=list(present[0][0]))
        for labels, value in present:
            family.add_metric(list(labels.values()), float(value))
        yield family


def _monitor_metrics(state: MonitorState) -> Iterator[Metric]:
    by_status = [({"status": status}, count) for status, count in sorted(state.windows.items())]
    yield from _gauge("driftgate_windows", "Windows of the monitor by status", *by_status)
    yield from _gauge("driftgate_last_window_quarantined", "1 while the latest window is quarantined", ({}, state.last_window_quarantined))
    seen = state.last_window.end.timestamp() if state.last_window else None
    yield from _gauge("driftgate_last_window_end_timestamp_seconds", "End of the latest window, whatever became of it", ({}, seen))
    text = "When the next window must have been measured; absent where none is expected"
    yield from _gauge("driftgate_window_overdue_timestamp_seconds", text, ({}, state.overdue_after))


def _own_metrics(state: MonitorState, version: str) -> Iterator[Metric]:
    labels = {"model_version": version}
    yield from _gauge("evidently_last_export_timestamp", "Last successful export timestamp", (labels, state.exported_at))
    errors = CounterMetricFamily("evidently_export_errors", "Total export errors by type", labels=["model_version", "type"])
    for sink, count in state.export_errors.items():
        errors.add_metric([version, sink.value], count)
    yield errors
    durations = HistogramMetricFamily("evidently_report_generation_seconds", "Time to generate reports", labels=["model_version"])
    known = state.report_durations
    buckets = [*zip(map(str, BUCKETS_S), known.at_most, strict=True), ("+Inf", known.count)]
    durations.add_metric([version], buckets=buckets, sum_value=known.total_s)
    yield durations


def _window_metrics(figures: Figures) -> Iterator[Metric]:
    labels = {"model_version": figures.model_version}
    gauges: tuple[tuple[str, str, float | None], ...] = (
        ("evidently_dataset_drift", "Dataset drift status (0/1)", figures.dataset_drift),
        ("evidently_drift_share", "Share of features showing drift (0.0-1.0)", figures.drift_share),
        ("evidently_drifted_features_count", "Number of features with drift", figures.drifted_features),
        ("evidently_missing_values_percentage", "Percentage of missing values", figures.missing_percentage),
        ("evidently_missing_values_count", "Total count of missing values", figures.missing_count),
        ("driftgate_features_judged", "Columns whose drift could be judged", figures.total_features),
        ("driftgate_rows", "Rows of the window", figures.rows),
        ("driftgate_window_start_timestamp_seconds", "Start of the window that is shown", figures.window.start.timestamp()),
        ("driftgate_window_end_timestamp_seconds", "End of the window that is shown", figures.window.end.timestamp()),
        ("driftgate_columns_left_out", "Columns that are not exported because there are too many", figures.columns_left_out),
    )
    for name, text, value in gauges:
        yield from _gauge(name, text, (labels, value))
    alarms = [({**labels, "family": family}, count) for family, count in figures.alarms.items()]
    yield from _gauge("driftgate_alarms", "Metrics of the window in alarm by family", *alarms)


def _column_metrics(figures: Figures) -> Iterator[Metric]:
    labelled = [({"model_version": figures.model_version, "column": item.column}, item) for item in figures.columns]
    yield from _gauge("driftgate_drift_score", "Drift score of a column", *((labels, item.drift_score) for labels, item in labelled))
    text = "Limit of a column's drift score"
    yield from _gauge("driftgate_drift_threshold", text, *((labels, item.drift_threshold) for labels, item in labelled))
    yield from _gauge("driftgate_column_drifted", "1 where a column drifted", *((labels, item.drifted) for labels, item in labelled))
    text = "Share of missing values of a column (0.0-1.0)"
    yield from _gauge("driftgate_missing_share", text, *((labels, item.missing_share) for labels, item in labelled))
    text = "Change of a column over several windows"
    yield from _gauge("driftgate_slow_drift", text, *((labels, item.slow_drift) for labels, item in labelled))
    text = "Limit of a column's change over several windows"
    yield from _gauge("driftgate_slow_drift_threshold", text, *((labels, item.slow_drift_threshold) for labels, item in labelled))


def _score_metrics(figures: Figures) -> Iterator[Metric]:
    labelled = [({"model_version": figures.model_version, "metric": name}, score) for name, score in figures.performance.items()]
    yield from _gauge("driftgate_performance", "Performance of the model", *((labels, score.value) for labels, score in labelled))
    text = "Performance of the model on its reference"
    yield from _gauge("driftgate_performance_reference", text, *((labels, score.reference) for labels, score in labelled))
    text = "Limit of a performance metric"
    yield from _gauge("driftgate_performance_threshold", text, *((labels, score.threshold) for labels, score in labelled))
    kpis = [({"model_version": figures.model_version, "kpi": name}, value) for name, value in figures.kpis.items()]
    yield from _gauge("driftgate_kpi", "Business figure of the window", *kpis)
