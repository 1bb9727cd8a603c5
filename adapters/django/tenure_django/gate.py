"""The one question behind every decorator, mixin and permission: may this request go on?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional
from urllib.parse import urlencode, urlsplit, urlunsplit

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import resolve_url
from django.utils.cache import add_never_cache_headers

from .billing import get_billing
from .conf import get_config
from .errors import BillingUnavailable, error_response


@dataclass(frozen=True)
class Requirement:
    """What a view asks for. ``grace=False`` shuts out users whose payment is overdue."""

    feature: Optional[str] = None
    grace: bool = True
    redirect_to: Optional[str] = None


@dataclass(frozen=True)
class Denial:
    """Why not, as an HTTP status, the server's error code and a sentence."""

    status: int
    code: str
    message: str


def denial_for(request: HttpRequest, need: Requirement) -> Optional[Denial]:
    """None when the request may go on."""
    billing = get_billing(request)
    try:
        if billing.user_id is None:
            return Denial(401, "unauthenticated", "Log in first.")
        if billing.account_id is None:
            return Denial(403, "forbidden", "Choose a team first.")
        access = billing.access
        if not access.allowed or (access.level == "grace" and not need.grace):
            return Denial(402, "subscription_required", "This needs an active subscription.")
        if need.feature is not None and not billing.has_feature(need.feature):
            return Denial(402, "feature_required", f"The plan does not include {need.feature}.")
    except BillingUnavailable:
        return Denial(503, "billing_unavailable", "Billing cannot be reached; try again soon.")
    return None


def response_to(request: HttpRequest, need: Requirement, denial: Denial) -> HttpResponse:
    """A page is redirected (to the login or to billing); an API gets the status and JSON."""
    response: HttpResponse
    if denial.status == 503 or not _is_page(request):
        response = error_response(denial.status, denial.code, denial.message)
        if denial.status == 503:
            response["Retry-After"] = "5"
    elif denial.status == 401:
        response = redirect_to_login(request.get_full_path(), resolve_url(settings.LOGIN_URL))
    else:
        target = resolve_url(need.redirect_to or get_config().billing_url)
        response = HttpResponseRedirect(_with_query(target, denial.code, need))
    add_never_cache_headers(response)
    return response


def _is_page(request: HttpRequest) -> bool:
    scripted = request.headers.get("X-Requested-With") == "XMLHttpRequest"
    return request.method in ("GET", "HEAD") and not scripted and request.accepts("text/html")


def _with_query(url: str, reason: str, need: Requirement) -> str:
    parts = urlsplit(url)
    added = {"reason": reason, **({"feature": need.feature} if need.feature else {})}
    query = "&".join(filter(None, [parts.query, urlencode(added)]))
    return urlunsplit(parts._replace(query=query))
