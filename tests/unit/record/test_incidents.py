"""Incidents: one per monitor and cause, counted per window, closed only by a window that is late enough."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from driftgate.record.incidents import IncidentStore
from driftgate.record.store import RecordStore
from driftgate.records import Cause, LikelyCause, Severity, Window

DAY_0 = datetime(2024, 3, 1, tzinfo=UTC)


def day(number: int) -> Window:
    return Window(DAY_0 + timedelta(days=number), DAY_0 + timedelta(days=number + 1))


@pytest.fixture
def incidents(store: RecordStore) -> IncidentStore:
    return IncidentStore(store.engine)


def open_policy(incidents: IncidentStore, number: int, detail: str = "mae 4", **more: Any) -> Any:
    return incidents.open("trips", Cause.POLICY, day(number), detail, **more)


def test_an_incident_counts_every_window_once_in_any_order(incidents: IncidentStore) -> None:
    first = open_policy(incidents, 3)
    assert (first.count, first.opened, first.last_seen, first.detail) == (1, day(3), day(3), "mae 4")
    for number, count in ((4, 2), (3, 2), (1, 3), (4, 3), (1, 3)):
        incident = open_policy(incidents, number, f"day {number}")
        assert incident.count == count
    assert (incident.opened, incident.last_seen, incident.detail) == (day(1), day(4), "day 4")
    assert incidents.open("trips", Cause.GATE, day(4), "x").count == 1
    assert incidents.open("others", Cause.POLICY, day(4), "x").count == 1
    assert len(incidents.list("trips")) == 2
    assert len(incidents.list()) == 3


def test_incidents_opened_at_once_become_one(incidents: IncidentStore) -> None:
    threads = [threading.Thread(target=open_policy, args=(incidents, number)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert open_policy(incidents, 0).count == 6
    assert len(incidents.list(open_only=False)) == 1


def test_the_severity_only_rises_and_the_causes_are_those_of_the_latest_window(incidents: IncidentStore) -> None:
    cause = LikelyCause("distance", "drift_score", 0.4, 0.1, 4.0, None, "distance: drift 0.4, limit 0.1")
    open_policy(incidents, 2, severity=Severity.CRITICAL, model_version="7", likely_causes=[cause])
    known = open_policy(incidents, 1, severity=Severity.WARNING, model_version="6")
    assert (known.severity, known.model_version, known.likely_causes) == (Severity.CRITICAL, "7", (cause,))
    later = open_policy(incidents, 3, severity=Severity.WARNING, model_version="8")
    assert (later.severity, later.model_version, later.likely_causes) == (Severity.CRITICAL, "8", ())


def test_a_number_that_json_cannot_hold_does_not_lose_the_incident(incidents: IncidentStore) -> None:
    cause = LikelyCause("distance", "drift_score", float("inf"), 0.1, float("nan"))
    assert open_policy(incidents, 2, likely_causes=[cause]).likely_causes[0].score is None


def test_a_later_window_resolves_it_and_an_earlier_one_does_not(incidents: IncidentStore) -> None:
    open_policy(incidents, 3)
    open_policy(incidents, 4)
    assert incidents.resolve("trips", [Cause.POLICY], day(2)) == []
    assert incidents.resolve("trips", [Cause.GATE], day(5)) == []
    closed = incidents.resolve("trips", [Cause.POLICY], day(5))
    assert [(item.count, item.resolved_window) for item in closed] == [(2, day(5))]
    assert closed[0].resolved is not None
    assert incidents.resolve("trips", [Cause.POLICY], day(6)) == []
    assert incidents.list() == []


def test_after_it_is_resolved_a_new_window_opens_a_new_incident_and_an_old_one_does_not(incidents: IncidentStore) -> None:
    first = open_policy(incidents, 0, "first")
    incidents.resolve("trips", [Cause.POLICY], day(1))
    assert open_policy(incidents, 0, "again").id == first.id
    assert incidents.list() == []
    assert open_policy(incidents, 5, "second").id != first.id


def test_a_window_that_was_mended_and_is_bad_again_opens_a_new_incident(incidents: IncidentStore) -> None:
    first = open_policy(incidents, 0)
    incidents.resolve("trips", [Cause.POLICY], day(0))
    assert open_policy(incidents, 0).id != first.id


def test_the_first_to_acknowledge_stays_noted(incidents: IncidentStore) -> None:
    opened = open_policy(incidents, 0)
    known = incidents.acknowledge(opened.id, "ann")
    again = incidents.acknowledge(opened.id, "bob")
    assert known is not None
    assert again is not None
    assert known.acknowledged is not None
    assert (again.acknowledged, again.acknowledged_by) == (known.acknowledged, "ann")
    assert incidents.find(opened.id) == again


def test_what_is_not_there_or_is_over_cannot_be_acknowledged(incidents: IncidentStore) -> None:
    opened = open_policy(incidents, 0)
    incidents.resolve("trips", [Cause.POLICY], day(1))
    assert incidents.acknowledge(opened.id, "ann") is None
    assert incidents.acknowledge(10_000, "ann") is None
