"""When a report is drawn, and drawing it on demand."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import factories
from driftgate import context, reports
from driftgate.cli import main
from driftgate.errors import MeasureError
from driftgate.records import Batch, BatchStatus, Direction, Family, Measures, Metric, MetricVerdict

RULES = {"rules": [{"metric": "drift_score", "column": "distance", "above": 0.2}]}


def measures(value: float, verdict: MetricVerdict | None = None) -> Measures:
    metric = Metric(Family.DATA_DRIFT, "drift_score", value, "distance", threshold=0.1, direction=Direction.ABOVE, verdict=verdict)
    return Measures("trips", factories.make_window(), "1", 200, (metric,))


def wanted(draw: str | None, found: Measures) -> bool:
    config = factories.make_config(decision=RULES, **({"report": {"draw": draw}} if draw else {}))
    return reports.is_wanted(config, found)


@pytest.mark.parametrize(
    ("draw", "quiet", "alarm", "broken_rule"),
    [(None, True, True, True), ("always", True, True, True), ("on_alarm", False, True, True), ("on_demand", False, False, False)],
)
def test_the_monitor_file_says_when_a_report_is_drawn(draw: str | None, quiet: bool, alarm: bool, broken_rule: bool) -> None:
    assert wanted(draw, measures(0.05, MetricVerdict.OK)) is quiet
    assert wanted(draw, measures(0.15, MetricVerdict.ALARM)) is alarm
    assert wanted(draw, measures(0.25)) is broken_rule


def test_an_unknown_policy_is_refused() -> None:
    with pytest.raises(ValueError, match=r"report\.draw"):
        factories.make_config(report={"draw": "sometimes"})


@pytest.mark.parametrize(("status", "word"), [(None, "is not known"), (BatchStatus.QUARANTINED, "is quarantined")])
def test_only_a_measured_window_is_drawn(status: BatchStatus | None, word: str) -> None:
    window = factories.make_window()
    batch = Batch("trips", window, status) if status else None
    context: Any = SimpleNamespace(config=factories.make_config(), store=SimpleNamespace(find_batch=lambda *_: batch))
    with pytest.raises(MeasureError, match=rf"{word}.*driftgate run trips --window 2024-01-01T00:00"):
        reports.draw(context, window)


def test_the_command_draws_one_window_and_says_where(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    drawn = []

    def draw(opened: Any, window: Any) -> Any:
        drawn.append((opened.config.id, window))
        return SimpleNamespace(html=Path("/state/evidently.html"))

    monkeypatch.setattr(context, "open_context", lambda *_: SimpleNamespace(config=factories.make_config()))
    monkeypatch.setattr(reports, "draw", draw)
    monkeypatch.setenv("DRIFTGATE_AIRFLOW_URL", "http://airflow.test")
    assert main(["report", "trips", "--window", "2024-01-01"]) == 0
    assert drawn == [("trips", factories.make_window())]
    printed = capsys.readouterr().out
    assert "/state/evidently.html" in printed
    assert "http://airflow.test/driftgate/reports/monitor__trips/20240101T000000Z-20240102T000000Z/evidently.html" in printed
