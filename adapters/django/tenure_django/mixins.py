"""Gates for class-based views, with sync or async handlers. List them first among the bases."""

from __future__ import annotations

import asyncio
from typing import Any, Optional

from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest

from .decorators import feature_required, subscription_required


class SubscriptionRequiredMixin:
    """Let only users with access in; ``subscription_grace = False`` shuts out overdue ones."""

    subscription_grace = True
    subscription_redirect: Optional[str] = None

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """Gate, then dispatch as the view would."""
        proceed = _as_view(self, super().dispatch)  # type: ignore[misc]
        gate = subscription_required(
            grace=self.subscription_grace, redirect_to=self.subscription_redirect
        )
        return gate(proceed)(request, *args, **kwargs)


class FeatureRequiredMixin(SubscriptionRequiredMixin):
    """Let only users in whose plan includes ``required_feature``."""

    required_feature: Optional[str] = None

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """Gate, then dispatch as the view would."""
        if self.required_feature is None:
            raise ImproperlyConfigured(f"{type(self).__name__} has no required_feature.")
        proceed = _as_view(self, super(SubscriptionRequiredMixin, self).dispatch)  # type: ignore[misc]
        gate = feature_required(
            self.required_feature,
            grace=self.subscription_grace,
            redirect_to=self.subscription_redirect,
        )
        return gate(proceed)(request, *args, **kwargs)


def _as_view(view: Any, dispatch: Any) -> Any:
    """A view with async handlers (Django 4.1 and later) needs a gate that can be awaited."""
    handlers = (getattr(view, name, None) for name in view.http_method_names if name != "options")
    if not any(asyncio.iscoroutinefunction(handler) for handler in handlers):
        return dispatch

    async def awaited(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        return await dispatch(request, *args, **kwargs)

    return awaited
