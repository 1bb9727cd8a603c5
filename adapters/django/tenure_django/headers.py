"""Which headers cross the proxy. Identity is ours to state, so whatever claims it is dropped."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .errors import Refusal

Headers = list[tuple[str, str]]

HOP_BY_HOP = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
#: Set by the proxy itself, meant for Django alone, or able to change who is asking or what.
NOT_FORWARDED = HOP_BY_HOP | {
    "authorization",
    "content-length",
    "cookie",
    "expect",
    "forwarded",
    "from",
    "host",
    "http2-settings",
    "proxy",
    "remote-user",
    "x-csrftoken",
    "x-real-ip",
}
NOT_FORWARDED_PREFIXES = (
    "x-account",
    "x-admin",
    "x-api-key",
    "x-auth",
    "x-email",
    "x-forwarded",
    "x-http-method",
    "x-method-override",
    "x-original",
    "x-remote",
    "x-rewrite",
    "x-tenure",
    "x-user",
)


def request_headers(meta: Mapping[str, Any]) -> Headers:
    """The client's headers (from ``request.META``) that may go to the server."""
    nominated = _nominated([str(meta.get("HTTP_CONNECTION", ""))])
    kept: Headers = []
    for key, value in meta.items():
        if key.startswith("HTTP_"):
            name = key[len("HTTP_") :].replace("_", "-").title()
        elif key == "CONTENT_TYPE" and value:
            name = "Content-Type"
        else:
            continue
        lower = name.lower()
        if lower in NOT_FORWARDED or lower.startswith(NOT_FORWARDED_PREFIXES):
            continue
        if lower in nominated:
            continue
        if any(control in value for control in "\r\n\0"):
            raise Refusal(400, "invalid_header", f"The header {name} holds a control character.")
        kept.append((name, value))
    return kept


def response_headers(headers: Iterable[tuple[str, str]]) -> Headers:
    """The server's headers that may go to the client: all but those of the connection itself."""
    listed = list(headers)
    nominated = _nominated(value for name, value in listed if name.lower() == "connection")
    dropped = HOP_BY_HOP | nominated
    return [(name, value) for name, value in listed if name.lower() not in dropped]


def _nominated(connection: Iterable[str]) -> frozenset[str]:
    """Names that a Connection header declares hop-by-hop (RFC 9110, section 7.6.1)."""
    return frozenset(
        token.strip().lower() for value in connection for token in value.split(",") if token.strip()
    )
