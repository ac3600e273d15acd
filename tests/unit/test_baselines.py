"""Limits and estimator of a model version: made once, used again, made anew when that is needed. On a real PostgreSQL."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from sqlalchemy import event

import factories
from driftgate import baselines
from driftgate.baselines import Baseline, build, ensure, load, settings_hash
from driftgate.calibrate.steady import SteadyError
from driftgate.calibration_commands import calibrate_command
from driftgate.config.loader import load_monitor
from driftgate.context import Context
from driftgate.errors import ModelNotFoundError
from driftgate.estimate import estimator_files
from driftgate.estimate.estimator import Estimator
from driftgate.ingest.batch_store import write_batch
from driftgate.measure.measures import measure_batch
from driftgate.record.calibrations import CalibrationStore
from driftgate.records import Action, Batch, BatchStatus, Decision, Family, GateResult, GateVerdict, Measures, Metric, MetricVerdict
from driftgate.settings import Settings

ROWS, DAYS, LATER = 130, 8, 20
COLUMNS = {"timestamp": "ts", "id": ["trip_id"], "target": "duration", "numerical": ["distance"], "categorical": ["vendor"]}
MONITOR: dict[str, Any] = {
    "id": "trips",
    "task": "regression",
    "source": {"kind": "files", "path": "{home}/source.csv"},
    "columns": COLUMNS,
    "model": {"predictions": "source"},
    "reference": {"kind": "window", "start": "2024-01-01", "end": "2024-01-09"},
    "retrain": {"enabled": False},
    "measures": {"multivariate": "none"},
}
Make = Callable[..., Context]


def judged(context: Context, baseline: Baseline, frame: pd.DataFrame, measures: Measures) -> Measures:
    return baselines.judge(context, baseline, baselines.completed(context.config, baseline, frame, measures))


def rows_of(day: int, rows: int = ROWS, **change: Any) -> pd.DataFrame:
    return factories.make_frame(rows, seed=day, day=day, **change).drop(columns=["hour"])


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("source") / "source.csv"
    pd.concat([rows_of(day) for day in range(DAYS)]).to_csv(path, index=False)
    return path


@pytest.fixture
def make(tmp_path: Path, settings: Settings, store: Any, source: Path) -> Make:
    """Write the monitor file, with some sections changed, and open it; the records stay the same."""
    shutil.copyfile(source, settings.home / "source.csv")
    changed = replace(settings, monitors_dir=tmp_path)

    def written(**sections: Any) -> Context:
        path = tmp_path / "trips.yaml"
        path.write_text(yaml.safe_dump({**MONITOR, **sections}), encoding="utf-8")
        return Context(load_monitor(path), changed, store)

    return written


@pytest.fixture
def context(make: Make) -> Context:
    return make()


def window(day: int = LATER) -> Any:
    return factories.make_window(day)


@pytest.fixture
def saved(store: Any) -> Iterator[list[str]]:
    """Every time that a calibration is written."""
    found: list[str] = []

    def note(*call: Any) -> None:
        if "INSERT INTO driftgate.calibration" in call[2]:
            found.append(call[2])

    event.listen(store.engine, "before_cursor_execute", note)
    yield found
    event.remove(store.engine, "before_cursor_execute", note)


# --- making and keeping -----------------------------------------------------------------------------------------------


def test_the_first_window_makes_it_and_later_ones_use_it_again(context: Context, saved: list[str]) -> None:
    assert load(context, None) is None
    first = ensure(context, None, window(), ROWS)
    assert first.calibration is not None
    assert first.calibration.windows == DAYS
    again = ensure(context, None, window(21), ROWS)
    assert len(saved) == 1
    assert (again.calibration, again.steady, again.usual_rows) == (first.calibration, first.steady, first.usual_rows)
    frame = rows_of(LATER)
    assert again.estimator is not None
    assert first.estimator is not None
    assert again.estimator.spreads == first.estimator.spreads
    assert again.estimator.losses(context.config, frame) == pytest.approx(first.estimator.losses(context.config, frame))


def test_two_windows_at_the_same_time_make_it_once(context: Context, saved: list[str]) -> None:
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda day: ensure(context, None, window(day), ROWS), (LATER, LATER + 1)))
    assert len(saved) == 1
    assert found[0].calibration == found[1].calibration


@pytest.mark.parametrize(
    "sections",
    [
        pytest.param({"measures": {"multivariate": "none", "budget": {"per": "30d"}}}, id="budget"),
        pytest.param({"columns": {**COLUMNS, "categorical": []}}, id="columns"),
        pytest.param({"window": {"size": "12h"}}, id="window"),
        pytest.param({"schedule": {"timezone": "Europe/Berlin"}}, id="time zone"),
    ],
)
def test_a_change_of_the_monitor_file_that_limits_depend_on_makes_it_anew(make: Make, saved: list[str], sections: dict[str, Any]) -> None:
    before = make()
    baselines._store(before).save(
        "trips", "source", {"settings": settings_hash(before.config), "calibration": None, "steady": None, "usual_rows": None}
    )
    assert CalibrationStore(before.store.engine).find("trips", "source") is not None
    changed = make(**sections)
    assert settings_hash(changed.config) != settings_hash(before.config)
    assert load(changed, None) is None


def test_other_changes_of_the_monitor_file_keep_it(make: Make, saved: list[str]) -> None:
    ensure(make(), None, window(), ROWS)
    other = make(description="another", owner="another", sinks={"prometheus": False}, notifications={"enabled": False})
    ensure(other, None, window(21), ROWS)
    assert len(saved) == 1


def test_a_window_outside_the_calibrated_sizes_makes_limits_that_hold_for_it_too(context: Context, saved: list[str]) -> None:
    first = ensure(context, None, window(), ROWS)
    assert first.calibration is not None
    assert not first.calibration.covers(2000)
    large = ensure(context, None, window(21), 2000)
    small = ensure(context, None, window(22), 30)
    assert len(saved) == 3
    assert small.calibration is not None
    assert all(small.calibration.covers(rows) for rows in (30, ROWS, 2000)), "sizes that were asked for once stay covered"
    for rows in (2000, 30, ROWS, 12):
        ensure(context, None, window(23), rows)
    assert len(saved) == 3, "a handful of rows is never judged, so it needs no limits"
    assert large.calibration is not None


def test_a_lost_estimator_is_fitted_again_without_touching_the_limits(context: Context, saved: list[str]) -> None:
    first = ensure(context, None, window(), ROWS)
    folder = context.settings.references_dir / "trips" / "source.estimator"
    assert {path.name for path in folder.iterdir()} == {"estimator.json", "losses.skops"}
    shutil.rmtree(folder)
    assert load(context, None) is None
    again = ensure(context, None, window(21), ROWS)
    assert len(saved) == 1
    assert again.calibration == first.calibration
    assert again.estimator is not None
    assert folder.is_dir()
    assert load(context, None) is not None


def test_a_damaged_estimator_is_fitted_again(context: Context) -> None:
    ensure(context, None, window(), ROWS)
    (context.settings.references_dir / "trips" / "source.estimator" / "losses.skops").write_bytes(b"cut off")
    assert load(context, None) is None
    assert ensure(context, None, window(), ROWS).estimator is not None


def test_a_killed_build_leaves_no_half_folder_and_no_limits(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    write = estimator_files.to_files

    def killed(estimator: Any, folder: Path) -> list[Path]:
        write(estimator, folder)
        (folder / "estimator.json").unlink()
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(estimator_files, "to_files", killed)
        with pytest.raises(KeyboardInterrupt):
            ensure(context, None, window(), ROWS)
    assert not list((context.settings.references_dir / "trips").glob("*estimator*"))
    assert CalibrationStore(context.store.engine).find("trips", "source") is None
    assert ensure(context, None, window(), ROWS).calibration is not None


def test_a_killed_build_keeps_what_was_there(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    first = ensure(context, None, window(), ROWS)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt()))
        with pytest.raises(KeyboardInterrupt):
            build(context, None)
    again = load(context, None)
    assert again is not None
    assert (again.calibration, again.estimator is None) == (first.calibration, False)


def test_the_rows_that_windows_had_are_those_of_the_kept_batches(context: Context) -> None:
    for day in range(DAYS):
        rows = 200 if day else 10_000
        status = BatchStatus.MEASURED if day else BatchStatus.QUARANTINED
        context.store.save_batch(Batch("trips", window(day), status, rows, 1, str(day), "/x"))
    context.store.save_batch(Batch("trips", window(LATER), BatchStatus.MEASURED, 9, 1, "x", "/x"))
    assert build(context, None).usual_rows == 200


# --- fixed thresholds -------------------------------------------------------------------------------------------------


def test_fixed_thresholds_leave_every_number_as_it_was(make: Make) -> None:
    context = make(measures={"thresholds": "fixed", "multivariate": "none"})
    baseline = ensure(context, None, window(), ROWS)
    assert (baseline.calibration, baseline.steady) == (None, None)
    assert baseline.estimator is not None
    measures = measured(context, rows_of(LATER, shift=3.0))
    found = judged(context, baseline, rows_of(LATER, shift=3.0), measures)
    assert found.metrics[: len(measures.metrics)] == measures.metrics
    assert {item.family for item in found.metrics[len(measures.metrics) :]} == {Family.PERFORMANCE_ESTIMATED}
    again = load(context, None)
    assert again is not None
    assert again.calibration is None


def test_seven_windows_leave_fixed_thresholds(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    context = make(reference={"kind": "window", "start": "2024-01-01", "end": "2024-01-08"})
    with caplog.at_level("WARNING", logger="driftgate"):
        baseline = ensure(context, None, window(), ROWS)
    assert baseline.calibration is None
    assert "7 windows in the reference, 8 are needed" in caplog.text
    measures = measured(context, rows_of(LATER))
    assert judged(context, baseline, rows_of(LATER), measures).metrics[: len(measures.metrics)] == measures.metrics


def measured(context: Context, frame: pd.DataFrame, day: int = LATER) -> Measures:
    reference = pd.concat([rows_of(number) for number in range(DAYS)], ignore_index=True)
    return measure_batch(context.config, frame, reference, window=window(day), model_version="source")


# --- judging ----------------------------------------------------------------------------------------------------------


def test_a_window_is_judged_with_the_windows_before_it(context: Context) -> None:
    baseline = ensure(context, None, window(), ROWS)
    assert baseline.calibration is not None
    found: list[Metric] = []
    for day in range(LATER, LATER + 5):
        frame = rows_of(day, shift=0.8)
        measures = judged(context, baseline, frame, measured(context, frame, day))
        context.store.save_measures(Batch("trips", window(day), BatchStatus.MEASURED, ROWS, 1, str(day), "/x"), measures)
        found += [item for item in measures.metrics if (item.metric, item.column) == ("slow_drift", "distance")]
    values = [float(item.value or 0) for item in found]
    address = ("data_drift", "position", "distance")
    history = CalibrationStore(context.store.engine).history("trips", "source", window(LATER + 5).start, [address], 13)[address]
    limit = baseline.calibration.slow[address]
    assert len(history) == 5
    assert values[-1] >= limit.statistic([history[-1][0]], [history[-1][1]]) - 1e-6, "all windows together say at least what the last says"
    assert values[-1] == pytest.approx(limit.statistic([value for value, _ in history], [rows for _, rows in history]), rel=1e-6)


def test_what_is_expected_of_a_window_is_worked_out_once(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    baseline = replace(ensure(context, None, window(), ROWS), steady=SteadyError([], [1.0], is_median=True))
    calls: list[int] = []
    table = Estimator.table
    monkeypatch.setattr(Estimator, "table", lambda self, config, frame: calls.append(len(frame)) or table(self, config, frame))
    frame = rows_of(LATER)
    found = judged(context, baseline, frame, measured(context, frame))
    assert calls == [ROWS]
    assert None not in (found.find("estimated_mae"), found.find("steady_residual", "residual"))


def test_labels_that_are_missing_leave_an_estimate_with_the_limit_of_the_real_score(context: Context) -> None:
    baseline = ensure(context, None, window(), ROWS)
    assert baseline.calibration is not None
    frame = rows_of(LATER).drop(columns=["duration"])
    found = judged(context, baseline, frame, measured(context, frame))
    assert found.find("mae") is None
    estimate = found.find("estimated_mae")
    assert estimate is not None
    assert estimate.threshold == baseline.calibration.values["performance", "mae", ""].bounds(ROWS)[1]
    assert estimate.verdict is MetricVerdict.OK
    assert found.find("steady_residual", "residual") is None


# --- a reference that grows -------------------------------------------------------------------------------------------


def keep_days(context: Context, days: Sequence[int]) -> None:
    """Write windows into the records as the pipeline does: passed, measured, decided upon."""
    for day in days:
        stored = write_batch(rows_of(day), context.settings.window_dir("trips", window(day).key))
        batch = Batch("trips", window(day), BatchStatus.INGESTED, stored.rows, stored.bytes, stored.content_hash, str(stored.path))
        context.store.save_batch(batch)
        context.store.save_gate(batch, GateResult("trips", window(day), "none", GateVerdict.PASS, 0))
        context.store.save_measures(replace(batch, status=BatchStatus.MEASURED), Measures("trips", window(day), "source", stored.rows))
        context.store.save_decision(Decision("trips", window(day), "source", Action.NO_ACTION))


def test_limits_are_learned_once_the_time_before_holds_enough_windows(
    make: Make, saved: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    context = make(reference={"kind": "trailing", "length": "28d"})
    seen: dict[int, Baseline] = {}
    read: list[int] = []
    rows = baselines._rows
    monkeypatch.setattr(baselines, "_rows", lambda context, version, asking: read.append(day) or rows(context, version, asking))
    for day in range(18):
        seen[day] = ensure(context, None, window(day), ROWS)
        keep_days(context, [day])
    assert not {*range(9, 16), 17} & set(read), "the records say that there is no more to learn from"
    windows = {day: item.calibration.windows if item.calibration else None for day, item in seen.items()}
    assert windows == {day: None if day < 8 else 8 if day < 16 else 16 for day in range(18)}
    assert len(saved) == 3, "nothing at first, limits from eight windows, limits from sixteen"
    assert seen[17].estimator is not None


def test_a_short_time_before_the_window_never_asks_for_more(make: Make, saved: list[str]) -> None:
    context = make(reference={"kind": "trailing", "length": "10d"})
    keep_days(context, range(12))
    for day in (12, 13, 14):
        assert ensure(context, None, window(day), ROWS).calibration is not None
    assert len(saved) == 1


# --- the command ------------------------------------------------------------------------------------------------------


@pytest.fixture
def command(context: Context, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    monkeypatch.setattr("driftgate.calibration_commands.open_context", lambda monitor, settings: context)

    def run(version: str | None = None, *, show: bool = False) -> int:
        return calibrate_command(context.settings, "trips", version, show)

    return run


def test_calibrate_learns_and_shows_what_it_learned(
    command: Callable[..., int], capsys: pytest.CaptureFixture[str], saved: list[str]
) -> None:
    assert command(show=True) == 1
    assert "nothing was learned yet for version source; run `driftgate calibrate trips`" in capsys.readouterr().out
    assert command() == 0
    learned = capsys.readouterr().out
    assert "at most 1 false alarm per 13w, a chance of 1.10% per window for all of the following together" in learned
    assert "learned from 8 windows of about 130 rows, 2024-01-01 to 2024-01-09" in learned
    for part in ("drift_score of distance", "wasserstein", "missing_share of vendor", "mae", "slow_drift of residual"):
        assert part in learned
    assert command(show=True) == 0
    assert capsys.readouterr().out == learned
    assert len(saved) == 1


def test_calibrate_says_why_there_are_no_limits(make: Make, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for sections, reason in (
        ({"measures": {"thresholds": "fixed"}}, "thresholds are fixed (measures.thresholds in the monitor file)"),
        ({"reference": {"kind": "window", "start": "2024-01-01", "end": "2024-01-03"}}, "fewer than 8 windows with enough rows"),
    ):
        context = make(**sections)
        monkeypatch.setattr("driftgate.calibration_commands.open_context", lambda *_, found=context: found)
        assert calibrate_command(context.settings, "trips", None, False) == 1
        assert reason in capsys.readouterr().out


def test_calibrate_without_a_champion_says_how_to_get_one(make: Make, mlflow_uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    context = make(model={"predictions": "champion"}, retrain={"enabled": True})
    context = Context(context.monitor, replace(context.settings, mlflow_uri=mlflow_uri), context.store)
    monkeypatch.setattr("driftgate.calibration_commands.open_context", lambda *_: context)
    with pytest.raises(ModelNotFoundError, match="there is no champion to calibrate; train one with `driftgate train trips`"):
        calibrate_command(context.settings, "trips", None, False)
