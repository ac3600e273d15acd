"""Data quality of a window against the reference: rows, missing values, unknown categories, values out of range.

Counts and shares are defined as in Evidently's ``MissingValueCount``, ``OutListValueCount``, ``OutRangeValueCount`` and
``DuplicatedRowCount``. One differs: Evidently's data set share divides missing cells by rows, which can exceed 1; here it is
missing cells over all cells.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from driftgate.columns import Kind
from driftgate.config.models import MonitorConfig
from driftgate.measure.prepared import PreparedReference, prepared
from driftgate.measure.window_rows import Summaries, WindowRows, window_rows
from driftgate.records import Direction, Family, Metric, MetricVerdict
from driftgate.samples import Categories, ColumnSummary, Numbers

Rows = pd.DataFrame | WindowRows
Reference = pd.DataFrame | PreparedReference


def quality_metrics(config: MonitorConfig, current: Rows, reference: Reference) -> list[Metric]:
    """Return every data quality metric of a window; shares are between 0 and 1, None where nothing can be said."""
    rows, usual = window_rows(current), prepared(config, reference)
    duplicates = duplicate_rows(rows, config.columns.all)
    metrics = [
        Metric(Family.DATA_QUALITY, "rows", float(rows.rows), reference_value=float(usual.rows)),
        Metric(Family.DATA_QUALITY, "duplicate_share", _share(duplicates, rows.rows)),
    ]
    metrics += missing_shares(config, rows, usual)
    for name in config.columns.categorical:
        metrics += _new_categories(name, rows.summary(name, "cat"), usual.summary(name, "cat"))
    metrics += [_out_of_range(name, rows.summary(name, "num"), usual.summary(name, "num")) for name in config.columns.numerical]
    return [*metrics, *most_frequent_shares(config, rows, usual)]


def duplicate_rows(rows: WindowRows, columns: Sequence[str]) -> int:
    """Return how many rows equal an earlier one in these columns; rows of several pieces are compared by a 64-bit hash."""
    pieces = rows.chunks(columns)
    first = next(pieces)
    second = next(pieces, None)
    if second is None:
        return int(first.duplicated().sum())
    hashes = [pd.util.hash_pandas_object(piece, index=False).to_numpy() for piece in (first, second)]
    hashes += [pd.util.hash_pandas_object(piece, index=False).to_numpy() for piece in pieces]
    return rows.rows - len(np.unique(np.concatenate(hashes)))


def most_frequent_shares(config: MonitorConfig, current: Rows, reference: Reference) -> list[Metric]:
    """Return the share of the most frequent value of every numerical column: 1 where a sensor is stuck or a default was filled in."""
    rows, usual = window_rows(current), prepared(config, reference)
    return [
        Metric(
            Family.DATA_QUALITY,
            "most_frequent_share",
            rows.summary(name, "num").most_frequent_share,
            column=name,
            reference_value=usual.summary(name, "num").most_frequent_share,
        )
        for name in config.columns.numerical
    ]


def missing_shares(config: MonitorConfig, current: Rows, reference: Reference) -> list[Metric]:
    """Missing shares; the target's is recorded without a verdict and left out of the whole, because labels may come later."""
    columns, rows, usual = config.columns, window_rows(current), prepared(config, reference)
    judged = [name for name in (*columns.features, columns.prediction) if name in rows.columns and name in usual.columns]
    own, others = ({name: side.summary(name, column_kind(config, name)) for name in judged} for side in (rows, usual))
    metrics = [_missing_share(config, "", list(own.values()), list(others.values()))]
    metrics += [_missing_share(config, name, [own[name]], [others[name]]) for name in judged]
    if columns.target is not None and columns.target in rows.columns:
        share, known = (_share_of_target(config, columns.target, side) for side in (rows, usual))
        metrics.append(Metric(Family.DATA_QUALITY, "missing_share", share, column=columns.target, reference_value=known))
    return metrics


def column_kind(config: MonitorConfig, name: str) -> Kind:
    """Return as what a feature, the prediction or the target is summed up."""
    columns = config.columns
    if name in columns.numerical:
        return "num"
    return "num" if config.task == "regression" and name in (columns.prediction, columns.target) else "cat"


def _share_of_target(config: MonitorConfig, name: str, side: Summaries) -> float | None:
    return side.summary(name, column_kind(config, name)).missing_share if name in side.columns else None


def _missing_share(config: MonitorConfig, name: str, current: Sequence[ColumnSummary], reference: Sequence[ColumnSummary]) -> Metric:
    share, usual = _missing_cells(current), _missing_cells(reference)
    threshold = (usual or 0.0) + config.measures.missing_share
    verdict = MetricVerdict.TOO_FEW_ROWS
    if share is not None and current[0].rows >= config.measures.minimum_rows:
        verdict = MetricVerdict.ALARM if share > threshold else MetricVerdict.OK
    return Metric(
        Family.DATA_QUALITY,
        "missing_share",
        share,
        column=name,
        threshold=threshold,
        direction=Direction.ABOVE,
        verdict=verdict,
        reference_value=usual,
    )


def _missing_cells(columns: Sequence[ColumnSummary]) -> float | None:
    return _share(sum(column.missing for column in columns), sum(column.rows for column in columns))


def _new_categories(name: str, current: ColumnSummary, reference: ColumnSummary) -> Sequence[Metric]:
    found, usual = current.sample, reference.sample
    assert isinstance(found, Categories)
    assert isinstance(usual, Categories)
    if not usual.rows:
        return tuple(Metric(Family.DATA_QUALITY, metric, None, column=name) for metric in ("new_categories", "new_category_share"))
    unknown = [int(count) for category, count in zip(found.names, found.counts, strict=True) if category not in usual.places]
    return (
        Metric(Family.DATA_QUALITY, "new_categories", float(len(unknown)), column=name),
        Metric(Family.DATA_QUALITY, "new_category_share", _share(sum(unknown), found.rows), column=name),
    )


def _out_of_range(name: str, current: ColumnSummary, reference: ColumnSummary) -> Metric:
    """Share of values outside the reference's finite minimum and maximum; an infinity is always outside."""
    found, usual = current.sample, reference.sample
    assert isinstance(found, Numbers)
    assert isinstance(usual, Numbers)
    share = None
    if usual.rows:
        inside = int(found.not_above(usual.values[-1]) - found.below(usual.values[0]))
        share = _share(current.rows - current.missing - inside, current.rows - current.missing)
    return Metric(Family.DATA_QUALITY, "out_of_range_share", share, column=name)


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
