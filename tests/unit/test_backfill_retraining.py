"""Retraining at the end of a backfill, as the command line does it: real registry, real records."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import factories
from backfill_lab import install_trips, write_trips
from driftgate import cli, pipeline, retraining
from driftgate.context import Context, open_context
from driftgate.mlflow_client import client
from driftgate.records import Action, RetrainVerdict
from driftgate.settings import Settings

FIRST, DAYS, WORSE_FROM = 0, 5, 2
STRETCH = ("--from", "2024-01-01", "--to", "2024-01-06")
NEWEST = factories.make_window(DAYS - 1)
"""Every day from the second bad one on asks for a retraining."""

Install = Callable[..., Context]
Command = Callable[..., str]


@pytest.fixture
def changed(
    tmp_path: Path, settings: Settings, store: Any, postgres_uri: str, mlflow_uri: str, monkeypatch: pytest.MonkeyPatch
) -> Settings:
    """Settings of a place of its own, which the command line uses."""
    places = {"monitors_dir": tmp_path / "monitors", "gx_dir": tmp_path / "gx", "database_uri": postgres_uri, "mlflow_uri": mlflow_uri}
    made = replace(settings, **places, notifications_file=tmp_path / "none.yaml")
    monkeypatch.setattr(cli, "load", lambda: made)
    monkeypatch.setattr(pipeline, "render_report", lambda *_: None)
    return made


@pytest.fixture
def install(changed: Settings) -> Install:
    """A champion trained on a week, and days after it that its errors make bad."""

    def build(**retrain: Any) -> Context:
        install_trips(
            changed,
            model={"predictions": "champion"},
            decision={"rules": [{"metric": "mae", "above_reference": 1.5}], "consecutive": 2, "cooldown": "1d"},
            retrain={"minimum_rows": 100, "held_out": 0.3, "training_window": "3d", "params": {"max_iter": 20}, **retrain},
        )
        for day in range(-7, DAYS):
            slope = 9.0 if day >= WORSE_FROM else 3.0
            write_trips(changed.home / "source", factories.make_window(day), seed=day + 100, slope=slope)
        context = open_context("trips", changed)
        retraining.bootstrap(context, factories.make_window(-7).start, factories.make_window(0).start, approver="test")
        return context

    return build


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Command:
    """Run `driftgate backfill trips` and return what it printed."""

    def run(*more: str, code: int = 0) -> str:
        capsys.readouterr()
        assert cli.main(["backfill", "trips", *STRETCH, "--workers", "1", *more]) == code
        return capsys.readouterr().out

    return run


def versions(context: Context) -> list[str]:
    found = client(context.settings.require_mlflow()).search_model_versions(f"name = '{context.config.model_name}'")
    return sorted(str(item.version) for item in found)


def test_nothing_is_retrained_for_the_past_unless_asked_and_then_once(install: Install, command: Command) -> None:
    context = install()
    told = command()
    decision = context.store.find_decision("trips", NEWEST)
    assert decision is not None
    assert decision.action is Action.RETRAIN
    assert "The decision about 2024-01-05 asks for a retraining" in told
    assert "--retrain" in told
    assert "retrain__trips" in told
    assert (context.store.find_retraining("trips", NEWEST), versions(context)) == (None, ["1"])

    told = command("--retrain")
    assert "5 of 5 were done before" in told
    assert "promoted (challenger version 2" in told
    done = context.store.find_retraining("trips", NEWEST)
    assert done is not None
    assert (done.verdict, done.champion_version, done.challenger_version) == (RetrainVerdict.PROMOTED, "1", "2")
    assert done.comparison.rows > 0
    assert done.comparison.challenger["mae"] < done.comparison.champion["mae"]
    assert str(done.approver).startswith("cli:")

    for again in ((), ("--retrain",)):
        told = command(*again)
        assert "retraining" not in told
        assert "challenger" not in told
    assert context.store.find_retraining("trips", NEWEST) == done
    assert len(context.store.retrainings("trips")) == len(versions(context)) == 2


def test_a_challenger_that_lost_is_not_trained_again(install: Install, command: Command) -> None:
    context = install(minimum_gain=0.99)
    assert "champion stays (challenger version 2" in command("--retrain")
    done = context.store.find_retraining("trips", NEWEST)
    assert done is not None
    assert done.verdict is RetrainVerdict.CHAMPION_STAYS
    told = command("--retrain", "--reprocess")
    assert "5 measured" in told
    decision = context.store.find_decision("trips", NEWEST)
    assert decision is not None
    assert decision.action is Action.RETRAIN, "the days still ask"
    assert "challenger" not in told
    assert context.store.find_retraining("trips", NEWEST) == done
    assert versions(context) == ["1", "2"]


def test_a_retraining_that_ended_before_the_promotion_goes_on(install: Install, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    context = install()
    with monkeypatch.context() as patch:
        patch.setattr(retraining, "promote", interrupt)
        command("--retrain", code=130)
    assert context.registry.champion_version("trips") == "1"
    assert "promoted (challenger version 2" in command("--retrain")
    assert context.registry.champion_version("trips") == "2"
    assert versions(context) == ["1", "2"]


def interrupt(*_: Any) -> None:
    raise KeyboardInterrupt
