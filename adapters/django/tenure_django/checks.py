"""System checks: ``manage.py check`` names a wrong setting before a customer finds it."""

from __future__ import annotations

import ipaddress
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core import checks

from .conf import Config, get_config, setting_problems

MIDDLEWARE = "tenure_django.middleware.billing_middleware"
_BEFORE = "django.contrib.auth.middleware.AuthenticationMiddleware"


@checks.register("tenure")
def check_settings(**_: Any) -> list[checks.CheckMessage]:
    """E001 for each malformed setting; with well-formed ones, what they mean together."""
    wrong = [
        checks.Error(f"{problem.setting} {problem.message}", hint=problem.hint, id="tenure.E001")
        for problem in setting_problems()
    ]
    if wrong:
        return list(wrong)
    config = get_config()
    return [*_user_fields(config), *_middleware(), *_cache(config), *_webhook(config)]


@checks.register("tenure", deploy=True)
def check_deployment(**_: Any) -> list[checks.CheckMessage]:
    """``manage.py check --deploy``: what is fine on a laptop only."""
    if setting_problems():
        return []
    config = get_config()
    found: list[checks.CheckMessage] = []
    parts = urlsplit(config.server_url)
    if parts.scheme == "http" and not _is_private(parts.hostname or ""):
        found.append(
            checks.Warning(
                "TENURE['SERVER_URL'] sends identity tokens over plain http to a public host.",
                hint="Use https, or a private address.",
                id="tenure.W003",
            )
        )
    if config.jwt_secret == settings.SECRET_KEY:
        found.append(
            checks.Warning(
                "TENURE['JWT_SECRET'] is Django's SECRET_KEY, so the server could forge sessions.",
                hint="Give the two programs a secret of their own.",
                id="tenure.W004",
            )
        )
    return found


def _user_fields(config: Config) -> list[checks.CheckMessage]:
    model = get_user_model()
    found: list[checks.CheckMessage] = []
    for name in ("USER_ID", "USER_EMAIL", "USER_NAME"):
        field = getattr(config, name.lower())
        if not isinstance(field, str):
            continue
        first = field.split(".")[0]
        known = {item.name for item in model._meta.get_fields()}
        if first not in known and not hasattr(model, first):
            message = f"TENURE['{name}'] is {field!r}, but {model.__name__} has no {first!r}."
            hint = "Name an attribute of your user model, or give a function of the user."
            found.append(checks.Error(message, hint=hint, id="tenure.E002"))
    return found


def _middleware() -> list[checks.CheckMessage]:
    listed = list(settings.MIDDLEWARE)
    if MIDDLEWARE not in listed:
        return []
    if _BEFORE in listed and listed.index(_BEFORE) < listed.index(MIDDLEWARE):
        return []
    hint = f"List {_BEFORE} above it."
    return [checks.Error(f"{MIDDLEWARE} needs a user.", hint=hint, id="tenure.E003")]


def _cache(config: Config) -> list[checks.CheckMessage]:
    configured = settings.CACHES.get(config.cache)
    if configured is None:
        message = f"TENURE['CACHE'] is {config.cache!r}, which is not in CACHES."
        return [checks.Error(message, hint=f"Known: {sorted(settings.CACHES)}", id="tenure.E004")]
    backend = configured.get("BACKEND", "")
    if backend.endswith("DummyCache"):
        message = "TENURE['CACHE'] keeps nothing: each gate asks the server, webhooks can repeat."
        return [checks.Warning(message, hint="Use a real cache.", id="tenure.W001")]
    if backend.endswith("LocMemCache") and not settings.DEBUG:
        message = "TENURE['CACHE'] is per process: a change reaches the others up to a minute late."
        hint = "Use Redis, Memcached, the database or a file cache with several processes."
        return [checks.Warning(message, hint=hint, id="tenure.W001")]
    return []


def _webhook(config: Config) -> list[checks.CheckMessage]:
    if config.webhook_secrets:
        return []
    message = "TENURE['WEBHOOK_SECRET'] is not set: no signals, and changes show when caches expire."
    hint = "Set it to the secret of the server's outgoing webhook."
    return [checks.Warning(message, hint=hint, id="tenure.W002")]


def _is_private(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return host == "localhost" or "." not in host or host.endswith((".local", ".internal"))
