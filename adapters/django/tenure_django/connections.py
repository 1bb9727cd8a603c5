"""Connections to the billing server: kept open, reused, shared between threads."""

from __future__ import annotations

import http.client
import os
import ssl
import threading
import time
from collections import deque
from functools import lru_cache
from urllib.parse import urlsplit

from .conf import Config, get_config


class Connections:
    """Idle keep-alive connections to one server. Thread-safe, and safe to inherit by fork."""

    def __init__(self, config: Config) -> None:
        parts = urlsplit(config.server_url)
        self._config = config
        self._tls = parts.scheme == "https"
        self._host = parts.hostname or ""
        self._port = parts.port
        self.authority = parts.netloc
        self.path_prefix = parts.path
        self._forget()

    def take(self) -> tuple[http.client.HTTPConnection, bool]:
        """A connection and whether it was used before; ``OSError`` when none can be made."""
        if self._pid != os.getpid():
            self._forget()  # after a fork the sockets belong to the parent
        while True:
            with self._lock:
                if not self._idle:
                    break
                since, connection = self._idle.pop()
            if time.monotonic() - since < self._config.pool_idle and _is_quiet(connection):
                return connection, True
            connection.close()
        return self._connect(), False

    def give_back(self, connection: http.client.HTTPConnection) -> None:
        """Keep a connection whose answer was read to its end, unless the server closed it."""
        if connection.sock is None:
            return
        surplus = None
        with self._lock:
            self._idle.append((time.monotonic(), connection))
            if len(self._idle) > self._config.pool_size:
                surplus = self._idle.popleft()[1]
        if surplus is not None:
            surplus.close()

    def close(self) -> None:
        """Close every idle connection."""
        with self._lock:
            idle, self._idle = self._idle, deque()
        for _, connection in idle:
            connection.close()

    def _forget(self) -> None:
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._idle: deque[tuple[float, http.client.HTTPConnection]] = deque()

    def _connect(self) -> http.client.HTTPConnection:
        make = http.client.HTTPSConnection if self._tls else http.client.HTTPConnection
        connection = make(self._host, self._port, timeout=self._config.connect_timeout)
        connection.connect()
        connection.sock.settimeout(self._config.read_timeout)
        return connection


def _is_quiet(connection: http.client.HTTPConnection) -> bool:
    """An idle connection must have nothing to read: neither an end nor an answer without a request."""
    sock = connection.sock
    timeout = sock.gettimeout()
    try:
        sock.settimeout(0)
        sock.recv(1)
    except (BlockingIOError, ssl.SSLWantReadError):
        sock.settimeout(timeout)
        return True
    except OSError:
        pass
    return False


@lru_cache(maxsize=4)
def _connections_for(config: Config) -> Connections:
    return Connections(config)


def get_connections() -> Connections:
    """The process's connections to the configured server."""
    return _connections_for(get_config())
