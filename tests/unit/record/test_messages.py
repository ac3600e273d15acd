"""The outbox: written once, lent to one deliverer at a time, settled once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from driftgate.record.messages import LOAN, MessageStore
from driftgate.record.store import RecordStore
from driftgate.records import Event, Message, MessageState

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.fixture
def outbox(store: RecordStore) -> MessageStore:
    return MessageStore(store.engine)


def make(number: int = 1, channel: str = "mail", **more: Any) -> Message:
    return Message(f"digest:{number}:{channel}", Event.DIGEST, channel, **more)


def claimed(outbox: MessageStore, now: datetime = NOW, **conditions: Any) -> Message:
    message = outbox.claim(now, **conditions)
    assert message is not None
    return message


def test_a_message_is_written_once(outbox: MessageStore) -> None:
    assert outbox.enqueue([make(1), make(2)]) == 2
    assert outbox.enqueue([make(1), make(3)]) == 1
    assert outbox.enqueue([]) == 0
    assert outbox.counts()[MessageState.PENDING] == 3


def test_writing_it_again_does_not_send_it_again(outbox: MessageStore) -> None:
    outbox.enqueue([make()])
    outbox.mark_sent(claimed(outbox))
    outbox.enqueue([make()])
    assert outbox.claim(NOW + timedelta(days=1)) is None
    assert outbox.recent()[0].sent_at is not None


def test_what_has_waited_longest_comes_first_and_what_is_not_due_does_not_come(outbox: MessageStore) -> None:
    early, late = NOW - timedelta(hours=1), NOW + timedelta(minutes=1)
    outbox.enqueue([make(1, not_before=late), make(2, not_before=NOW), make(3, not_before=early), make(4, "chat")])
    assert [claimed(outbox).key for _ in range(3)] == ["digest:4:chat", "digest:3:mail", "digest:2:mail"]
    assert outbox.claim(NOW) is None
    assert claimed(outbox, late).key == "digest:1:mail"


def test_channels_and_monitors_can_be_left_alone(outbox: MessageStore) -> None:
    outbox.enqueue([make(1, monitor="trips"), make(2, "chat", monitor="trips"), make(3, monitor="others")])
    assert claimed(outbox, monitor="trips", without=["mail"]).key == "digest:2:chat"
    assert outbox.claim(NOW, monitor="trips", without=["mail"]) is None
    assert claimed(outbox, monitor="others").key == "digest:3:mail"


def test_a_claim_counts_an_attempt_and_ends_by_itself(outbox: MessageStore) -> None:
    outbox.enqueue([make()])
    assert claimed(outbox).attempts == 1
    assert outbox.claim(NOW + LOAN - timedelta(seconds=1)) is None
    assert claimed(outbox, NOW + LOAN).attempts == 2


def test_a_deliverer_that_was_too_slow_changes_nothing_of_its_successors(outbox: MessageStore) -> None:
    outbox.enqueue([make()])
    slow = claimed(outbox)
    quick = claimed(outbox, NOW + LOAN)
    assert not outbox.mark_failed(slow, "slow", None)
    assert not outbox.release(slow, NOW)
    assert not outbox.drop(slow, "slow")
    assert outbox.recent()[0].last_error is None
    assert outbox.mark_failed(quick, "down", NOW + timedelta(hours=1))
    assert (outbox.recent()[0].last_error, outbox.recent()[0].attempts) == ("down", 2)


def test_a_deliverer_that_was_slow_but_sent_it_spares_others_the_work(outbox: MessageStore) -> None:
    outbox.enqueue([make()])
    slow = claimed(outbox)
    quick = claimed(outbox, NOW + LOAN)
    assert outbox.mark_sent(slow)
    assert not outbox.mark_failed(quick, "down", NOW)
    assert outbox.recent()[0].state is MessageState.SENT


def test_giving_back_does_not_count_as_an_attempt(outbox: MessageStore) -> None:
    outbox.enqueue([make()])
    assert outbox.release(claimed(outbox), NOW + timedelta(hours=8))
    assert (outbox.recent()[0].attempts, outbox.recent()[0].not_before) == (0, NOW + timedelta(hours=8))


def test_a_channel_can_rest_without_losing_attempts(outbox: MessageStore) -> None:
    later = NOW + timedelta(minutes=5)
    outbox.enqueue([make(1), make(2), make(3, "chat"), make(4, not_before=later + timedelta(hours=1))])
    outbox.mark_sent(claimed(outbox))
    assert outbox.postpone("mail", NOW, later, "waits: down") == 1
    waiting = {message.key: (message.attempts, message.not_before) for message in outbox.recent() if message.last_error}
    assert waiting == {"digest:2:mail": (0, later)}


def test_what_was_given_up_can_be_tried_again(outbox: MessageStore) -> None:
    outbox.enqueue([make(1), make(2, "chat")])
    for _ in range(2):
        outbox.mark_failed(claimed(outbox), "no such address", None)
    assert outbox.claim(NOW + timedelta(days=9)) is None
    assert {message.channel for message in outbox.troubled()} == {"mail", "chat"}
    assert outbox.revive(NOW, "chat") == 1
    assert claimed(outbox).attempts == 1


def test_long_errors_and_odd_characters_fit(outbox: MessageStore) -> None:
    outbox.enqueue([make()])
    outbox.mark_failed(claimed(outbox), "a\x00" * 5000, None)
    assert len(str(outbox.recent()[0].last_error)) == 1000


def test_claiming_uses_the_index_of_what_is_pending(outbox: MessageStore, store: RecordStore) -> None:
    with store.engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO driftgate.message (key, event, channel, state) "
                "SELECT 'old:' || n, 'digest', 'mail', 'sent' FROM generate_series(1, 20000) AS n"
            )
        )
        connection.execute(text("ANALYZE driftgate.message"))
        plan = connection.execute(
            text(
                "EXPLAIN SELECT id FROM driftgate.message WHERE state = 'pending' AND (not_before IS NULL OR not_before <= now()) "
                "ORDER BY not_before NULLS FIRST, id LIMIT 1 FOR UPDATE SKIP LOCKED"
            )
        )
        assert "message_pending_idx" in "\n".join(row[0] for row in plan)
