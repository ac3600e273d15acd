"""Labels that arrive late, twice, corrected, for unknown ids or for half of a window, on real files, PostgreSQL and MLflow."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from sqlalchemy import text

import factories
from driftgate import late_labels, pipeline, retraining
from driftgate.config.loader import load_monitor
from driftgate.context import Context
from driftgate.errors import ModelNotFoundError, ServiceError, SourceError
from driftgate.known_labels import with_source_labels
from driftgate.late_labels import LabelOutcome, due_windows, follow_up, restate, restate_due
from driftgate.mlflow_client import client
from driftgate.record.labels import LabelStore
from driftgate.record.mlflow_runs import find_run
from driftgate.records import Action, Family, Measures, Metric
from driftgate.settings import Settings

SUITE = {
    "name": "trips",
    "expectations": [{"type": "expect_column_values_to_be_between", "kwargs": {"column": "distance", "min_value": 0, "max_value": 100}}],
}
LABELS = {"source": {"kind": "files", "path": "{home}/labels/{window_start:%Y-%m-%d}.csv"}}
COLUMNS = {
    "timestamp": "ts",
    "id": ["trip_id"],
    "target": "duration",
    "numerical": ["distance", "hour"],
    "categorical": ["vendor"],
    "segments": ["vendor"],
}
ROWS = 150


@pytest.fixture
def make_context(tmp_path: Path, settings: Settings, store: Any, mlflow_uri: str) -> Callable[..., Context]:
    """Build a monitor whose rows bring their predictions but, apart from the reference day, no target."""

    def build(**overrides: Any) -> Context:
        monitors, suites = tmp_path / "monitors", tmp_path / "gx" / "expectations"
        for folder in (monitors, suites, settings.home / "source", settings.home / "labels"):
            folder.mkdir(parents=True, exist_ok=True)
        content = {
            "id": "trips",
            "owner": "tests",
            "task": "regression",
            "source": {"kind": "files", "path": "{home}/source/{window_start:%Y-%m-%d}.csv"},
            "columns": COLUMNS,
            "model": {"predictions": "source"},
            "reference": {"kind": "window", "start": "2024-01-01", "end": "2024-01-02"},
            "gate": {"suite": "trips"},
            "labels": LABELS,
            "decision": {"rules": [{"metric": "mae", "above_reference": 1.5}], "consecutive": 2, "cooldown": "3d"},
            "kpis": [{"name": "mean_miss", "expression": "mean(abs(duration - prediction))"}],
            "retrain": {"training_window": "4d", "held_out": 0.1, "minimum_rows": 100, "params": {"max_iter": 20}, "approval": "auto"},
        }
        path = monitors / "trips.yaml"
        path.write_text(yaml.safe_dump(content | overrides), encoding="utf-8")
        (suites / "trips.json").write_text(json.dumps(SUITE), encoding="utf-8")
        changed = replace(settings, monitors_dir=monitors, gx_dir=tmp_path / "gx", mlflow_uri=mlflow_uri)
        factories.make_frame(ROWS, seed=0).to_csv(settings.home / "source" / "2024-01-01.csv", index=False)
        return Context(load_monitor(path), changed, store)

    return build


@pytest.fixture
def context(make_context: Callable[..., Context]) -> Context:
    return make_context()


def frame_of(day: int, **shape: Any) -> pd.DataFrame:
    return factories.make_frame(ROWS, seed=day, day=day, **shape)


def name_of(day: int) -> str:
    return f"{factories.make_window(day).start:%Y-%m-%d}.csv"


def run_day(context: Context, day: int, frame: pd.DataFrame | None = None, *, reprocess: bool = False, **shape: Any) -> pd.DataFrame:
    """Take a day without labels through the monitor; return its rows with the truth."""
    rows = frame_of(day, **shape) if frame is None else frame
    rows.drop(columns=[context.config.columns.target]).to_csv(context.settings.home / "source" / name_of(day), index=False)
    run_window(context, day, reprocess=reprocess)
    return rows


def run_window(context: Context, day: int, *, reprocess: bool = False) -> None:
    """Do what the monitor's DAG does, without the drawing."""
    batch = pipeline.ingest(context, factories.make_window(day), reprocess=reprocess)
    if batch.rows:
        result = pipeline.gate(context, batch, build_docs=False)
        measures = pipeline.measure(context, batch)
        pipeline.store(context, batch, measures)
        pipeline.log_mlflow(context, batch, result, measures)
        pipeline.decide(context, measures)


def deliver(context: Context, day: int, rows: pd.DataFrame) -> None:
    rows[["trip_id", str(context.config.columns.target)]].to_csv(context.settings.home / "labels" / name_of(day), index=False)


def stored(context: Context, day: int) -> Measures:
    found = context.store.load_measures("trips", factories.make_window(day), pipeline.UNVERSIONED)
    assert found is not None
    return found


def value(context: Context, day: int, metric: str = "mae", segment: str = "") -> float | None:
    found = stored(context, day).find(metric, segment=segment, family=None if metric != "mae" else "performance")
    return None if found is None else found.value


def mae(rows: pd.DataFrame) -> float:
    known = rows[rows["duration"].notna()]
    return float(np.abs(known["prediction"] - known["duration"]).mean())


def revisions(context: Context, day: int, metric: str = "mae") -> list[tuple[int, float | None, int]]:
    history = LabelStore(context.store.engine).history("trips", factories.make_window(day))
    return [
        (item.revision, item.metric.value, item.labelled_rows)
        for item in history
        if item.metric.metric == metric and not item.metric.segment
    ]


def counts(context: Context) -> dict[str, int]:
    tables = ("batch", "gate_result", "metric", "decision", "incident", "label_batch", "metric_revision", "report")
    with context.store.engine.connect() as connection:
        return {name: connection.execute(text(f"SELECT count(*) FROM driftgate.{name}")).scalar_one() for name in tables}


# --- the situations ---------------------------------------------------------------------------------------------------


def test_late_labels_give_the_performance_that_was_missing(context: Context) -> None:
    rows = run_day(context, 7)
    before = stored(context, 7)
    assert value(context, 7) is None
    assert restate(context, factories.make_window(7)).outcome is LabelOutcome.WAITING
    assert counts(context)["label_batch"] == 0
    deliver(context, 7, rows)
    done = restate(context, factories.make_window(7))
    assert (done.outcome, done.revision, done.counts.labelled) == (LabelOutcome.RESTATED, 1, ROWS)
    assert value(context, 7) == pytest.approx(mae(rows), rel=1e-9)
    part = rows[rows["vendor"] == "a"]
    assert value(context, 7, segment="vendor=a") == pytest.approx(mae(part), rel=1e-9)
    assert value(context, 7, "mean_miss") == pytest.approx(mae(rows), rel=1e-9)
    assert stored(context, 7).find("drift_score", "duration") is not None, "the target drifts or not, now that it is known"
    assert revisions(context, 7) == [(1, value(context, 7), ROWS)]
    assert without_labels(context, stored(context, 7)) == without_labels(context, before), "other metrics stay as they were"


def without_labels(context: Context, measures: Measures) -> list[Metric]:
    return [metric for metric in measures.metrics if not late_labels.depends_on_labels(context.config, metric)]


def test_the_numbers_are_those_of_a_source_that_always_had_the_labels(context: Context) -> None:
    """The same window measured with the target in its source is the second opinion on every metric."""
    rows = run_day(context, 7)
    deliver(context, 7, rows)
    restate(context, factories.make_window(7))
    late = stored(context, 7)
    with context.store.engine.begin() as connection:
        connection.execute(text("TRUNCATE driftgate.batch CASCADE"))
    rows.to_csv(context.settings.home / "source" / name_of(7), index=False)
    run_window(context, 7, reprocess=True)
    assert stored(context, 7) == late


def test_the_same_labels_twice_write_nothing(context: Context) -> None:
    rows = run_day(context, 7)
    deliver(context, 7, rows)
    restate(context, factories.make_window(7))
    before, runs = counts(context), newest_write(context)
    deliver(context, 7, pd.concat([rows, rows]).sample(frac=1, random_state=1))
    again = restate(context, factories.make_window(7))
    assert (again.outcome, again.revision, again.counts.duplicate_ids) == (LabelOutcome.UNCHANGED, 1, ROWS)
    assert (counts(context), newest_write(context)) == (before, runs)


def newest_write(context: Context) -> Any:
    with context.store.engine.connect() as connection:
        return connection.execute(text("SELECT max(updated_at) FROM driftgate.metric")).scalar_one()


def test_corrected_labels_restate_and_the_former_numbers_stay_on_record(context: Context) -> None:
    rows = run_day(context, 7)
    deliver(context, 7, rows)
    restate(context, factories.make_window(7))
    corrected = rows.assign(duration=rows["duration"].where(rows.index > 9, rows["duration"] + 30))
    deliver(context, 7, corrected)
    done = restate(context, factories.make_window(7))
    assert (done.outcome, done.revision, done.counts.corrected) == (LabelOutcome.RESTATED, 2, 10)
    assert value(context, 7) == pytest.approx(mae(corrected), rel=1e-9)
    assert revisions(context, 7) == [(1, pytest.approx(mae(rows), rel=1e-9), ROWS), (2, pytest.approx(mae(corrected), rel=1e-9), ROWS)]
    deliver(context, 7, rows)
    assert restate(context, factories.make_window(7)).revision == 3
    assert value(context, 7) == revisions(context, 7)[0][1], "a correction that is taken back gives the former number"


def test_half_of_a_window_is_measured_on_that_half_and_then_on_all(context: Context) -> None:
    rows = run_day(context, 7)
    deliver(context, 7, rows.iloc[:70])
    first = restate(context, factories.make_window(7))
    assert (first.counts.labelled, first.counts.unlabelled) == (70, 80)
    assert value(context, 7) == pytest.approx(mae(rows.iloc[:70]), rel=1e-9)
    deliver(context, 7, rows.iloc[70:])  # only what is new, as a stream of labels delivers it
    second = restate(context, factories.make_window(7))
    assert (second.counts.labelled, second.counts.corrected) == (ROWS, 0)
    assert value(context, 7) == pytest.approx(mae(rows), rel=1e-9)
    assert [labelled for _, _, labelled in revisions(context, 7)] == [70, ROWS]


def test_labels_for_unknown_ids_change_nothing(context: Context) -> None:
    rows = run_day(context, 7)
    deliver(context, 7, frame_of(8))
    done = restate(context, factories.make_window(7))
    assert (done.outcome, done.counts.unknown_ids) == (LabelOutcome.WAITING, ROWS)
    assert counts(context)["label_batch"] == 0
    deliver(context, 7, pd.concat([frame_of(8), rows]))
    done = restate(context, factories.make_window(7))
    assert (done.counts.labelled, done.counts.unknown_ids) == (ROWS, ROWS)
    assert value(context, 7) == pytest.approx(mae(rows), rel=1e-9)


def test_labels_that_the_rows_already_had_are_no_revision(context: Context) -> None:
    rows = frame_of(7)
    rows.to_csv(context.settings.home / "source" / name_of(7), index=False)
    run_window(context, 7)
    deliver(context, 7, rows)
    assert restate(context, factories.make_window(7)).outcome is LabelOutcome.UNCHANGED
    deliver(context, 7, rows.assign(duration=rows["duration"] + 1))
    assert restate(context, factories.make_window(7)).counts.corrected == ROWS
    first, second = revisions(context, 7)
    assert first == (0, pytest.approx(mae(rows), rel=1e-9), ROWS), "what stood there before any label came is revision 0"
    assert second[1] == pytest.approx(mae(rows.assign(duration=rows["duration"] + 1)), rel=1e-9)


def test_a_window_that_is_run_again_keeps_its_labels(context: Context) -> None:
    rows = run_day(context, 7)
    deliver(context, 7, rows)
    restate(context, factories.make_window(7))
    known, before = stored(context, 7), counts(context)
    for reprocess in (False, True):
        run_day(context, 7, reprocess=reprocess)
        assert stored(context, 7) == known
    assert restate(context, factories.make_window(7)).outcome is LabelOutcome.UNCHANGED
    assert counts(context) == before


def test_rows_that_were_replaced_get_the_labels_anew(context: Context) -> None:
    rows = run_day(context, 7)
    deliver(context, 7, rows)
    restate(context, factories.make_window(7))
    replaced = rows.iloc[20:].assign(prediction=rows["prediction"] + 2)
    run_day(context, 7, replaced, reprocess=True)
    assert value(context, 7) == pytest.approx(mae(replaced), rel=1e-9), "the monitor applies what is known"
    done = restate(context, factories.make_window(7))
    assert (done.outcome, done.revision, done.counts.unknown_ids) == (LabelOutcome.RESTATED, 2, 20)
    assert revisions(context, 7)[-1] == (2, pytest.approx(mae(replaced), rel=1e-9), ROWS - 20)
    assert restate(context, factories.make_window(7)).outcome is LabelOutcome.UNCHANGED


def test_what_broke_halfway_is_done_again_and_leaves_the_same(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = run_day(context, 7)
    deliver(context, 7, rows)
    mlflow_down = replace(context, settings=replace(context.settings, mlflow_uri="http://127.0.0.1:9"))
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(ServiceError, match=r"127\.0\.0\.1:9"):
        restate(mlflow_down, factories.make_window(7))
    labels = LabelStore(context.store.engine).latest("trips", factories.make_window(7))
    assert labels is not None
    assert (labels.revision, labels.restated_at) == (1, None)
    done = restate(context, factories.make_window(7))
    assert (done.outcome, done.revision) == (LabelOutcome.RESTATED, 1)
    assert revisions(context, 7) == [(1, pytest.approx(mae(rows), rel=1e-9), ROWS)]


def test_metrics_that_somebody_wrote_without_the_labels_are_put_right(context: Context) -> None:
    rows = run_day(context, 7)
    bare = stored(context, 7)
    deliver(context, 7, rows)
    restate(context, factories.make_window(7))
    batch = context.store.find_batch("trips", factories.make_window(7))
    context.store.save_measures(batch, bare)
    done = restate(context, factories.make_window(7))
    assert (done.outcome, done.revision) == (LabelOutcome.RESTATED, 1)
    assert value(context, 7) == pytest.approx(mae(rows), rel=1e-9)


@pytest.mark.parametrize("task", ["binary", "multiclass"])
def test_classes_go_the_same_way(make_context: Callable[..., Context], task: str) -> None:
    columns = {name: role for name, role in COLUMNS.items() if name != "segments"} | {"target": "late"}
    if task == "binary":
        columns["prediction_proba"] = "late_proba"
    context = make_context(task=task, columns=columns, kpis=[], decision={"rules": [{"metric": "accuracy", "below_reference": 0.5}]})
    factories.make_binary_frame(ROWS, seed=0).to_csv(context.settings.home / "source" / name_of(0), index=False)
    rows = run_day(context, 7, factories.make_binary_frame(ROWS, seed=7, day=7))
    assert value(context, 7, "accuracy") is None
    deliver(context, 7, rows.assign(late=rows["late"].astype(float)))  # written as 1.0 and 0.0, read as "1" and "0"
    assert restate(context, factories.make_window(7)).counts.labelled == ROWS
    assert value(context, 7, "accuracy") == pytest.approx((rows["late"] == rows["prediction"]).mean(), rel=1e-9)


# --- what follows -----------------------------------------------------------------------------------------------------


def test_performance_pages_and_asks_for_one_retraining_once_labels_are_there(context: Context) -> None:
    worse = {day: run_day(context, day, slope=9.0) for day in (5, 6, 7)}
    assert context.incidents.list("trips") == []
    for day, rows in worse.items():
        deliver(context, day, rows)
    run = restate_due(context)
    assert [item.decision.action for item in run.restated if item.decision] == [Action.ALERT, Action.RETRAIN, Action.RETRAIN]
    decision = follow_up(run.done)
    assert decision is not None
    assert (decision.action, decision.window) == (Action.RETRAIN, factories.make_window(7)), "one retraining, for the newest window"
    (incident,) = context.incidents.list("trips")
    assert incident.count >= 1
    assert "mae" in incident.detail
    assert follow_up(restate_due(context).done) is None, "nothing new, nothing follows"


def test_a_window_without_labels_neither_hides_nor_ends_what_labels_showed(context: Context) -> None:
    """Later windows broke no rule, but only because nobody knew how well the model did in them."""
    worse = run_day(context, 5, slope=9.0)
    run_day(context, 6)
    deliver(context, 5, worse)
    restate(context, factories.make_window(5))
    assert [incident.last_seen for incident in context.incidents.list("trips")] == [factories.make_window(5)]
    good = run_day(context, 7)
    assert len(context.incidents.list("trips")) == 1, "still open: the new window has no labels"
    deliver(context, 7, good)
    restate(context, factories.make_window(7))
    assert context.incidents.list("trips") == [], "its labels show that the cause is gone"
    late = run_day(context, 4, slope=9.0)
    deliver(context, 4, late)
    restate(context, factories.make_window(4))
    assert context.incidents.list("trips") == [], "a window of the past, when a later one is known to be well"


def test_labels_that_come_in_another_order_lead_to_the_same_decisions(context: Context) -> None:
    worse = {day: run_day(context, day, slope=9.0) for day in (6, 7)}
    deliver(context, 7, worse[7])
    assert [item.decision.action for item in restate_due(context).restated if item.decision] == [Action.ALERT]
    deliver(context, 6, worse[6])
    (done,) = restate_due(context).restated
    assert done.decision is not None
    assert done.decision.action is Action.ALERT
    assert [(item.window, item.action) for item in done.later] == [(factories.make_window(7), Action.RETRAIN)]
    assert context.store.find_decision("trips", factories.make_window(7)).action is Action.RETRAIN
    assert follow_up([done]) == done.later[0]


def test_the_mlflow_run_of_the_window_shows_the_restated_metric_and_keeps_its_report(context: Context) -> None:
    rows = frame_of(7)
    rows.drop(columns=["duration"]).to_csv(context.settings.home / "source" / name_of(7), index=False)
    pipeline.run_window(context, factories.make_window(7))
    deliver(context, 7, rows)
    restate(context, factories.make_window(7))
    run = find_run(context.settings.require_mlflow(), context.config, factories.make_window(7))
    tracking = client(context.settings.require_mlflow())
    assert tracking.get_run(str(run)).data.metrics["performance.mae"] == value(context, 7)
    assert {item.path for item in tracking.list_artifacts(str(run), "evidently")} == {
        "evidently/evidently.html",
        "evidently/evidently.json",
    }


# --- which windows ----------------------------------------------------------------------------------------------------


def test_windows_are_due_from_the_delay_to_the_horizon(make_context: Callable[..., Context]) -> None:
    context = make_context(labels={**LABELS, "delay": "2d", "horizon": "10d"})
    run_day(context, 5)
    run_day(context, 7)
    run_day(context, 8, factories.make_frame(0, day=8))
    windows = [factories.make_window(5), factories.make_window(7)]
    assert due_windows(context, datetime(2024, 1, 8, 23, tzinfo=UTC)) == []
    assert due_windows(context, datetime(2024, 1, 9, tzinfo=UTC)) == windows[:1]
    assert due_windows(context, datetime(2024, 1, 12, tzinfo=UTC)) == windows, "the window without rows has no labels"
    soon = datetime.now(UTC)
    assert due_windows(context, soon + timedelta(days=9)) == windows, "a window that was kept late is looked after from then on"
    assert due_windows(context, soon + timedelta(days=11)) == []


def test_the_horizon_counts_from_the_end_of_a_window_that_was_kept_in_time(make_context: Callable[..., Context]) -> None:
    context = make_context(labels={**LABELS, "horizon": "10d"})
    run_day(context, 5)
    with context.store.engine.begin() as connection:
        connection.execute(text("UPDATE driftgate.batch SET created_at = window_end"))
    assert due_windows(context, datetime(2024, 1, 17, tzinfo=UTC)) == [factories.make_window(5)]
    assert due_windows(context, datetime(2024, 1, 17, 0, 0, 1, tzinfo=UTC)) == []


def test_an_asset_that_says_labels_are_there_is_believed(make_context: Callable[..., Context]) -> None:
    context = make_context(labels={**LABELS, "delay": "2d", "asset": "trip_labels"})
    run_day(context, 5)
    assert due_windows(context, datetime(2024, 1, 7, tzinfo=UTC)) == [factories.make_window(5)]


def test_a_window_whose_labels_cannot_be_read_holds_up_no_other(context: Context) -> None:
    rows = {day: run_day(context, day) for day in (5, 6, 7)}
    (context.settings.home / "labels" / name_of(5)).write_text("trip_id,minutes\n1,2\n", encoding="utf-8")
    deliver(context, 7, rows[7])
    seen: list[tuple[int, int, str]] = []
    run = restate_due(context, progress=lambda number, total, item: seen.append((number, total, item.outcome.value)))
    assert [item.outcome for item in run.done] == [LabelOutcome.WAITING, LabelOutcome.RESTATED]
    assert seen == [(2, 3, "waiting"), (3, 3, "restated")]
    assert len(run.problems) == 1
    assert "labels.source has no column 'duration'" in run.problems[0]


def test_a_run_is_bounded_and_the_next_one_goes_on(context: Context) -> None:
    for day in (5, 6, 7):
        deliver(context, day, run_day(context, day))
    first = restate_due(context, limit=2)
    assert ([item.window for item in first.restated], first.left) == ([factories.make_window(5), factories.make_window(6)], 1)
    second = restate_due(context, limit=2)
    assert ([item.window for item in second.restated], second.left) == ([factories.make_window(7)], 0)


def test_a_window_that_was_never_measured_is_refused(context: Context) -> None:
    with pytest.raises(SourceError, match=r"is not in the record.*run it first with monitor__trips"):
        restate(context, factories.make_window(9))


def test_a_monitor_without_labels_is_told_so(make_context: Callable[..., Context]) -> None:
    context = make_context(labels=None)
    with pytest.raises(SourceError, match="has no section labels"):
        due_windows(context)


# --- models -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def champion(make_context: Callable[..., Context]) -> Context:
    """A champion trained on days whose labels come from the source of labels."""
    context = make_context(model={"predictions": "champion"}, reference={"kind": "training"}, kpis=[])
    for day in range(7):
        rows = frame_of(day).drop(columns=["prediction"])
        rows.to_csv(context.settings.home / "source" / name_of(day), index=False)
    retraining.bootstrap(context, "2024-01-01", "2024-01-06", approver="test")
    return context


def test_a_model_that_was_replaced_since_is_not_retrained_again(champion: Context) -> None:
    for day in (6, 7):
        deliver(champion, day, run_day(champion, day, frame_of(day, slope=9.0).drop(columns=["prediction"])))
    restate(champion, factories.make_window(6))
    retrained = retraining.retrain(champion, factories.make_window(4), approver="test")
    champion.registry.set_champion("trips", retrained.challenger_version)
    done = restate(champion, factories.make_window(7))
    assert done.decision is not None
    assert done.decision.breached
    assert done.decision.action is Action.ALERT
    assert done.decision.reasons_against[0] == "version 1 made these predictions, and the champion is version 2 by now"
    assert champion.store.find_decision("trips", factories.make_window(7)) == done.decision
    mean = champion.store.load_measures("trips", factories.make_window(7), "1").find("mae")
    assert mean is not None
    assert mean.value is not None, "restated with the version that scored the rows"


def test_when_the_model_version_is_gone_the_labels_are_kept_and_the_error_says_so(champion: Context) -> None:
    deliver(champion, 7, run_day(champion, 7, frame_of(7).drop(columns=["prediction"])))
    tracking = client(champion.settings.require_mlflow())
    tracking.delete_registered_model_alias("trips", "champion")
    tracking.delete_model_version("trips", "1")
    with pytest.raises(
        ModelNotFoundError, match=r"its labels are kept \(revision 1\).*model version 1, which made its predictions, is gone"
    ):
        restate(champion, factories.make_window(7))
    labels = LabelStore(champion.store.engine).latest("trips", factories.make_window(7))
    assert labels is not None
    assert labels.restated_at is None


def test_rows_that_are_never_restated_take_the_labels_of_their_source(context: Context) -> None:
    rows = frame_of(7)
    bare = rows.assign(duration=np.nan)
    assert with_source_labels(context, factories.make_window(7), bare) is bare, "no file yet"
    deliver(context, 7, rows.iloc[:100])
    filled = with_source_labels(context, factories.make_window(7), bare)
    assert filled["duration"].notna().sum() == 100
    assert filled["duration"].iloc[:100].tolist() == pytest.approx(rows["duration"].iloc[:100].tolist(), rel=1e-12)


def test_a_first_model_and_its_successor_learn_from_labels_of_the_labels_source(make_context: Callable[..., Context]) -> None:
    context = make_context(model={"predictions": "champion"}, reference={"kind": "training"}, kpis=[])
    for day in range(7):
        rows = frame_of(day)
        rows.drop(columns=["prediction", "duration"]).to_csv(context.settings.home / "source" / name_of(day), index=False)
        deliver(context, day, rows)
    done = retraining.bootstrap(context, "2024-01-01", "2024-01-06", approver="test")
    assert done.comparison.rows == ROWS
    first = retraining.build_training_set(context, factories.make_window(4))
    learnt = pd.read_parquet(first.train_path)
    truth = pd.concat([frame_of(day) for day in range(1, 4)]).set_index("trip_id")["duration"]
    assert learnt["duration"].tolist() == pytest.approx(truth.reindex(learnt["trip_id"]).tolist(), rel=1e-12)
    deliver(context, 4, frame_of(4).assign(duration=1.0))
    assert retraining.build_training_set(context, factories.make_window(4)).content_hash != first.content_hash, "other labels, another set"


def test_a_reference_window_takes_its_labels_from_the_labels_source(make_context: Callable[..., Context]) -> None:
    context = make_context()
    reference = frame_of(0)
    reference.drop(columns=["duration"]).to_csv(context.settings.home / "source" / name_of(0), index=False)
    deliver(context, 0, reference)
    deliver(context, 7, run_day(context, 7))
    restate(context, factories.make_window(7))
    found = stored(context, 7).find("mae")
    assert found is not None
    assert found.reference_value == pytest.approx(mae(reference), rel=1e-9)


def test_which_metrics_depend_on_labels(context: Context) -> None:
    def depends(metric: Metric) -> bool:
        return late_labels.depends_on_labels(context.config, metric)

    assert depends(Metric(Family.PERFORMANCE, "mae", 1.0, segment="vendor=a"))
    assert depends(Metric(Family.KPI, "mean_miss", 1.0))
    assert depends(Metric(Family.DATA_DRIFT, "drift_share", 0.1))
    assert depends(Metric(Family.DATA_QUALITY, "missing_share", 0.1, "duration"))
    assert not depends(Metric(Family.DATA_DRIFT, "drift_score", 0.1, "distance"))
    assert not depends(Metric(Family.PERFORMANCE_ESTIMATED, "estimated_mae", 0.1))
