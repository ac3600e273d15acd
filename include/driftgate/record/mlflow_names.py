"""Names of metrics in MLflow, made from their addresses."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Mapping, Sequence

from driftgate.records import Metric

MAX_LENGTH = 250
_NOT_ALLOWED = re.compile(r"[^\w.\- ]")
_HASH_LENGTH = 8


def metric_names(metrics: Sequence[Metric]) -> Mapping[tuple[str, str, str, str], str]:
    """Return a valid name in MLflow per address, for example ``data_drift.drift_score.distance`` or ``performance.mae``.

    Characters that MLflow refuses become ``_``. Where two addresses would then share a name, or a name is too long, a short hash
    of the address is added, so that no value hides another and a name never depends on the order of the metrics.
    """
    plain = {metric.address: _plain_name(metric) for metric in metrics}
    uses = Counter(plain.values())
    return {address: name if uses[name] == 1 and len(name) <= MAX_LENGTH else _unique(name, address) for address, name in plain.items()}


def _plain_name(metric: Metric) -> str:
    return ".".join(_NOT_ALLOWED.sub("_", part) for part in metric.address if part)


def _unique(name: str, address: tuple[str, str, str, str]) -> str:
    digest = hashlib.sha256("\x1f".join(address).encode()).hexdigest()[:_HASH_LENGTH]
    return f"{name[: MAX_LENGTH - _HASH_LENGTH - 1]}-{digest}"
