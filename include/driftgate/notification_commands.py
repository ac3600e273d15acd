"""Bodies of the commands about incidents and messages."""

from __future__ import annotations

import getpass
import os
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from driftgate.config.notifications import load_notifications
from driftgate.errors import SettingsError
from driftgate.notify.notice import shorten
from driftgate.records import Incident, Message, MessageState, Window
from driftgate.settings import Settings
from driftgate.text import align

if TYPE_CHECKING:
    from sqlalchemy import Engine

_DETAIL = 90
_SHOWN = 50


def incidents_command(settings: Settings, show_all: bool = False, monitor: str | None = None) -> int:
    """Print the open incidents, or all of them; 1 when a critical one is open and nobody has acknowledged it."""
    from driftgate.record.incidents import IncidentStore

    found = IncidentStore(_engine(settings)).list(monitor, open_only=not show_all, limit=_SHOWN)
    if not found:
        print("there is no incident" if show_all else "no incident is open")
        return 0
    heading = ("ID", "SEVERITY", "MONITOR", "CAUSE", "SINCE", "WINDOWS", "STATE", "DETAIL")
    print("\n".join(align([heading, *(_incident_row(settings, item) for item in found)])))
    if len(found) == _SHOWN:
        print(f"(the {_SHOWN} seen last; all of them: the incidents page in Airflow)")
    return int(any(item.severity.value == "critical" and not item.acknowledged and not item.resolved for item in found))


def _incident_row(settings: Settings, incident: Incident) -> tuple[str, ...]:
    return (
        str(incident.id),
        incident.severity.value,
        incident.monitor,
        incident.cause.value,
        _label(settings, incident.monitor, incident.opened),
        str(incident.count),
        _state(incident),
        shorten(" ".join(incident.detail.split()), _DETAIL),
    )


def _state(incident: Incident) -> str:
    if incident.resolved:
        return f"over since {incident.resolved:%Y-%m-%d %H:%M}"
    return f"known to {incident.acknowledged_by or 'a person'}" if incident.acknowledged else "open"


def _label(settings: Settings, monitor: str, window: Window) -> str:
    from driftgate.config.loader import find_monitor
    from driftgate.config.windows import label
    from driftgate.errors import ConfigError

    try:
        return label(find_monitor(settings.monitors_dir, monitor).config, window)
    except ConfigError:
        return f"{window.start:%Y-%m-%d %H:%M}Z"


def acknowledge_command(settings: Settings, incident_id: int) -> int:
    """Note that a person knows of an open incident: no more messages about it; 1 when there is no such open incident."""
    from driftgate.record.incidents import IncidentStore

    known = IncidentStore(_engine(settings)).acknowledge(incident_id, f"cli:{getpass.getuser()}")
    if known is None:
        print(f"there is no open incident {incident_id}; `driftgate incidents` lists the open ones")
        return 1
    what = f"incident {known.id} ({known.monitor}, {known.cause.value})"
    print(f"{what}: known to {known.acknowledged_by}; it stays open until its cause is gone")
    return 0


def test_command(settings: Settings, channel: str) -> int:
    """Send a test message to a channel; 1 when it did not arrive."""
    from driftgate.addresses import Addresses
    from driftgate.notifications import send_now
    from driftgate.notify.notice import Link, Notice
    from driftgate.notify.wording import trial

    page = Addresses(settings).incidents_page()
    key = f"test:{channel}:{datetime.now(UTC):%Y%m%dT%H%M%SZ}"

    def make(name: str) -> Notice:
        return trial(key, name, [Link("All incidents", page)] if page else [])

    problem = send_now(settings, [channel], make, _connections(settings))[channel]
    print(problem or f"sent to {channel}")
    return 1 if problem else 0


def deliver_command(settings: Settings) -> int:
    """Send what is due now; 1 when a message did not arrive."""
    from driftgate.notifications import deliver_due

    delivery = deliver_due(settings, _engine(settings), _connections(settings))
    print(delivery)
    for problem in delivery.problems:
        print(f"  {problem}")
    return 0 if delivery.is_clean else 1


def retry_command(settings: Settings, channel: str | None = None) -> int:
    """Put messages that were given up back into the outbox and send what is due."""
    from driftgate.record.messages import MessageStore

    count = MessageStore(_engine(settings)).revive(datetime.now(UTC), channel)
    print(f"{count} message{'' if count == 1 else 's'} back in the outbox")
    return deliver_command(settings) if count else 0


def messages_command(settings: Settings, troubled: bool = False) -> int:
    """Print the newest messages, or only those that are waiting after an error or were given up."""
    from driftgate.record.messages import MessageStore

    outbox = MessageStore(_engine(settings))
    found = outbox.troubled(_SHOWN) if troubled else outbox.recent(_SHOWN)
    if not found:
        active = load_notifications(settings.notifications_path).is_active
        why = "" if active else f"; {settings.notifications_path} has no channel, so nothing is sent"
        print(f"there is no message{why}")
        return 0
    print("\n".join(align([("ID", "EVENT", "MONITOR", "CHANNEL", "STATE", "TRIES", "WHEN", "REMARK"), *map(_message_row, found)])))
    return 0


def _message_row(message: Message) -> tuple[str, ...]:
    moment = message.sent_at or (message.not_before if message.state is MessageState.PENDING else None) or message.created_at
    return (
        str(message.id),
        message.event.value,
        message.monitor or "-",
        message.channel,
        message.state.value,
        str(message.attempts),
        f"{moment.astimezone(UTC):%Y-%m-%d %H:%M}Z" if moment else "-",
        shorten(message.last_error or "", _DETAIL),
    )


def _engine(settings: Settings) -> Engine:
    from driftgate.record.store import RecordStore

    return RecordStore.open(settings.require_database()).engine


def _connections(settings: Settings) -> Callable[[str], str]:
    """Return the way to connections from a terminal: the environment, then those kept in the embedded stack's Airflow."""

    def resolve(connection: str) -> str:
        variable = f"AIRFLOW_CONN_{connection.upper()}"
        return os.environ.get(variable) or _of_the_stack(settings, connection)

    return resolve


def _of_the_stack(settings: Settings, connection: str) -> str:
    """Ask the embedded stack's Airflow.

    Raises
    ------
    SettingsError
        If there is no embedded stack, or its Airflow has no such connection.
    """
    import json
    import subprocess
    import sys

    from driftgate.stack import environment, state
    from driftgate.stack.layout import for_settings

    layout = for_settings(settings)
    stack = state.load(layout)
    if stack is None:
        raise SettingsError(f"AIRFLOW_CONN_{connection.upper()} is not set, and there is no embedded stack to ask")
    command = [sys.executable, "-m", "airflow", "connections", "get", connection, "--output", "json"]
    env = environment.airflow(settings, layout, stack, environment.without_dropped(dict(os.environ)))
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=120, check=False)
    start = done.stdout.find("[{")
    if done.returncode != 0 or start < 0:
        raise SettingsError(f"Airflow has no connection {connection!r}")
    uri: str = json.loads(done.stdout[start:])[0]["get_uri"]
    return uri
