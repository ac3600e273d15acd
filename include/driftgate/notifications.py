"""Messages about incidents."""

from __future__ import annotations

from driftgate.context import Context
from driftgate.records import Incident


def enqueue_opened(context: Context, incident: Incident) -> None:
    """Put the messages about an opened (or worsened) incident into the outbox; nothing is sent yet."""


def enqueue_resolved(context: Context, incident: Incident) -> None:
    """Put the messages about a resolved incident into the outbox."""
