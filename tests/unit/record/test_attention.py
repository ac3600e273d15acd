"""What wants attention is read from the records, and only that."""

from __future__ import annotations

from typing import Any

from sqlalchemy import text

from driftgate import attention
from driftgate.record.attention import attention as read
from driftgate.record.incidents import IncidentStore
from driftgate.record.store import RecordStore
from driftgate.records import Cause, Severity
from factories import make_window


def run(store: RecordStore, statement: str, **values: Any) -> None:
    with store.engine.begin() as connection:
        connection.execute(text(statement), values)


def test_nothing_is_shown_while_everything_is_well(store: RecordStore) -> None:
    run(store, "INSERT INTO driftgate.message (key, event, channel, state, sent_at) VALUES ('a', 'opened', 'mail', 'sent', now())")
    run(store, "INSERT INTO driftgate.export VALUES ('m', '2024-01-01Z', '2024-01-02Z', 'influxdb', 'sent')")
    found = read(store.engine)
    assert attention.render(found) == []
    assert [(item.channel, item.waiting) for item in found.channels] == [("mail", 0)]
    assert [(item.sink, item.sent, item.failed) for item in found.sinks] == [("influxdb", 1, 0)]


def test_what_did_not_arrive_is_shown_with_its_latest_error(store: RecordStore) -> None:
    insert = "INSERT INTO driftgate.message (key, event, channel, state, last_error) VALUES (:key, 'opened', 'mail', :state, :error)"
    for key, state, error in (("a", "failed", "550 no such user"), ("b", "pending", "connection refused"), ("c", "pending", None)):
        run(store, insert, key=key, state=state, error=error)
    insert = (
        "INSERT INTO driftgate.export VALUES ('m', :start, cast(:start AS timestamptz) + interval '1 day', 'prometheus', :state, 1, :error)"
    )
    for start, state, error in (("2024-01-01Z", "failed", "old"), ("2024-01-02Z", "sent", None), ("2024-01-03Z", "failed", "timed out")):
        run(store, insert, start=start, state=state, error=error)
    IncidentStore(store.engine).open("trips", Cause.GATE, make_window(1), "x" * 300, severity=Severity.CRITICAL)
    lines = "\n".join(attention.render(read(store.engine)))
    assert "critical: trips, gate, 1 window: xxx" in lines
    assert "Messages to mail: 2 waiting, 1 given up (connection refused)" in lines
    assert "Export to prometheus: 2 windows not sent (timed out)" in lines
    assert max(map(len, lines.splitlines())) < 200
