"""One pass over the outbox: claim a message, decide whether it is still wanted, word it, send it, note what became of it."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from driftgate.config.notifications import NotificationsConfig
from driftgate.message_content import Content, Dropped
from driftgate.notify.channel import Resolve, deliver, environment
from driftgate.notify.outcome import DeliveryError
from driftgate.notify.routing import next_attempt, quiet_until
from driftgate.records import Event, Message
from driftgate.settings import Settings

if TYPE_CHECKING:
    from sqlalchemy import Engine

log = logging.getLogger(__name__)

BUDGET_S = 120
"""After this long a pass begins no other message; the next pass goes on."""
_PROBLEMS = 20


@dataclass
class Delivery:
    """What became of the messages of one pass."""

    sent: int = 0
    later: int = 0
    """Attempts that failed and follow again, and messages that wait for their channel."""
    failed: int = 0
    """Given up or refused for good."""
    dropped: int = 0
    waiting: int = 0
    """Held back by quiet hours."""
    problems: list[str] = field(default_factory=list)
    """What went wrong, one line per attempt; without secrets."""

    @property
    def is_clean(self) -> bool:
        return not self.problems

    def note(self, problem: str) -> None:
        log.warning("%s", problem)
        if len(self.problems) < _PROBLEMS:
            self.problems.append(problem)

    def __str__(self) -> str:
        counts = {"sent": self.sent, "to be tried again": self.later, "given up": self.failed, "no longer needed": self.dropped}
        counts["waiting for the end of quiet hours"] = self.waiting
        return ", ".join(f"{count} {name}" for name, count in counts.items() if count) or "nothing was due"


def resolver(connection_uri: Callable[[str], str] | None) -> Resolve:
    """Return the way to connections: through Airflow where we run in it, else from the environment."""
    return connection_uri or environment(os.environ)


class Courier:
    """Delivers what is due, message by message.

    A channel that cannot be reached is left alone for the rest of the pass, and its other messages wait as long as the one that showed it.

    Parameters
    ----------
    now
        The present; fixed for the whole pass, so that a message is tried once in it.
    """

    def __init__(
        self,
        settings: Settings,
        engine: Engine,
        config: NotificationsConfig,
        connection_uri: Callable[[str], str] | None,
        now: datetime,
    ) -> None:
        from driftgate.record.messages import MessageStore

        self._settings, self._config, self._now = settings, config, now
        self._outbox = MessageStore(engine)
        self._content = Content(settings, engine, config, now)
        self._resolve = resolver(connection_uri)
        self._down: set[str] = set()
        self._result = Delivery()

    def run(self, monitor: str | None = None) -> Delivery:
        """Deliver until nothing is due or the time is up."""
        deadline = time.monotonic() + BUDGET_S
        while time.monotonic() < deadline:
            message = self._outbox.claim(self._now, monitor=monitor, without=self._down)
            if message is None:
                break
            self._handle(message)
        return self._result

    def _handle(self, message: Message) -> None:
        channel = self._config.channels.get(message.channel)
        if channel is None:
            self._give_up(message, f"channel {message.channel!r} is not in {self._settings.notifications_path} any more")
            return
        try:
            notice = self._content.of(message)
            until = None if message.event is Event.DIGEST else quiet_until(self._config, notice.severity, self._now)
            if until is not None:
                self._outbox.release(message, until)
                self._result.waiting += 1
                return
            remark = deliver(message.channel, channel, notice, self._resolve, self._settings.notifications_path)
        except Dropped as reason:
            self._outbox.drop(message, str(reason))
            self._result.dropped += 1
        except DeliveryError as error:
            self._failed(message, error)
        except Exception as error:  # one message that cannot be worded must not hold up the others
            log.exception("message %s", message.key)
            self._failed(message, DeliveryError(f"the message could not be made ({type(error).__name__}: {error})"))
        else:
            self._sent(message, remark)

    def _sent(self, message: Message, remark: str | None) -> None:
        if remark:
            self._result.note(f"{message.key}: sent in part: {remark}")
        self._outbox.mark_sent(message, remark)
        self._result.sent += 1

    def _failed(self, message: Message, error: DeliveryError) -> None:
        again = next_attempt(message.attempts, self._config.attempts, self._now, error.retry_after) if error.retryable else None
        if again is None:
            self._give_up(message, str(error))
        else:
            self._outbox.mark_failed(message, str(error), again)
            self._result.later += 1
            self._result.note(f"{message.key}: attempt {message.attempts}: {error}; tried again after {again:%Y-%m-%d %H:%M} UTC")
        if error.whole_channel:
            self._rest(message.channel, str(error), again or self._now + timedelta(minutes=5))

    def _give_up(self, message: Message, error: str) -> None:
        self._outbox.mark_failed(message, error, None)
        self._result.failed += 1
        self._result.note(f"{message.key}: given up after {message.attempts} attempts: {error}")

    def _rest(self, channel: str, error: str, until: datetime) -> None:
        """Leave a channel alone for this pass."""
        self._down.add(channel)
        self._result.later += self._outbox.postpone(channel, self._now, until, f"waits: {error}")
