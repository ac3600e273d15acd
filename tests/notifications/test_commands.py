"""Commands about incidents and messages, as a person at a terminal uses them."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from driftgate import notification_commands as commands
from driftgate.context import Context
from driftgate.errors import ConfigError
from driftgate.notifications import enqueue_opened
from driftgate.record.messages import MessageStore
from driftgate.records import Cause, Severity
from driftgate.settings import Settings
from factories import make_window
from notifications.receivers import Hook


@pytest.fixture
def own(context: Context, postgres_uri: str) -> Settings:
    return dataclasses.replace(context.settings, database_uri=postgres_uri)


@pytest.fixture
def pager(write_file: Callable[..., Path], hook: Hook, monkeypatch: pytest.MonkeyPatch) -> Hook:
    write_file(channels={"pager": {"kind": "webhook", "connection": "pager"}})
    monkeypatch.setenv("AIRFLOW_CONN_PAGER", json.dumps({"conn_type": "http", "password": hook.url}))
    return hook


def test_incidents_are_listed_and_acknowledged(context: Context, own: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    assert commands.incidents_command(own) == 0
    assert capsys.readouterr().out == "no incident is open\n"
    incident = context.incidents.open("trips", Cause.POLICY, make_window(0), "mae 4 is above 3", severity=Severity.CRITICAL)
    context.incidents.open("gone", Cause.RUN, make_window(0), "x\ny")
    assert commands.incidents_command(own) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["ID", "SEVERITY", "MONITOR", "CAUSE", "SINCE", "WINDOWS", "STATE", "DETAIL"]
    assert [line.split()[:4] for line in lines[1:]] == [["2", "warning", "gone", "run"], ["1", "critical", "trips", "policy"]]
    assert "2023-12-31 19:00 to 2024-01-01 19:00  1        open   mae 4 is above 3" in lines[2]
    assert commands.acknowledge_command(own, incident.id) == 0
    assert commands.incidents_command(own) == 0
    assert "known to cli:" in capsys.readouterr().out
    assert commands.acknowledge_command(own, 99) == 1
    assert "there is no open incident 99" in capsys.readouterr().out


def test_what_is_over_is_listed_on_request(context: Context, own: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    context.incidents.open("trips", Cause.POLICY, make_window(0), "x")
    context.incidents.resolve("trips", [Cause.POLICY], make_window(1))
    assert commands.incidents_command(own, show_all=True, monitor="trips") == 0
    assert "over since" in capsys.readouterr().out


def test_a_channel_can_be_tried(own: Settings, pager: Hook, capsys: pytest.CaptureFixture[str]) -> None:
    assert commands.test_command(own, "pager") == 0
    assert pager.requests[0].json["event"] == "test"
    pager.status = 404
    assert commands.test_command(own, "pager") == 1
    assert "answered 404" in capsys.readouterr().out
    with pytest.raises(ConfigError, match="there is no channel 'post'"):
        commands.test_command(own, "post")


def test_a_connection_that_is_nowhere_is_named(
    own: Settings, pager: Hook, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("AIRFLOW_CONN_PAGER")
    assert commands.test_command(own, "pager") == 1
    assert "connection 'pager'" in capsys.readouterr().out


def test_what_was_given_up_is_shown_and_sent_after_all(
    context: Context, own: Settings, pager: Hook, capsys: pytest.CaptureFixture[str]
) -> None:
    assert commands.messages_command(own) == 0
    assert capsys.readouterr().out == "there is no message\n"
    enqueue_opened(context, context.incidents.open("trips", Cause.POLICY, make_window(0), "x"), now=datetime(2026, 1, 1, tzinfo=UTC))
    pager.status = 404
    assert commands.deliver_command(own) == 1
    assert capsys.readouterr().out.startswith("1 given up\n  incident:1:opened:pager: given up after 1 attempts")
    assert commands.messages_command(own, troubled=True) == 0
    assert capsys.readouterr().out.splitlines()[1].split()[:6] == ["1", "opened", "trips", "pager", "failed", "1"]
    pager.status = 200
    assert commands.retry_command(own) == 0
    assert capsys.readouterr().out == "1 message back in the outbox\n1 sent\n"
    assert commands.retry_command(own) == 0
    assert MessageStore(context.store.engine).troubled() == []


def test_without_channels_the_list_says_so(own: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    assert commands.messages_command(own) == 0
    assert "has no channel, so nothing is sent" in capsys.readouterr().out
