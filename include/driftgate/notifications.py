"""Telling people: incidents become messages in the outbox, and messages become e-mails and posts.

Two halves that never wait for each other. Putting a message into the outbox is a row in the records and cannot fail because of a receiver.
Delivering happens afterwards, from the run that caused the message and again from the DAG `driftgate__notify`, until a message was sent,
refused for good, or given up. What a message says is worded when it is delivered, from the records as they are then.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from driftgate.config.notifications import NotificationsConfig, load_notifications
from driftgate.context import Context
from driftgate.errors import ConfigError
from driftgate.notify.routing import channels_for, digest_day, quiet_until
from driftgate.records import Event, Incident, Message, Retraining, Severity
from driftgate.settings import Settings

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

    from driftgate.delivery import Delivery
    from driftgate.notify.notice import Notice
    from driftgate.record.messages import MessageStore

log = logging.getLogger(__name__)

OPENED, WORSE, RESOLVED = "opened", "critical", "resolved"
"""Part of a message's key: an incident was told as a warning, was told as critical, was told to be over."""


def enqueue_opened(context: Context, incident: Incident, connection: Connection | None = None, *, now: datetime | None = None) -> int:
    """Put the messages about an opened (or worsened) incident into the outbox; nothing is sent yet.

    Safe to call for every window that shows the incident: each channel hears of it once, and once more when a warning becomes critical.
    An incident that is acknowledged or over makes no message, and neither does one whose last window is older than ``max_age``.

    Parameters
    ----------
    connection
        The transaction that writes the incident, so that there is never one without the other.

    Returns
    -------
    int
        How many messages are new.
    """
    config = _config(context.settings)
    now = now or datetime.now(UTC)
    if config is None or incident.acknowledged or incident.resolved or _is_too_old(config, incident, now):
        return 0
    owner, monitor, severity = context.config.owner, incident.monitor, incident.severity
    channels = channels_for(config, owner=owner, monitor=monitor, severity=severity)
    kind = WORSE if severity is Severity.CRITICAL else OPENED
    messages = [_about_incident(incident, Event.OPENED, kind, name, quiet_until(config, severity, now)) for name in channels]
    return _outbox(context.store.engine).enqueue(messages, connection)


def enqueue_resolved(context: Context, incident: Incident, connection: Connection | None = None, *, now: datetime | None = None) -> int:
    """Put the messages about a resolved incident into the outbox, for the channels that were told of it, where the file asks for it."""
    config = _config(context.settings)
    if config is None or not config.resolved or incident.acknowledged:
        return 0
    outbox = _outbox(context.store.engine)
    told = {message.channel for message in outbox.of_incident(incident.id) if message.event is Event.OPENED}
    until = quiet_until(config, incident.severity, now or datetime.now(UTC))
    messages = [_about_incident(incident, Event.RESOLVED, RESOLVED, name, until) for name in config.channels if name in told]
    return outbox.enqueue(messages, connection)


def enqueue_approval(context: Context, retraining: Retraining, *, now: datetime | None = None) -> int:
    """Put the messages about a challenger that waits for a person into the outbox."""
    config = _config(context.settings)
    if config is None:
        return 0
    channels = channels_for(config, owner=context.config.owner, monitor=retraining.monitor, severity=None)
    until = quiet_until(config, None, now or datetime.now(UTC))
    start = f"approval:{retraining.monitor}:{retraining.trigger_window.key}:{retraining.challenger_version}"
    messages = [Message(f"{start}:{name}", Event.APPROVAL, name, retraining.monitor, not_before=until) for name in channels]
    return _outbox(context.store.engine).enqueue(messages)


def enqueue_digest(config: NotificationsConfig, engine: Engine, now: datetime) -> int:
    """Put today's digest into the outbox when its time has come; a day has one per channel."""
    day = digest_day(config, now)
    if day is None or config.digest is None:
        return 0
    messages = [Message(f"digest:{day.isoformat()}:{name}", Event.DIGEST, name) for name in config.digest.channels]
    return _outbox(engine).enqueue(messages)


def _about_incident(incident: Incident, event: Event, kind: str, channel: str, not_before: datetime | None) -> Message:
    key = f"incident:{incident.id}:{kind}:{channel}"
    return Message(key, event, channel, incident.monitor, incident_id=incident.id, not_before=not_before)


def _is_too_old(config: NotificationsConfig, incident: Incident, now: datetime) -> bool:
    return config.max_age is not None and incident.last_seen.end < now - config.max_age


def _config(settings: Settings) -> NotificationsConfig | None:
    """Return the file; None where nothing can be sent. A broken file never stops the monitoring: Airflow shows it as an import error."""
    try:
        config = load_notifications(settings.notifications_path)
    except ConfigError as error:
        log.error("no message is written, because the file about messages is not valid: %s", error)
        return None
    return config if config.is_active else None


def _outbox(engine: Engine) -> MessageStore:
    from driftgate.record.messages import MessageStore

    return MessageStore(engine)


def deliver_due(
    settings: Settings,
    engine: Engine,
    connection_uri: Callable[[str], str] | None = None,
    *,
    now: datetime | None = None,
    monitor: str | None = None,
) -> Delivery:
    """Send what is due: one pass over the outbox, bounded in time.

    Parameters
    ----------
    connection_uri
        Gives an Airflow connection by id; None outside Airflow (AIRFLOW_CONN_<ID> is read instead).
    monitor
        Only messages about this monitor; None: all, and the digest when it is due.

    Returns
    -------
    Delivery
        What became of the messages; a receiver that is down is an outcome, not an error.

    Raises
    ------
    ConfigError
        If the file about messages is not valid.
    """
    from driftgate.delivery import Courier

    config = load_notifications(settings.notifications_path)
    now = now or datetime.now(UTC)
    if monitor is None:
        enqueue_digest(config, engine, now)
    return Courier(settings, engine, config, connection_uri, now).run(monitor)


def deliver_for(context: Context, *, now: datetime | None = None) -> Delivery:
    """Send what is due about the monitor of a run."""
    return deliver_due(context.settings, context.store.engine, context.connection_uri, now=now, monitor=context.config.id)


def send_now(
    settings: Settings, names: Iterable[str], make: Callable[[str], Notice], connection_uri: Callable[[str], str] | None = None
) -> dict[str, str | None]:
    """Send something to channels at once, past the outbox (a test, or what a person's own DAG has to say).

    Parameters
    ----------
    names
        Channels of the file.
    make
        Words the notice for a channel.

    Returns
    -------
    dict
        Per channel None where it was sent, else what went wrong.

    Raises
    ------
    ConfigError
        If the file is not valid or has no such channel.
    """
    from driftgate.delivery import resolver
    from driftgate.notify.channel import deliver
    from driftgate.notify.outcome import DeliveryError

    path = settings.notifications_path
    config = load_notifications(path)
    results: dict[str, str | None] = {}
    names = list(names)
    for name in names:
        if name not in config.channels:
            raise ConfigError([f"{path}: channels: there is no channel {name!r}; channels here: {', '.join(config.channels) or 'none'}"])
    for name in names:
        try:
            results[name] = deliver(name, config.channels[name], make(name), resolver(connection_uri), path)
        except DeliveryError as error:
            results[name] = str(error)
    return results
