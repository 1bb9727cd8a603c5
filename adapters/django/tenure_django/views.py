"""The proxied paths. ``billing`` and ``stripe_webhook`` for WSGI; ``async_…`` for ASGI."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Optional, TypeVar

from asgiref.sync import sync_to_async
from django.db import transaction
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.middleware.csrf import CsrfViewMiddleware

from .billing import get_billing
from .cache import forget
from .errors import Refusal, error_response
from .identity import account_of, token_for
from .proxy import outgoing_for, response_for
from .transport import SAFE_METHODS, Outgoing, send
from .upstream import Upstream
from .workers import in_thread

STRIPE_WEBHOOK = "/api/webhooks/stripe"
BILLING = "/api/billing"
_FORMS = ("multipart/form-data", "application/x-www-form-urlencoded")
_View = TypeVar("_View", bound=Callable[..., Any])


def _plain(view: _View) -> _View:
    """Outside Django's own CSRF step and transactions (its decorators are sync-only before 5.0)."""
    view.csrf_exempt = True  # type: ignore[attr-defined]
    return transaction.non_atomic_requests(view)


@_plain
def stripe_webhook(request: HttpRequest) -> HttpResponseBase:
    """Stripe's webhook, untouched: the signature stands for the caller, so no CSRF, no identity."""
    try:
        return response_for(request, send(outgoing_for(request, STRIPE_WEBHOOK, None)))
    except Refusal as refusal:
        return _refused(refusal)


@_plain
async def async_stripe_webhook(request: HttpRequest) -> HttpResponseBase:
    """As ``stripe_webhook``, without blocking the event loop."""
    try:
        outgoing = outgoing_for(request, STRIPE_WEBHOOK, None)
        return response_for(request, await in_thread(send, outgoing))
    except Refusal as refusal:
        return _refused(refusal)


@_plain  # checked by _prepare, after the body was secured
def billing(request: HttpRequest, rest: Optional[str] = None) -> HttpResponseBase:
    """A billing path, as the logged-in user, under Django's CSRF protection."""
    try:
        outgoing = _prepare(request, rest or "")
        if not isinstance(outgoing, Outgoing):
            return outgoing
        upstream = send(outgoing)
        _note_change(request, upstream)
        return response_for(request, upstream)
    except Refusal as refusal:
        return _refused(refusal)


@_plain  # checked by _prepare, after the body was secured
async def async_billing(request: HttpRequest, rest: Optional[str] = None) -> HttpResponseBase:
    """As ``billing``, without blocking the event loop; sessions and users load in Django's way."""
    try:
        outgoing = await sync_to_async(_prepare)(request, rest or "")
        if not isinstance(outgoing, Outgoing):
            return outgoing
        upstream = await in_thread(send, outgoing)
        await sync_to_async(_note_change)(request, upstream)
        return response_for(request, upstream)
    except Refusal as refusal:
        return _refused(refusal)


def _prepare(request: HttpRequest, rest: str) -> Outgoing | HttpResponseBase:
    """The request to send, or the answer of Django's CSRF check.

    The check looks for a token in form fields first, which consumes a form body; reading the
    body before it keeps the bytes. Other bodies stay unread and are streamed.
    """
    if request.content_type in _FORMS:
        _ = request.body
    guard = CsrfViewMiddleware(lambda _request: _refused(Refusal(500, "internal", "Not reached.")))
    guard.process_request(request)
    answer = guard.process_view(request, _prepare, (), {})
    if answer is not None:
        return answer
    token = token_for(getattr(request, "user", None), account_of(request))
    return outgoing_for(request, BILLING + rest, token)


def _note_change(request: HttpRequest, upstream: Upstream) -> None:
    """After a command the next page of the account must not show the state from before it."""
    if request.method not in SAFE_METHODS and upstream.status < 400:
        account_id = get_billing(request).account_id
        if account_id is not None:
            forget(account_id)


def _refused(refusal: Refusal) -> HttpResponseBase:
    return error_response(refusal.status, refusal.code, refusal.message)
