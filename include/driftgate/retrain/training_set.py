"""The training set: rows of batches that passed the gate, cut by time into training and held-out rows."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd

from driftgate.config.models import MonitorConfig
from driftgate.errors import RetrainError
from driftgate.files import replacing
from driftgate.records import Batch, Window
from driftgate.storage import DataPath, read_frame

TRAIN_FILE = "train.parquet"
HELD_OUT_FILE = "held_out.parquet"

Relabel = Callable[[Batch, pd.DataFrame], pd.DataFrame]
"""Returns the rows of a batch with the labels that arrived since."""


@dataclass(frozen=True)
class TrainingSet:
    """Where the rows lie and what they are; the held-out rows are those of the latest windows."""

    train_path: str
    held_out_path: str
    train_rows: int
    held_out_rows: int
    windows: int
    """Windows with at least one row whose target is known; the last ``held_out_windows`` of them are held out."""
    held_out_windows: int
    first: Window
    last: Window
    content_hash: str
    """Hash over the batches' content and the cut."""

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        return cls(**{**data, "first": Window.from_dict(data["first"]), "last": Window.from_dict(data["last"])})


@dataclass(frozen=True)
class _Labelled:
    batch: Batch
    rows: pd.DataFrame


def build(config: MonitorConfig, batches: Sequence[Batch], folder: DataPath, relabel: Relabel | None = None) -> TrainingSet:
    """Write ``train.parquet`` and ``held_out.parquet`` into the folder, each whole or not at all.

    Rows without a target are left out, and so are windows that have none with one. The latest ``retrain.held_out`` of the
    windows (rounded up, at least one) are held out. Old predictions are not kept.

    Parameters
    ----------
    batches
        Batches that passed the gate, in any order; each with the path of its Parquet file.
    relabel
        Fills in labels that arrived after the rows; None: the rows have them.

    Raises
    ------
    RetrainError
        If fewer than two windows have rows with a target, fewer than ``retrain.minimum_rows`` rows are left for training,
        or a batch's file is gone.
    """
    labelled = _read_labelled(config, batches, relabel)
    _check_windows(config, batches, labelled)
    held_out_windows = min(max(1, math.ceil(config.retrain.held_out * len(labelled) - 1e-9)), len(labelled) - 1)
    train = _together(config, labelled[:-held_out_windows])
    held_out = _together(config, labelled[-held_out_windows:])
    if len(train) < config.retrain.minimum_rows:
        raise RetrainError(
            f"monitor {config.id}: {len(train)} rows with a target are left for training in {len(labelled) - held_out_windows} windows "
            f"({len(held_out)} more are held out), but retrain.minimum_rows is {config.retrain.minimum_rows}; "
            "lengthen retrain.training_window or lower retrain.minimum_rows"
        )
    used = [item.batch for item in labelled]
    return TrainingSet(
        train_path=_write(train, folder / TRAIN_FILE),
        held_out_path=_write(held_out, folder / HELD_OUT_FILE),
        train_rows=len(train),
        held_out_rows=len(held_out),
        windows=len(used),
        held_out_windows=held_out_windows,
        first=used[0].window,
        last=used[-1].window,
        content_hash=_hash(used, held_out_windows, _labels(config, labelled) if relabel is not None else ()),
    )


def _read_labelled(config: MonitorConfig, batches: Sequence[Batch], relabel: Relabel | None) -> list[_Labelled]:
    """Read the batches in the order of their windows; those without any target are left out."""
    found = []
    for batch in sorted(batches, key=lambda item: item.window):
        rows = _read(config, batch, relabel)
        if not rows.empty:
            found.append(_Labelled(batch, rows))
    return found


def _read(config: MonitorConfig, batch: Batch, relabel: Relabel | None) -> pd.DataFrame:
    roles = config.columns
    columns = [name for name in roles.all if name not in (roles.prediction, roles.prediction_proba)]
    try:
        if batch.path is None:
            raise FileNotFoundError("the batch has no file")
        rows = read_frame(batch.path, columns)
    except (OSError, ValueError) as error:
        raise RetrainError(
            f"monitor {config.id}: the rows of window {batch.window} cannot be read from {batch.path} ({str(error).splitlines()[0]}); "
            "run that window again with 'reprocess'"
        ) from error
    if relabel is not None:
        rows = relabel(batch, rows)
    return rows[_has_target(config, rows[str(roles.target)])]


def _has_target(config: MonitorConfig, target: pd.Series) -> pd.Series:
    if config.task != "regression":
        return target.notna()
    return target.notna() & np.isfinite(target.astype(float))


def _check_windows(config: MonitorConfig, batches: Sequence[Batch], labelled: Sequence[_Labelled]) -> None:
    if len(labelled) >= 2:
        return
    raise RetrainError(
        f"monitor {config.id}: {len(labelled)} of {len(batches)} windows that passed the gate have rows with a value in the target "
        f"{config.columns.target!r}, but at least 2 are needed (one to train on, one held out); "
        "lengthen retrain.training_window or run the missing windows first"
    )


def _together(config: MonitorConfig, items: Sequence[_Labelled]) -> pd.DataFrame:
    rows = pd.concat([item.rows for item in items], ignore_index=True)
    return rows.sort_values(config.columns.timestamp, kind="stable", ignore_index=True)


def _write(rows: pd.DataFrame, path: DataPath) -> str:
    with replacing(path) as temporary:
        rows.to_parquet(temporary, index=False)
    return str(path.absolute())


def _labels(config: MonitorConfig, labelled: Sequence[_Labelled]) -> list[str]:
    """Hash the labels of each window: the same rows with other labels are another training set."""
    targets = [item.rows[str(config.columns.target)].map(repr) for item in labelled]
    return [hashlib.sha256("\n".join(values).encode()).hexdigest() for values in targets]


def _hash(batches: Sequence[Batch], held_out_windows: int, labels: Sequence[str]) -> str:
    parts = [*(f"{batch.window.key}:{batch.content_hash}" for batch in batches), *labels]
    return hashlib.sha256("\n".join([*parts, f"held_out={held_out_windows}"]).encode()).hexdigest()
