"""What a right ``TENURE`` setting looks like, one rule a line, as data for the system checks."""

from __future__ import annotations

import base64
import binascii
import difflib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Optional
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Problem:
    """One wrong setting: which, what is wrong with it, and how to fix it. Holds no secret."""

    setting: str
    message: str
    hint: str = ""
    fatal: bool = True


Rule = Callable[[Any], Optional[str]]
_MAKE_SECRET = 'Make one with: python -c "import secrets; print(secrets.token_urlsafe(48))"'


def _server_url(value: Any) -> str | None:
    wrong = "must be an absolute http:// or https:// URL without user, query or fragment."
    if not isinstance(value, str):
        return wrong
    try:
        parts = urlsplit(value)
        _ = parts.port
    except ValueError:
        return wrong
    extra = parts.username or parts.password or parts.query or parts.fragment
    return None if parts.scheme in ("http", "https") and parts.hostname and not extra else wrong


def _jwt_secret(value: Any) -> str | None:
    if isinstance(value, str) and len(value.encode()) >= 32:
        return None
    return "must be a string of 32 bytes or more, equal to the server's AUTH_JWT_SECRET."


def _webhook_secret(value: Any) -> str | None:
    if value is None or value == "":
        return None
    listed = value.split(",") if isinstance(value, str) else value
    if not isinstance(listed, (list, tuple)):
        return "must be a string, or a list of strings."
    for secret in listed:
        if not isinstance(secret, str) or not decode_webhook_secret(secret.strip()):
            return "must be whsec_ followed by base64 of 12 bytes or more, as the server has it."
    return None


def decode_webhook_secret(secret: str) -> bytes | None:
    """The key bytes inside ``whsec_<base64>``, or None when it is not one."""
    if not secret.startswith("whsec_"):
        return None
    encoded = secret[len("whsec_") :]
    try:
        key = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None
    return key if len(key) >= 12 else None


def _positive(value: Any) -> str | None:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return None if number and value > 0 else "must be a number of seconds above 0."


def _not_negative(value: Any) -> str | None:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return None if number and value >= 0 else "must be a number of seconds, 0 or more."


def _count(value: Any) -> str | None:
    whole = isinstance(value, int) and not isinstance(value, bool)
    return None if whole and value >= 0 else "must be a whole number, 0 or more."


def _text(value: Any) -> str | None:
    return None if isinstance(value, str) and value else "must be a non-empty string."


def _optional_text(value: Any) -> str | None:
    return None if value is None or isinstance(value, str) else "must be a string or None."


def _user_field(value: Any) -> str | None:
    if value is None or callable(value) or (isinstance(value, str) and value):
        return None
    return "must be an attribute of the user (like 'pk' or 'profile.billing_id') or a function."


def _account(value: Any) -> str | None:
    if value is None or callable(value) or (isinstance(value, str) and "." in value):
        return None
    return "must be a function of the request, or its dotted path like 'teams.billing.account_of'."


RULES: Mapping[str, tuple[Rule, str]] = {
    "SERVER_URL": (_server_url, "For example http://127.0.0.1:3000"),
    "JWT_SECRET": (_jwt_secret, _MAKE_SECRET),
    "JWT_AUDIENCE": (_optional_text, "Leave it out unless the server has AUTH_JWT_AUDIENCE."),
    "WEBHOOK_SECRET": (_webhook_secret, ""),
    "ADMIN_TOKEN": (_optional_text, "The server's ADMIN_TOKEN; leave it out to hide the admin."),
    "USER_ID": (lambda value: _user_field(value) if value else "must be set.", ""),
    "USER_EMAIL": (_user_field, ""),
    "USER_NAME": (_user_field, ""),
    "ACCOUNT": (_account, "Set the server's AUTH_ACCOUNT_CLAIM=account_id as well."),
    "CONNECT_TIMEOUT": (_positive, ""),
    "READ_TIMEOUT": (_positive, ""),
    "POOL_SIZE": (_count, ""),
    "POOL_IDLE": (_not_negative, ""),
    "CACHE": (_text, "The name of an entry in CACHES."),
    "CACHE_SECONDS": (_not_negative, ""),
    "STALE_SECONDS": (_not_negative, ""),
    "BILLING_URL": (_text, "A path or URL of your pricing page."),
}
REQUIRED = ("SERVER_URL", "JWT_SECRET")


def problems_in(raw: Any, known: Iterable[str]) -> list[Problem]:
    """Judge a ``TENURE`` value: missing, unknown and malformed settings, in a stable order."""
    if not isinstance(raw, Mapping):
        return [Problem("TENURE", "must be a dictionary in settings.", "See the README.")]
    names = sorted(known)
    found = [
        Problem(f"TENURE['{name}']", "is missing.", RULES[name][1])
        for name in REQUIRED
        if name not in raw
    ]
    for name, value in raw.items():
        if name not in names:
            near = difflib.get_close_matches(str(name).upper(), names, 1)
            hint = f"Did you mean {near[0]}?" if near else f"Known: {', '.join(names)}."
            found.append(Problem(f"TENURE['{name}']", "is not a setting.", hint))
            continue
        rule, hint = RULES[name]
        wrong = rule(value)
        if wrong:
            found.append(Problem(f"TENURE['{name}']", wrong, hint))
    return found
