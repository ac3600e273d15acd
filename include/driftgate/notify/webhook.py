"""Notices for any program: versioned JSON, signed where the connection holds a secret."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from typing import Any

from driftgate.notify.notice import Notice, plain_text

VERSION = 1
"""Rises only when a key changes its meaning or goes away; new keys may be added at any time."""
SIGNATURE = "X-Driftgate-Signature"


def payload(notice: Notice, sent_at: str) -> dict[str, Any]:
    """Word a notice as JSON; docs/notifications.md describes every key."""
    return {
        "version": VERSION,
        "key": notice.key,
        "event": notice.event,
        "sent_at": sent_at,
        "monitor": notice.monitor or None,
        "severity": notice.severity.value if notice.severity else None,
        "subject": notice.subject,
        "text": plain_text(notice),
        "links": {link.name: link.address for link in notice.links},
        **notice.data,
    }


def headers(notice: Notice, body: bytes, secret: str, timestamp: int) -> Mapping[str, str]:
    """Return the headers of a message: what it is, a key to drop repetitions by, and the signature.

    The signature is ``t=<seconds since 1970>,v1=<hex>``, where the hex is HMAC-SHA256 over ``<t>.<body>`` with the shared secret.
    """
    result = {"X-Driftgate-Event": notice.event, "X-Driftgate-Key": notice.key, "Idempotency-Key": notice.key}
    if secret:
        signed = hmac.new(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()
        result[SIGNATURE] = f"t={timestamp},v1={signed}"
    return result
