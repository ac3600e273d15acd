"""A year of days by ``driftgate backfill``: starts a stack with a champion for :mod:`benchmarks.backfill_year`, which measures."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.performance.stack import running
from benchmarks.performance.window import train

_WITHOUT_EVIDENTLY = {"DRIFTGATE_EVIDENTLY": "off"}


def run(days: int, train_from: str) -> dict[str, Any]:
    """Measure so many days from the first of January 2013."""
    from benchmarks import backfill_year

    with tempfile.TemporaryDirectory(prefix="driftgate-bench-") as folder, running(Path(folder), _WITHOUT_EVIDENTLY) as stack:
        train(stack, train_from)
        os.environ.update(stack.environ)
        return {"what": f"driftgate backfill, {days} days", **backfill_year.run(days)}
