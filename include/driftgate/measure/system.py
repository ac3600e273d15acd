"""The state of the data feed: how fresh the window's rows are, and whether there are as many as usual.

Both follow from the rows alone, so a window that is measured twice has the same numbers. How long a run took does not, and is
therefore no metric.
"""

from __future__ import annotations

import pandas as pd

from driftgate.config.models import MonitorConfig
from driftgate.measure.window_rows import WindowRows, window_rows
from driftgate.records import Family, Metric, Window


def system_metrics(
    config: MonitorConfig, current: pd.DataFrame | WindowRows, window: Window, expected_rows: float | None = None
) -> list[Metric]:
    """Return ``freshness_seconds`` and ``row_ratio``; neither has a limit or a verdict of its own.

    Parameters
    ----------
    config
        The monitor.
    current
        Rows of the window.
    window
        The window itself. ``freshness_seconds`` is the time from its newest row to its end: the length of the window or nearly
        so means that the feed stopped early. Without rows, or without a timestamp, it has no value.
    expected_rows
        Usual rows per window, counted before any thinning. ``row_ratio`` is the rows of the window divided by it, and is left out
        where it is None or not above zero.
    """
    rows = window_rows(current)
    metrics = [Metric(Family.SYSTEM, "freshness_seconds", _freshness(config, rows, window))]
    if expected_rows is not None and expected_rows > 0:
        metrics.append(Metric(Family.SYSTEM, "row_ratio", rows.rows / expected_rows, reference_value=1.0))
    return metrics


def _freshness(config: MonitorConfig, rows: WindowRows, window: Window) -> float | None:
    name = config.columns.timestamp
    if name not in rows.columns:
        return None
    newest = pd.Series([piece[name].max() for piece in rows.chunks([name])]).max()
    return None if pd.isna(newest) else (pd.Timestamp(window.end) - newest).total_seconds()
