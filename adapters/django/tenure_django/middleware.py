"""``request.billing`` on every request. Costs nothing until it is used."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from django.http import HttpRequest
from django.utils.decorators import sync_and_async_middleware
from django.utils.functional import SimpleLazyObject

from .billing import get_billing


@sync_and_async_middleware
def billing_middleware(get_response: Callable[..., Any]) -> Callable[..., Any]:
    """List it in ``MIDDLEWARE`` below ``AuthenticationMiddleware``."""
    if asyncio.iscoroutinefunction(get_response):

        async def async_middleware(request: HttpRequest) -> Any:
            _attach(request)
            return await get_response(request)

        return async_middleware

    def middleware(request: HttpRequest) -> Any:
        _attach(request)
        return get_response(request)

    return middleware


def _attach(request: HttpRequest) -> None:
    request.billing = SimpleLazyObject(lambda: get_billing(request))  # type: ignore[attr-defined]
