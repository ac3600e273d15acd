"""One message to one channel: the connection behind it, the right wording, one attempt."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from driftgate.config.notifications import ChannelConfig
from driftgate.notify import http_post, slack, teams, webhook
from driftgate.notify.connections import Connection, ConnectionFormError, read_connection, signing_secret, web_address
from driftgate.notify.notice import Notice
from driftgate.notify.outcome import DeliveryError, channel_down

Resolve = Callable[[str], str]
"""Gives an Airflow connection by id, as URI or JSON; raises anything where there is none."""


def environment(environ: Mapping[str, str]) -> Resolve:
    """Return the way to connections outside Airflow: the variables AIRFLOW_CONN_<ID>."""

    def resolve(connection: str) -> str:
        return environ[f"AIRFLOW_CONN_{connection.upper()}"]

    return resolve


def deliver(name: str, channel: ChannelConfig, notice: Notice, resolve: Resolve, file: Path) -> str | None:
    """Send a notice to a channel, once.

    Parameters
    ----------
    name
        The channel's name in the file, for messages.
    file
        The file that names the channel, for messages.

    Returns
    -------
    str or None
        A remark where it was delivered in part only.

    Raises
    ------
    DeliveryError
        If it was not delivered; says whether to try again. Holds no secret and no address of a web hook beyond its host.
    """
    where = f"channel {name!r} (connection {channel.connection!r} of {file.name})"
    connection = _connection(where, channel, resolve, file)
    try:
        return _send(connection, channel, notice)
    except DeliveryError as error:
        raise DeliveryError(
            f"{where}: {connection.hide_secrets(str(error))}",
            retryable=error.retryable,
            whole_channel=error.whole_channel,
            retry_after=error.retry_after,
        ) from None
    except ConnectionFormError as error:
        raise channel_down(f"{where}: {error}") from None


def _connection(where: str, channel: ChannelConfig, resolve: Resolve, file: Path) -> Connection:
    try:
        text = resolve(channel.connection)
    except Exception as error:  # whatever Airflow or the caller raises where there is none
        raise channel_down(
            f"{where}: the connection was not found ({type(error).__name__}); add it under Admin > Connections, set "
            f"AIRFLOW_CONN_{channel.connection.upper()}, or correct {file}"
        ) from None
    try:
        return read_connection(text)
    except ConnectionFormError as error:
        raise channel_down(f"{where}: {error}") from None


def _send(connection: Connection, channel: ChannelConfig, notice: Notice) -> str | None:
    if channel.kind == "email":
        from driftgate.notify import mail

        return mail.send(connection, notice, channel.to)
    address = web_address(connection)
    if channel.kind == "webhook":
        _send_signed(address, notice, signing_secret(connection))
    else:
        payload = slack.payload(notice) if channel.kind == "slack" else teams.payload(notice)
        http_post.post(address, http_post.encode(payload))
    return None


def _send_signed(address: str, notice: Notice, secret: str) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    body = http_post.encode(webhook.payload(notice, now.isoformat()))
    http_post.post(address, body, webhook.headers(notice, body, secret, int(now.timestamp())))
