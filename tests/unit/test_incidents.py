"""Life of incidents: what opens one, what closes it, what leaves it alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from driftgate import incidents
from driftgate.config.models import LoadedMonitor
from driftgate.context import Context
from driftgate.records import (
    Action,
    Batch,
    BatchStatus,
    Cause,
    Decision,
    FailedExpectation,
    Family,
    GateResult,
    GateVerdict,
    Incident,
    Measures,
    Metric,
    Severity,
)
from driftgate.settings import Settings
from factories import make_config, make_window

RULES = [{"metric": "mae", "above": 10}, {"metric": "drift_share", "above": 0.5}]


@pytest.fixture
def context(settings: Settings, store: Any) -> Context:
    config = make_config(decision={"rules": RULES, "minimum_rows": 100})
    return Context(LoadedMonitor(config=config, path=Path("trips.yaml"), fingerprint="x"), settings, store)


def window_of(context: Context, day: int, *, mae: float = 5.0, drift_share: float = 0.1, rows: int = 500) -> Incident | None:
    """Judge a window as the pipeline does: the decision first, then its incident."""
    metrics = (Metric(Family.PERFORMANCE, "mae", mae), Metric(Family.DATA_DRIFT, "drift_share", drift_share))
    measures = Measures("trips", make_window(day), "3", rows, metrics)
    breached = rows >= 100 and (mae > 10 or drift_share > 0.5)
    decision = Decision("trips", make_window(day), "3", Action.ALERT if breached else Action.NO_ACTION, breached=breached)
    context.store.save_decision(decision)
    return incidents.judged(context, decision, measures)


def gate_result(context: Context, day: int, verdict: GateVerdict) -> GateResult:
    failed = (FailedExpectation("expect_column_values_to_not_be_null", "distance", "critical", "9 of 10 values are null"),)
    result = GateResult("trips", make_window(day), "trips", verdict, 5, failed if verdict is GateVerdict.FAIL else ())
    status = BatchStatus.QUARANTINED if verdict is GateVerdict.FAIL else BatchStatus.INGESTED
    context.store.save_gate(Batch("trips", make_window(day), status, 500, content_hash=f"{day}{verdict}"), result)
    return result


def test_three_bad_windows_are_one_incident_and_a_good_one_ends_it(context: Context) -> None:
    seen = [window_of(context, day, mae=31.0 + day) for day in (1, 2, 3)]
    assert {item.id for item in seen if item} == {seen[0].id if seen[0] else None}
    (known,) = context.incidents.list()
    assert (known.count, known.opened, known.last_seen, known.model_version) == (3, make_window(1), make_window(3), "3")
    assert known.detail == "mae 34 is above 10"
    assert window_of(context, 4) is None
    assert context.incidents.list() == []
    (past,) = context.incidents.list(open_only=False)
    assert past.resolved_window == make_window(4)


def test_a_window_with_too_few_rows_neither_opens_nor_closes(context: Context) -> None:
    assert window_of(context, 1, mae=31.0, rows=50) is None
    window_of(context, 2, mae=31.0)
    window_of(context, 3, rows=50)
    assert [item.last_seen for item in context.incidents.list()] == [make_window(2)]


def test_a_backfill_of_the_past_neither_closes_what_is_open_nor_alarms_about_what_is_over(context: Context) -> None:
    window_of(context, 5, mae=31.0)
    window_of(context, 4)
    assert len(context.incidents.list()) == 1, "an older good window closes nothing"
    window_of(context, 6)
    assert window_of(context, 2, mae=31.0) is None
    assert context.incidents.list() == [], "a later window has shown already that the cause is gone"


@pytest.mark.parametrize(
    ("values", "severity"), [({"mae": 31.0}, Severity.CRITICAL), ({"drift_share": 0.7}, Severity.WARNING)], ids=["performance", "drift"]
)
def test_performance_is_critical_and_drift_alone_a_warning(context: Context, values: dict[str, float], severity: Severity) -> None:
    opened = window_of(context, 1, **values)
    assert opened is not None
    assert opened.severity is severity


def test_a_rule_can_say_how_bad_it_is(settings: Settings, store: Any) -> None:
    rules = [{"metric": "mae", "above": 10, "severity": "warning"}, {"metric": "drift_share", "above": 0.5, "severity": "critical"}]
    monitor = LoadedMonitor(config=make_config(decision={"rules": rules}), path=Path("trips.yaml"), fingerprint="x")
    context = Context(monitor, settings, store)
    opened = window_of(context, 1, mae=31.0)
    assert opened is not None
    assert opened.severity is Severity.WARNING
    worse = window_of(context, 2, drift_share=0.9)
    assert worse is not None
    assert (worse.id, worse.severity) == (opened.id, Severity.CRITICAL)


def test_the_gate_opens_its_own_incident_and_the_next_batch_that_passes_ends_it(context: Context) -> None:
    opened = incidents.gate_stopped(context, gate_result(context, 1, GateVerdict.FAIL))
    assert opened is not None
    assert (opened.cause, opened.severity) == (Cause.GATE, Severity.CRITICAL)
    assert "9 of 10 values are null" in opened.detail
    window_of(context, 2)
    assert len(context.incidents.list()) == 1, "the policy says nothing about the gate"
    incidents.gate_passed(context, make_window(2))
    assert context.incidents.list() == []


def test_a_bad_batch_of_the_past_is_no_incident_when_a_later_one_passed(context: Context) -> None:
    gate_result(context, 5, GateVerdict.PASS)
    assert incidents.gate_stopped(context, gate_result(context, 1, GateVerdict.FAIL)) is None


def test_a_failed_task_is_an_incident_until_a_window_comes_through(context: Context) -> None:
    incidents.task_failed(context, Cause.RUN, make_window(1), "ingest: the file is missing")
    incidents.task_failed(context, Cause.RETRAIN, make_window(1), "train_challenger: killed")
    incidents.task_succeeded(context, Cause.RUN, make_window(2))
    assert [item.cause for item in context.incidents.list()] == [Cause.RETRAIN]
