"""Decode a chunked body (RFC 9112, section 7.1) from a raw stream, strictly.

Needed for Django's own ``runserver`` only, which leaves the coding in ``wsgi.input``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Protocol

from .errors import Refusal

_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})(?:[ \t]*;[^\r\n\0]*)?\r\n\Z")
_LINE_LIMIT = 4096
_TRAILERS_LIMIT = 64
_PIECE = 64 * 1024


class Stream(Protocol):
    """The part of ``wsgi.input`` that is used."""

    def read(self, size: int) -> bytes: ...
    def readline(self, size: int) -> bytes: ...


def read_chunked(stream: Stream) -> Iterator[bytes]:
    """Yield the decoded bytes; trailers are read and dropped. A malformed coding is a 400."""
    while True:
        match = _SIZE.match(stream.readline(_LINE_LIMIT))
        if match is None:
            raise _malformed()
        left = int(match.group(1), 16)
        if left == 0:
            break
        while left > 0:
            piece = stream.read(min(_PIECE, left))
            if not piece:
                raise _malformed()
            left -= len(piece)
            yield piece
        if stream.read(2) != b"\r\n":
            raise _malformed()
    for _ in range(_TRAILERS_LIMIT):
        line = stream.readline(_LINE_LIMIT)
        if line == b"\r\n":
            return
        if not line.endswith(b"\r\n"):
            break
    raise _malformed()


def _malformed() -> Refusal:
    return Refusal(400, "malformed_chunks", "The chunked body is malformed or incomplete.")
