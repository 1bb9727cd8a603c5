"""``request.billing``: what the server says about a user's subscription, asked on first use."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone
from functools import cached_property
from typing import Any, Optional
from urllib.parse import quote

from asgiref.sync import sync_to_async
from django.http import HttpRequest
from django.utils.dateparse import parse_datetime

from .cache import Answer, remembered
from .client import get_json
from .identity import Account, account_of, has_accounts, token_for, user_id_of

_ENTITLED = ("full", "grace")


@dataclass(frozen=True)
class Access:
    """``level`` is ``full``, ``grace`` or ``none``; ``until`` is None when no end is known."""

    level: str
    until: Optional[datetime]
    reason: Optional[str]

    @property
    def allowed(self) -> bool:
        """Whether the user may use the product now."""
        return self.level in _ENTITLED


class Billing:
    """The billing state of a user, or of the account they act for. Every attribute may raise ``BillingUnavailable`` on first use."""

    def __init__(
        self,
        user: Any,
        request: Optional[HttpRequest] = None,
        *,
        account: Optional[Account] = None,
    ) -> None:
        self.user = user
        self._request = request
        self._account = account

    @cached_property
    def user_id(self) -> Optional[str]:
        """The identity at the billing server; None for an anonymous user, who is never asked for."""
        return user_id_of(self.user)

    @cached_property
    def account(self) -> Optional[Account]:
        """The team that the user acts for; None without one, and where users pay themselves."""
        return self._account or account_of(self._request)

    @property
    def account_id(self) -> Optional[str]:
        """Who pays: the team, or the user where ``TENURE["ACCOUNT"]`` is not set."""
        if self.user_id is None:
            return None
        if self.account is None:
            return None if has_accounts() else self.user_id
        return self.account.id

    @cached_property
    def subscription(self) -> Optional[dict[str, Any]]:
        """The subscription as the server's JSON says it (camelCase), or None."""
        if self.account_id is None:
            return None
        found: Optional[dict[str, Any]] = remembered(self.account_id, "subscription", self._ask)
        return found

    @property
    def state(self) -> str:
        """The lifecycle state; ``none`` without a subscription."""
        return str((self.subscription or {}).get("state", "none"))

    @property
    def status(self) -> Optional[str]:
        """The stored status, or None without a subscription."""
        return (self.subscription or {}).get("status")

    @property
    def plan(self) -> Optional[str]:
        """The plan's id, or None."""
        return (self.subscription or {}).get("plan")

    @property
    def actions(self) -> list[str]:
        """The commands that the state allows."""
        return list((self.subscription or {}).get("actions") or [])

    @property
    def access(self) -> Access:
        """Whether, until when and why the user has access."""
        return _access_in(self.subscription)

    @property
    def is_active(self) -> bool:
        """Whether the user has access, in full or in grace."""
        return self.access.allowed

    @cached_property
    def features(self) -> frozenset[str]:
        """The names of the plan's features, empty without access."""
        if self.account_id is None or not self.is_active or self.plan is None:
            return frozenset()
        plans = remembered("", "plans", lambda: (get_json("/api/billing/plans", None), None))
        found = next((p for p in plans.get("plans", []) if p.get("id") == self.plan), {})
        return frozenset(str(name) for name in found.get("features") or ())

    def has_feature(self, feature: str) -> bool:
        """The server's answer for one feature: the authority, entitlements included."""
        if self.account_id is None:
            return False
        target = f"/api/billing/access?feature={quote(feature, safe='')}"
        answer = remembered(
            self.account_id,
            f"feature:{feature}",
            lambda: (get_json(target, self._token()), _seconds_left(self.access)),
        )
        return answer.get("allowed") is True

    async def aload(self) -> Billing:
        """Ask without blocking the event loop; afterwards the attributes need no I/O."""
        await sync_to_async(lambda: self.features)()
        return self

    async def ahas_feature(self, feature: str) -> bool:
        """As ``has_feature``, without blocking the event loop."""
        allowed: bool = await sync_to_async(self.has_feature)(feature)
        return allowed

    def _token(self) -> Optional[str]:
        return token_for(self.user, self.account)

    def _ask(self) -> Answer:
        answer = get_json("/api/billing/subscription", self._token())
        subscription = answer.get("subscription")
        return subscription, _seconds_left(_access_in(subscription))


def get_billing(request: HttpRequest) -> Billing:
    """The request's ``Billing``; made anew when an API's own authentication changed the user."""
    user = getattr(request, "user", None)
    base = getattr(request, "_request", request)  # REST framework wraps Django's request
    found = getattr(base, "_tenure_billing", None)
    if found is None or found.user is not user:
        found = Billing(user, base)
        base._tenure_billing = found
    return found


def _access_in(subscription: Optional[dict[str, Any]]) -> Access:
    raw = (subscription or {}).get("access")
    if not isinstance(raw, dict):
        return Access("none", None, "no_subscription")
    until = parse_datetime(raw["until"]) if raw.get("until") else None
    return Access(str(raw.get("level", "none")), until, raw.get("reason"))


def _seconds_left(access: Access) -> Optional[float]:
    """An answer is not kept past the moment at which it says that it ends."""
    if access.until is None:
        return None
    return (access.until - datetime.now(timezone.utc)).total_seconds()
