"""Real data with honest predictions: every window is scored by a model that has not seen it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from driftgate.config.models import MonitorConfig
from driftgate.estimate.estimator import fit as fit_estimator
from driftgate.predictions import positive_class, predict
from driftgate.retrain.trainers import hist_gradient_boosting

ROOT = Path(__file__).resolve().parents[2]
FOLDS = 5
PARAMS = {"max_iter": 100, "learning_rate": 0.1}
LATE_MINUTES = 15


@dataclass
class Scored:
    """Windows of real data in time order, with predictions."""

    config: MonitorConfig
    frames: list[pd.DataFrame]
    models: list[Any]
    """The model of each window, trained without it."""

    def scored_again(self, days: Sequence[int], frames: Sequence[pd.DataFrame]) -> list[pd.DataFrame]:
        """Predict the rows of windows anew, after their inputs changed."""
        found: dict[int, pd.DataFrame] = {}
        for model in {id(self.models[day]): self.models[day] for day in days}.values():
            own = [place for place, day in enumerate(days) if self.models[day] is model]
            together = with_predictions(self.config, pd.concat([frames[place] for place in own], ignore_index=True), model)
            found |= dict(zip(own, split_like(together, [frames[place] for place in own]), strict=True))
        return [found[place] for place in range(len(days))]

    def expected(self, rows: pd.DataFrame) -> Any:
        """Return the product's expectation of each row's loss, learned on these rows."""
        from driftgate.calibrating import cut_windows

        estimator = fit_estimator(self.config, rows, [places for _, places in cut_windows(self.config, rows)])
        return lambda frame: estimator.losses(self.config, frame)


def split_like(rows: pd.DataFrame, frames: Sequence[pd.DataFrame]) -> list[pd.DataFrame]:
    """Cut rows into pieces as long as these frames."""
    ends = np.cumsum([len(frame) for frame in frames])
    return [rows.iloc[end - len(frame) : end].reset_index(drop=True) for end, frame in zip(ends, frames, strict=True)]


def with_predictions(config: MonitorConfig, frame: pd.DataFrame, model: Any) -> pd.DataFrame:
    found = predict(config, model, frame)
    if config.task == "regression":
        return frame.assign(**{config.columns.prediction: found.values})
    assert found.probabilities is not None
    assert found.classes is not None
    chance = found.probabilities[:, positive_class(config, found.classes)]
    values = pd.Series(np.asarray(found.values, dtype=object), index=frame.index, dtype="str")
    return frame.assign(**{config.columns.prediction: values, str(config.columns.prediction_proba): chance})


def cross_scored(config: MonitorConfig, frames: Sequence[pd.DataFrame], blocks: Sequence[np.ndarray] | None = None) -> Scored:
    """Predict each block of windows by a model trained on the others (contiguous fifths unless other blocks are named)."""
    blocks = np.array_split(np.arange(len(frames)), FOLDS) if blocks is None else blocks
    models: list[Any] = [None] * len(frames)
    for block in blocks:
        inside = {int(day) for day in block}
        model = trained(config, pd.concat([frame for day, frame in enumerate(frames) if day not in inside]))
        for day in inside:
            models[day] = model
    return Scored(config, [with_predictions(config, frame, model) for frame, model in zip(frames, models, strict=True)], models)


def trained(config: MonitorConfig, rows: pd.DataFrame) -> Any:
    target = str(config.columns.target)
    rows = rows[rows[target].notna()]
    params = {**PARAMS, **({"loss": "absolute_error"} if config.task == "regression" else {})}
    features = rows[config.columns.features]
    return hist_gradient_boosting(features, rows[target], config.columns, config.task, params, rows[config.columns.timestamp])


# --- flights ----------------------------------------------------------------------------------------------------------


def flights_config(task: str = "regression") -> MonitorConfig:
    """Return the example monitor; ``binary``: whether the flight arrives more than 15 minutes late."""
    import yaml

    content = yaml.safe_load((ROOT / "include" / "monitors" / "flights.yaml").read_text(encoding="utf-8"))
    for section in ("kpis", "retrain", "gate", "decision"):
        content.pop(section, None)
    if task == "binary":
        columns = {**content["columns"], "target": "late", "prediction_proba": "late_proba"}
        content = {**content, "id": "late_flights", "task": "binary", "columns": columns}
    return MonitorConfig.model_validate(content)


def flights(task: str = "regression", *, first: str = "2013-01-01", days: int = 90) -> list[pd.DataFrame]:
    """Return the departed flights of consecutive local days that have an arrival delay."""
    from include.examples.flights import ZONE, read_window

    config = flights_config()
    start = pd.Timestamp(first, tz=ZONE)
    edges = [start + pd.DateOffset(days=day) for day in range(days + 1)]
    wanted = [name for name in config.columns.all if name != config.columns.prediction]
    rows = read_window(edges[0].to_pydatetime(), edges[-1].to_pydatetime(), wanted).dropna(subset=["arr_delay"])
    rows = rows.sort_values(["scheduled", "carrier", "flight"], kind="stable").reset_index(drop=True)
    if task == "binary":
        rows = rows.assign(late=pd.Series(np.where(rows["arr_delay"] > LATE_MINUTES, "1", "0"), dtype="str"))
    day = np.searchsorted(pd.DatetimeIndex(edges), pd.DatetimeIndex(rows["scheduled"]), "right") - 1
    return [rows[day == index].reset_index(drop=True) for index in range(days)]


def thinned(frames: Sequence[pd.DataFrame], rows: int, seed: int) -> list[pd.DataFrame]:
    """Keep so many rows of each window, chosen at random."""
    rng = np.random.default_rng(seed)
    found = []
    for frame in frames:
        places = np.sort(rng.choice(len(frame), min(rows, len(frame)), replace=False))
        found.append(frame.iloc[places].reset_index(drop=True))
    return found


# --- any CSV ----------------------------------------------------------------------------------------------------------


def csv_config(rows: pd.DataFrame, target: str, timestamp: str) -> MonitorConfig:
    """Return a monitor for a table: numbers are numerical, everything else categorical; few whole numbers as a target are classes."""
    others = [name for name in rows.columns if name not in (target, timestamp)]
    numerical = [name for name in others if pd.api.types.is_numeric_dtype(rows[name])]
    task = "binary" if rows[target].nunique() == 2 else "regression"
    columns: dict[str, Any] = {"timestamp": timestamp, "target": target, "numerical": numerical}
    columns["categorical"] = [name for name in others if name not in numerical]
    if task == "binary":
        columns |= {"prediction_proba": "prediction_proba", "positive_label": sorted(rows[target].dropna().astype(str).unique())[-1]}
    source = {"kind": "files", "path": "table/{window_start:%Y-%m-%d}.csv"}
    return MonitorConfig.model_validate({"id": "table", "task": task, "source": source, "columns": columns})


def read_csv(path: Path, target: str, timestamp: str) -> tuple[MonitorConfig, list[pd.DataFrame]]:
    """Return a monitor and daily windows of any CSV file."""
    rows = pd.read_csv(path)
    missing = [name for name in (target, timestamp) if name not in rows]
    if missing:
        raise SystemExit(f"{path} has no column {missing[0]!r}; it has {', '.join(map(str, rows.columns))}")
    rows = rows.dropna(subset=[target])
    rows[timestamp] = pd.to_datetime(rows[timestamp], utc=True).dt.as_unit("us")
    config = csv_config(rows, target, timestamp)
    for name in config.columns.numerical:
        rows[name] = rows[name].astype(float)
    for name in config.columns.categorical:
        rows[name] = rows[name].astype("str")
    rows[target] = rows[target].astype("str" if config.task == "binary" else float)
    rows = rows.sort_values(timestamp, kind="stable").reset_index(drop=True)
    days = rows[timestamp].dt.floor("D")
    return config, [frame.reset_index(drop=True) for _, frame in rows.groupby(days)]
