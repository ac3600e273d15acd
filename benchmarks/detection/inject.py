"""Known changes, put into windows of real or made data. Every function leaves its frame alone and returns a changed copy."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

Apply = Callable[[pd.DataFrame, int, np.random.Generator], pd.DataFrame]
"""Changes the window that is so many windows after the change began (0: the first one)."""


@dataclass(frozen=True)
class Change:
    """One kind of change."""

    name: str
    text: str
    """For people."""
    apply: Apply
    is_input: bool = False
    """Whether the model's inputs change, so that predictions have to be made anew."""


def shifted(frame: pd.DataFrame, column: str, by: float) -> pd.DataFrame:
    """Add a constant."""
    return frame.assign(**{column: frame[column] + by})


def scaled(frame: pd.DataFrame, column: str, factor: float) -> pd.DataFrame:
    """Other units: multiply."""
    return frame.assign(**{column: frame[column] * factor})


def mixed(frame: pd.DataFrame, column: str, level: str, share: float, rng: np.random.Generator) -> pd.DataFrame:
    """Turn this share of the rows, chosen at random, into one category."""
    values = frame[column].to_numpy(dtype=object, copy=True)
    values[_chosen(len(frame), share, rng)] = level
    return frame.assign(**{column: pd.Series(values, index=frame.index, dtype="str")})


def blanked(frame: pd.DataFrame, column: str, share: float, rng: np.random.Generator) -> pd.DataFrame:
    """Remove this share of the values."""
    lost = np.zeros(len(frame), dtype=bool)
    lost[_chosen(len(frame), share, rng)] = True
    return frame.assign(**{column: frame[column].mask(lost)})


def stuck(frame: pd.DataFrame, column: str) -> pd.DataFrame:
    """Let a sensor repeat its first known value."""
    known = frame[column].dropna()
    return frame.assign(**{column: known.iloc[0] if len(known) else np.nan})


def flipped(frame: pd.DataFrame, target: str, share: float, rng: np.random.Generator) -> pd.DataFrame:
    """Turn this share of the labels "0" and "1" round."""
    values = frame[target].to_numpy(dtype=object, copy=True)
    for index in _chosen(len(frame), share, rng):
        values[index] = {"0": "1", "1": "0"}.get(values[index], values[index])
    return frame.assign(**{target: pd.Series(values, index=frame.index, dtype="str")})


def worse(frame: pd.DataFrame, target: str, prediction: str, by: float) -> pd.DataFrame:
    """Make every absolute error larger by this much, in the direction that it has."""
    error = frame[target] - frame[prediction]
    return frame.assign(**{target: frame[target] + np.where(error < 0, -by, by)})


def ramp(by: float, windows: int, after: int) -> float:
    """How much of a change that takes so many windows is there in the window ``after`` windows after its beginning."""
    return by * min((after + 1) / windows, 1.0)


def _chosen(rows: int, share: float, rng: np.random.Generator) -> np.ndarray:
    return rng.choice(rows, round(rows * share), replace=False)


def by_name(changes: list[Change]) -> Mapping[str, Change]:
    return {change.name: change for change in changes}
