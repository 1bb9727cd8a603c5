"""The ``TENURE`` setting: read once, checked as a whole, and never half right."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Any, Union

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed
from django.http import HttpRequest

from .validation import Problem, problems_in

AccountField = Union[str, Callable[[HttpRequest], Any], None]
UserField = Union[str, Callable[[Any], Any], None]


@dataclass(frozen=True)
class Config:
    """Every setting with its default. Times are seconds. The names in ``TENURE`` are upper case."""

    server_url: str
    jwt_secret: str
    jwt_audience: str | None = None
    #: Secret(s) of the server's outgoing webhook; several while one is being rotated.
    webhook_secret: str | tuple[str, ...] | None = None
    admin_token: str | None = None
    #: Attribute path on the user (called if callable), or a function of the user.
    user_id: UserField = "pk"
    user_email: UserField = "email"
    user_name: UserField = "get_full_name"
    #: A function of the request (or its dotted path): the team that the user acts for. None: users pay.
    account: AccountField = None
    connect_timeout: float = 3.0
    read_timeout: float = 30.0
    #: Idle connections kept per process, and for how long: below the server's keep-alive of 5 s.
    pool_size: int = 16
    pool_idle: float = 4.0
    cache: str = "default"
    #: How long an answer is fresh, and how much longer it may serve while the server is down.
    cache_seconds: float = 60.0
    stale_seconds: float = 300.0
    #: Where a page sends a user without a subscription (``?reason=`` is added).
    billing_url: str = "/billing"

    @property
    def webhook_secrets(self) -> tuple[str, ...]:
        """The outgoing webhook's secrets as a tuple, however they were written."""
        raw = self.webhook_secret or ()
        listed = raw.split(",") if isinstance(raw, str) else raw
        return tuple(secret.strip() for secret in listed if secret.strip())


def setting_problems() -> list[Problem]:
    """Everything that is wrong with ``settings.TENURE``, each with the name of the setting."""
    raw = getattr(settings, "TENURE", None)
    return problems_in(raw, {field.name.upper() for field in fields(Config)})


@lru_cache(maxsize=1)
def get_config() -> Config:
    """The validated configuration; ``ImproperlyConfigured`` lists every bad setting at once."""
    found = [problem for problem in setting_problems() if problem.fatal]
    if found:
        lines = "\n".join(f"  {p.setting}: {p.message} {p.hint}" for p in found)
        raise ImproperlyConfigured(f"The TENURE setting needs attention:\n{lines}")
    raw: Mapping[str, Any] = settings.TENURE
    values = {name.lower(): value for name, value in raw.items()}
    if isinstance(values.get("webhook_secret"), list):
        values["webhook_secret"] = tuple(values["webhook_secret"])
    values["server_url"] = values["server_url"].rstrip("/")
    return Config(**values)


def _reread(*, setting: str, **_: object) -> None:
    if setting == "TENURE":
        get_config.cache_clear()


setting_changed.connect(_reread, dispatch_uid="tenure_django.conf")
