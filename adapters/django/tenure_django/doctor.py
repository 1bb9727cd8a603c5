"""The examinations behind ``manage.py tenure_doctor``. None of them changes anything."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from email.utils import parsedate_to_datetime
from typing import Optional

from django.core import checks
from django.urls import NoReverseMatch, reverse

from .body import Body
from .cache import get_cache
from .client import get_json
from .conf import Config, get_config, setting_problems
from .errors import BillingError, BillingUnavailable, Refusal
from .identity import TOKEN_SECONDS, mint
from .transport import Outgoing, send
from .views import STRIPE_WEBHOOK


@dataclass(frozen=True)
class Finding:
    """``level`` is ``ok``, ``warn`` or ``fail``; ``fix`` says what to do."""

    level: str
    text: str
    fix: str = ""

    def as_dict(self) -> dict[str, str]:
        """For ``--json``."""
        return asdict(self)


def examine() -> Iterator[Finding]:
    """Every finding, from the settings outwards; stops where the rest could not be right."""
    for message in checks.run_checks(tags=["tenure"], include_deployment_checks=True):
        level = "fail" if message.is_serious() else "warn"
        yield Finding(level, message.msg, message.hint or "")
    if any(problem.fatal for problem in setting_problems()):
        return
    config = get_config()
    yield Finding("ok", f"The settings are well-formed; the server is {config.server_url}")
    yield from _routes()
    yield from _cache()
    reached = yield from _server()
    if reached:
        yield from _identity(config)
        yield from _stripe_webhook()
        yield from _admin(config)


def _routes() -> Iterator[Finding]:
    try:
        for name in ("stripe-webhook", "tenure-webhook"):
            yield Finding("ok", f"{name} is at {reverse(f'tenure_django:{name}')}")
    except NoReverseMatch:
        fix = 'Add path("api/", include("tenure_django.urls")) to your root URLs.'
        yield Finding("fail", "The billing URLs are not included.", fix)


def _cache() -> Iterator[Finding]:
    key, value = "tenure:doctor", secrets.token_hex(8)
    try:
        cache = get_cache()
        cache.set(key, value, 10)
        kept = cache.get(key) == value
        cache.delete(key)
    except Exception as error:  # a cache backend may raise anything of its client library
        yield Finding("fail", f"The cache failed: {type(error).__name__}.", "Check CACHES.")
        return
    text = "The cache keeps what it is given." if kept else "The cache keeps nothing."
    yield Finding("ok" if kept else "warn", text)


def _server() -> Iterator[Finding]:
    """Reachable, ready, and on the same time. Returns whether to go on."""
    try:
        upstream = send(Outgoing("GET", "/readyz", [], Body(0, iter(()))))
    except Refusal as refusal:
        yield Finding("fail", refusal.message, "Start the server, or fix TENURE['SERVER_URL'].")
        return False
    date = dict((name.lower(), value) for name, value in upstream.headers).get("date")
    upstream.close()
    if upstream.status != 200:
        fix = "Look at the server's log and its /readyz."
        yield Finding("fail", f"The server is not ready: /readyz is {upstream.status}.", fix)
    else:
        yield Finding("ok", "The server is reachable and ready.")
    yield from _clock(date)
    return True


def _clock(date: Optional[str]) -> Iterator[Finding]:
    if date is None:
        return
    skew = abs(parsedate_to_datetime(date).timestamp() - time.time())
    if skew > TOKEN_SECONDS / 2:
        text = f"The clocks differ by {skew:.0f} s; tokens live {TOKEN_SECONDS} s."
        yield Finding("fail", text, "Run NTP on both machines.")
    else:
        yield Finding("ok", "The clocks agree.")


def _identity(config: Config) -> Iterator[Finding]:
    now = int(time.time())
    claims = {"sub": "tenure-doctor", "iat": now, "exp": now + TOKEN_SECONDS}
    if config.jwt_audience:
        claims["aud"] = config.jwt_audience
    try:
        get_json("/api/billing/access", mint(claims, config.jwt_secret))
    except (BillingError, BillingUnavailable) as error:
        fix = "AUTH_JWT_SECRET and AUTH_JWT_AUDIENCE must equal JWT_SECRET and JWT_AUDIENCE."
        yield Finding("fail", f"The server refused this project's token: {error}", fix)
    else:
        yield Finding("ok", "The server accepts this project's tokens.")


def _stripe_webhook() -> Iterator[Finding]:
    """An unsigned event must be turned away: 400 shows that the path and the check are there."""
    headers = [("Content-Type", "application/json"), ("Stripe-Signature", "t=1,v1=00")]
    try:
        upstream = send(Outgoing("POST", STRIPE_WEBHOOK, headers, Body(2, iter([b"{}"]))))
    except Refusal as refusal:
        yield Finding("fail", f"The webhook path failed: {refusal.message}")
        return
    upstream.close()
    if upstream.status == 400:
        yield Finding("ok", "Unsigned Stripe events are turned away.")
    else:
        text = f"An unsigned Stripe event got {upstream.status} instead of 400."
        yield Finding("fail", text, "Is TENURE['SERVER_URL'] really the billing server?")


def _admin(config: Config) -> Iterator[Finding]:
    if not config.admin_token:
        yield Finding("warn", "TENURE['ADMIN_TOKEN'] is not set: the admin pages are hidden.")
        return
    try:
        get_json("/admin/api/stats", config.admin_token)
    except (BillingError, BillingUnavailable) as error:
        yield Finding("fail", f"The admin API refused: {error}", "Compare it with ADMIN_TOKEN.")
    else:
        yield Finding("ok", "The admin token is accepted.")
