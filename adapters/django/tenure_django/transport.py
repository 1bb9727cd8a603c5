"""One HTTP exchange with the billing server, on ``http.client`` alone."""

from __future__ import annotations

import http.client
import select
import socket
from dataclasses import dataclass

from .body import Body
from .connections import Connections, get_connections
from .errors import Refusal
from .headers import Headers
from .upstream import Upstream

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True)
class Outgoing:
    """A request as it will be written: ``target`` is an encoded path with its query."""

    method: str
    target: str
    headers: Headers
    body: Body

    @property
    def repeatable(self) -> bool:
        """Whether sending it twice is harmless (RFC 9110, section 9.2.2) and possible."""
        return self.method in SAFE_METHODS and self.body.length == 0


def send(outgoing: Outgoing) -> Upstream:
    """Send a request; the answer's body is still to be read. ``Refusal`` 502 or 504 without one.

    A server may close an idle connection just as it is reused: then a safe request goes again.
    """
    connections = get_connections()
    while True:
        reused = False
        connection = None
        try:
            connection, reused = connections.take()
            return _exchange(connections, connection, outgoing)
        except (ConnectionError, http.client.BadStatusLine):
            _close(connection)
            if not (reused and outgoing.repeatable):
                raise _unavailable("closed or refused the connection") from None
        except socket.timeout:
            _close(connection)
            raise Refusal(
                504, "billing_timeout", "The billing server did not answer in time."
            ) from None
        except ValueError:
            _close(connection)
            raise Refusal(400, "invalid_header", "A header is not valid HTTP.") from None
        except (OSError, http.client.HTTPException):
            _close(connection)
            raise _unavailable("did not answer in valid HTTP, or cannot be reached") from None
        except BaseException:
            _close(connection)
            raise


def _exchange(
    connections: Connections, connection: http.client.HTTPConnection, outgoing: Outgoing
) -> Upstream:
    connection.putrequest(
        outgoing.method,
        connections.path_prefix + outgoing.target,
        skip_host=True,
        skip_accept_encoding=True,
    )
    connection.putheader("Host", connections.authority)
    for name, value in outgoing.headers:
        connection.putheader(name, value.encode("latin-1", "replace"))
    complete = _send_body(connection, outgoing)
    sock = connection.sock
    response = connection.getresponse()
    release = connections.give_back if complete and not response.will_close else None
    return Upstream(connection, response, sock, release)


def _send_body(connection: http.client.HTTPConnection, outgoing: Outgoing) -> bool:
    """True when all was sent; False when the server answered, or hung up, before the end."""
    body = outgoing.body
    chunked = body.length is None
    if chunked:
        connection.putheader("Transfer-Encoding", "chunked")
    elif body.length or outgoing.method not in SAFE_METHODS:
        connection.putheader("Content-Length", str(body.length))
    connection.endheaders()
    for piece in body.pieces:
        if _answered_early(connection.sock):
            return False
        try:
            connection.send(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
        except (BrokenPipeError, ConnectionResetError):
            return False
    if chunked:
        connection.send(b"0\r\n\r\n")
    return True


def _answered_early(sock: socket.socket) -> bool:
    # Under TLS a readable socket may hold a session ticket only, so there the check says nothing.
    if hasattr(sock, "pending"):
        return False
    readable, _, _ = select.select([sock], [], [], 0)
    return bool(readable)


def _close(connection: http.client.HTTPConnection | None) -> None:
    if connection is not None:
        connection.close()


def _unavailable(what: str) -> Refusal:
    return Refusal(502, "billing_unavailable", f"The billing server {what}.")
