"""The Django application: registers the system checks when the project starts."""

from __future__ import annotations

from django.apps import AppConfig


class TenureConfig(AppConfig):
    """Add ``"tenure_django"`` to ``INSTALLED_APPS``."""

    name = "tenure_django"
    label = "tenure_django"
    verbose_name = "Billing"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from . import checks  # noqa: F401  (importing registers them)
