"""Bad windows to messages: through the real records, to real receivers."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from driftgate import incidents
from driftgate.context import Context
from driftgate.notifications import deliver_due, deliver_for, enqueue_opened
from driftgate.pipeline import decide
from driftgate.record.messages import MessageStore
from driftgate.records import Cause, Measures, MessageState, Severity
from factories import make_measures, make_window
from notifications.conftest import smtp_connection, web_connection
from notifications.receivers import Hook, Mailbox, mail_server, web_server

WARNING = make_window(0)


@pytest.fixture
def two_channels(write_file: Callable[..., Path], connections: dict[str, str], mailbox: Mailbox, hook: Hook) -> None:
    connections |= {"mail": smtp_connection(mailbox.port), "chat": web_connection(hook.url)}
    write_file(
        channels={
            "ops_mail": {"kind": "email", "connection": "mail", "to": ["ops@example.com"]},
            "ops_chat": {"kind": "slack", "connection": "chat"},
        },
        resolved=True,
    )


def bad(day: int) -> Measures:
    return make_measures(day, drift_share=0.8)


def judge(context: Context, measures: Measures) -> None:
    """Do what the pipeline does about a measured window, and deliver as the run does."""
    from driftgate.records import Batch, BatchStatus

    batch = Batch("trips", measures.window, BatchStatus.INGESTED, measures.rows, model_version="1", dag_run="scheduled__1")
    context.store.save_measures(batch, measures)
    decide(context, measures)
    deliver_for(context)


def messages(context: Context) -> dict[str, MessageState]:
    return {message.key: message.state for message in MessageStore(context.store.engine).recent()}


@pytest.mark.usefixtures("two_channels")
def test_three_bad_days_are_one_incident_and_one_message_per_channel_and_a_good_day_ends_it(
    context: Context, mailbox: Mailbox, hook: Hook
) -> None:
    for day in range(3):
        judge(context, bad(day))
    found = context.incidents.list()
    assert [(item.cause, item.count) for item in found] == [(Cause.POLICY, 3)]
    assert len(mailbox.messages) == len(hook.requests) == 1
    assert mailbox.encrypted == [True]
    judge(context, make_measures(3))
    assert context.incidents.list() == []
    assert [message["Subject"].partition("]")[0] for message in mailbox.messages] == ["[warning", "[resolved"]
    assert len(hook.requests) == 2
    judge(context, make_measures(4))
    assert len(mailbox.messages) == len(hook.requests) == 2
    assert set(messages(context).values()) == {MessageState.SENT}


@pytest.mark.usefixtures("two_channels")
def test_the_mail_says_what_since_when_how_bad_and_where_to_go_on(context: Context, mailbox: Mailbox) -> None:
    judge(context, bad(0))
    mail = mailbox.messages[0]
    assert mail["Subject"] == "[warning] trips: drift_share 0.8 is above 0.5 since 2023-12-31 19:00 to 2024-01-01 19:00"
    assert mail["To"] == "ops@example.com"
    assert mailbox.senders == ["driftgate@example.com"]
    assert mail["Auto-Submitted"] == "auto-generated"
    text, page = (mail.get_body((kind,)).get_content() for kind in ("plain", "html"))
    for part in ("drift_share 0.8 is above 0.5", "America/New_York", "2024-01-01 00:00 to 2024-01-02 00:00 UTC", "Owner:"):
        assert part in text
    for address in (
        "http://airflow.test:8080/plugin/driftgate/driftgate/pages/monitor.html?dag=monitor__trips&window=20240101T000000Z-20240102T000000Z",
        "http://airflow.test:8080/dags/monitor__trips/runs/scheduled__1",
        "http://grafana.test:3000/d/driftgate-model?var-monitor=trips&",
    ):
        assert address in text
        assert address.replace("&", "&amp;") in page


@pytest.mark.usefixtures("two_channels")
def test_the_end_of_an_incident_is_shown_under_its_beginning(context: Context, mailbox: Mailbox) -> None:
    judge(context, bad(0))
    judge(context, make_measures(1))
    first, last = mailbox.messages
    assert last["In-Reply-To"] == first["References"]
    assert first["Message-ID"] != last["Message-ID"]


@pytest.mark.usefixtures("two_channels")
def test_dead_receivers_change_no_record_and_the_message_comes_once_when_they_are_back(
    context: Context, connections: dict[str, str], certificate: tuple[Path, Path]
) -> None:
    now = datetime.now(UTC)
    with mail_server(certificate) as gone, web_server() as gone_too:
        ports = gone.port, gone_too.port
    connections |= {"mail": smtp_connection(ports[0]), "chat": web_connection(f"http://127.0.0.1:{ports[1]}/hook/verysecret")}
    judge(context, bad(0))
    assert [(item.count, item.resolved) for item in context.incidents.list()] == [(1, None)]
    assert len(context.store.past_decisions("trips", "1", make_window(9).start, limit=5, minimum_rows=0)) == 1
    outbox = MessageStore(context.store.engine)
    waiting = outbox.recent()
    assert {(message.state, message.attempts) for message in waiting} == {(MessageState.PENDING, 1)}
    assert all(f"127.0.0.1:{port}" in " ".join(message.last_error or "" for message in waiting) for port in ports)
    assert "verysecret" not in str(waiting)
    with mail_server(certificate, port=ports[0]) as box, web_server(ports[1]) as hook:
        deliver_for(context, now=now)
        assert (len(box.messages), len(hook.requests)) == (0, 0)  # not yet
        for minutes in (3, 4, 10):
            deliver_for(context, now=now + timedelta(minutes=minutes))
        assert (len(box.messages), len(hook.requests)) == (1, 1)
    assert set(messages(context).values()) == {MessageState.SENT}


@pytest.mark.usefixtures("two_channels")
def test_a_warning_that_becomes_critical_is_told_once_more(context: Context, mailbox: Mailbox, hook: Hook) -> None:
    for day, severity in enumerate((Severity.WARNING, Severity.WARNING, Severity.CRITICAL, Severity.CRITICAL, Severity.WARNING)):
        incident = context.incidents.open("trips", Cause.POLICY, make_window(day), f"day {day}", severity=severity)
        enqueue_opened(context, incident)
        deliver_for(context)
    assert [message["Subject"][:10] for message in mailbox.messages] == ["[warning] ", "[critical]"]
    assert "It was a warning and is critical now." in mailbox.messages[1].get_body(("plain",)).get_content()
    assert mailbox.messages[1]["Importance"] == "high"
    assert len(hook.requests) == 2


@pytest.mark.usefixtures("two_channels")
def test_a_warning_that_becomes_critical_before_it_was_told_is_told_once(context: Context, mailbox: Mailbox) -> None:
    for day, severity in enumerate((Severity.WARNING, Severity.CRITICAL)):
        enqueue_opened(context, context.incidents.open("trips", Cause.POLICY, make_window(day), "x", severity=severity))
    deliver_for(context)
    assert [message["Subject"][:10] for message in mailbox.messages] == ["[critical]"]


@pytest.mark.usefixtures("two_channels")
def test_an_acknowledged_incident_sends_nothing_more(context: Context, mailbox: Mailbox) -> None:
    incident = context.incidents.open("trips", Cause.POLICY, make_window(0), "x")
    enqueue_opened(context, incident)
    context.incidents.acknowledge(incident.id, "ann")
    result = deliver_for(context)
    assert (result.sent, result.dropped) == (0, 2)
    worse = context.incidents.open("trips", Cause.POLICY, make_window(1), "x", severity=Severity.CRITICAL)
    assert enqueue_opened(context, worse) == 0
    incidents._resolve(context, (Cause.POLICY,), make_window(2))
    assert deliver_for(context).sent == 0
    assert mailbox.messages == []
    assert "acknowledged by ann" in str(MessageStore(context.store.engine).recent()[0].last_error)


@pytest.mark.usefixtures("two_channels")
@pytest.mark.parametrize(("severity", "subjects"), [(Severity.WARNING, []), (Severity.CRITICAL, ["[over] trips: x since"])])
def test_what_is_over_before_it_was_told_is_told_only_if_it_was_critical(
    context: Context, mailbox: Mailbox, severity: Severity, subjects: list[str]
) -> None:
    enqueue_opened(context, context.incidents.open("trips", Cause.POLICY, make_window(0), "x", severity=severity))
    incidents._resolve(context, (Cause.POLICY,), make_window(1))
    for minutes in (0, 10):
        deliver_for(context, now=datetime.now(UTC) + timedelta(minutes=minutes))
    assert [message["Subject"][: len("[over] trips: x since")] for message in mailbox.messages] == subjects


@pytest.mark.usefixtures("two_channels")
def test_another_monitors_messages_are_left_to_others(context: Context, mailbox: Mailbox) -> None:
    other = context.incidents.open("others", Cause.RUN, make_window(0), "disk full")
    enqueue_opened(context, other)
    assert str(deliver_for(context)) == "nothing was due"
    assert deliver_due(context.settings, context.store.engine, context.connection_uri).sent == 2
    assert mailbox.messages[0]["Subject"] == "[warning] others: the run of 2024-01-01 00:00Z failed (disk full)"


def test_names_from_data_are_text_everywhere(
    context: Context, write_file: Callable[..., Path], connections: dict[str, str], mailbox: Mailbox, hook: Hook
) -> None:
    connections |= {"mail": smtp_connection(mailbox.port), "web": web_connection(hook.url)}
    write_file(
        channels={
            "mail": {"kind": "email", "connection": "mail", "to": ["ops@example.com"]},
            "slack": {"kind": "slack", "connection": "web"},
            "teams": {"kind": "teams", "connection": "web"},
        }
    )
    detail = "<script>alert(1)</script> & <!channel> [x](http://evil)\r\nBcc: all@example.com"
    enqueue_opened(context, context.incidents.open("trips", Cause.POLICY, make_window(0), detail))
    assert deliver_for(context).sent == 3
    mail = mailbox.messages[0]
    assert mail["Bcc"] is None
    assert "<script>" not in mail.get_body(("html",)).get_content()
    slack, teams = (
        next(item.body.decode() for item in hook.requests if mark in item.body.decode()) for mark in ('"blocks"', "AdaptiveCard")
    )
    sections = slack.partition('"mrkdwn"')[2]
    assert "<!channel>" not in sections
    assert "&lt;!channel&gt;" in sections
    assert "[x](http://evil)" not in teams.partition('"body"')[2]


def test_without_channels_nothing_is_written(context: Context) -> None:
    judge(context, bad(0))
    assert messages(context) == {}
    assert len(context.incidents.list()) == 1


def test_a_broken_file_stops_no_run(context: Context, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "notifications.yaml").write_text("chanels: {}")
    incident = context.incidents.open("trips", Cause.POLICY, make_window(0), "x")
    assert enqueue_opened(context, incident) == 0
    assert "did you mean 'channels'" in caplog.text


def test_nothing_is_said_of_windows_that_are_too_old(context: Context, write_file: Callable[..., Path], hook: Hook) -> None:
    write_file(channels={"web": {"kind": "webhook", "connection": "web"}}, max_age="7d")
    incident = context.incidents.open("trips", Cause.POLICY, make_window(0), "x")
    assert enqueue_opened(context, incident, now=incident.last_seen.end + timedelta(days=8)) == 0
    assert enqueue_opened(context, incident, now=incident.last_seen.end + timedelta(days=6)) == 1


def test_a_message_is_written_with_its_incident_or_not_at_all(context: Context, write_file: Callable[..., Path]) -> None:
    write_file(channels={"web": {"kind": "webhook", "connection": "web"}})
    incident = context.incidents.open("trips", Cause.POLICY, make_window(0), "x")
    with pytest.raises(ZeroDivisionError), context.store.engine.begin() as connection:  # noqa: PT012
        assert enqueue_opened(context, incident, connection) == 1
        raise ZeroDivisionError
    assert messages(context) == {}


@pytest.mark.usefixtures("two_channels")
def test_a_monitor_file_that_is_gone_does_not_stop_its_messages(context: Context, mailbox: Mailbox) -> None:
    enqueue_opened(context, context.incidents.open("trips", Cause.POLICY, make_window(0), "x"))
    gone = dataclasses.replace(context.settings, monitors_dir=context.settings.home)
    assert deliver_due(gone, context.store.engine, context.connection_uri).sent == 2
    assert mailbox.messages[0]["Subject"] == "[warning] trips: x since 2024-01-01 00:00Z"
