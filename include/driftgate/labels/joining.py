"""Labels joined to the rows of a window by their ids. Pure: the same rows, labels and former knowledge give the same answer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from driftgate.config.models import MonitorConfig
from driftgate.errors import SchemaError
from driftgate.label_records import LabelCounts

KNOWN_AT = "__known_at"
"""When a label became known; null where the source does not say."""
_NUMBER = "__number"
_SEPARATOR = "\x1f"


@dataclass(frozen=True)
class Joined:
    """Rows with the labels that are known now."""

    frame: pd.DataFrame
    """The rows, in their order and with their predictions; only the target may differ."""
    known: pd.DataFrame
    """One row per labelled id of the window, in the order of the rows: ids, target and :data:`KNOWN_AT`."""
    counts: LabelCounts
    changed: int
    """Rows whose target differs from what was known before."""


def join_labels(config: MonitorConfig, rows: pd.DataFrame, labels: pd.DataFrame, known: pd.DataFrame | None = None) -> Joined:
    """Fill the target of the rows from the labels.

    Of several labels for one id the one that became known last is taken; where that is not said, or equal, the last row of
    the source. What was known before counts as an earlier row, so a label that is no longer in the source stays known, and
    one that became known before it does not replace it. A label without a value says nothing. Rows without a label keep
    the target that they have.

    Parameters
    ----------
    config
        The monitor: ``columns.id`` and ``columns.target``.
    rows
        Rows of the window as ingest types them.
    labels
        Ids, target and :data:`KNOWN_AT`, typed as the same columns of ``rows``.
    known
        Labels known before, as :attr:`Joined.known` of the former joining; None for the first.

    Raises
    ------
    SchemaError
        If the rows lack an id column.
    """
    target = str(config.columns.target)
    numbers, ids = pd.factorize(_keys(config, rows))
    usable = _numbered(config, labels, target, ids)
    ours = usable[usable[_NUMBER] >= 0]
    former = ours.iloc[:0] if known is None else _numbered(config, known, target, ids)
    former = former.loc[former[_NUMBER] >= 0, list(ours.columns)]
    chosen = _latest(config, pd.concat([former, ours], ignore_index=True) if len(former) else ours)
    before = _fill(rows, numbers, target, former)
    frame = _fill(rows, numbers, target, chosen)
    changed = _differs(frame[target], before[target])
    counts = LabelCounts(
        rows=len(rows),
        labelled=int(frame[target].notna().sum()),
        unlabelled=int(frame[target].isna().sum()),
        unknown_ids=int(_keys(config, usable[usable[_NUMBER] < 0]).nunique()),
        corrected=int((changed & before[target].notna()).sum()),
        shared_rows=_shared(numbers, chosen),
        ignored=len(labels) - len(usable),
        **_twice(ours, target),
    )
    return Joined(frame, _content(config, chosen, target), counts, int(changed.sum()))


def fill_labels(config: MonitorConfig, rows: pd.DataFrame, known: pd.DataFrame) -> pd.DataFrame:
    """Return the rows with the labels of a former joining; rows without one keep their target."""
    target = str(config.columns.target)
    numbers, ids = pd.factorize(_keys(config, rows))
    former = _numbered(config, known, target, ids)
    return _fill(rows, numbers, target, former[former[_NUMBER] >= 0])


class Filling:
    """The labels of a former joining, ready to be filled into any number of pieces of the rows."""

    def __init__(self, config: MonitorConfig, known: pd.DataFrame) -> None:
        self._config, self._target = config, str(config.columns.target)
        keys = _keys(config, known)
        usable = keys.notna() & known[self._target].notna()
        self._index = pd.Index(keys[usable])
        self._labels = known.loc[usable, self._target].reset_index(drop=True)

    def fill(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Return a piece with the labels; rows without one keep their target. As :func:`fill_labels`."""
        places = self._index.get_indexer(pd.Index(_keys(self._config, rows)))
        found = self._labels.reindex(places).astype(rows[self._target].dtype).set_axis(rows.index)  # -1 is in no index: null
        return rows.assign(**{self._target: found.where(found.notna(), rows[self._target])})


def _keys(config: MonitorConfig, frame: pd.DataFrame) -> pd.Series:
    """One text per row that is equal where all ids are; null where one of them is missing, which never joins."""
    missing = [name for name in config.columns.id if name not in frame]
    if missing:
        raise SchemaError(
            f"monitor {config.id}: the rows lack the id column {missing[0]!r}, by which labels are joined; "
            "run the window again with 'reprocess' so that it is kept"
        )
    parts = [frame[name].astype("str") for name in config.columns.id]
    unknown = pd.concat([frame[name].isna() for name in config.columns.id], axis=1).any(axis=1)
    keys = parts[0]
    for part in parts[1:]:
        keys = keys + _SEPARATOR + part
    return keys.mask(unknown)


def _numbered(config: MonitorConfig, labels: pd.DataFrame, target: str, ids: pd.Index) -> pd.DataFrame:
    """Labels that have an id and a value, with the number of their id among those of the rows; -1 where no row has it."""
    keys = _keys(config, labels)
    usable = keys.notna() & labels[target].notna()
    return labels[usable].assign(**{_NUMBER: pd.Index(ids).get_indexer(pd.Index(keys[usable]))})


def _twice(ours: pd.DataFrame, target: str) -> dict[str, int]:
    twice = ours[ours.duplicated(_NUMBER, keep=False)]
    conflicts = int((twice.groupby(_NUMBER)[target].nunique() > 1).sum()) if len(twice) else 0
    return {"duplicate_ids": int(twice[_NUMBER].nunique()), "conflicts": conflicts}


def _shared(numbers: np.ndarray, chosen: pd.DataFrame) -> int:
    """Count rows with a label whose id another row has too."""
    sizes = np.bincount(numbers[numbers >= 0])[chosen[_NUMBER]] if len(chosen) else np.array([], dtype=int)
    return int(sizes[sizes > 1].sum())


def _latest(config: MonitorConfig, candidates: pd.DataFrame) -> pd.DataFrame:
    """Return one label per id: the latest known, a label without a time before any with one."""
    if config.labels is not None and config.labels.timestamp is not None:
        candidates = candidates.sort_values(KNOWN_AT, kind="stable", na_position="first")
    return candidates.drop_duplicates(_NUMBER, keep="last").sort_values(_NUMBER, ignore_index=True)


def _fill(rows: pd.DataFrame, numbers: np.ndarray, target: str, labels: pd.DataFrame) -> pd.DataFrame:
    if labels.empty:
        return rows
    by_number = pd.Series(labels[target].array, index=labels[_NUMBER].to_numpy())
    found = by_number.reindex(numbers).astype(rows[target].dtype).set_axis(rows.index)
    return rows.assign(**{target: found.where(found.notna(), rows[target])})


def _differs(one: pd.Series, other: pd.Series) -> pd.Series:
    return ~((one == other).fillna(False).astype(bool) | (one.isna() & other.isna()))


def _content(config: MonitorConfig, chosen: pd.DataFrame, target: str) -> pd.DataFrame:
    return chosen[[*config.columns.id, target, KNOWN_AT]]
