"""The same paths as ``tenure_django.urls`` with async views, for projects on ASGI."""

from __future__ import annotations

from django.urls import path, re_path

from . import receiver, views

app_name = "tenure_django"
urlpatterns = [
    path("webhooks/stripe", views.async_stripe_webhook, name="stripe-webhook"),
    path("webhooks/tenure", receiver.tenure_webhook, name="tenure-webhook"),
    re_path(r"^billing(?P<rest>/.*)?$", views.async_billing, name="billing"),
]
