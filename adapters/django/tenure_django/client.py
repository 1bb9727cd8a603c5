"""Questions that Django itself asks the billing server, in JSON."""

from __future__ import annotations

import http.client
import json
from typing import Any, Optional

from .body import Body
from .errors import BillingError, BillingUnavailable, Refusal
from .transport import Outgoing, send
from .upstream import Upstream

_ANSWER_LIMIT = 8 * 1024 * 1024


def get_json(target: str, token: Optional[str]) -> Any:
    """GET an encoded path as the bearer of ``token``.

    ``BillingUnavailable`` when the server cannot answer now, ``BillingError`` when it refuses.
    """
    headers = [("Accept", "application/json")]
    if token is not None:
        headers.append(("Authorization", f"Bearer {token}"))
    try:
        upstream = send(Outgoing("GET", target, headers, Body(0, iter(()))))
        raw = upstream.read(_ANSWER_LIMIT)
    except Refusal as refusal:
        raise BillingUnavailable(refusal.message) from refusal
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise BillingUnavailable("The billing server's answer was cut short.") from error
    return _answer(upstream, raw)


def _answer(upstream: Upstream, raw: bytes) -> Any:
    if upstream.status >= 500 or upstream.status == 429:
        raise BillingUnavailable(f"The billing server answered {upstream.status}.")
    try:
        body = json.loads(raw)
    except ValueError:
        raise BillingUnavailable("The billing server did not answer in JSON.") from None
    if upstream.status < 400:
        return body
    error = body.get("error") if isinstance(body, dict) else None
    details = error if isinstance(error, dict) else {}
    message = str(details.get("message", "No reason given."))
    if upstream.status == 401:
        message += " Compare TENURE['JWT_SECRET'], JWT_AUDIENCE and the clocks with the server's."
    raise BillingError(upstream.status, str(details.get("code", "unknown")), message)
