"""A small HTTP server that keeps the raw bytes of each request and answers by script."""

from __future__ import annotations

import socket
import socketserver
import threading
import time
from dataclasses import dataclass, field
from typing import Any, Callable, Optional

ALL_BYTES = bytes(range(256))


@dataclass
class Recorded:
    """One request as it came over the wire; ``connection`` numbers the TCP connection."""

    connection: int
    head: bytes
    body: bytes

    @property
    def line(self) -> str:
        return self.head.split(b"\r\n", 1)[0].decode("latin-1")

    @property
    def headers(self) -> list[tuple[str, str]]:
        lines = self.head.decode("latin-1").split("\r\n")[1:]
        return [(n.lower(), v.strip()) for n, _, v in (line.partition(":") for line in lines if line)]

    def header(self, name: str) -> Optional[str]:
        values = [value for key, value in self.headers if key == name.lower()]
        assert len(values) < 2, f"{name} was sent {len(values)} times"
        return values[0] if values else None


Script = Callable[["Exchange"], None]


@dataclass
class Exchange:
    """What a script may use: the request's head, and the socket."""

    path: str
    head: bytes
    sock: socket.socket
    reader: Any
    read_body: Callable[[], bytes]
    close: bool = False

    def send(self, raw: bytes) -> None:
        self.sock.sendall(raw)

    def reply(self, status: str, body: bytes = b"", *headers: str) -> None:
        lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
        head = self.head.startswith(b"HEAD ")
        self.send("\r\n".join(lines).encode("latin-1") + (b"" if head else body))


@dataclass
class Recorder:
    """``with Recorder() as server: server.url``; scripts are found by path, without its query."""

    scripts: dict[str, Script] = field(default_factory=dict)
    requests: list[Recorded] = field(default_factory=list)
    connections: int = 0

    def __enter__(self) -> Recorder:
        recorder = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                recorder.connections += 1
                _serve(recorder, self.connection, self.rfile, recorder.connections)

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True
            allow_reuse_address = True
            request_queue_size = 256

            def handle_error(self, *args: Any) -> None:
                """Broken connections are what some tests are about."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def last(self) -> Recorded:
        return self.requests[-1]

    def reset(self) -> None:
        self.requests.clear()


def _serve(recorder: Recorder, sock: socket.socket, reader: Any, number: int) -> None:
    while True:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            line = reader.readline()
            if not line:
                return
            head += line
        head = head[:-4]

        def read_body(head: bytes = head) -> bytes:
            body = _body(head, reader)
            recorder.requests.append(Recorded(number, head, body))
            return body

        path = head.split(b" ")[1].decode("latin-1").split("?")[0]
        exchange = Exchange(path, head, sock, reader, read_body)
        recorder.scripts.get(path, _default)(exchange)
        if exchange.close:
            return


def _default(exchange: Exchange) -> None:
    exchange.read_body()
    exchange.reply("200 OK", b'{"ok":true}', "Content-Type: application/json")


def _body(head: bytes, reader: Any) -> bytes:
    fields = {}
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        fields[name.strip().lower()] = value.strip()
    if fields.get(b"transfer-encoding") == b"chunked":
        body = b""
        while True:
            size = int(reader.readline(), 16)
            body += reader.read(size)
            reader.readline()
            if size == 0:
                return body
    length = int(fields.get(b"content-length", 0))
    body = reader.read(length)
    assert len(body) == length, f"body cut at {len(body)} of {length}"
    return bytes(body)


def pause(seconds: float) -> None:
    """A script's own slowness."""
    time.sleep(seconds)
