"""The real billing server and the local Stripe behind it, as the test run's driver started them."""

from __future__ import annotations

import http.client
import json
import os
import time
from dataclasses import dataclass
from typing import Any, Callable, Optional
from urllib.parse import urlencode, urlsplit

STRIPE_KEY = "sk_test_tenure_local"


@dataclass(frozen=True)
class Stack:
    """Addresses and secrets; ``env`` is what a Django project in front of it needs."""

    server_url: str
    stripe_url: str
    jwt_secret: str
    jwt_audience: str
    admin_token: str
    outgoing_secret: str
    webhook_secret: str
    django_port: int
    test_clock: str

    @property
    def env(self) -> dict[str, str]:
        return {
            "TENURE_SERVER_URL": self.server_url,
            "AUTH_JWT_SECRET": self.jwt_secret,
            "AUTH_JWT_AUDIENCE": self.jwt_audience,
            "ADMIN_TOKEN": self.admin_token,
            "OUTGOING_WEBHOOK_SECRET": self.outgoing_secret,
        }

    def stripe(self, method: str, path: str, **params: Any) -> Any:
        """Call the local Stripe's API; ``a__b`` is ``a[b]``."""
        pairs = {}
        for name, value in params.items():
            first, *rest = name.split("__")
            pairs[first + "".join(f"[{part}]" for part in rest)] = value
        form = urlencode(pairs)
        target = f"{path}?{form}" if method == "GET" and form else path
        headers = {
            "Authorization": f"Bearer {STRIPE_KEY}",
            "Content-Type": "application/x-www-form-urlencoded",
        }
        status, body = call(self.stripe_url + target, method, "" if method == "GET" else form, headers)
        answer = json.loads(body)
        assert status == 200, (method, path, status, answer)
        return answer

    def when_retries_end(self, action: str) -> None:
        """What Stripe does after the last failed try: a setting of its dashboard, not of its API."""
        headers = {"Authorization": f"Bearer {STRIPE_KEY}", "Content-Type": "application/json"}
        body = json.dumps({"finalAction": action})
        status, answer = call(f"{self.stripe_url}/_emulator/settings", "POST", body, headers)
        assert status == 200, answer

    def advance(self, seconds: int) -> None:
        """Move the test clock, and wait for what that sets off."""
        path = f"/v1/test_helpers/test_clocks/{self.test_clock}"
        now = self.stripe("GET", path)["frozen_time"]
        self.stripe("POST", f"{path}/advance", frozen_time=now + seconds)
        until(lambda: self.stripe("GET", path)["status"] == "ready", "the clock is ready")


def given() -> Optional[Stack]:
    """The stack named by the environment, or None when there is none."""
    raw = os.environ.get("TENURE_TEST_STACK")
    return Stack(**json.loads(raw)) if raw else None


def pay_checkout(url: str, email: str = "person@example.com") -> None:
    """Fill in the hosted Checkout page as a browser would, with a card that works."""
    card = {"number": "4242424242424242", "expiry": "12/40", "cvc": "123", "method": "card"}
    form = urlencode({**card, "email": email, "name": "A Person"})
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    status, body = call(url, "POST", form, headers)
    assert status in (302, 303), body[:2000]


def call(url: str, method: str, body: str, headers: dict[str, str]) -> tuple[int, bytes]:
    """One plain HTTP request."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    connection.request(method, target, body.encode() or None, headers)
    response = connection.getresponse()
    answer = response.status, response.read()
    connection.close()
    return answer


def until(happened: Callable[[], Any], what: str, seconds: float = 20) -> Any:
    """Poll until something is true; its value. Fails saying what did not come."""
    deadline = time.monotonic() + seconds
    while True:
        value = happened()
        if value:
            return value
        assert time.monotonic() < deadline, f"It did not happen within {seconds} s that {what}"
        time.sleep(0.05)
