"""``path("api/", include("tenure_django.urls"))``: the proxied paths, for projects on WSGI."""

from __future__ import annotations

from django.urls import path, re_path

from . import receiver, views

app_name = "tenure_django"
urlpatterns = [
    path("webhooks/stripe", views.stripe_webhook, name="stripe-webhook"),
    path("webhooks/tenure", receiver.tenure_webhook, name="tenure-webhook"),
    re_path(r"^billing(?P<rest>/.*)?$", views.billing, name="billing"),
]
