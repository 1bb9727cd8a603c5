"""Names for the admin and its permissions. No table: the rows live at the billing server."""

from __future__ import annotations

from django.db import models


class Subscription(models.Model):
    """A subscription at the billing server."""

    id = models.CharField(primary_key=True, max_length=255)

    class Meta:
        managed = False
        default_permissions = ("view",)
        verbose_name = "subscription"


class Event(models.Model):
    """A webhook event in the billing server's inbox."""

    id = models.CharField(primary_key=True, max_length=255)

    class Meta:
        managed = False
        default_permissions = ("view",)
        verbose_name = "webhook event"
