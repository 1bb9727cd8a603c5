"""The server's answer, readable in pieces as they arrive."""

from __future__ import annotations

import contextlib
import http.client
import socket
from collections.abc import Callable, Iterator
from typing import Optional

from .body import PIECE
from .headers import Headers

Release = Callable[[http.client.HTTPConnection], None]


class Upstream:
    """Status, headers and a body that is read once. Close it, or read it to its end."""

    def __init__(
        self,
        connection: http.client.HTTPConnection,
        response: http.client.HTTPResponse,
        sock: socket.socket,
        release: Optional[Release],
    ) -> None:
        self._connection = connection
        self._response = response
        self._sock = sock
        self._release = release
        self._open = True
        self.status = response.status
        self.reason = response.reason
        self.headers: Headers = list(response.headers.items())
        if response.length == 0:
            self._finish()

    def pieces(self) -> Iterator[bytes]:
        """The body. A body cut short raises, so that the client does not take it for whole."""
        try:
            left = self._response.length
            while left is None or left > 0:
                piece = self._response.read1(PIECE if left is None else min(PIECE, left))
                if not piece:
                    if left is not None:
                        raise http.client.IncompleteRead(b"", left)
                    break
                if left is not None:
                    left -= len(piece)
                    if left == 0:
                        self._finish()  # before the client has it all and may ask again
                yield piece
            self._finish()
        finally:
            self.close()

    def read(self, limit: int) -> bytes:
        """The whole body, at most ``limit`` bytes; more raises ``ValueError``."""
        collected = bytearray()
        for piece in self.pieces():
            collected += piece
            if len(collected) > limit:
                raise ValueError("The answer is larger than expected.")
        return bytes(collected)

    def close(self) -> None:
        """Drop the connection unless the answer was read to its end."""
        if self._open:
            self._open = False
            with contextlib.suppress(OSError):
                self._sock.shutdown(socket.SHUT_RDWR)  # wakes a thread that is still reading
            self._response.close()
            self._connection.close()

    def _finish(self) -> None:
        if not self._open:
            return
        self._open = False
        self._response.close()
        if self._release is None:
            self._connection.close()
        else:
            self._release(self._connection)
