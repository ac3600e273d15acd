"""What wants a person's attention, as `driftgate status` shows it."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from driftgate.errors import DriftgateError
from driftgate.records import Incident
from driftgate.settings import Settings

if TYPE_CHECKING:
    from driftgate.record.attention import Attention, ChannelState, SinkState

_SHOWN = 10


def read(settings: Settings) -> Attention | None:
    """Read it from the records; None where there are none to read (not started, not migrated, not answering)."""
    from driftgate.record.attention import attention
    from driftgate.record.store import RecordStore

    if not settings.database_uri:
        return None
    engine = RecordStore.open(settings.database_uri).engine
    try:
        return attention(engine)
    except DriftgateError:
        return None
    finally:
        engine.dispose()


def as_dict(found: Attention | None) -> dict[str, Any] | None:
    """Turn it into values for JSON (dates stay dates)."""
    return asdict(found) if found else None


def render(found: Attention | None) -> list[str]:
    """Write it as lines; no line when everything is well."""
    if found is None:
        return []
    lines = [_incident(item) for item in found.incidents[:_SHOWN]]
    if len(found.incidents) > _SHOWN:
        lines.append(f"... and {len(found.incidents) - _SHOWN} more: driftgate incidents")
    lines += [_channel(item) for item in found.channels if item.waiting or item.failed]
    lines += [_sink(item) for item in found.sinks if item.failed]
    return ["", *lines] if lines else []


def _incident(item: Incident) -> str:
    known = f", acknowledged by {item.acknowledged_by}" if item.acknowledged_by else ""
    windows = "1 window" if item.count == 1 else f"{item.count} windows"
    detail = item.detail if len(item.detail) <= 120 else item.detail[:117] + "..."
    return f"Incident {item.id}  {item.severity.value}: {item.monitor}, {item.cause.value}, {windows}{known}: {detail}"


def _channel(item: ChannelState) -> str:
    counts = [f"{item.waiting} waiting"] * bool(item.waiting) + [f"{item.failed} given up"] * bool(item.failed)
    return f"Messages to {item.channel}: {', '.join(counts)}" + (f" ({item.last_error})" if item.last_error else "")


def _sink(item: SinkState) -> str:
    error = f" ({item.last_error})" if item.last_error else ""
    return f"Export to {item.sink}: {item.failed} windows not sent{error}; send them with driftgate export"
