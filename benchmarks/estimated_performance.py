"""How well performance is estimated when labels never come: real flights, with and without known changes, and simulated windows.

The model of the example monitor is trained on January and February 2013; March to May run day by day as if no label ever came. Prints,
per scenario and month, the estimated and the realised error, how often the realised one lies in the 95 % range, and the correlation
over days. Every seed is fixed: the same versions of the libraries print the same table. About three minutes on one core.

    OMP_NUM_THREADS=1 python benchmarks/estimated_performance.py [--repeats 10] [--simulations 20] [--without-recency]
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

ROOT = Path(__file__).resolve().parents[1]
for folder in (ROOT, ROOT / "include"):
    sys.path.insert(0, str(folder))

from driftgate.callables import resolve  # noqa: E402
from driftgate.config.loader import load_monitor  # noqa: E402
from driftgate.config.models import MonitorConfig  # noqa: E402
from driftgate.estimate.contribution import contributions  # noqa: E402
from driftgate.estimate.estimator import PREFIX, Estimator, estimate, fit  # noqa: E402
from driftgate.estimate.tables import labelled_rows, realised, score_function  # noqa: E402
from driftgate.predictions import few_threads, predict  # noqa: E402
from driftgate.retrain.out_of_fold import out_of_fold  # noqa: E402

ZONE = ZoneInfo("America/New_York")
FIRST, SPLIT, LAST = (datetime(2013, month, 1, tzinfo=ZONE) for month in (1, 3, 6))
MINUTES_OF_CONCEPT, MINUTES_OF_DELAY = (5, 20), 30
DAY = "local_day"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=10, help="random divisions of the days into fit and test (default 10)")
    parser.add_argument("--simulations", type=int, default=20, help="simulated fits per line (default 20)")
    parser.add_argument("--without-recency", action="store_true", help="train without half_life_days: old rows count as much as new ones")
    arguments = parser.parse_args()
    config = load_monitor(ROOT / "include" / "monitors" / "flights.yaml").config
    if arguments.without_recency:
        params = {name: value for name, value in config.retrain.params.items() if name != "half_life_days"}
        config = config.model_copy(update={"retrain": config.retrain.model_copy(update={"params": params})})
    flights(config, arguments.repeats)
    simulated(arguments.simulations)


# --- flights ----------------------------------------------------------------------------------------------------------


def flights(config: MonitorConfig, repeats: int) -> None:
    rows = _rows(config)
    is_training = rows[config.columns.timestamp] < SPLIT
    known = rows[config.columns.target].notna()
    training, later = rows[is_training & known].reset_index(drop=True), rows[~is_training].reset_index(drop=True)
    model = _train(config, training)
    training = out_of_fold(config, training, lambda part: _train(config, part), model)
    later = _scored(config, model, later)
    started = time.perf_counter()
    estimator = fit(config, training, _windows(training))
    seconds = time.perf_counter() - started
    print(f"fitted on {estimator.rows} rows of {len(_windows(training))} days in {seconds:.1f} s; " + _text(estimator))
    scenarios: dict[str, Callable[[pd.DataFrame], pd.DataFrame]] = {
        "as they were": lambda frame: frame,
        **{
            f"every flight arrives {minutes} min later (pure concept change)": partial(_concept_change, minutes=minutes)
            for minutes in MINUTES_OF_CONCEPT
        },
        f"every flight leaves, and arrives, {MINUTES_OF_DELAY} min later (covariate change)": lambda frame: _covariate_change(
            config, model, frame
        ),
        "flights that leave late three times as frequent (covariate change, real labels)": _more_late_flights,
        f"dep_delay is wrong by {MINUTES_OF_DELAY} min, flights are as they were (data error)": lambda frame: _data_error(
            config, model, frame
        ),
    }
    for name, change in scenarios.items():
        print(f"\n{name}")
        print(_table(_compare(config, estimator, change(later))))
    print("\ncontribution to the estimated mae, first of March, dep_delay + 30 min")
    day = _covariate_change(config, model, later[later[DAY] == later[DAY].min()])
    found = contributions(config, estimator, day, training, predict=lambda frame: _scored(config, model, frame))
    print("  " + ", ".join(f"{column} {value:+.2f}" for column, value in sorted(found.items(), key=lambda item: -item[1])))
    _in_random_order(config, later, repeats)


def _rows(config: MonitorConfig) -> pd.DataFrame:
    roles = config.columns
    read = resolve(config.source.callable, ROOT)  # type: ignore[union-attr]
    rows = read(FIRST, LAST, [name for name in roles.all if name != roles.prediction])
    rows = rows.astype(dict.fromkeys([*roles.numerical, str(roles.target)], "float64"))
    rows = rows.sort_values([roles.timestamp, *roles.id], kind="stable", ignore_index=True)
    return rows.assign(**{DAY: rows[roles.timestamp].dt.tz_convert(ZONE).dt.tz_localize(None).dt.normalize()})


def _train(config: MonitorConfig, rows: pd.DataFrame) -> Any:
    roles, trainer = config.columns, resolve(config.retrain.trainer, ROOT)
    with few_threads(len(rows)):
        return trainer(rows[roles.features], rows[roles.target], roles, config.task, dict(config.retrain.params), rows[roles.timestamp])


def _scored(config: MonitorConfig, model: Any, rows: pd.DataFrame) -> pd.DataFrame:
    return rows.assign(**{config.columns.prediction: predict(config, model, rows).values})


def _windows(rows: pd.DataFrame) -> list[np.ndarray]:
    return [np.asarray(found) for _, found in sorted(rows.reset_index(drop=True).groupby(DAY).indices.items())]


def _concept_change(frame: pd.DataFrame, minutes: int) -> pd.DataFrame:
    return frame.assign(arr_delay=frame["arr_delay"] + minutes)


def _covariate_change(config: MonitorConfig, model: Any, frame: pd.DataFrame) -> pd.DataFrame:
    moved = frame.assign(dep_delay=frame["dep_delay"] + MINUTES_OF_DELAY, arr_delay=frame["arr_delay"] + MINUTES_OF_DELAY)
    return _scored(config, model, moved)


def _data_error(config: MonitorConfig, model: Any, frame: pd.DataFrame) -> pd.DataFrame:
    return _scored(config, model, frame.assign(dep_delay=frame["dep_delay"] + MINUTES_OF_DELAY))


def _more_late_flights(frame: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([frame, *[frame[frame["dep_delay"] > 15]] * 2], ignore_index=True)


def _compare(config: MonitorConfig, estimator: Estimator, frame: pd.DataFrame) -> pd.DataFrame:
    """One line per day and metric: estimate, range and realised score."""
    scores, found = score_function(config.task), []
    for day, rows in frame.groupby(DAY):
        known = rows.iloc[labelled_rows(config, rows)]
        actual = scores(realised(config, known, estimator.positive))
        for metric in estimate(config, estimator, rows):
            name = metric.metric.removeprefix(PREFIX)
            found.append((name, pd.Timestamp(day), metric.value, metric.low, metric.high, actual[name]))  # type: ignore[arg-type]
    lines = pd.DataFrame(found, columns=["metric", "day", "estimated", "low", "high", "realised"])
    return lines.assign(covered=lines["realised"].between(lines["low"], lines["high"]), above=lines["realised"] > lines["high"])


def _table(lines: pd.DataFrame) -> str:
    texts = [f"  {'':6}{'month':9}{'days':>5}{'estimated':>11}{'range (mean)':>16}{'realised':>10}{'covered':>9}{'above':>7}{'corr.':>7}"]
    for metric, own in lines.groupby("metric", sort=False):
        months = [(f"{month:%B}", part) for month, part in own.groupby(own["day"].dt.to_period("M").dt.to_timestamp())]
        for month, part in [*months, ("together", own)]:
            mean = part[["estimated", "low", "high", "realised", "covered", "above"]].mean()
            band = f"{mean['low']:.1f} to {mean['high']:.1f}"
            texts.append(
                f"  {metric:6}{month:9}{len(part):5}{mean['estimated']:11.2f}{band:>16}{mean['realised']:10.2f}"
                f"{mean['covered']:9.1%}{mean['above']:7.1%}{part['estimated'].corr(part['realised']):7.2f}"
            )
    return "\n".join(texts)


def _text(estimator: Estimator) -> str:
    parts = [
        f"{name} out-of-fold {estimator.reference[name]:.2f}, its logarithm varies between days by {spread.between**0.5:.3f}"
        for name, spread in estimator.spreads.items()
    ]
    return "; ".join(parts)


def _in_random_order(config: MonitorConfig, rows: pd.DataFrame, repeats: int) -> None:
    """Take the season away: two thirds of the days at random for the fit, the others for the test."""
    known, lines = rows[rows[str(config.columns.target)].notna()], []
    days = np.sort(known[DAY].unique())
    for seed in range(repeats):
        shuffled = np.random.default_rng(seed).permutation(days)
        cut = 2 * len(days) // 3
        order = pd.Series(range(len(shuffled)), index=shuffled)
        fitted = known[known[DAY].isin(shuffled[:cut])]
        fitted = fitted.iloc[np.argsort(fitted[DAY].map(order).to_numpy(), kind="stable")].reset_index(drop=True)
        positions = fitted.groupby(DAY).indices
        estimator = fit(config, fitted, [np.asarray(positions[day]) for day in shuffled[:cut]])
        lines.append(_compare(config, estimator, known[known[DAY].isin(shuffled[cut:])]))
    if lines:
        print(f"\nas they were, two thirds of the days of March to May at random for the fit, the others tested, {repeats} times")
        print(_table(pd.concat(lines, ignore_index=True)))


# --- simulated windows ------------------------------------------------------------------------------------------------


def simulated(repeats: int) -> None:
    """Print how often the range covers the realised score in windows that differ by chance, or by a level of their own."""
    if repeats:
        print(f"\nsimulated windows, 100 new ones for each of {repeats} fits: share of realised scores in the 95 % range")
    for task, windows, level, sizes in _cases() if repeats else ():
        config, covered = _simulated_config(task), []
        for seed in range(repeats):
            rng = np.random.default_rng(seed)
            rows = _simulate(task, rng, rng.integers(*sizes, windows), level)
            estimator = fit(config, rows, _windows(rows))
            covered.append(_compare(config, estimator, _simulate(task, rng, rng.integers(*sizes, 100), level)))
        shares = pd.concat(covered).groupby("metric", sort=False)["covered"].mean()
        text = ", ".join(f"{name} {share:.3f}" for name, share in shares.items())
        print(f"  {task:10} {windows} windows of {sizes[0]} to {sizes[1] - 1} rows, level {level:<4}: {text}")


def _cases() -> Iterator[tuple[str, int, float, tuple[int, int]]]:
    for task in ("regression", "binary"):
        yield task, 60, 0.0, (200, 201)
        yield task, 60, 0.15, (200, 201)
        yield task, 30, 0.15, (100, 601)
        yield task, 12, 0.15, (100, 601)


def _simulated_config(task: str) -> MonitorConfig:
    columns = {"timestamp": DAY, "target": "target", "numerical": ["distance"], "prediction_proba": "proba" if task == "binary" else None}
    source = {"kind": "files", "path": "unused.csv"}
    return MonitorConfig.model_validate({"id": "simulated", "task": task, "source": source, "columns": columns})


def _simulate(task: str, rng: np.random.Generator, sizes: np.ndarray, level: float) -> pd.DataFrame:
    number = np.repeat(np.arange(len(sizes)), sizes)
    day, own = pd.Timestamp("2024-01-01") + pd.to_timedelta(number, unit="D"), rng.normal(0, level, len(sizes))[number]
    if task == "regression":
        distance = rng.gamma(2, 2, len(number))
        noise = (0.5 + 0.3 * distance) * np.exp(own) * rng.standard_t(5, len(number))
        return pd.DataFrame({DAY: day, "distance": distance, "target": 3 * distance + noise, "prediction": 3 * distance})
    distance = rng.normal(0, 1, len(number))
    target = (rng.random(len(number)) < 1 / (1 + np.exp(1 - 1.5 * distance - own))).astype(int)
    proba = 1 / (1 + np.exp(1 - 2 * distance))
    return pd.DataFrame({DAY: day, "distance": distance, "target": target, "proba": proba, "prediction": (proba > 0.5).astype(int)})


if __name__ == "__main__":
    main()
