"""Who is asking: a logged-in Django user as a 60-second HS256 JSON Web Token (RFC 7519)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Optional

from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest
from django.utils.module_loading import import_string

from .conf import Config, UserField, get_config

TOKEN_SECONDS = 60


@dataclass(frozen=True)
class Account:
    """Who pays, where that is a team: ``role`` is ``owner``, ``billing`` or ``member``."""

    id: str
    name: Optional[str] = None
    role: Optional[str] = None


def has_accounts() -> bool:
    """Whether teams pay (``TENURE['ACCOUNT']``), rather than each user."""
    return get_config().account is not None


def account_of(request: Optional[HttpRequest]) -> Optional[Account]:
    """The account that a request is made for; None without one, and where users pay themselves."""
    field = get_config().account
    if field is None or request is None:
        return None
    found = (import_string(field) if isinstance(field, str) else field)(request)
    if found is None or isinstance(found, Account):
        return found
    try:
        name, role = found.get("name"), found.get("role")
        return Account(str(found["id"]), name and str(name), role and str(role))
    except (AttributeError, KeyError, TypeError):
        wrong = "TENURE['ACCOUNT'] must give None, an Account, or a dict with id, name and role."
        raise ImproperlyConfigured(wrong) from None


def user_id_of(user: Any) -> str | None:
    """The billing identity of a user as a string; None without a login and for inactive users."""
    if user is None or not getattr(user, "is_authenticated", False):
        return None
    if not getattr(user, "is_active", True):
        return None
    field = get_config().user_id
    value = read_field(user, field)
    if value is None or str(value) == "":
        raise ImproperlyConfigured(f"TENURE['USER_ID'] ({field!r}) gave no value for this user.")
    return str(value)


def token_for(user: Any, account: Optional[Account] = None) -> str | None:
    """A fresh token for the user, who acts for the account; None without a user."""
    config = get_config()
    user_id = user_id_of(user)
    if user_id is None:
        return None
    return mint({**claims_for(user_id, user, config), **_claims_of(account)}, config.jwt_secret)


def _claims_of(account: Optional[Account]) -> dict[str, str]:
    if account is None:
        return {}
    named = {
        "account_id": account.id,
        "account_name": account.name,
        "account_role": account.role,
    }
    return {claim: value for claim, value in named.items() if value}


def claims_for(user_id: str, user: Any, config: Config) -> dict[str, Any]:
    """``sub``, ``iat``, ``exp``, and where they exist ``email``, ``name`` and ``aud``."""
    now = int(time.time())
    claims: dict[str, Any] = {"sub": user_id, "iat": now, "exp": now + TOKEN_SECONDS}
    for claim, field in (("email", config.user_email), ("name", config.user_name)):
        value = read_field(user, field)
        if value:
            claims[claim] = str(value)
    if config.jwt_audience:
        claims["aud"] = config.jwt_audience
    return claims


def mint(claims: Mapping[str, Any], secret: str) -> str:
    """Sign claims as a compact HS256 token."""
    header = _part({"alg": "HS256", "typ": "JWT"})
    signed = f"{header}.{_part(claims)}"
    signature = hmac.new(secret.encode(), signed.encode("ascii"), hashlib.sha256).digest()
    return f"{signed}.{_base64url(signature)}"


def read_field(user: Any, field: UserField) -> Any:
    """Follow an attribute path (calling what is callable), or call the given function."""
    if field is None:
        return None
    if callable(field):
        return field(user)
    value = user
    for name in field.split("."):
        value = getattr(value, name, None)
        if callable(value):
            value = value()
    return value


def _part(value: Mapping[str, Any]) -> str:
    return _base64url(json.dumps(value, separators=(",", ":")).encode())


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")
