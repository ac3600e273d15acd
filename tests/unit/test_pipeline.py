"""The whole way of a window on real parts: CSV files, Great Expectations, Evidently, MLflow and PostgreSQL."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from sqlalchemy import text

import factories
import trained_monitor
from driftgate import baselines, pipeline, retraining
from driftgate.config.loader import load_monitor
from driftgate.config.windows import window_at
from driftgate.context import Context
from driftgate.errors import ModelNotFoundError, SchemaError, SourceError
from driftgate.loss_causes import loss_contributions
from driftgate.mlflow_client import client
from driftgate.record.mlflow_runs import find_run
from driftgate.record.store import RecordStore
from driftgate.records import Action, BatchStatus, GateVerdict, RetrainVerdict
from driftgate.settings import Settings
from trained_monitor import Trained

SUITE = {
    "name": "trips",
    "expectations": [
        {"type": "expect_column_values_to_be_between", "kwargs": {"column": "distance", "min_value": 0, "max_value": 100, "mostly": 0.98}},
        {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "vendor"}},
    ],
}
DAYS = 12


def monitor(**overrides: Any) -> dict[str, Any]:
    base = factories.make_config().model_dump(mode="json", include={"id", "owner", "task"})
    columns = {
        "timestamp": "ts",
        "id": ["trip_id"],
        "target": "duration",
        "numerical": ["distance", "hour"],
        "categorical": ["vendor"],
        "segments": ["vendor"],
    }
    base |= {
        "source": {"kind": "files", "path": "{home}/source/{window_start:%Y-%m-%d}.csv"},
        "columns": columns,
        "gate": {"suite": "trips"},
        "decision": {"rules": [{"metric": "mae", "above_reference": 1.5}], "consecutive": 2, "cooldown": "3d"},
        "retrain": {"training_window": "4d", "held_out": 0.1, "minimum_rows": 100, "params": {"max_iter": 40}, "approval": "auto"},
    }
    return base | overrides


def write_day(settings: Settings, day: int, frame: pd.DataFrame) -> None:
    folder = settings.home / "source"
    folder.mkdir(exist_ok=True)
    start = factories.make_window(day).start
    frame.drop(columns=["prediction"], errors="ignore").to_csv(folder / f"{start:%Y-%m-%d}.csv", index=False)


@pytest.fixture
def context(tmp_path: Path, settings: Settings, store: Any, mlflow_uri: str) -> Context:
    return make_context(tmp_path, settings, store, mlflow_uri, monitor())


def make_context(tmp_path: Path, settings: Settings, store: Any, mlflow_uri: str, content: dict[str, Any]) -> Context:
    monitors, suites = tmp_path / "monitors", tmp_path / "gx" / "expectations"
    monitors.mkdir(exist_ok=True)
    suites.mkdir(parents=True, exist_ok=True)
    path = monitors / f"{content['id']}.yaml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    (suites / "trips.json").write_text(json.dumps(SUITE), encoding="utf-8")
    changed = replace(settings, monitors_dir=monitors, gx_dir=tmp_path / "gx", mlflow_uri=mlflow_uri)
    return Context(load_monitor(path), changed, store)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, postgres_uri: str, mlflow_database: Path) -> Trained:
    """The monitor after its first training."""

    def train(base: Path, settings: Settings, store: RecordStore, mlflow_uri: str) -> None:
        context = make_context(base, settings, store, mlflow_uri, monitor())
        for number in range(DAYS):
            write_day(context.settings, number, factories.make_frame(150, seed=number, day=number))
        done = retraining.bootstrap(context, "2024-01-01", "2024-01-07", approver="test")
        assert done.verdict is RetrainVerdict.PROMOTED

    return trained_monitor.prepare(tmp_path_factory.mktemp("trained"), postgres_uri, mlflow_database, train)


@pytest.fixture
def champion(context: Context, trained: Trained) -> Context:
    """The trained monitor in folders, a registry and records of the test's own."""
    trained_monitor.copy_into(context, trained)
    return context


def day(context: Context, number: int) -> Any:
    return window_at(context.config, factories.make_window(number).start)


def counts(context: Context) -> dict[str, int]:
    tables = ("batch", "gate_result", "metric", "decision", "incident", "retraining", "report")
    with context.store.engine.connect() as connection:
        return {name: connection.execute(text(f"SELECT count(*) FROM driftgate.{name}")).scalar_one() for name in tables}


def test_an_ordinary_window_goes_through_every_step(champion: Context) -> None:
    outcome = pipeline.run_window(champion, day(champion, 7))
    assert outcome.batch.status is BatchStatus.MEASURED
    assert outcome.gate is not None
    assert outcome.gate.verdict is GateVerdict.PASS
    assert outcome.decision is not None
    assert outcome.decision.action is Action.NO_ACTION
    assert outcome.measures is not None
    mae = outcome.measures.find("mae")
    frame = pd.read_parquet(str(outcome.batch.path))
    assert mae is not None
    assert mae.value == pytest.approx((frame["prediction"] - frame["duration"]).abs().mean(), rel=1e-9)
    assert (champion.settings.data_docs_dir / str(outcome.gate.data_docs)).is_file()
    folder = champion.settings.window_dir("trips", day(champion, 7).key)
    assert {"measures.json", "gate.json", "evidently.html", "evidently.json"} <= {path.name for path in folder.iterdir()}


@pytest.mark.parametrize("reprocess", [False, True])
def test_the_same_window_again_changes_no_count_and_leaves_one_run(champion: Context, reprocess: bool) -> None:
    window = day(champion, 7)
    first = pipeline.run_window(champion, window)
    before = counts(champion)
    second = pipeline.run_window(champion, window, reprocess=reprocess)
    assert counts(champion) == before
    assert second.mlflow_run == first.mlflow_run == find_run(champion.settings.require_mlflow(), champion.config, window)
    assert second.batch.content_hash == first.batch.content_hash
    assert second.measures == first.measures


def test_performance_by_segment_is_kept_with_the_scores_of_the_held_out_rows(champion: Context) -> None:
    outcome = pipeline.run_window(champion, day(champion, 8))
    kept = champion.store.load_measures("trips", outcome.batch.window, "1")
    whole, part = kept.find("mae"), kept.find("mae", segment="vendor=a")
    assert whole is not None
    assert part is not None
    assert whole.verdict is not None
    assert part.value != whole.value
    assert (part.threshold, part.verdict) == (None, None)
    assert part.reference_value == pytest.approx(whole.reference_value, rel=0.5)
    assert part.reference_value != whole.reference_value
    logged = client(str(champion.settings.mlflow_uri)).get_run(str(outcome.mlflow_run)).data.metrics
    assert logged["performance.mae.vendor_a"] == part.value


def test_an_empty_window_is_recorded_and_not_an_error(champion: Context) -> None:
    write_day(champion.settings, 9, factories.make_frame(0, day=9))
    outcome = pipeline.run_window(champion, day(champion, 9))
    assert outcome.batch.status is BatchStatus.NO_DATA
    assert champion.store.find_batch("trips", day(champion, 9)).status is BatchStatus.NO_DATA
    assert outcome.gate is None


def test_a_spoiled_window_is_quarantined_and_not_measured(champion: Context) -> None:
    frame = factories.make_frame(150, seed=7, day=7)
    write_day(champion.settings, 7, frame.assign(distance=frame["distance"] * 1000))
    outcome = pipeline.run_window(champion, day(champion, 7))
    assert outcome.batch.status is BatchStatus.QUARANTINED
    assert outcome.measures is None
    stored = champion.store.find_gate("trips", day(champion, 7))
    assert [item.column for item in stored.failed] == ["distance"]
    message = str(pipeline.gate_failure(champion, stored))
    assert "expect_column_values_to_be_between(distance)" in message
    assert str(champion.settings.data_docs_dir) in message


def test_a_corrected_window_leaves_quarantine_when_it_is_reprocessed(champion: Context) -> None:
    good = factories.make_frame(150, seed=7, day=7)
    write_day(champion.settings, 7, good.assign(distance=good["distance"] * 1000))
    pipeline.run_window(champion, day(champion, 7))
    write_day(champion.settings, 7, good)
    assert pipeline.run_window(champion, day(champion, 7)).batch.status is BatchStatus.QUARANTINED
    assert pipeline.run_window(champion, day(champion, 7), reprocess=True).batch.status is BatchStatus.MEASURED


def test_a_lasting_change_is_an_alert_first_and_a_retraining_then(champion: Context) -> None:
    for number in (8, 9):
        write_day(champion.settings, number, factories.make_frame(150, seed=number, day=number, slope=6.0))
    first = pipeline.run_window(champion, day(champion, 8))
    second = pipeline.run_window(champion, day(champion, 9))
    assert first.decision is not None
    assert second.decision is not None
    assert (first.decision.action, second.decision.action) == (Action.ALERT, Action.RETRAIN)
    done = retraining.retrain(champion, day(champion, 9), approver="test")
    assert (done.champion_version, done.challenger_version) == ("1", "2")
    assert done.comparison.champion["mae"] > done.comparison.challenger["mae"]
    again = pipeline.run_window(champion, day(champion, 9))
    assert again.batch.model_version == "1", "a window keeps the model that scored it"
    assert again.decision == second.decision
    after = pipeline.run_window(champion, day(champion, 10))
    assert after.batch.model_version == "2"


def test_rollback_puts_the_previous_champion_and_its_reference_back(champion: Context) -> None:
    for number in (8, 9):
        write_day(champion.settings, number, factories.make_frame(150, seed=number, day=number, slope=6.0))
        pipeline.run_window(champion, day(champion, number))
    retraining.retrain(champion, day(champion, 9), approver="test")
    assert retraining.rollback(champion) == ("2", "1")
    outcome = pipeline.run_window(champion, day(champion, 11))
    assert outcome.batch.model_version == "1"
    assert champion.store.retrainings("trips")[0].verdict is RetrainVerdict.ROLLED_BACK


def test_limits_are_learned_at_promotion_and_the_default_rules_ask_them(
    tmp_path: Path, settings: Settings, store: Any, mlflow_uri: str
) -> None:
    content = monitor(decision={"consecutive": 2, "cooldown": "3d"})
    content["retrain"] |= {"training_window": "30d"}
    context = make_context(tmp_path, settings, store, mlflow_uri, content)
    for number in range(14):
        slope = 3.0 if number < 12 else 6.0
        write_day(context.settings, number, factories.make_frame(150, seed=number, day=number, slope=slope))
    retraining.bootstrap(context, "2024-01-01", "2024-01-12", approver="test")
    known = baselines.load(context, "1")
    assert known is not None
    assert known.calibration is not None
    assert (known.calibration.windows, known.usual_rows) == (11, 150)
    ordinary, worse = (pipeline.run_window(context, day(context, number)) for number in (11, 12))
    assert ordinary.decision is not None
    assert (ordinary.decision.action, ordinary.decision.reasons) == (Action.NO_ACTION, ("none of the 2 rules is broken",))
    assert worse.decision is not None
    assert worse.decision.action is Action.ALERT
    assert worse.decision.reasons[0].startswith("mae ")
    assert "is above its learned limit" in worse.decision.reasons[0]
    kept = context.store.load_measures("trips", worse.batch.window, "1")
    slow = kept.find("slow_drift", "residual")
    assert slow is not None
    assert slow.threshold is not None
    assert baselines.load(context, "1") is not None, "the windows did not make them anew"
    assert loss_contributions(context, worse.measures) is None, "no feature moved: only their meaning did"


def test_a_shifted_feature_is_named_with_what_it_adds_to_the_error(champion: Context, caplog: pytest.LogCaptureFixture) -> None:
    write_day(champion.settings, 8, factories.make_frame(150, seed=8, day=8, shift=9.0))
    measures = pipeline.run_window(champion, day(champion, 8)).measures
    assert measures is not None
    found = loss_contributions(champion, measures)
    assert found is not None
    assert found["distance"] > 0
    for folder in (champion.settings.references_dir / "trips").glob("*.estimator"):
        shutil.rmtree(folder)
    assert loss_contributions(champion, measures) is None
    Path(champion.store.find_batch("trips", measures.window).path).unlink()
    assert loss_contributions(champion, measures) is None, "causes never hold up an alarm"


def test_without_a_champion_the_error_says_how_to_get_one(context: Context) -> None:
    write_day(context.settings, 0, factories.make_frame(50))
    with pytest.raises(ModelNotFoundError, match="driftgate train trips --from DATE --to DATE"):
        pipeline.run_window(context, day(context, 0))


def test_a_window_that_has_not_ended_is_refused(champion: Context) -> None:
    with pytest.raises(SourceError, match="has not ended yet"):
        pipeline.ingest(champion, day(champion, 7), now=datetime(2024, 1, 8, 12, tzinfo=UTC))


def test_a_missing_file_is_recorded_as_a_failed_batch(champion: Context) -> None:
    with pytest.raises(SourceError, match=r"2024-02-10\.csv"):
        pipeline.run_window(champion, day(champion, 40))
    assert champion.store.find_batch("trips", day(champion, 40)).status is BatchStatus.FAILED


def test_a_failed_reread_does_not_lose_the_measured_window(champion: Context) -> None:
    pipeline.run_window(champion, day(champion, 7))
    write_day(champion.settings, 7, factories.make_frame(50, day=7).drop(columns=["distance"]))
    with pytest.raises(SchemaError, match="distance"):
        pipeline.run_window(champion, day(champion, 7), reprocess=True)
    assert champion.store.find_batch("trips", day(champion, 7)).status is BatchStatus.MEASURED


@pytest.mark.parametrize("rows", [1, 3])
def test_a_handful_of_rows_is_measured_but_never_judged(champion: Context, rows: int) -> None:
    write_day(champion.settings, 7, factories.make_frame(rows, day=7))
    outcome = pipeline.run_window(champion, day(champion, 7))
    assert outcome.measures is not None
    assert {item.verdict.value for item in outcome.measures.metrics if item.verdict} == {"too_few_rows"}
    assert outcome.decision is not None
    assert outcome.decision.action is Action.NO_ACTION


def test_an_all_null_column_and_a_new_category_are_measured(champion: Context) -> None:
    frame = factories.make_frame(150, seed=7, day=7).assign(hour=None)
    frame.loc[:40, "vendor"] = "new"
    write_day(champion.settings, 7, frame)
    outcome = pipeline.run_window(champion, day(champion, 7))
    assert outcome.measures is not None
    missing = outcome.measures.find("missing_share", "hour")
    fresh = outcome.measures.find("new_categories", "vendor")
    assert missing is not None
    assert fresh is not None
    assert (missing.value, fresh.value) == (1.0, 1.0)


def test_rows_that_bring_their_own_predictions_need_no_champion(tmp_path: Path, settings: Settings, store: Any, mlflow_uri: str) -> None:
    content = monitor(
        model={"predictions": "source"},
        reference={"kind": "window", "start": "2024-01-01", "end": "2024-01-06"},
        retrain={"enabled": False},
    )
    content["source"]["path"] = "{home}/source/*.csv"
    context = make_context(tmp_path, settings, store, mlflow_uri, content)
    (settings.home / "source").mkdir()
    days = [factories.make_frame(150, seed=number, day=number) for number in range(8)]
    pd.concat(days).to_csv(settings.home / "source" / "all.csv", index=False)
    outcome = pipeline.run_window(context, day(context, 7))
    assert outcome.measures is not None
    assert outcome.measures.model_version == pipeline.UNVERSIONED
    mae = outcome.measures.find("mae")
    assert mae is not None
    assert mae.reference_value is not None


@pytest.mark.parametrize("task", ["binary", "multiclass"])
def test_classification_goes_the_same_way(tmp_path: Path, settings: Settings, store: Any, mlflow_uri: str, task: str) -> None:
    columns = {"timestamp": "ts", "target": "late", "numerical": ["distance", "hour"], "categorical": ["vendor"]}
    if task == "binary":
        columns["prediction_proba"] = "late_proba"
    content = monitor(task=task, columns=columns, decision={"rules": [{"metric": "f1", "below_reference": 0.5}]})
    context = make_context(tmp_path, settings, store, mlflow_uri, content)
    for number in range(8):
        frame = factories.make_binary_frame(300, seed=number, day=number).drop(columns=["late_proba"])
        if task == "multiclass":
            frame["late"] = frame["late"].where(frame["distance"] < 6, "far").replace({"0": "no", "1": "yes"})
        write_day(context.settings, number, frame)
    retraining.bootstrap(context, "2024-01-01", "2024-01-07", approver="test")
    outcome = pipeline.run_window(context, day(context, 7))
    assert outcome.measures is not None
    f1, accuracy = outcome.measures.find("f1"), outcome.measures.find("accuracy")
    assert f1 is not None
    assert accuracy is not None
    assert 0.3 < (f1.value or 0) <= 1
    frame = pd.read_parquet(str(outcome.batch.path))
    assert accuracy.value == pytest.approx((frame["prediction"].astype(str) == frame["late"].astype(str)).mean())
