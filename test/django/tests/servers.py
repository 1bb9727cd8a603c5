"""Real server processes in front of the test project: runserver, gunicorn, uvicorn."""

from __future__ import annotations

import http.client
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Optional
from urllib.parse import urlencode

PROJECT = Path(__file__).resolve().parent.parent
USER, PASSWORD = "ada@example.com", "correct horse battery staple"

COMMANDS = {
    "runserver": ["manage.py", "runserver", "--noreload", "127.0.0.1:{port}"],
    "gunicorn": [
        "-m", "gunicorn", "--threads", "16", "--bind", "127.0.0.1:{port}",
        "--log-level", "critical", "project.wsgi",
    ],
    "uvicorn": [
        "-m", "uvicorn", "--port", "{port}", "--log-level", "critical", "--lifespan", "off", "--no-proxy-headers",
        "project.asgi:application",
    ],
}  # fmt: skip

#: Connections to open at once: runserver's queue holds ten and resets what comes beyond.
AT_ONCE = {"runserver": 10, "gunicorn": 100, "uvicorn": 100}


def missing(kind: str) -> Optional[str]:
    """Why a kind of server cannot run here; None when it can."""
    if kind == "runserver" or find_spec(kind):
        return None
    return f"{kind} is not installed"


class DjangoServer:
    """``with DjangoServer("gunicorn", env) as django: django.port``: migrated, with users."""

    def __init__(self, kind: str, env: dict[str, str], port: int = 0) -> None:
        self._kind = kind
        self._folder = tempfile.TemporaryDirectory(prefix="tenure-django-")
        self._env = {
            **os.environ,
            "DJANGO_STATE_DIR": self._folder.name,
            "DJANGO_SETTINGS_MODULE": "project.settings",
            "PYTHONDONTWRITEBYTECODE": "1",
            **({"DJANGO_URLCONF": "project.async_urls"} if kind == "uvicorn" else {}),
            **env,
        }
        self.port = port or _free_port()

    def __enter__(self) -> DjangoServer:
        self.manage("migrate", "--verbosity", "0", "--skip-checks")
        self.manage("shell", "-c", _MAKE_USERS)
        command = [part.format(port=self.port) for part in COMMANDS[self._kind]]
        self._process = subprocess.Popen(
            [sys.executable, *command], cwd=PROJECT, env=self._env, stdout=subprocess.DEVNULL
        )
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise RuntimeError(f"{self._kind} ended with {self._process.returncode}")
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return self
            except OSError:
                time.sleep(0.05)
        raise RuntimeError(f"{self._kind} did not start")

    def __exit__(self, *_: Any) -> None:
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._folder.cleanup()

    def manage(self, *args: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a management command in the project."""
        return subprocess.run(
            [sys.executable, "manage.py", *args],
            cwd=PROJECT, env=self._env, check=check, text=True, capture_output=True, timeout=120,
        )  # fmt: skip


class Browser:
    """Cookies, a CSRF token and nothing else: enough of a browser to log in."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.cookies: dict[str, str] = {}

    def request(
        self, method: str, path: str, body: bytes = b"", headers: Optional[dict[str, str]] = None
    ) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        sent = {"Cookie": "; ".join(f"{n}={v}" for n, v in self.cookies.items()), **(headers or {})}
        connection.request(method, path, body or None, sent)
        response = connection.getresponse()
        raw = response.read()
        connection.close()
        for line in response.headers.get_all("Set-Cookie") or []:
            name, _, value = line.split(";")[0].partition("=")
            self.cookies[name.strip()] = value
        return Answer(response.status, response.headers, raw)

    def get(self, path: str, **headers: str) -> Answer:
        return self.request("GET", path, headers={k.replace("_", "-"): v for k, v in headers.items()})

    def post_json(self, path: str, body: bytes, **headers: str) -> Answer:
        sent = {
            "Content-Type": "application/json",
            "X-CSRFToken": self.cookies.get("csrftoken", ""),
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        return self.request("POST", path, body, sent)

    def log_in(self, username: str = USER, password: str = PASSWORD) -> None:
        """Through the real form, with its CSRF token."""
        page = self.get("/accounts/login/").body.decode()
        found = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page)
        assert found, page
        form = {"username": username, "password": password, "csrfmiddlewaretoken": found.group(1)}
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        answer = self.request("POST", "/accounts/login/", urlencode(form).encode(), headers)
        assert answer.status == 302, (answer.status, answer.body[:500])


class Answer:
    """A response that was read to its end."""

    def __init__(self, status: int, headers: Any, body: bytes) -> None:
        self.status, self.headers, self.body = status, headers, body


def raw_exchange(port: int, raw: bytes, timeout: float = 10, half_close: bool = False) -> bytes:
    """Send bytes as they are; all that comes back until the server closes or falls silent."""
    with socket.create_connection(("127.0.0.1", port), timeout) as sock:
        sock.sendall(raw)
        if half_close:
            sock.shutdown(socket.SHUT_WR)
        received = b""
        try:
            while True:
                piece = sock.recv(65536)
                if not piece:
                    break
                received += piece
        except (socket.timeout, ConnectionResetError):
            pass
    return received


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


_MAKE_USERS = f"""
from django.contrib.auth import get_user_model
users = get_user_model().objects
users.create_user("{USER}", "{USER}", "{PASSWORD}", first_name="Ada", last_name="Lovelace")
users.create_user("bob", "bob@example.com", "{PASSWORD}")
users.create_superuser("root", "root@example.com", "{PASSWORD}")
"""
