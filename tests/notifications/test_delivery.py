"""One pass over the outbox against receivers that are slow, refuse, ask for patience, or are not there."""

from __future__ import annotations

import hashlib
import hmac
import logging
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from driftgate.context import Context
from driftgate.delivery import Delivery
from driftgate.errors import ConfigError
from driftgate.notifications import deliver_due, enqueue_approval, enqueue_opened, send_now
from driftgate.notify import wording
from driftgate.record.messages import LOAN, MessageStore
from driftgate.records import Cause, Comparison, Message, MessageState, Retraining, RetrainVerdict, Severity
from factories import make_window
from notifications.conftest import smtp_connection, web_connection
from notifications.receivers import PASSWORD, Hook, Mailbox, free_port, mail_server, web_server

pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")  # said to the test's own mail server

Write = Callable[..., Path]
NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
MAIL = {"kind": "email", "connection": "mail", "to": ["ops@example.com", "boss@example.com"]}
HOOK = {"kind": "webhook", "connection": "web"}


def open_incident(context: Context, count: int = 1, severity: Severity = Severity.WARNING) -> None:
    """Open incidents and put their messages into the outbox."""
    for number in range(count):
        enqueue_opened(context, context.incidents.open(f"trips_{number}", Cause.POLICY, make_window(0), "x", severity=severity), now=NOW)


def deliver(context: Context, now: datetime = NOW) -> Delivery:
    return deliver_due(context.settings, context.store.engine, context.connection_uri, now=now)


def outbox(context: Context) -> list[Message]:
    return MessageStore(context.store.engine).recent()


def only(context: Context) -> Message:
    (message,) = outbox(context)
    return message


# --- mail -------------------------------------------------------------------------------------------------------------


def test_without_encryption_no_password_is_sent(context: Context, write_file: Write, connections: dict[str, str]) -> None:
    write_file(channels={"mail": MAIL})
    open_incident(context)
    with mail_server(None) as box:  # it would take the login as it is
        connections["mail"] = smtp_connection(box.port)
        result = deliver(context)
        assert box.messages == []
    assert "does not offer what is needed" in result.problems[0]
    assert "disable_tls" in result.problems[0]


def test_encryption_can_be_switched_off_for_a_server_on_the_same_machine(
    context: Context, write_file: Write, connections: dict[str, str]
) -> None:
    write_file(channels={"mail": MAIL})
    open_incident(context)
    with mail_server(None) as box:
        connections["mail"] = smtp_connection(box.port, disable_tls=True, disable_ssl=True)
        assert deliver(context).sent == 1
        assert box.encrypted == [False]


def test_encryption_from_the_first_byte(
    context: Context, write_file: Write, connections: dict[str, str], certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    write_file(channels={"mail": MAIL})
    open_incident(context)
    with mail_server(certificate, implicit=True) as box:
        connections["mail"] = smtp_connection(box.port, disable_tls=True)
        assert deliver(context).sent == 1
        assert len(box.messages) == 1


@pytest.mark.parametrize(("extra", "sent"), [({}, 0), ({"ssl_context": "none"}, 1)], ids=["checked", "check switched off"])
def test_a_certificate_that_nobody_vouches_for_is_refused(
    context: Context, write_file: Write, connections: dict[str, str], certificate: tuple[Path, Path], extra: dict[str, Any], sent: int
) -> None:
    write_file(channels={"mail": MAIL})
    open_incident(context)
    with mail_server(certificate) as box:
        connections["mail"] = smtp_connection(box.port, **extra)
        result = deliver(context)
        assert len(box.messages) == result.sent == sent
    assert sent or "no encrypted connection (self-signed certificate)" in result.problems[0]


def test_a_wrong_password_is_tried_again_and_never_shown(
    context: Context, write_file: Write, connections: dict[str, str], mailbox: Mailbox, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    logging.getLogger("mail.log").setLevel(logging.WARNING)
    write_file(channels={"mail": MAIL})
    connections["mail"] = smtp_connection(mailbox.port).replace("p/ss:w@rd %41", "wrong-secret")
    open_incident(context)
    result = deliver(context)
    assert "refuses the login (535" in result.problems[0]
    assert (only(context).state, only(context).attempts) == (MessageState.PENDING, 1)
    assert "wrong-secret" not in caplog.text + str(result) + str(outbox(context))


@pytest.mark.parametrize(
    ("answer", "state"), [("550 not here", MessageState.FAILED), ("451 later", MessageState.PENDING)], ids=["for good", "for now"]
)
def test_the_servers_answer_decides_whether_to_try_again(
    context: Context, write_file: Write, connections: dict[str, str], mailbox: Mailbox, answer: str, state: MessageState
) -> None:
    write_file(channels={"mail": MAIL})
    connections["mail"] = smtp_connection(mailbox.port)
    mailbox.answer = answer
    open_incident(context)
    deliver(context)
    assert (only(context).state, only(context).attempts) == (state, 1)
    assert answer in str(only(context).last_error)
    mailbox.answer = "250 taken"
    deliver(context, NOW + timedelta(hours=1))
    assert len(mailbox.messages) == (1 if state is MessageState.PENDING else 0)


def test_one_unknown_recipient_does_not_keep_it_from_the_others(
    context: Context, write_file: Write, connections: dict[str, str], mailbox: Mailbox
) -> None:
    write_file(channels={"mail": MAIL})
    connections["mail"] = smtp_connection(mailbox.port)
    mailbox.refused["boss@example.com"] = "550 no such person"
    open_incident(context)
    result = deliver(context)
    assert (result.sent, len(mailbox.messages)) == (1, 1)
    assert "refused for boss@example.com (550 no such person)" in result.problems[0]
    assert "boss@example.com" in str(only(context).last_error)
    mailbox.refused["ops@example.com"] = "550 neither"
    open_incident(context, 2)
    assert deliver(context).failed == 1


def test_a_mail_server_that_hangs_is_not_waited_for(
    context: Context, write_file: Write, connections: dict[str, str], mailbox: Mailbox
) -> None:
    write_file(channels={"mail": MAIL})
    connections["mail"] = smtp_connection(mailbox.port, timeout=1)
    mailbox.delay_s = 3
    open_incident(context)
    started = time.monotonic()
    result = deliver(context)
    assert time.monotonic() - started < 2.8
    assert result.later == 1
    assert "timed out" in result.problems[0]


# --- web --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [400, 404, 410, 302])
def test_what_will_never_be_taken_is_given_up_at_once(
    context: Context, write_file: Write, connections: dict[str, str], hook: Hook, status: int
) -> None:
    write_file(channels={"web": HOOK})
    connections["web"] = web_connection(hook.url)
    hook.status, hook.text = status, "no_service for topsecrettoken"
    hook.headers = {"Location": hook.url} if status == 302 else {}
    open_incident(context)
    assert deliver(context).failed == 1
    assert only(context).state is MessageState.FAILED
    assert f"127.0.0.1:{hook.port} answered {status}" in str(only(context).last_error)
    assert deliver(context, NOW + timedelta(days=1)).sent == 0
    assert len(hook.refused) == 1


@pytest.mark.parametrize("status", [429, 500, 503, 401, 403])
def test_what_may_pass_is_tried_again_at_growing_distances_and_then_given_up(
    context: Context, write_file: Write, connections: dict[str, str], hook: Hook, status: int
) -> None:
    write_file(channels={"web": HOOK}, attempts=4)
    connections["web"] = web_connection(hook.url)
    hook.status = status
    open_incident(context)
    tried = [minute for minute in (0, 1, 2, 5, 6, 7, 20, 21, 22, 90) if deliver(context, NOW + timedelta(minutes=minute)).problems]
    assert tried == [0, 1, 6, 21]
    assert (only(context).state, only(context).attempts) == (MessageState.FAILED, 4)
    hook.status = 200
    assert MessageStore(context.store.engine).revive(NOW) == 1
    assert deliver(context).sent == 1


def test_a_receiver_that_asks_for_patience_gets_it(context: Context, write_file: Write, connections: dict[str, str], hook: Hook) -> None:
    write_file(channels={"web": HOOK})
    connections["web"] = web_connection(hook.url)
    hook.status, hook.headers = 429, {"Retry-After": "1800"}
    open_incident(context)
    deliver(context)
    assert only(context).not_before == NOW + timedelta(minutes=30)


def test_a_web_server_that_hangs_is_not_waited_for(
    context: Context, write_file: Write, connections: dict[str, str], hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    from driftgate.notify import http_post

    monkeypatch.setattr(http_post.post, "__defaults__", (None, 1.0))
    write_file(channels={"web": HOOK})
    connections["web"] = web_connection(hook.url)
    hook.delay_s = 3
    open_incident(context)
    started = time.monotonic()
    assert "did not answer within 1 s" in deliver(context).problems[0]
    assert time.monotonic() - started < 2.8


def test_a_dead_channel_is_tried_once_and_holds_up_no_other(
    context: Context, write_file: Write, connections: dict[str, str], hook: Hook
) -> None:
    write_file(channels={"dead": {"kind": "webhook", "connection": "dead"}, "web": HOOK})
    connections |= {"dead": web_connection(f"http://127.0.0.1:{free_port()}/x"), "web": web_connection(hook.url)}
    open_incident(context, 5)
    result = deliver(context)
    assert (result.sent, result.later, len(result.problems)) == (5, 5, 1)
    waiting = [message for message in outbox(context) if message.channel == "dead"]
    assert sorted(message.attempts for message in waiting) == [0, 0, 0, 0, 1]
    assert {message.not_before for message in waiting} == {NOW + timedelta(minutes=1)}
    assert all("was not reached" in str(message.last_error) for message in waiting)
    assert {message.channel for message in MessageStore(context.store.engine).troubled()} == {"dead"}


def test_a_generic_hook_gets_versioned_json_that_is_signed(
    context: Context, write_file: Write, connections: dict[str, str], hook: Hook
) -> None:
    write_file(channels={"web": HOOK})
    connections["web"] = web_connection(hook.url, signing_secret="shared")
    open_incident(context)
    deliver(context)
    posted = hook.requests[0]
    content = posted.json
    assert (content["version"], content["event"], content["severity"], content["monitor"]) == (1, "opened", "warning", "trips_0")
    assert content["incident"]["opened"] == {"start": "2024-01-01T00:00:00+00:00", "end": "2024-01-02T00:00:00+00:00"}
    assert content["incident"]["reasons"] == ["x"]
    assert "Open in Driftgate" in content["links"]
    assert posted.headers["X-Driftgate-Key"] == content["key"] == only(context).key
    stamp, signature = (part.partition("=")[2] for part in posted.headers["X-Driftgate-Signature"].split(","))
    assert signature == hmac.new(b"shared", stamp.encode() + b"." + posted.body, hashlib.sha256).hexdigest()


def test_connections_of_the_environment_serve_outside_airflow(
    context: Context, write_file: Write, hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_file(channels={"web": {"kind": "slack", "connection": "Ops_Slack"}})
    monkeypatch.setenv("AIRFLOW_CONN_OPS_SLACK", hook.url)
    open_incident(context)
    assert deliver_due(context.settings, context.store.engine, now=NOW).sent == 1
    assert hook.requests[0].path == "/services/T000/B000/topsecrettoken"


def test_a_missing_connection_names_channel_id_and_file(context: Context, write_file: Write) -> None:
    path = write_file(channels={"web": HOOK})
    open_incident(context)
    problem = deliver(context).problems[0]
    for part in ("channel 'web'", "connection 'web'", "AIRFLOW_CONN_WEB", str(path)):
        assert part in problem
    assert only(context).state is MessageState.PENDING


def test_a_channel_that_was_taken_out_of_the_file_gets_nothing(context: Context, write_file: Write) -> None:
    write_file(channels={"web": HOOK})
    open_incident(context)
    write_file(channels={"other": HOOK})
    assert deliver(context).failed == 1
    assert "is not in" in str(only(context).last_error)


# --- once, and not too early -----------------------------------------------------------------------------------------


def test_deliverers_at_the_same_time_send_every_message_once(
    context: Context, write_file: Write, connections: dict[str, str], hook: Hook
) -> None:
    write_file(channels={"web": HOOK})
    connections["web"] = web_connection(hook.url)
    hook.delay_s = 0.02
    open_incident(context, 12)
    threads = [threading.Thread(target=deliver, args=(context,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    keys = [request.json["key"] for request in hook.requests]
    assert len(keys) == len(set(keys)) == 12


def test_a_deliverer_that_is_killed_while_sending_leaves_the_message_to_the_next(
    context: Context, write_file: Write, hook: Hook, postgres_uri: str
) -> None:
    """Sent but not noted: the message comes again when the loan is over, and its key tells the receiver that it is the same one."""
    write_file(channels={"web": HOOK})
    open_incident(context)
    arrived = threading.Event()
    hook.meanwhile = lambda: (arrived.set(), time.sleep(0.5))[0]
    program = (
        "import dataclasses, datetime, sys\nfrom pathlib import Path\nfrom driftgate.notifications import deliver_due\n"
        "from driftgate.record.store import RecordStore\nfrom driftgate.settings import load\n"
        "settings = dataclasses.replace(load(), notifications_file=Path(sys.argv[1]))\n"
        f"deliver_due(settings, RecordStore.open(sys.argv[2]).engine, lambda _: sys.argv[3], now=datetime.datetime.fromisoformat({NOW.isoformat()!r}))\n"
    )
    child = subprocess.Popen([sys.executable, "-c", program, str(context.settings.notifications_path), postgres_uri, hook.url])
    try:
        assert arrived.wait(30)
    finally:
        child.kill()
        child.wait()
    assert (only(context).state, only(context).attempts) == (MessageState.PENDING, 1)
    hook.meanwhile = lambda: None

    def again(now: datetime) -> Delivery:
        return deliver_due(context.settings, context.store.engine, lambda _: hook.url, now=now)

    assert again(NOW + LOAN / 2).sent == 0
    assert again(NOW + LOAN).sent == 1
    assert again(NOW + 2 * LOAN).sent == 0
    assert {request.json["key"] for request in hook.requests} == {only(context).key}
    assert len(hook.requests) == 2


def test_quiet_hours_hold_back_warnings_but_not_what_is_critical(
    context: Context, write_file: Write, connections: dict[str, str], hook: Hook
) -> None:
    quiet = {"from": "22:00", "to": "07:00", "timezone": "Europe/Berlin"}
    write_file(channels={"web": HOOK}, quiet_hours=quiet)
    connections["web"] = web_connection(hook.url)
    night = datetime(2026, 3, 2, 22, 30, tzinfo=UTC)
    enqueue_opened(context, context.incidents.open("trips", Cause.POLICY, make_window(0), "x"), now=night)
    critical = context.incidents.open("trips", Cause.GATE, make_window(0), "y", severity=Severity.CRITICAL)
    enqueue_opened(context, critical, now=night)
    deliver(context, night)
    assert [request.json["severity"] for request in hook.requests] == ["critical"]
    deliver(context, datetime(2026, 3, 3, 5, 59, tzinfo=UTC))
    assert len(hook.requests) == 1
    deliver(context, datetime(2026, 3, 3, 6, 0, tzinfo=UTC))
    assert [request.json["severity"] for request in hook.requests] == ["critical", "warning"]


def test_a_retry_does_not_break_into_quiet_hours(context: Context, write_file: Write, connections: dict[str, str], hook: Hook) -> None:
    write_file(channels={"web": HOOK}, quiet_hours={"from": "22:00", "to": "07:00"})
    connections["web"] = web_connection(hook.url)
    hook.status = 500
    evening = datetime(2026, 3, 2, 21, 59, 30, tzinfo=UTC)
    enqueue_opened(context, context.incidents.open("trips", Cause.POLICY, make_window(0), "x"), now=evening)
    deliver(context, evening)
    hook.status = 200
    result = deliver(context, evening + timedelta(minutes=5))
    assert (result.waiting, result.sent) == (1, 0)
    assert (only(context).not_before, only(context).attempts) == (datetime(2026, 3, 3, 7, tzinfo=UTC), 1)


# --- approvals, digests, tests ---------------------------------------------------------------------------------------


def waiting_challenger(context: Context, verdict: RetrainVerdict = RetrainVerdict.CHALLENGER_WINS) -> Retraining:
    comparison = Comparison("mae", 900, {"mae": 31.08}, {"mae": 11.07}, {}, {}, 20.0, 19.0, 21.0, True, "a gain of 20")
    retraining = Retraining("trips", make_window(0), verdict, "1", "2", comparison, "run", dag_run="drift__1")
    context.store.save_retraining(retraining)
    return retraining


def test_a_waiting_challenger_is_told_with_a_link_to_the_answer(
    context: Context, write_file: Write, connections: dict[str, str], hook: Hook
) -> None:
    write_file(channels={"web": HOOK})
    connections["web"] = web_connection(hook.url)
    assert [enqueue_approval(context, waiting_challenger(context), now=NOW) for _ in range(2)] == [1, 0]
    deliver(context)
    content = hook.requests[0].json
    assert content["subject"] == "[approval] trips: a challenger waits for approval (mae 11.07 against 31.08 of the champion)"
    assert content["links"]["Answer in Airflow"] == (
        "http://airflow.test:8080/dags/retrain__trips/runs/drift__1/tasks/approve/required_actions?map_index=-1"
    )


def test_a_question_that_was_answered_is_not_asked(context: Context, write_file: Write, connections: dict[str, str], hook: Hook) -> None:
    write_file(channels={"web": HOOK})
    connections["web"] = web_connection(hook.url)
    enqueue_approval(context, waiting_challenger(context), now=NOW)
    waiting_challenger(context, RetrainVerdict.REJECTED)
    assert (deliver(context).dropped, hook.requests) == (1, [])


def test_the_digest_comes_once_a_day_after_its_time(context: Context, write_file: Write, connections: dict[str, str], hook: Hook) -> None:
    write_file(channels={"web": HOOK}, routes=[{"channels": ["web"], "owner": ["nobody"]}], digest={"at": "08:00", "channels": ["web"]})
    connections["web"] = web_connection(hook.url)
    today = datetime.now(UTC).replace(hour=7, minute=59)
    for minutes in (0, 1, 6, 600, 24 * 60 - 1, 24 * 60 + 2):
        deliver(context, today + timedelta(minutes=minutes))
    assert [request.json["event"] for request in hook.requests] == ["digest", "digest"]
    assert hook.requests[0].json["subject"] == "[digest] all quiet, 0 windows measured"


def test_the_digest_tells_what_is_open_what_came_and_went_and_what_was_not_delivered(
    context: Context, write_file: Write, connections: dict[str, str], hook: Hook
) -> None:
    from driftgate.records import Batch, BatchStatus

    write_file(
        channels={"web": HOOK, "gone": {"kind": "webhook", "connection": "gone"}}, digest={"at": "00:00", "channels": ["web"]}, attempts=1
    )
    connections |= {"web": web_connection(hook.url), "gone": web_connection(f"http://127.0.0.1:{free_port()}")}
    now = datetime.now(UTC) + timedelta(seconds=5)
    context.store.save_batch(Batch("trips", make_window(0), BatchStatus.MEASURED, 200))
    context.store.save_batch(Batch("trips", make_window(1), BatchStatus.QUARANTINED, 100))
    enqueue_opened(context, context.incidents.open("trips", Cause.GATE, make_window(1), "a; b", severity=Severity.CRITICAL), now=now)
    context.incidents.open("trips", Cause.POLICY, make_window(0), "mae 4")
    context.incidents.resolve("trips", [Cause.POLICY], make_window(2))
    waiting_challenger(context)
    MessageStore(context.store.engine).mark_failed(claimed_by_gone(context, now), "down", None)
    deliver(context, now)
    digest = next(request.json for request in hook.requests if request.json["event"] == "digest")
    assert digest["subject"] == "[digest] 1 open, 2 new, 1 over, 1 quarantined, 1 retrained, 1 messages not delivered"
    assert (
        "• [critical] trips: the gate stopped the batch of 2024-01-01 19:00 to 2024-01-02 19:00 (2 expectations failed) (1 window, new)"
        in digest["text"]
    )
    assert (digest["digest"]["windows"], digest["digest"]["rows"]) == (1, 200)


def claimed_by_gone(context: Context, now: datetime) -> Message:
    message = MessageStore(context.store.engine).claim(now, without=["web"])
    assert message is not None
    return message


def test_a_quiet_day_can_go_without_a_digest(context: Context, write_file: Write, connections: dict[str, str], hook: Hook) -> None:
    write_file(channels={"web": HOOK}, digest={"at": "00:00", "channels": ["web"], "all_quiet": False})
    connections["web"] = web_connection(hook.url)
    assert (deliver(context).dropped, hook.requests) == (1, [])


def test_a_channel_can_be_tried(context: Context, write_file: Write, connections: dict[str, str], mailbox: Mailbox) -> None:
    write_file(channels={"mail": MAIL, "web": HOOK})
    connections["mail"] = smtp_connection(mailbox.port)
    connections["web"] = web_connection(f"http://127.0.0.1:{free_port()}/verysecret")
    results = send_now(context.settings, ["mail", "web"], lambda name: wording.trial(f"test:{name}", name), context.connection_uri)
    assert results["mail"] is None
    assert "was not reached" in str(results["web"])
    assert "verysecret" not in str(results)
    assert mailbox.messages[0]["Subject"] == "[test] Driftgate reaches the channel mail"
    with pytest.raises(ConfigError, match="there is no channel 'post'; channels here: mail, web"):
        send_now(context.settings, ["post"], lambda name: wording.trial("test", name))


def test_nothing_of_a_connection_is_in_logs_or_records(
    context: Context, write_file: Write, connections: dict[str, str], mailbox: Mailbox, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    logging.getLogger("mail.log").setLevel(logging.WARNING)
    write_file(channels={"mail": MAIL, "slack": {"kind": "slack", "connection": "slack"}, "web": HOOK})
    with web_server() as hook:
        hook.status, hook.text = 400, "what is /services/T000/B000/topsecrettoken?"
        connections |= {
            "mail": smtp_connection(mailbox.port),
            "slack": web_connection(hook.url),
            "web": f'{{"conn_type": "http", "host": "{hook.url}", "extra": {{"signing_secret": "signing-secret-1"}}}}',
        }
        mailbox.answer = f"550 {PASSWORD}"
        open_incident(context)
        result = deliver(context)
    assert result.failed == 3
    logged = "\n".join(record.getMessage() for record in caplog.records if record.name != "mail.log")  # the test's own mail server
    for secret in ("topsecrettoken", "B000", "signing-secret-1", PASSWORD):
        assert secret not in logged + str(result) + str(outbox(context))
