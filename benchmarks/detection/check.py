"""The numbers that the benchmark judges by are Evidently's: compared on samples in every run."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from driftgate.columns import drift_columns, usable
from driftgate.config.models import MonitorConfig
from driftgate.records import Metric
from driftgate.two_sample import REPLACED


def assert_evidentlys(config: MonitorConfig, found: Sequence[Metric], current: pd.DataFrame, reference: pd.DataFrame) -> None:
    """Raise AssertionError unless the drift score of every column is that of Evidently's own test function, to nine digits."""
    from evidently.legacy.calculations.stattests import get_stattest
    from evidently.legacy.core import ColumnType

    scores = {item.column: item for item in found if item.metric == "drift_score"}
    for column in drift_columns(config):
        rows = [usable(frame, column) for frame in (reference, current)]
        if any(values.empty for values in rows):
            continue
        test, own = get_stattest(*rows, column.kind, column.method), scores[column.name]
        if test.name in REPLACED:
            continue
        expected = float(test(*rows, ColumnType(column.kind), None).drift_score)
        assert own.method == test.name, f"{column.name}: {own.method} is not {test.name}"
        assert own.value is not None, f"{column.name} has no score"
        assert np.isclose(own.value, expected, rtol=1e-9, atol=1e-9), f"{column.name}: {own.value} is not {expected}"
