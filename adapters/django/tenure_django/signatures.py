"""Signatures of the server's outgoing webhook, in the Standard Webhooks format."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import time
from collections.abc import Iterable

from .validation import decode_webhook_secret

TOLERANCE_SECONDS = 300
_TIMESTAMP = re.compile(r"[0-9]{1,12}\Z", re.ASCII)
_MESSAGE_ID = re.compile(r"[A-Za-z0-9_:-]{1,255}\Z", re.ASCII)


class InvalidSignature(Exception):
    """The message is not from the server, or not from now. Says which, never what was expected."""


def sign(message_id: str, timestamp: int, body: bytes, secret: str) -> str:
    """The ``webhook-signature`` header value for a body: ``v1,<base64>``."""
    key = decode_webhook_secret(secret)
    if key is None:
        raise ValueError("The secret is not whsec_ followed by base64.")
    signed = b"%b.%d.%b" % (message_id.encode("ascii"), timestamp, body)
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode("ascii")


def verify(headers: dict[str, str], body: bytes, secrets: Iterable[str]) -> str:
    """Check ``webhook-id``, ``-timestamp`` and ``-signature`` against the raw body.

    Any listed secret may have signed it. Returns the message id; raises ``InvalidSignature``.
    """
    message_id = headers.get("webhook-id", "")
    timestamp = headers.get("webhook-timestamp", "")
    if not _MESSAGE_ID.match(message_id):
        raise InvalidSignature("The webhook-id header is missing or malformed.")
    if not _TIMESTAMP.match(timestamp):
        raise InvalidSignature("The webhook-timestamp header is missing or malformed.")
    if abs(time.time() - int(timestamp)) > TOLERANCE_SECONDS:
        raise InvalidSignature("The message is too old or from the future: compare the clocks.")
    given = [part.encode() for part in headers.get("webhook-signature", "").split(" ")]
    matched = False
    for secret in secrets:
        expected = sign(message_id, int(timestamp), body, secret).encode()
        for candidate in given:
            matched |= hmac.compare_digest(expected, candidate)
    if not matched:
        raise InvalidSignature("No signature matches: compare the webhook secrets.")
    return message_id
