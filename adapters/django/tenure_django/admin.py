"""Read-only admin pages for subscriptions and webhook events, asked from the server's admin API.

They show for staff with the view permission, and only where ``TENURE['ADMIN_TOKEN']`` is set.
"""

from __future__ import annotations

import json
from typing import Any, Optional
from urllib.parse import quote, urlencode

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.urls.resolvers import URLPattern

from .client import get_json
from .conf import get_config
from .errors import BillingError, BillingUnavailable
from .models import Event, Subscription


class ServerAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """A model whose rows come from ``/admin/api/<resource>``."""

    resource = ""
    #: Query parameters of the page that are passed on to the server.
    filters: tuple[str, ...] = ()
    #: Keys of a row, in the order of the columns; the first one that exists links to the detail.
    columns: tuple[str, ...] = ()

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        """Never: the server's events decide."""
        return False

    has_change_permission = has_delete_permission = has_add_permission

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """With the Django permission, where an admin token is configured."""
        return bool(get_config().admin_token) and super().has_view_permission(request, obj)

    has_module_permission = has_view_permission  # type: ignore[assignment]

    def get_urls(self) -> list[URLPattern]:
        """The list and the detail; nothing of a model admin that would need a table."""
        name = f"{self.opts.app_label}_{self.opts.model_name}"
        view = self.admin_site.admin_view
        return [
            path("", view(self.changelist_view), name=f"{name}_changelist"),
            path("<path:object_id>/", view(self.detail_view), name=f"{name}_change"),
        ]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        """A page of rows, with the server's own cursor."""
        given = {name: request.GET[name] for name in self.filters if request.GET.get(name)}
        cursor = {"cursor": request.GET["cursor"]} if request.GET.get("cursor") else {}
        answer, problem = self._ask(request, "", {**given, **cursor})
        rows = answer.get(self.resource) or []
        following = answer.get("nextCursor")
        context = {
            "columns": [name for name in self.columns if any(name in row for row in rows)],
            "rows": [self._row(row) for row in rows],
            "filters": [(name, given.get(name, "")) for name in self.filters],
            "next": urlencode({**given, "cursor": following}) if following else None,
            "problem": problem,
        }
        return self._page(request, "list", str(self.opts.verbose_name_plural), context)

    def detail_view(self, request: HttpRequest, object_id: str) -> HttpResponseBase:
        """Everything that the server tells about one object."""
        answer, problem = self._ask(request, "/" + quote(object_id, safe=""), {})
        nested = {name: value for name, value in answer.items() if isinstance(value, (dict, list))}
        context = {
            "facts": [(name, _readable(answer[name])) for name in answer if name not in nested],
            "parts": [(name, _readable(value)) for name, value in nested.items()],
            "problem": problem,
        }
        return self._page(request, "detail", object_id, context)

    def _ask(
        self, request: HttpRequest, below: str, query: dict[str, str]
    ) -> tuple[dict[str, Any], Optional[str]]:
        if not self.has_view_permission(request):
            raise PermissionDenied
        target = f"/admin/api/{self.resource}{below}" + (f"?{urlencode(query)}" if query else "")
        try:
            answer = get_json(target, get_config().admin_token)
        except BillingError as error:
            if error.status == 404:
                raise Http404("The billing server does not know it.") from error
            return {}, str(error)
        except BillingUnavailable as error:
            return {}, str(error)
        return (answer if isinstance(answer, dict) else {}), None

    def _row(self, row: dict[str, Any]) -> dict[str, Any]:
        name = f"admin:{self.opts.app_label}_{self.opts.model_name}_change"
        link = reverse(name, args=[row["id"]], current_app=self.admin_site.name)
        return {"link": link, "cells": {key: _readable(row.get(key)) for key in self.columns}}

    def _page(
        self, request: HttpRequest, template: str, title: str, context: dict[str, Any]
    ) -> TemplateResponse:
        every = {**self.admin_site.each_context(request), "title": title, "opts": self.opts}
        request.current_app = self.admin_site.name  # type: ignore[attr-defined]
        name = f"tenure_django/admin/{template}.html"
        return TemplateResponse(request, name, {**every, **context})


@admin.register(Subscription)
class SubscriptionAdmin(ServerAdmin):
    """Subscriptions, newest first."""

    resource = "subscriptions"
    filters = ("q", "state")
    columns = ("id", "email", "customerId", "state", "plan", "price", "since", "periodEnd")


@admin.register(Event)
class EventAdmin(ServerAdmin):
    """The webhook inbox, newest first."""

    resource = "events"
    filters = ("q", "type", "status")
    columns = ("id", "type", "status", "attempts", "error", "receivedAt")


def _readable(value: Any) -> Any:
    if value is None:
        return "-"
    return json.dumps(value, indent=2) if isinstance(value, (dict, list)) else value
