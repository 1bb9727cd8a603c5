"""Carry one request to the billing server and its answer back, byte for byte."""

from __future__ import annotations

import http.client
import socket
from collections.abc import AsyncIterator, Iterator
from typing import Any, Optional
from urllib.parse import quote

import django
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, StreamingHttpResponse

from .body import body_of
from .errors import Refusal
from .headers import Headers, request_headers, response_headers
from .transport import Outgoing
from .upstream import Upstream
from .workers import in_thread

#: What may stand unescaped in a path (RFC 3986 pchar and the slash) and in a query.
_PATH_SAFE = "/:@!$&'()*+,;=-._~"
_QUERY_SAFE = _PATH_SAFE + "?%"
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class ProxiedResponse(StreamingHttpResponse):
    """A streaming response that can hold several Set-Cookie lines as the server wrote them."""

    def __init__(self, upstream: Upstream, pieces: Any) -> None:
        super().__init__(pieces, status=upstream.status, reason=upstream.reason)
        self._resource_closers.append(upstream.close)
        del self["Content-Type"]
        self._set_cookies: Headers = []
        for name, value in response_headers(upstream.headers):
            if name.lower() == "set-cookie":
                self._set_cookies.append((name, value))
            elif name in self:
                self[name] = f"{self[name]}, {value}"
            else:
                self[name] = value

    def items(self) -> list[tuple[str, str]]:  # type: ignore[override]
        """Every header, repeated ones included: what the WSGI and ASGI handlers write out."""
        return [*super().items(), *self._set_cookies]


def outgoing_for(request: HttpRequest, path: str, token: Optional[str]) -> Outgoing:
    """Translate a request; ``path`` is the decoded path at the server, ``token`` who is asking."""
    method = request.method or "GET"
    if method not in METHODS:
        raise Refusal(501, "unknown_method", "This method is not forwarded.")
    segments = path.split("/")
    if any(segment in (".", "..") for segment in segments) or "\\" in path:
        raise Refusal(404, "not_found", "There is nothing at this address.")
    target = quote(path, safe=_PATH_SAFE)
    query = request.META.get("QUERY_STRING", "")
    if query:
        target += "?" + quote(query, safe=_QUERY_SAFE, encoding="latin-1", errors="replace")
    headers = [*request_headers(request.META), *_forwarded(request)]
    if token is not None:
        headers.append(("Authorization", f"Bearer {token}"))
    return Outgoing(method, target, headers, body_of(request))


def response_for(request: HttpRequest, upstream: Upstream) -> ProxiedResponse:
    """Stream the answer back in the form that the running kind of Django can stream."""
    pieces = _checked(upstream)
    if isinstance(request, ASGIRequest) and django.VERSION >= (4, 2):
        return ProxiedResponse(upstream, _in_threads(pieces))
    return ProxiedResponse(upstream, pieces)


def _forwarded(request: HttpRequest) -> Headers:
    """The client as Django sees it; what the client itself claimed was dropped."""
    return [
        ("X-Forwarded-For", str(request.META.get("REMOTE_ADDR") or "unknown")),
        ("X-Forwarded-Proto", request.scheme or "http"),
        ("X-Forwarded-Host", request.get_host()),
    ]


def _checked(upstream: Upstream) -> Iterator[bytes]:
    """A cut answer ends as a broken connection, which is what the client has to see."""
    try:
        yield from upstream.pieces()
    except (OSError, socket.timeout, http.client.HTTPException) as error:
        raise ConnectionAbortedError("The billing server's answer was cut short.") from error


async def _in_threads(pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    while True:
        piece = await in_thread(next, pieces, None)
        if piece is None:
            return
        yield piece
