"""The rows a window is compared with, on real parts: files, PostgreSQL, and a registered model."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

import factories
import trained_monitor
from driftgate import pipeline, prepared_references, retraining
from driftgate.config.loader import load_monitor
from driftgate.config.models import MeasuresConfig
from driftgate.config.reference import ReferenceConfig
from driftgate.config.windows import window_at
from driftgate.context import Context
from driftgate.ingest.batch_store import content_hash
from driftgate.mlflow_client import client
from driftgate.record.history import past_windows
from driftgate.record.store import RecordStore
from driftgate.records import (
    Action,
    Batch,
    BatchStatus,
    Decision,
    Family,
    GateResult,
    GateVerdict,
    Measures,
    Metric,
    MetricVerdict,
    Window,
)
from driftgate.reference_rows import Rows, neighbours, with_own_rows
from driftgate.references import describe, described_reference, load_reference
from driftgate.serve import references
from driftgate.settings import Settings
from trained_monitor import Trained

ROWS = 40
"""Rows of a day."""
NOW = factories.make_window(20)


def make_context(tmp_path: Path, settings: Settings, store: Any, **sections: Any) -> Context:
    columns = factories.make_config().columns.model_dump()
    content = {
        "id": "trips",
        "task": "regression",
        "source": {"kind": "files", "path": "{home}/source/{window_start:%Y-%m-%d}.csv"},
        "columns": columns,
        "model": {"predictions": "source"},
        "retrain": {"enabled": False},
        **sections,
    }
    path = tmp_path / "trips.yaml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    (settings.home / "source").mkdir(exist_ok=True)
    return Context(load_monitor(path), settings, store)


@pytest.fixture
def trailing(tmp_path: Path, settings: Settings, store: Any) -> Context:
    return make_context(tmp_path, settings, store, reference={"kind": "trailing", "length": "10d", "minimum_rows": ROWS})


def frame_of(day: int, rows: int = ROWS) -> pd.DataFrame:
    return factories.make_frame(rows, seed=day + 1000, day=day)


def write_source(context: Context, days: Sequence[int]) -> None:
    for day in days:
        start = factories.make_window(day).start
        frame_of(day).to_csv(context.settings.home / "source" / f"{start:%Y-%m-%d}.csv", index=False)


def keep(
    context: Context,
    window: Window,
    frame: pd.DataFrame,
    *,
    breached: bool | None = False,
    drifted: bool = False,
    stopped: bool = False,
    version: str | None = None,
) -> Batch:
    """Write a window into the records as the pipeline does; ``breached`` None: no decision was made yet."""
    from driftgate.ingest.batch_store import write_batch

    stored = write_batch(frame, context.settings.window_dir("trips", window.key))
    batch = Batch("trips", window, BatchStatus.INGESTED, stored.rows, stored.bytes, stored.content_hash, str(stored.path), version)
    context.store.save_batch(batch)
    verdict = GateVerdict.FAIL if stopped else GateVerdict.PASS
    status = BatchStatus.QUARANTINED if stopped else BatchStatus.INGESTED
    context.store.save_gate(replace(batch, status=status), GateResult("trips", window, "none", verdict, 0))
    if stopped:
        return batch
    drift = Metric(Family.DATA_DRIFT, "dataset_drift", float(drifted), verdict=MetricVerdict.ALARM if drifted else MetricVerdict.OK)
    context.store.save_measures(batch, Measures("trips", window, version or "source", stored.rows, (drift,)))
    if breached is not None:
        action = Action.ALERT if breached else Action.NO_ACTION
        context.store.save_decision(Decision("trips", window, version or "source", action, breached=breached))
    return batch


def keep_day(context: Context, day: int, **facts: Any) -> Batch:
    return keep(context, factories.make_window(day), frame_of(day), **facts)


def days_of(frame: pd.DataFrame) -> list[int]:
    return sorted(set((frame["ts"] - pd.Timestamp(factories.DAY)).dt.days))


# --- trailing ---------------------------------------------------------------------------------------------------------


def test_a_trailing_reference_is_the_rows_of_the_ordinary_windows_before(trailing: Context) -> None:
    for day in range(8, 23):
        keep_day(trailing, day)
    reference = load_reference(trailing, None, NOW)
    expected = pd.concat([frame_of(day) for day in range(10, 20)], ignore_index=True)
    pd.testing.assert_frame_equal(reference.frame.sort_values("trip_id", ignore_index=True), _typed(expected, trailing))
    assert (reference.kind, reference.match, reference.notes) == ("trailing", "none", ())
    assert reference.performance is None, "the model has not seen these rows: they tell how good it is"
    described = describe(trailing, reference, None)
    assert (described["windows"], described["rows"]) == (10, 10 * ROWS)
    assert described["first"]["start"] == "2024-01-11T00:00:00+00:00"
    assert described["last"]["end"] == "2024-01-21T00:00:00+00:00"
    assert described["fingerprint"] == content_hash(load_reference(trailing, None, NOW).frame)


def _typed(frame: pd.DataFrame, context: Context) -> pd.DataFrame:
    return frame[context.config.columns.all].astype({"trip_id": "str"}).sort_values("trip_id", ignore_index=True)


@pytest.mark.parametrize(
    "facts",
    [
        pytest.param({"stopped": True}, id="quarantined"),
        pytest.param({"breached": True}, id="breached"),
        pytest.param({"drifted": True}, id="drifted"),
        pytest.param({"breached": None}, id="not decided"),
        pytest.param({"version": "7"}, id="scored by a model version"),
    ],
)
def test_windows_that_are_not_known_to_be_ordinary_are_left_out(trailing: Context, facts: dict[str, Any]) -> None:
    for day in range(10, 20):
        keep_day(trailing, day, **(facts if day in (12, 19) else {}))
    assert days_of(load_reference(trailing, None, NOW).frame) == [10, 11, 13, 14, 15, 16, 17, 18]


def test_failed_empty_and_unmeasured_windows_are_left_out(trailing: Context) -> None:
    for day in range(10, 20):
        keep_day(trailing, day)
    for day, status in ((11, BatchStatus.FAILED), (12, BatchStatus.NO_DATA), (13, BatchStatus.INGESTED)):
        trailing.store.save_batch(Batch("trips", factories.make_window(day), status, content_hash="other"))
    assert days_of(load_reference(trailing, None, NOW).frame) == [10, 14, 15, 16, 17, 18, 19]


def test_a_stale_decision_about_another_model_version_does_not_count(trailing: Context) -> None:
    for day in range(10, 20):
        keep_day(trailing, day)
    window = factories.make_window(15)
    trailing.store.save_decision(Decision("trips", window, "7", Action.NO_ACTION))
    assert 15 not in days_of(load_reference(trailing, None, NOW).frame)


def test_the_gap_is_left_out_and_other_monitors_do_not_mix(tmp_path: Path, settings: Settings, store: Any) -> None:
    context = make_context(
        tmp_path, settings, store, reference={"kind": "trailing", "length": "5d", "gap": "2d", "minimum_rows": 30}, tags=["a"]
    )
    for day in range(5, 20):
        keep_day(context, day)
    store.save_batch(Batch("others", factories.make_window(15), BatchStatus.INGESTED, path="/nowhere"))
    assert days_of(load_reference(context, None, NOW).frame) == [13, 14, 15, 16, 17]
    assert len(past_windows(store.engine, "trips", Window(factories.make_window(13).start, factories.make_window(17).end))) == 5


def test_no_row_is_used_twice_where_windows_of_other_sizes_overlap(trailing: Context) -> None:
    for day in (10, 11, 14, 19):
        keep_day(trailing, day)
    fortnight = pd.concat([frame_of(day) for day in range(6, 20)], ignore_index=True)
    keep(trailing, factories.make_window(6, days=14), fortnight)
    frame = load_reference(trailing, None, NOW).frame
    assert days_of(frame) == list(range(10, 20)), "the longer window fills the days between, and is cut at the stretch"
    assert len(frame) == 10 * ROWS
    assert not frame["trip_id"].duplicated().any()


def test_rows_of_an_alarmed_window_are_in_no_reference_whatever_else_holds_them(trailing: Context) -> None:
    for day in range(10, 20):
        keep_day(trailing, day)
    keep(trailing, factories.make_window(12, days=3), frame_of(12), breached=True)
    assert days_of(load_reference(trailing, None, NOW).frame) == [10, 11, 15, 16, 17, 18, 19]


def test_the_window_itself_and_windows_that_reach_into_it_are_no_reference(trailing: Context) -> None:
    for day in range(15, 21):
        keep_day(trailing, day)
    keep(trailing, factories.make_window(14, days=7), pd.concat([frame_of(day) for day in range(14, 21)], ignore_index=True))
    assert days_of(load_reference(trailing, None, NOW).frame) == [15, 16, 17, 18, 19]


def test_a_batch_whose_file_is_gone_is_left_out_with_a_note(trailing: Context) -> None:
    batches = {day: keep_day(trailing, day) for day in range(10, 20)}
    Path(str(batches[12].path)).unlink()
    Path(str(batches[13].path)).write_text("not parquet", encoding="utf-8")
    reference = load_reference(trailing, None, NOW)
    assert days_of(reference.frame) == [10, 11, 14, 15, 16, 17, 18, 19]
    (note,) = reference.notes
    assert "2 windows are left out of the reference" in note
    assert f"{factories.make_window(12)} (its file is gone; run it again with 'reprocess')" in note
    assert f"{factories.make_window(13)} (the batch" in note


def test_a_batch_kept_with_other_columns_is_left_out_with_a_note(trailing: Context) -> None:
    for day in range(10, 20):
        keep_day(trailing, day)
    keep(trailing, factories.make_window(14), frame_of(14).drop(columns=["hour"]))
    keep(trailing, factories.make_window(15), frame_of(15).assign(vendor=1.0))
    reference = load_reference(trailing, None, NOW)
    assert days_of(reference.frame) == [10, 11, 12, 13, 16, 17, 18, 19]
    assert "column 'vendor' was not there or had another role" in reference.notes[0]
    assert "column 'hour'" in reference.notes[0]


def test_without_history_nothing_is_compared_and_the_reason_is_kept(trailing: Context) -> None:
    write_source(trailing, [20])
    batch = pipeline.ingest(trailing, NOW)
    measures = pipeline.measure(trailing, batch)
    scores = [item for item in measures.metrics if item.metric == "drift_score"]
    assert scores
    assert {(item.value, item.verdict) for item in scores} == {(None, MetricVerdict.TOO_FEW_ROWS)}
    dataset = measures.find("dataset_drift")
    assert dataset is not None
    assert (dataset.value, dataset.verdict) == (None, MetricVerdict.TOO_FEW_ROWS)
    described = json.loads(pipeline.reference_path(trailing, NOW).read_text(encoding="utf-8"))
    assert described["rows"] == described["windows"] == 0
    assert "has 0 rows, 40 are needed: the window is compared with nothing" in described["notes"][0]


def test_history_builds_up_from_the_first_window_on(trailing: Context) -> None:
    write_source(trailing, range(3))
    for day in range(3):
        batch = pipeline.ingest(trailing, factories.make_window(day))
        pipeline.gate(trailing, batch, build_docs=False)
        measures = pipeline.measure(trailing, batch)
        pipeline.store(trailing, batch, measures)
        pipeline.decide(trailing, measures)
        described = json.loads(pipeline.reference_path(trailing, batch.window).read_text(encoding="utf-8"))
        assert described["rows"] == day * ROWS
    rows = measures.find("rows")
    assert rows is not None
    assert rows.reference_value == 2 * ROWS


def test_the_report_finds_the_rows_of_the_measures_again_after_an_earlier_window_was_judged_anew(trailing: Context) -> None:
    for day in range(10, 20):
        keep_day(trailing, day)
    write_source(trailing, [20])
    pipeline.measure(trailing, pipeline.ingest(trailing, NOW))
    path = pipeline.reference_path(trailing, NOW)
    keep_day(trailing, 15, breached=True)
    again = described_reference(trailing, None, NOW, path)
    assert content_hash(again.frame) == json.loads(path.read_text(encoding="utf-8"))["fingerprint"]
    assert 15 in days_of(again.frame)
    assert 15 not in days_of(load_reference(trailing, None, NOW).frame)
    assert 15 not in days_of(described_reference(trailing, None, NOW, path.with_name("none.json")).frame)


def test_a_large_trailing_reference_is_thinned_evenly(tmp_path: Path, settings: Settings, store: Any) -> None:
    context = make_context(tmp_path, settings, store, reference={"kind": "trailing", "length": "10d", "max_rows": 100})
    for day in range(10, 20):
        keep_day(context, day)
    frame = load_reference(context, None, NOW).frame
    counts = (frame["ts"] - pd.Timestamp(factories.DAY)).dt.days.value_counts()
    assert len(frame) == 100
    assert counts.between(9, 11).all()


def test_a_trailing_reference_can_keep_to_the_same_weekday(tmp_path: Path, settings: Settings, store: Any) -> None:
    reference = {"kind": "trailing", "length": "15d", "match": "weekday", "minimum_rows": 2 * ROWS}
    context = make_context(tmp_path, settings, store, reference=reference)
    for day in range(5, 20):
        keep_day(context, day)
    found = load_reference(context, None, NOW)
    assert (found.match, days_of(found.frame)) == ("weekday", [6, 13])
    keep_day(context, 13, breached=True)
    fewer = load_reference(context, None, NOW)
    assert (fewer.match, len(days_of(fewer.frame))) == ("none", 14)
    assert "40 of 560 reference rows match the window by weekday, 80 are needed" in fewer.notes[0]


# --- last year --------------------------------------------------------------------------------------------------------

LAST_YEAR = {"kind": "last_year", "minimum_rows": ROWS}
NEXT_JANUARY = Window(factories.DAY.replace(year=2025, day=15), factories.DAY.replace(year=2025, day=16))


def test_last_year_is_read_from_the_source_day_by_day_and_kept_once_it_is_whole(tmp_path: Path, settings: Settings, store: Any) -> None:
    context = make_context(tmp_path, settings, store, reference=LAST_YEAR)
    write_source(context, [day for day in range(-2, 33) if day != 7])
    first = load_reference(context, None, NEXT_JANUARY)
    assert days_of(first.frame) == [day for day in range(31) if day != 7]
    assert first.kind == "last_year"
    assert "1 windows are left out of the reference: [2024-01-08" in first.notes[0]
    write_source(context, [7])
    whole = load_reference(context, None, NEXT_JANUARY)
    assert (days_of(whole.frame), whole.notes) == (list(range(31)), ())
    for path in (settings.home / "source").iterdir():
        path.unlink()
    pd.testing.assert_frame_equal(load_reference(context, None, NEXT_JANUARY).frame, whole.frame)


def test_last_year_comes_from_the_records_where_they_know_the_whole_month(tmp_path: Path, settings: Settings, store: Any) -> None:
    context = make_context(tmp_path, settings, store, reference=LAST_YEAR)
    for day in range(31):
        keep_day(context, day, stopped=day == 3, breached=day == 4)
    found = load_reference(context, None, NEXT_JANUARY)
    assert days_of(found.frame) == [day for day in range(31) if day != 3]
    assert len(found.history.batches) == 30


def test_last_year_takes_what_the_records_have_where_the_source_has_nothing(tmp_path: Path, settings: Settings, store: Any) -> None:
    context = make_context(tmp_path, settings, store, reference=LAST_YEAR)
    for day in range(20, 31):
        keep_day(context, day)
    found = load_reference(context, None, NEXT_JANUARY)
    assert days_of(found.frame) == list(range(20, 31))
    assert "31 windows are left out" in found.notes[0]


def test_last_year_without_any_rows_compares_with_nothing(tmp_path: Path, settings: Settings, store: Any) -> None:
    context = make_context(tmp_path, settings, store, reference=LAST_YEAR)
    found = load_reference(context, None, NEXT_JANUARY)
    assert found.frame.empty
    assert "the window is compared with nothing" in found.notes[-1]
    assert set(found.frame.columns) == set(context.config.columns.all)


def test_earlier_windows_are_cut_as_neighbours_of_the_window() -> None:
    config = factories.make_config(window={"size": "1w"}, schedule={"timezone": "America/New_York"})
    window = window_at(config, "2024-03-18")  # a Monday; clocks changed on the 10th
    found = list(neighbours(config, window, Window(*(window_at(config, day).start for day in ("2024-02-28", "2024-03-06")))))
    assert [item.start.astimezone(config.schedule.zone).strftime("%a %d %H") for item in found] == ["Mon 26 00", "Mon 04 00"]


# --- a fixed window ---------------------------------------------------------------------------------------------------


def test_a_fixed_window_is_matched_and_its_performance_is_that_of_the_matched_rows(tmp_path: Path, settings: Settings, store: Any) -> None:
    reference = {"kind": "window", "start": "2024-01-01", "end": "2024-01-15", "match": "weekday", "minimum_rows": 30}
    context = make_context(tmp_path, settings, store, reference=reference, source={"kind": "files", "path": "{home}/source/*.csv"})
    write_source(context, range(16))
    found = load_reference(context, None, NOW)  # day 20 is a Sunday
    assert (days_of(found.frame), found.performance) == ([6, 13], None)
    every_day = load_reference(context, None, factories.make_window(20, days=7))
    assert len(every_day.frame) == 14 * ROWS
    errors = (every_day.frame["prediction"] - every_day.frame["duration"]).abs()
    assert every_day.performance is not None
    assert every_day.performance["mae"] == pytest.approx(errors.mean())


# --- a model version --------------------------------------------------------------------------------------------------


def make_versioned(tmp_path: Path, settings: Settings, store: Any, mlflow_uri: str) -> Context:
    return make_context(
        tmp_path,
        replace(settings, mlflow_uri=mlflow_uri),
        store,
        model={"predictions": "champion"},
        retrain={"minimum_rows": 100, "held_out": 0.1, "training_window": "14d", "params": {"max_iter": 10}},
        sinks={"evidently": False},
    )


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, postgres_uri: str, mlflow_database: Path) -> Trained:
    """A model trained on days 0 to 13, with a monitor that compares with its training rows."""

    def train(base: Path, settings: Settings, store: RecordStore, mlflow_uri: str) -> None:
        context = make_versioned(base, settings, store, mlflow_uri)
        write_source(context, range(21))
        retraining.bootstrap(context, "2024-01-01", "2024-01-15", approver="test")

    return trained_monitor.prepare(tmp_path_factory.mktemp("trained"), postgres_uri, mlflow_database, train)


@pytest.fixture
def champion(tmp_path: Path, settings: Settings, store: Any, mlflow_uri: str, trained: Trained) -> Context:
    """The trained monitor in folders, a registry and records of the test's own."""
    context = make_versioned(tmp_path, settings, store, mlflow_uri)
    trained_monitor.copy_into(context, trained)
    return context


def with_reference(context: Context, **keys: Any) -> Context:
    config = context.config.model_copy(update={"reference": ReferenceConfig.model_validate(keys)})
    return replace(context, monitor=context.monitor.model_copy(update={"config": config}))


def test_references_of_a_model_version(champion: Context) -> None:
    own = load_reference(champion, "1", NOW)
    assert (days_of(own.frame), own.match) == (list(range(14)), "none")
    assert describe(champion, own, "1")["fingerprint"] is None

    sundays = load_reference(with_reference(champion, match="weekday", minimum_rows=50), "1", NOW)
    assert days_of(sundays.frame) == [6, 13]
    assert (sundays.performance, sundays.segments) == (own.performance, own.segments), "how good the version is, it is on every day"

    near = with_reference(champion, kind="trailing", length="10d", minimum_rows=50)
    for day in range(14, 20):
        pipeline_keep(near, day, version="1", breached=day == 16)
    pipeline_keep(near, 18, version="2")
    found = load_reference(near, "1", NOW)
    assert days_of(found.frame) == [10, 11, 12, 13, 14, 15, 17, 19], "its own rows where it was trained, its windows since"
    assert found.performance == own.performance
    trained = found.frame["ts"] < pd.Timestamp(factories.make_window(14).start)
    pd.testing.assert_frame_equal(
        found.frame[trained].reset_index(drop=True), own.frame[own.frame["ts"] >= pd.Timestamp(factories.make_window(10).start)][
            list(found.frame.columns)
        ].reset_index(drop=True)
    )  # fmt: skip

    late = load_reference(near, "1", factories.make_window(60))
    assert (late.kind, len(late.frame)) == ("training", len(own.frame))
    assert "has 0 rows, 50 are needed: the training reference of version 1 is used" in late.notes[0]

    year = with_reference(champion, kind="last_year", minimum_rows=50)
    scored = load_reference(year, "1", NEXT_JANUARY)
    assert days_of(scored.frame) == list(range(21)), "what the source has of that month"
    assert scored.frame["prediction"].notna().all()
    estimator = champion.registry.load("trips", "1")
    rest = scored.frame[scored.frame["ts"] >= pd.Timestamp(factories.make_window(14).start)]
    np.testing.assert_allclose(rest["prediction"], estimator.predict(rest[champion.config.columns.features]))


def test_the_second_window_of_a_version_reads_no_reference_rows(champion: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    reads: list[str] = []

    def counted(function: Any) -> Any:
        def call(path: Any, *rest: Any, **more: Any) -> Any:
            if str(path).startswith(str(champion.settings.references_dir)):
                reads.append(Path(path).name)
            return function(path, *rest, **more)

        return call

    monkeypatch.setattr(pd, "read_parquet", counted(pd.read_parquet))
    monkeypatch.setattr(references, "_sha256", counted(references._sha256))
    batches = [pipeline.ingest(champion, factories.make_window(day)) for day in (18, 19, 20)]
    kept = champion.settings.references_dir / "trips" / "v1.prepared.npz"
    kept.unlink()  # made when the version was promoted
    prepared_references.forget()
    first = pipeline.measure(champion, batches[0])
    assert "v1.parquet" in reads, "the counter sees what is read"
    for batch in batches[1:]:
        reads.clear()
        prepared_references.forget()  # as in a new process
        found = pipeline.measure(champion, batch)
        assert reads == []
        assert {item.address for item in found.metrics} >= {item.address for item in first.metrics if item.family is Family.DATA_DRIFT}
    kept.write_bytes(b"damaged")
    prepared_references.forget()
    assert pipeline.measure(champion, batches[-1]) == found
    assert "v1.parquet" in reads, "made anew from the rows"


def test_a_part_by_calendar_is_prepared_once_per_process(champion: Context) -> None:
    context = with_reference(champion, match="weekday", minimum_rows=50)
    sundays = [load_reference(context, "1", factories.make_window(day)).prepared for day in (13, 20)]
    assert sundays[0] is sundays[1]
    assert load_reference(context, "1", factories.make_window(19)).prepared is not sundays[0]


def test_other_rows_of_a_fixed_window_are_prepared_anew(tmp_path: Path, settings: Settings, store: Any) -> None:
    context = make_context(tmp_path, settings, store, reference={"kind": "window", "start": "2024-01-01", "end": "2024-01-02"})
    write_source(context, [0])
    first = load_reference(context, None, NOW).prepared
    assert (first.rows, load_reference(context, None, NOW).prepared) == (ROWS, first)
    for path in (settings.references_dir / "trips").glob("window-*.parquet"):
        path.unlink()
    frame_of(0, rows=7).to_csv(settings.home / "source" / "2024-01-01.csv", index=False)
    assert load_reference(context, None, NOW).prepared.rows == 7


def pipeline_keep(context: Context, day: int, **facts: Any) -> Batch:
    return keep(context, factories.make_window(day), frame_of(day)[context.config.columns.all], **facts)


def test_the_report_and_the_measures_use_the_same_rows(champion: Context) -> None:
    context = with_reference(champion, match="weekday", minimum_rows=50)
    named = context.config.model_copy(
        update={"measures": MeasuresConfig(method_numerical="wasserstein", method_categorical="jensenshannon")}
    )
    context = replace(context, monitor=context.monitor.model_copy(update={"config": named}))
    outcome = pipeline.run_window(context, NOW)
    assert outcome.measures is not None
    described = json.loads(pipeline.reference_path(context, NOW).read_text(encoding="utf-8"))
    assert (described["kind"], described["match"], described["rows"]) == ("training", "weekday", 2 * ROWS)
    shown = json.loads((context.settings.window_dir("trips", NOW.key) / "evidently.json").read_text(encoding="utf-8"))
    scores = {item["config"].get("column"): item["value"] for item in shown["metrics"] if "ValueDrift" in item["metric_name"]}
    for column in ("distance", "hour", "vendor"):
        metric = outcome.measures.find("drift_score", column)
        assert metric is not None
        assert metric.value == pytest.approx(scores[column], rel=1e-9)
    logged = client(str(context.settings.mlflow_uri)).list_artifacts(str(outcome.mlflow_run), "reference")
    assert [item.path for item in logged] == ["reference/reference.json"]


def test_no_day_counts_for_more_where_a_versions_own_rows_were_thinned() -> None:
    config = factories.make_config(reference={"max_rows": 100})
    own = pd.concat([frame_of(day, rows=10) for day in range(10)], ignore_index=True)
    since = pd.concat([frame_of(day, rows=500) for day in (10, 11)], ignore_index=True)
    stretch = Window(factories.make_window(5).start, factories.make_window(12).start)
    found = with_own_rows(config, Rows(since), own, stretch).frame
    counts = (found["ts"] - pd.Timestamp(factories.DAY)).dt.days.value_counts()
    assert counts.to_dict() == dict.fromkeys(range(5, 12), 10)
    whole = with_own_rows(factories.make_config(reference={"max_rows": 101}), Rows(since), own, stretch).frame
    assert len(whole) == 5 * 10 + 1000
