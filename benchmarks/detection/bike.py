"""Bike sharing: in 2012 more bikes are rented in the same weather at the same hour than in 2011; the seasons come round as ever."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.detection.arms import History, Model, Verdicts
from benchmarks.detection.data import ROOT, Scored, cross_scored, trained, with_predictions
from benchmarks.detection.study import calibrated, one_size
from driftgate.config.models import MonitorConfig
from driftgate.records import Window
from driftgate.seasons import comparable_rows

VARIABLE = "DRIFTGATE_BIKE_SHARING"
PLACES = (ROOT.parent / "shared" / "data" / "bike_sharing", ROOT / "data" / "bike_sharing")


@dataclass
class Watched:
    """Verdicts on consecutive days."""

    name: str
    days: list[pd.Timestamp] = field(default_factory=list)
    verdicts: list[Verdicts] = field(default_factory=list)

    def alarms(self, kind: str) -> list[bool]:
        """Return for every day whether something of this kind alarms: ``errors``, ``features`` or ``any``."""
        return [any(kind in ("any", kind_of(reason)) for reason in verdict.reasons) for verdict in self.verdicts]


def kind_of(reason: str) -> str:
    """Return ``errors`` for the model's errors, ``outcome`` for target and prediction, else ``features``."""
    metric, column = reason.rsplit(":", 1)
    if column.startswith("residual") or metric in ("mae", "log_loss", "f1"):
        return "errors"
    return "outcome" if column in ("cnt", "prediction") else "features"


def folder() -> Path | None:
    """Return the folder with hour.csv, or None."""
    named = os.environ.get(VARIABLE)
    places = [Path(named), *PLACES] if named else list(PLACES)
    return next((place for place in places if (place / "hour.csv").is_file()), None)


def config(match: str) -> MonitorConfig:
    import yaml

    content = yaml.safe_load((ROOT / "include" / "examples" / "bike_sharing.yaml").read_text(encoding="utf-8"))
    content["reference"] = {**content.get("reference", {}), "kind": "training", "match": match}
    return MonitorConfig.model_validate(content)


def days_of(settings: MonitorConfig, place: Path) -> list[pd.DataFrame]:
    """Return the hours of every day of both years."""
    from include.examples.bike_sharing import ZONE, read_window

    start, end = pd.Timestamp("2011-01-01", tz=ZONE), pd.Timestamp("2013-01-01", tz=ZONE)
    wanted = [name for name in settings.columns.all if name != settings.columns.prediction]
    rows = read_window(start.to_pydatetime(), end.to_pydatetime(), wanted, folder=str(place)).copy()
    for name in settings.columns.categorical:
        rows[name] = rows[name].astype("str")
    for name in (*settings.columns.numerical, str(settings.columns.target)):
        rows[name] = rows[name].astype(float)
    rows["timestamp"] = rows["timestamp"].dt.as_unit("us")
    local = rows["timestamp"].dt.tz_convert(ZONE).dt.normalize()
    return [frame.reset_index(drop=True) for _, frame in rows.groupby(local)]


def run_bike(place: Path) -> list[Watched]:
    """Watch what should alarm (2012) and what should not (held-out weeks of 2011), with and without a matched reference."""
    plain = config("none")
    frames = days_of(plain, place)
    first = [frame for frame in frames if frame["timestamp"].iloc[0].year == 2011]
    weeks = np.arange(len(first)) // 7
    scored = cross_scored(plain, first, [np.flatnonzero(weeks % 5 == fold) for fold in range(5)])
    model = trained(plain, pd.concat(first))
    later = [with_predictions(plain, frame, model) for frame in frames[len(first) :]]
    found = []
    for match, text in (("month", "matched by month"), ("none", "not matched")):
        own = Scored(config(match), scored.frames, scored.models)
        found.append(_watch(f"2012 against 2011, {text}", own, np.arange(len(first)), later))
        even = np.flatnonzero(weeks % 2 == 0)
        odd = [scored.frames[day] for day in np.flatnonzero(weeks % 2 == 1)]
        found.append(_watch(f"odd weeks of 2011 against even weeks, {text}", own, even, odd))
    spring = [frame for frame in scored.frames if 4 <= _month(frame) <= 6]
    winter = np.array([day for day, frame in enumerate(scored.frames) if _month(frame) <= 3])
    own = Scored(config("none"), scored.frames, scored.models)
    found.append(_watch("April to June 2011 against January to March, not matched", own, winter, spring))
    return found


def _watch(name: str, data: Scored, known: np.ndarray, frames: Sequence[pd.DataFrame]) -> Watched:
    rows = pd.concat([data.frames[day] for day in known], ignore_index=True)
    with one_size():
        model = calibrated(data.config, rows, data.expected(rows))
    watched, history, parts = Watched(name), History(), {}
    for frame in frames:
        window = _day(data.config, frame)
        key = window.start.astimezone(data.config.schedule.zone).month if data.config.reference.match == "month" else 0
        if key not in parts:
            parts[key] = _part(model, window)
        watched.days.append(pd.Timestamp(window.start))
        watched.verdicts.append(model.judge(model.score(frame, part=parts[key]), history))
    return watched


def _part(model: Model, window: Window) -> Any:
    return model.reference.part(comparable_rows(model.config, model.reference.frame, window))


def _day(settings: MonitorConfig, frame: pd.DataFrame) -> Window:
    start = frame["timestamp"].iloc[0].tz_convert(settings.schedule.zone).normalize().to_pydatetime()
    return Window(start, start + timedelta(days=1))


def _month(frame: pd.DataFrame) -> int:
    return int(frame["timestamp"].iloc[len(frame) // 2].month)
