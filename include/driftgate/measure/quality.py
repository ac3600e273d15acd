"""Data quality of a window against the reference: rows, missing values, unknown categories, values out of range.

Counts and shares are defined as in Evidently's ``MissingValueCount``, ``OutListValueCount``, ``OutRangeValueCount`` and
``DuplicatedRowCount``. One differs: Evidently's data set share divides missing cells by rows, which can exceed 1; here it is
missing cells over all cells.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from driftgate.config.models import MonitorConfig
from driftgate.records import Direction, Family, Metric, MetricVerdict


def quality_metrics(config: MonitorConfig, current: pd.DataFrame, reference: pd.DataFrame) -> list[Metric]:
    """Return every data quality metric of a window; shares are between 0 and 1, None where nothing can be said."""
    kept = [name for name in config.columns.all if name in current]
    metrics = [
        Metric(Family.DATA_QUALITY, "rows", float(len(current)), reference_value=float(len(reference))),
        Metric(Family.DATA_QUALITY, "duplicate_share", _share(int(current[kept].duplicated().sum()), len(current))),
    ]
    metrics += missing_shares(config, current, reference)
    for name in config.columns.categorical:
        metrics += _new_categories(name, current[name], reference[name])
    metrics += [_out_of_range(name, current[name], reference[name]) for name in config.columns.numerical]
    return [*metrics, *most_frequent_shares(config, current, reference)]


def most_frequent_shares(config: MonitorConfig, current: pd.DataFrame, reference: pd.DataFrame) -> list[Metric]:
    """Return the share of the most frequent value of every numerical column: 1 where a sensor is stuck or a default was filled in."""
    names = config.columns.numerical
    shares = {name: (_most_frequent(current[name]), _most_frequent(reference[name])) for name in names}
    return [
        Metric(Family.DATA_QUALITY, "most_frequent_share", share, column=name, reference_value=usual)
        for name, (share, usual) in shares.items()
    ]


def _most_frequent(values: pd.Series) -> float | None:
    counts = values.value_counts()
    return None if counts.empty else float(counts.iloc[0] / counts.sum())


def missing_shares(config: MonitorConfig, current: pd.DataFrame, reference: pd.DataFrame) -> list[Metric]:
    """Missing shares; the target's is recorded without a verdict and left out of the whole, because labels may come later."""
    columns = config.columns
    judged = [name for name in (*columns.features, columns.prediction) if name in current and name in reference]
    metrics = [_missing_share(config, "", current[judged], reference[judged])]
    metrics += [_missing_share(config, name, current[[name]], reference[[name]]) for name in judged]
    if columns.target is not None and columns.target in current:
        metrics.append(
            Metric(
                Family.DATA_QUALITY,
                "missing_share",
                _missing_cells(current[[columns.target]]),
                column=columns.target,
                reference_value=_missing_cells(reference[[columns.target]]) if columns.target in reference else None,
            )
        )
    return metrics


def _missing_share(config: MonitorConfig, name: str, current: pd.DataFrame, reference: pd.DataFrame) -> Metric:
    share, usual = _missing_cells(current), _missing_cells(reference)
    threshold = (usual or 0.0) + config.measures.missing_share
    verdict = MetricVerdict.TOO_FEW_ROWS
    if share is not None and len(current) >= config.measures.minimum_rows:
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


def _missing_cells(frame: pd.DataFrame) -> float | None:
    return _share(int(frame.isna().to_numpy().sum()), frame.size)


def _new_categories(name: str, current: pd.Series, reference: pd.Series) -> Sequence[Metric]:
    if not reference.notna().any():
        return tuple(Metric(Family.DATA_QUALITY, metric, None, column=name) for metric in ("new_categories", "new_category_share"))
    counts = current.value_counts()
    unknown = counts[~counts.index.isin(reference.dropna().unique())]
    return (
        Metric(Family.DATA_QUALITY, "new_categories", float(len(unknown)), column=name),
        Metric(Family.DATA_QUALITY, "new_category_share", _share(int(unknown.sum()), int(counts.sum())), column=name),
    )


def _out_of_range(name: str, current: pd.Series, reference: pd.Series) -> Metric:
    """Share of values outside the reference's finite minimum and maximum; an infinity is always outside."""
    known = reference[np.isfinite(reference)]
    values = current.dropna()
    share = None if known.empty else _share(int((~values.between(known.min(), known.max())).sum()), len(values))
    return Metric(Family.DATA_QUALITY, "out_of_range_share", share, column=name)


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
