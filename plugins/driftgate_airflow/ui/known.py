"""The monitors that the pages know: every monitor file, read again only when one of them changes."""

from __future__ import annotations

import re
import threading
from pathlib import Path

from driftgate.config.loader import MonitorSet, load_monitors, monitor_files
from driftgate.config.models import HIGHER_IS_BETTER, MonitorConfig, performance_metrics
from driftgate.config.rule import Rule
from driftgate.rules import name_of

_MONITOR_DAG = re.compile(r"monitor__([a-z][a-z0-9_]{0,62})")
_Signature = tuple[tuple[str, int, int], ...]


class KnownMonitors:
    """The monitor files of a folder; safe to ask from several threads."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = threading.Lock()
        self._read: tuple[_Signature, MonitorSet] | None = None

    def all(self) -> MonitorSet:
        """Return the valid monitors and what is wrong with the other files."""
        with self._lock:
            signature = self._signature()
            if self._read is None or self._read[0] != signature:
                self._read = (signature, load_monitors(self.folder))
            return self._read[1]

    def _signature(self) -> _Signature:
        def describe(path: Path) -> tuple[str, int, int]:
            try:
                status = path.stat()
            except OSError:
                return (str(path), 0, 0)
            return (str(path), status.st_mtime_ns, status.st_size)

        return tuple(describe(path) for path in monitor_files(self.folder))


def monitor_id(dag_id: str) -> str | None:
    """Return the monitor behind a DAG id ``monitor__<id>``; None for any other DAG."""
    match = _MONITOR_DAG.fullmatch(dag_id)
    return match[1] if match else None


def main_metric(config: MonitorConfig) -> str:
    """Name the performance metric that stands for a monitor: that of its first rule on performance, else what models are compared by."""
    names = performance_metrics(config.task)
    ruled = next((rule.metric for rule in config.rules if rule.metric in names), None)
    if ruled or config.retrain.metric:
        return str(ruled or config.retrain.metric)
    if config.task == "regression":
        return "mae"
    return "log_loss" if config.columns.prediction_proba else "f1"


def is_higher_better(metric: str) -> bool:
    """Whether a larger value of a performance metric is better."""
    return metric in HIGHER_IS_BETTER


def sentence(rule: Rule) -> str:
    """Write a rule of the policy for people, for example ``mae above 1.5 x reference`` or ``mae beyond its learned limit``."""
    name = name_of(rule)
    if rule.calibrated:
        return f"{name} beyond its learned limit"
    limits = {
        "above": rule.above,
        "below": rule.below,
        "above reference": rule.above_reference,
        "below reference": rule.below_reference,
    }
    kind, value = next((kind, value) for kind, value in limits.items() if value is not None)
    side, _, relative = kind.partition(" ")
    return f"{name} {side} {value:g}{' x reference' if relative else ''}"
