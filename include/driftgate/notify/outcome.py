"""How a delivery can fail: for good or for now, for one message or for the whole channel."""

from __future__ import annotations

from datetime import timedelta

from driftgate.errors import DriftgateError


class DeliveryError(DriftgateError):
    """A message was not delivered.

    Parameters
    ----------
    message
        For people, without secrets.
    retryable
        Whether trying the same message again later may help.
    whole_channel
        Whether the channel's other messages would fail the same way now.
    retry_after
        How long the receiver asked to wait.
    """

    def __init__(self, message: str, *, retryable: bool = True, whole_channel: bool = False, retry_after: timedelta | None = None) -> None:
        super().__init__(message)
        self.retryable = retryable
        self.whole_channel = whole_channel
        self.retry_after = retry_after


def refused(message: str) -> DeliveryError:
    """Return the error of a message that the receiver will never take."""
    return DeliveryError(message, retryable=False)


def channel_down(message: str, retry_after: timedelta | None = None) -> DeliveryError:
    """Return the error of a receiver that takes nothing now: not reachable, not set up, overloaded."""
    return DeliveryError(message, whole_channel=True, retry_after=retry_after)
