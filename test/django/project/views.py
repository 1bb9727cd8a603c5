"""Pages of the test project: one for each way to gate."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import path
from django.views import View
from django.views.decorators.csrf import ensure_csrf_cookie

from tenure_django.decorators import feature_required, subscription_required
from tenure_django.mixins import SubscriptionRequiredMixin
from tenure_django.signals import billing_event, payment_failed, subscription_changed

from .store import seen

KEPT = ("user_id", "event_id", "event_type", "data")


@ensure_csrf_cookie
def home(request: HttpRequest) -> HttpResponse:
    return render(request, "home.html")


def pricing(request: HttpRequest) -> HttpResponse:
    return HttpResponse(f"Choose a plan ({request.GET.get('reason')})")


@subscription_required
def members(request: HttpRequest) -> HttpResponse:
    return JsonResponse({"level": request.billing.access.level, "state": request.billing.state})


@subscription_required(grace=False, redirect_to="/billing?from=full")
def members_in_full(request: HttpRequest) -> HttpResponse:
    return HttpResponse("in full")


@subscription_required
async def members_async(request: HttpRequest) -> HttpResponse:
    billing = await request.billing.aload()
    return JsonResponse({"level": billing.access.level, "features": sorted(billing.features)})


class Members(SubscriptionRequiredMixin, View):
    def get(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse("class")


@feature_required("sso")
def sso(request: HttpRequest) -> HttpResponse:
    return HttpResponse("sso")


def signals_seen(request: HttpRequest) -> HttpResponse:
    return JsonResponse({"signals": seen()})


@receiver([subscription_changed, payment_failed, billing_event])
def remember(signal: Any, **event: Any) -> None:
    names = {subscription_changed: "subscription_changed", payment_failed: "payment_failed"}
    kept = {name: event[name] for name in KEPT}
    seen({"signal": names.get(signal, "billing_event"), **kept})


rest_paths = []
if find_spec("rest_framework"):
    from rest_framework.decorators import api_view, permission_classes
    from rest_framework.response import Response

    from tenure_django.permissions import HasSubscription, has_feature

    @api_view(["GET", "POST"])
    @permission_classes([HasSubscription])
    def rest(request: Any) -> Response:
        return Response({"ok": True})

    @api_view(["GET"])
    @permission_classes([has_feature("sso")])
    def rest_sso(request: Any) -> Response:
        return Response({"ok": True})

    rest_paths = [path("rest", rest), path("rest/sso", rest_sso)]
