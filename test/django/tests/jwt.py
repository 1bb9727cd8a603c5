"""Read a compact HS256 token, with the standard library, as an independent judge."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any


def decode(authorization: str, secret: str) -> dict[str, Any]:
    """The claims of ``Bearer <token>`` after checking its algorithm and signature."""
    scheme, _, token = authorization.partition(" ")
    assert scheme == "Bearer", authorization
    header, payload, signature = token.split(".")
    assert json.loads(_bytes(header))["alg"] == "HS256"
    signed = f"{header}.{payload}".encode()
    assert hmac.new(secret.encode(), signed, hashlib.sha256).digest() == _bytes(signature)
    claims: dict[str, Any] = json.loads(_bytes(payload))
    return claims


def _bytes(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
