"""Realised performance of the segments of a window: the rows with one value of a column named in ``columns.segments``.

Only recorded, never judged: with many small groups some are beyond any limit by chance. What Evidently measures on the whole window
is worked out here by the same definitions, because one of its runs costs a tenth of a second, whatever the number of rows.
"""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from driftgate.columns import MAX_SEGMENTS, segment_rows
from driftgate.config.models import MonitorConfig
from driftgate.measure.performance import labelled, scores_by_definition
from driftgate.records import Family, Metric

SegmentScores = Mapping[str, Mapping[str, float]]
"""Scores by metric name, by segment."""


def segment_performance(
    config: MonitorConfig, current: pd.DataFrame, reference: pd.DataFrame | None, reference_scores: SegmentScores | None = None
) -> list[Metric]:
    """Return the performance metrics of every segment with ``measures.minimum_segment_rows`` labelled rows, at most 50 per column.

    Metrics that do not exist in a segment (ROC AUC of a single class) are left out; none has a limit or a verdict.

    Parameters
    ----------
    config
        The monitor.
    current
        Rows of the window.
    reference
        Rows of the reference; not needed where its scores are given.
    reference_scores
        The model's scores per segment on data it was not trained on. None: those of ``reference``, where a segment has enough rows.
    """
    found = _scores(config, _rows(config, current, MAX_SEGMENTS))
    if reference_scores is None:
        assert reference is not None
        known = _rows(config, reference, None) if found else {}
        reference_scores = _scores(config, {segment: rows for segment, rows in known.items() if segment in found})
    return [
        Metric(Family.PERFORMANCE, name, value, segment=segment, reference_value=reference_scores.get(segment, {}).get(name))
        for segment, scores in found.items()
        for name, value in scores.items()
    ]


def segment_scores(config: MonitorConfig, frame: pd.DataFrame) -> SegmentScores:
    """Return the scores of every segment of these rows that has enough labelled ones."""
    return _scores(config, _rows(config, frame, None))


def _rows(config: MonitorConfig, frame: pd.DataFrame, limit: int | None) -> dict[str, pd.DataFrame]:
    """Labelled rows of every segment that has enough of them."""
    columns = [name for name in config.columns.segments if name in frame]
    rows = labelled(config, frame)
    found = {}
    for name in columns if len(rows) else ():
        values = frame[name].iloc[rows.index]
        for segment, positions in segment_rows(values, name, config.measures.minimum_segment_rows, limit).items():
            found[segment] = rows.iloc[positions]
    return found


def _scores(config: MonitorConfig, segments: Mapping[str, pd.DataFrame]) -> SegmentScores:
    return {segment: scores_by_definition(config, rows) for segment, rows in segments.items()}
