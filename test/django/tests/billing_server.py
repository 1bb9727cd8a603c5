"""The recorder as a billing server with a state that a test sets, for in-process tests."""

from __future__ import annotations

import json
from typing import Any, Optional

from django.core.cache import cache
from django.test import override_settings

from .jwt import decode
from .recorder import Exchange, Recorder

JWT_SECRET = "a-test-secret-of-thirty-two-bytes-or-more"
WEBHOOK_SECRET = "whsec_dGVudXJlLWRqYW5nby10ZXN0LXNlY3JldA=="
ADMIN_TOKEN = "an-admin-token-for-tests"


def subscription(level: str = "full", **fields: Any) -> dict[str, Any]:
    """A subscription as the server's JSON says it."""
    access = {"level": level, "until": fields.pop("until", None), "reason": None}
    whole = {"id": "sub_1", "state": "active", "status": "active", "plan": "pro", "actions": []}
    return {**whole, "access": access, **fields}


class BillingServer:
    """``subscriptions`` by user id; ``down`` makes every answer a 503."""

    def __init__(self) -> None:
        self.subscriptions: dict[str, dict[str, Any]] = {}
        self.features = {"pro": ["sso", "export"], "starter": ["export"]}
        self.down = False
        self.admin: dict[str, Any] = {}
        self.recorder = Recorder(
            scripts={
                "/api/billing/subscription": self._subscription,
                "/api/billing/access": self._access,
                "/api/billing/plans": self._plans,
            }
        )

    def __enter__(self) -> BillingServer:
        self.recorder.__enter__()
        cache.clear()
        self._settings = override_settings(TENURE=self.settings())
        self._settings.enable()
        return self

    def __exit__(self, *_: Any) -> None:
        self._settings.disable()
        self.recorder.__exit__()

    def settings(self, **changed: Any) -> dict[str, Any]:
        """A whole and right ``TENURE`` setting for this server."""
        return {
            "SERVER_URL": self.recorder.url,
            "JWT_SECRET": JWT_SECRET,
            "WEBHOOK_SECRET": WEBHOOK_SECRET,
            "ADMIN_TOKEN": ADMIN_TOKEN,
            "USER_ID": "username",
            **changed,
        }

    def serve_admin(self, path: str, answer: Any) -> None:
        """Answer an admin path, to the admin token only."""

        def script(exchange: Exchange) -> None:
            exchange.read_body()
            allowed = self.recorder.last.header("authorization") == f"Bearer {ADMIN_TOKEN}"
            self._json(exchange, answer if allowed else {"error": {"code": "no"}}, 200 if allowed else 401)

        self.recorder.scripts[path] = script

    @property
    def asked(self) -> list[str]:
        """Paths that were asked for, in order."""
        return [request.line.split(" ")[1] for request in self.recorder.requests]

    def _user(self, exchange: Exchange) -> Optional[str]:
        exchange.read_body()
        token = self.recorder.last.header("authorization")
        return None if token is None else str(decode(token, JWT_SECRET)["sub"])

    def _subscription(self, exchange: Exchange) -> None:
        user = self._user(exchange)
        self._json(exchange, {"subscription": self.subscriptions.get(user or "")})

    def _access(self, exchange: Exchange) -> None:
        found = self.subscriptions.get(self._user(exchange) or "")
        wanted = exchange.head.decode().split("feature=")[-1].split(" ")[0]
        features = self.features.get(found["plan"], []) if found else []
        self._json(exchange, {"allowed": wanted in features, "level": "full", "reason": None})

    def _plans(self, exchange: Exchange) -> None:
        exchange.read_body()
        plans = [{"id": plan, "features": names} for plan, names in self.features.items()]
        self._json(exchange, {"plans": plans})

    def _json(self, exchange: Exchange, answer: Any, status: int = 200) -> None:
        if self.down:
            exchange.reply("503 Service Unavailable", b"{}")
        else:
            exchange.reply(f"{status} X", json.dumps(answer).encode(), "Content-Type: application/json")
