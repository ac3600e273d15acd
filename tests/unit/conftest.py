"""Which files of the whole collection start first."""

from __future__ import annotations

from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
LONGEST = (
    "unit/test_backfill.py",
    "unit/test_backfill_references.py",
    "unit/test_pipeline.py",
    "unit/test_big_batches.py",
    "unit/test_late_labels.py",
    "unit/test_backfill_retraining.py",
    "unit/retrain/test_registration.py",
    "dags/test_dag_run.py",
    "unit/test_baselines.py",
    "unit/report/test_evidently_report.py",
    "unit/test_references.py",
    "unit/test_calibrating.py",
    "unit/report/test_workspace.py",
    "plugins/test_listeners.py",
    "plugins/test_preload.py",
    "plugins/test_operators.py",
    "contracts/test_sinks.py",
    "dags/test_notify_dag.py",
    "dags/test_performance_dag.py",
    "unit/report/test_shown_in_evidently.py",
)
"""The files that take longest: begun last, one of them would keep one process busy while the others have nothing left to do."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest files first, the others after them in their order; tests of a file stay together, as they are."""
    places = {TESTS / name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path, len(places)))
