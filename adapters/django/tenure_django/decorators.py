"""Gates for function views, sync and async."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import wraps
from typing import Any, Optional, TypeVar, overload

from asgiref.sync import sync_to_async
from django.http import HttpRequest, HttpResponse

from .gate import Requirement, denial_for, response_to

View = TypeVar("View", bound=Callable[..., Any])


@overload
def subscription_required(view: View) -> View: ...
@overload
def subscription_required(
    *, grace: bool = True, redirect_to: Optional[str] = None
) -> Callable[[View], View]: ...
def subscription_required(
    view: Optional[View] = None, *, grace: bool = True, redirect_to: Optional[str] = None
) -> Any:
    """Let only users with access in. Pages are redirected, APIs get 401 or 402 as JSON.

    Usable bare or with arguments: ``@subscription_required(grace=False, redirect_to="pricing")``.
    """
    gate = _gate(Requirement(grace=grace, redirect_to=redirect_to))
    return gate if view is None else gate(view)


def feature_required(
    feature: str, *, grace: bool = True, redirect_to: Optional[str] = None
) -> Callable[[View], View]:
    """Let only users in whose plan includes the feature: ``@feature_required("sso")``."""
    return _gate(Requirement(feature=feature, grace=grace, redirect_to=redirect_to))


def _gate(need: Requirement) -> Callable[[View], View]:
    def decorate(view: Any) -> Any:
        if asyncio.iscoroutinefunction(view):

            @wraps(view)
            async def async_gated(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
                refused = await sync_to_async(_refusal)(request, need)
                return await view(request, *args, **kwargs) if refused is None else refused

            return async_gated

        @wraps(view)
        def gated(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            refused = _refusal(request, need)
            return view(request, *args, **kwargs) if refused is None else refused

        return gated

    return decorate


def _refusal(request: HttpRequest, need: Requirement) -> Optional[HttpResponse]:
    denial = denial_for(request, need)
    return None if denial is None else response_to(request, need, denial)
