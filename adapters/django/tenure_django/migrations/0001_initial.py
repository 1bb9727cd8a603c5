"""Content types and view permissions for the admin pages; creates no table."""

from __future__ import annotations

from django.db import migrations, models


def _unmanaged(name: str, verbose_name: str) -> migrations.CreateModel:
    return migrations.CreateModel(
        name=name,
        fields=[("id", models.CharField(max_length=255, primary_key=True, serialize=False))],
        options={
            "verbose_name": verbose_name,
            "managed": False,
            "default_permissions": ("view",),
        },
    )


class Migration(migrations.Migration):
    initial = True
    dependencies: list[tuple[str, str]] = []
    operations = [
        _unmanaged("Subscription", "subscription"),
        _unmanaged("Event", "webhook event"),
    ]
