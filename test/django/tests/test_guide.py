"""The guide ``docs/django.md``: its Python is run as it is written there."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any
from unittest import mock

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.core import checks
from django.http import FileResponse, HttpResponse
from django.test import RequestFactory, SimpleTestCase, override_settings
from django.urls import include, path

from tenure_django.middleware import billing_middleware

from .servers import PROJECT

GUIDE = (Path(PROJECT).parent.parent / "docs" / "django.md").read_text("utf-8")
BLOCKS = dict(re.findall(r'^```python title="([^"]+)"\n(.*?)^```$', GUIDE, re.M | re.S))
SECRETS = {
    "AUTH_JWT_SECRET": "a-secret-of-thirty-two-bytes-or-more",
    "AUTH_JWT_AUDIENCE": "billing",
    "OUTGOING_WEBHOOK_SECRET": "whsec_dGVudXJlLWRqYW5nby10ZXN0LXNlY3JldA==",
    "ADMIN_TOKEN": "an-admin-token-for-tests",
}


class Guide(SimpleTestCase):
    def test_its_settings_pass_the_checks(self) -> None:
        def without_ours(names: list[str]) -> list[str]:
            return [name for name in names if not name.startswith("tenure_django")]

        given: dict[str, Any] = {
            "os": os,
            "INSTALLED_APPS": without_ours(settings.INSTALLED_APPS),
            "MIDDLEWARE": without_ours(settings.MIDDLEWARE),
        }
        with mock.patch.dict(os.environ, SECRETS):
            exec(BLOCKS["settings.py"], given)
        changed = {name: given[name] for name in ("INSTALLED_APPS", "MIDDLEWARE", "TENURE")}
        with override_settings(**changed):
            self.assertEqual(checks.run_checks(tags=["tenure"]), [])

    def test_its_paths_are_those_of_the_webhook_and_the_api(self) -> None:
        given: dict[str, Any] = {"path": path, "include": include, "urlpatterns": []}
        exec(BLOCKS["urls.py"], given)
        (prefix,) = given["urlpatterns"]
        for tail in ("webhooks/stripe", "webhooks/tenure", "billing/subscription"):
            self.assertIsNotNone(prefix.resolve(f"api/{tail}"), tail)

    def test_its_views_are_gated(self) -> None:
        given: dict[str, Any] = {"render": _never, "FileResponse": FileResponse}
        exec(BLOCKS["views.py"], given)
        for view in (given["reports"], given["export"]):
            request = RequestFactory().get("/reports", HTTP_ACCEPT="text/html")
            request.user = AnonymousUser()
            answer = billing_middleware(view)(request)
            self.assertEqual(answer.status_code, 302)
            self.assertTrue(answer["Location"].startswith(settings.LOGIN_URL))


def _never(*_: Any) -> HttpResponse:
    raise AssertionError("The page was rendered for nobody.")
