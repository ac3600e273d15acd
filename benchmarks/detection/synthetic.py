"""Made data without change: what a model of so many columns might see, i.i.d. or with windows that differ from each other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from benchmarks.detection.inject import Change, blanked, mixed, ramp, scaled, shifted, stuck, worse
from driftgate.config.models import MonitorConfig

KINDS = ("normal", "gamma", "level5", "count", "lognormal", "level2", "heavy", "level50")
"""Columns cycle through these kinds."""
EFFECT, PERSISTENCE = 0.2, 0.4
"""Day effects: standard deviations, and the correlation of one day with the next."""
MISSING = 0.02
"""Share of missing values in every third column."""
FIRST = pd.Timestamp("2024-01-01", tz="UTC")


@dataclass(frozen=True)
class Spec:
    """A made model."""

    rows: int
    columns: int
    has_effects: bool = False

    @property
    def kinds(self) -> dict[str, str]:
        return {f"{KINDS[index % len(KINDS)]}_{index // len(KINDS)}": KINDS[index % len(KINDS)] for index in range(self.columns)}

    def config(self) -> MonitorConfig:
        kinds = self.kinds
        columns = {
            "timestamp": "ts",
            "target": "y",
            "numerical": [name for name, kind in kinds.items() if not kind.startswith("level")],
            "categorical": [name for name, kind in kinds.items() if kind.startswith("level")],
        }
        source = {"kind": "files", "path": "made/{window_start:%Y-%m-%d}.csv"}
        return MonitorConfig.model_validate({"id": "made", "task": "regression", "source": source, "columns": columns})


class Maker:
    """Makes windows one after the other."""

    def __init__(self, spec: Spec, seed: int) -> None:
        self.spec, self.day = spec, 0
        self.rng = np.random.default_rng([seed, spec.rows, spec.columns, int(spec.has_effects)])
        self.state: dict[str, float] = {}

    def windows(self, count: int) -> pd.DataFrame:
        """Return the rows of the next windows."""
        size = count * self.spec.rows
        seconds = np.arange(size) * 86_400_000_000 // self.spec.rows
        first = (FIRST + pd.Timedelta(days=self.day)).as_unit("us")
        frame: dict[str, object] = {"ts": first + pd.to_timedelta(seconds, unit="us").as_unit("us")}
        for index, (name, kind) in enumerate(self.spec.kinds.items()):
            values = self._values(kind, self._effects(name, count))
            if index % 3 == 2:
                values = values.mask(self.rng.random(size) < MISSING)
            frame[name] = values
        base = 2.0 * frame["normal_0"] + 1.0 * frame["gamma_0"]  # type: ignore[operator]
        noise = self.rng.standard_normal(size) + np.repeat(self._effects("noise", count), self.spec.rows)
        frame["prediction"] = base
        frame["y"] = base + noise * loss_scale(frame["gamma_0"])
        self.day += count
        return pd.DataFrame(frame)

    def _effects(self, name: str, count: int) -> np.ndarray:
        if not self.spec.has_effects:
            return np.zeros(count)
        found = np.empty(count)
        value = self.state.get(name, EFFECT * float(self.rng.standard_normal()))
        for index in range(count):
            value = PERSISTENCE * value + EFFECT * np.sqrt(1 - PERSISTENCE**2) * float(self.rng.standard_normal())
            found[index] = value
        self.state[name] = value
        return found

    def _values(self, kind: str, effects: np.ndarray) -> pd.Series:
        rng, effect = self.rng, np.repeat(effects, self.spec.rows)
        size = len(effect)
        if kind == "normal":
            return pd.Series(rng.standard_normal(size) + effect)
        if kind == "gamma":
            return pd.Series(rng.standard_gamma(2.0, size) * (1 + effect * 0.5))
        if kind == "lognormal":
            return pd.Series(np.exp(rng.standard_normal(size) + effect))
        if kind == "heavy":
            return pd.Series(rng.standard_t(3, size) + effect)
        if kind == "count":
            return pd.Series(rng.poisson(4.0 * np.exp(effect * 0.5), size).astype(float))
        return _levels(int(kind.removeprefix("level")), rng, effects, self.spec.rows)


def loss_scale(values: object) -> np.ndarray:
    """Return the standard deviation of the error, which differs from row to row."""
    return np.asarray(0.4 + 0.3 * np.asarray(values))


def expected_loss(frame: pd.DataFrame) -> np.ndarray:
    """Return the absolute error that is expected of each row."""
    return loss_scale(frame["gamma_0"]) * np.sqrt(2 / np.pi)


def _levels(count: int, rng: np.random.Generator, effects: np.ndarray, rows: int) -> pd.Series:
    shares = 1.0 / np.arange(1, count + 1)
    names = pd.array([f"v{index:02d}" for index in range(count)], dtype="str")
    tilt = np.where(np.arange(count) % 2 == 0, 0.5, -0.5)
    codes = []
    for effect in effects if effects.any() else [0.0]:
        chances = shares * np.exp(effect * tilt)
        size = rows if effects.any() else rows * len(effects)
        codes.append(np.minimum(np.searchsorted(np.cumsum(chances / chances.sum()), rng.random(size), "right"), count - 1))
    return pd.Series(names.take(np.concatenate(codes)))


def changes() -> list[Change]:
    """Return the changes that are put into made data; the first columns of each kind are changed."""

    def numbers(column: str, by: float) -> Change:
        text = f"{column.split('_')[0]} column: mean + {by:g} standard deviations"
        return Change(f"{column}+{by:g}", text, lambda frame, _after, _rng: shifted(frame, column, by * SPREADS[column]))

    return [
        Change("none", "no change (for comparison)", lambda frame, _after, _rng: frame),
        *(numbers("normal_0", by) for by in (0.1, 0.25, 0.5, 1.0)),
        numbers("lognormal_0", 0.25),
        Change("mix-0.05", "5 levels: 5 % of rows turn into the rarest", lambda f, _a, rng: mixed(f, "level5_0", "v04", 0.05, rng)),
        Change("mix-0.2", "5 levels: 20 % of rows turn into the rarest", lambda f, _a, rng: mixed(f, "level5_0", "v04", 0.2, rng)),
        Change("missing-0.05", "5 % of a full column missing", lambda f, _a, rng: blanked(f, "gamma_0", 0.05, rng)),
        Change("units", "gamma column: units x 1000", lambda f, _a, _r: scaled(f, "gamma_0", 1000)),
        Change("made-stuck", "count column: stuck at one value", lambda f, _a, _r: stuck(f, "count_0")),
        Change("concept-0.25", "target + 0.25 error standard deviations, same features", lambda f, _a, _r: shifted(f, "y", 0.25)),
        Change("worse-0.2", "absolute errors + 0.2", lambda f, _a, _r: worse(f, "y", "prediction", 0.2)),
        Change("made-ramp", "normal column: ramp to + 0.5 standard deviations in 7 windows",
               lambda f, after, _r: shifted(f, "normal_0", ramp(0.5, 7, after))),
    ]  # fmt: skip


SPREADS = {"normal_0": 1.0, "lognormal_0": float(np.sqrt((np.e - 1) * np.e))}
