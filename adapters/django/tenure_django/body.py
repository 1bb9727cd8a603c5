"""The request's body as bytes in pieces, untouched, under a framing that this proxy decides.

What a client says about lengths is never repeated: exactly the declared bytes are read and sent
under one Content-Length of our own, or chunked anew. That is what makes smuggling impossible.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Callable, Optional

from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, UnreadablePostError
from django.http.request import RawPostDataException

from .chunked import read_chunked
from .errors import Refusal

PIECE = 64 * 1024
_DIGITS = re.compile(r"[0-9]{1,18}\Z", re.ASCII)
_ALREADY_READ = (
    "Something in front of this view (a middleware or decorator that reads request.POST) consumed "
    "the body. Move it behind the billing paths, or read request.body there first."
)
Read = Callable[[int], bytes]


@dataclass(frozen=True)
class Body:
    """``length`` in bytes; None means unknown, to be sent chunked. ``pieces`` is read once."""

    length: Optional[int]
    pieces: Iterator[bytes]


def body_of(request: HttpRequest) -> Body:
    """Read nothing yet: say how the body is framed, or refuse a framing that can be read two ways."""
    meta = request.META
    declared = str(meta.get("CONTENT_LENGTH") or "")
    coding = str(meta.get("HTTP_TRANSFER_ENCODING") or "")
    if coding and declared:
        raise Refusal(400, "ambiguous_length", "Transfer-Encoding and Content-Length exclude.")
    if coding and coding.strip().lower() != "chunked":
        raise Refusal(400, "unknown_encoding", "The only Transfer-Encoding understood is chunked.")
    if declared and not _DIGITS.match(declared):
        raise Refusal(400, "invalid_length", "Content-Length must be one decimal number.")
    if hasattr(request, "_body") or getattr(request, "_read_started", False):
        if coding and not isinstance(request, ASGIRequest):
            raise Refusal(411, "length_required", "A form needs a Content-Length here.")
        return _already_read(request, int(declared) if declared else None)
    if coding:
        return Body(None, _until_empty(_chunked_reader(request)))
    length = int(declared or 0)
    return Body(length, _exactly(request.read, length))


def _already_read(request: HttpRequest, declared: int | None) -> Body:
    try:
        raw = request.body
    except RawPostDataException:
        raise Refusal(500, "body_already_read", _ALREADY_READ) from None
    if declared is not None and declared != len(raw):
        raise _truncated()
    return Body(len(raw), iter([raw] if raw else []))


def _chunked_reader(request: HttpRequest) -> Read:
    """Servers hand a chunked body over in three ways; Django itself shows an empty one for two."""
    if isinstance(request, ASGIRequest):
        return request.read
    environ: dict[str, Any] = request.META
    stream = environ["wsgi.input"]
    if environ.get("wsgi.input_terminated"):
        return stream.read  # gunicorn, mod_wsgi and cheroot decode, and end the stream
    if str(environ.get("SERVER_SOFTWARE", "")).startswith("WSGIServer"):
        pieces = read_chunked(_unlimited(stream))  # the development server does not decode
        return lambda _size: next(pieces, b"")
    raise Refusal(411, "length_required", "This server cannot read a body without Content-Length.")


def _unlimited(stream: Any) -> Any:
    """``runserver`` caps its stream at Content-Length, here 0: take the one underneath."""
    underneath = getattr(stream, "stream", None)  # Django 3.2
    if underneath is None:
        underneath = getattr(getattr(stream, "_read", None), "__self__", None)  # since 4.2
    return stream if underneath is None else underneath


def _exactly(read: Read, length: int) -> Iterator[bytes]:
    left = length
    while left > 0:
        piece = _guarded(read, min(PIECE, left))
        if not piece:
            raise _truncated()
        left -= len(piece)
        yield piece


def _until_empty(read: Read) -> Iterator[bytes]:
    while True:
        piece = _guarded(read, PIECE)
        if not piece:
            return
        yield piece


def _guarded(read: Read, size: int) -> bytes:
    try:
        return read(size)
    except (UnreadablePostError, OSError):
        raise _truncated() from None


def _truncated() -> Refusal:
    return Refusal(400, "truncated_body", "The body ended before its declared length.")
