"""Checks, doctor and admin: what the people who run the project see."""

from __future__ import annotations

import io
import json
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.core import checks
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from django.test import TestCase, override_settings

from tenure_django.conf import get_config

from .billing_server import BillingServer


class OperationsCase(TestCase):
    def setUp(self) -> None:
        self.server = BillingServer()
        self.server.__enter__()
        self.addCleanup(self.server.__exit__)


class Checks(OperationsCase):
    def found(self, deploy: bool = False, **changed: Any) -> list[checks.CheckMessage]:
        with override_settings(TENURE=self.server.settings(**changed)):
            return checks.run_checks(tags=["tenure"], include_deployment_checks=deploy)

    def test_right_settings_raise_nothing(self) -> None:
        self.assertEqual(self.found(deploy=True), [])

    def test_each_wrong_setting_is_named(self) -> None:
        wrong = {
            "SERVER_URL": ["", "localhost:3000", "ftp://x", "http://u:p@x", "http://x:99999", 3],
            "JWT_SECRET": ["", "short", None],
            "JWT_AUDIENCE": [5],
            "WEBHOOK_SECRET": ["abc", "whsec_", "whsec_%%%", "whsec_YQ==", 5, [None]],
            "ADMIN_TOKEN": [1],
            "USER_ID": [None, "", 5],
            "CONNECT_TIMEOUT": [0, -1, "3", None, True],
            "READ_TIMEOUT": [0, None],
            "POOL_SIZE": [-1, 1.5],
            "CACHE_SECONDS": [-1],
            "CACHE": ["", "missing"],
            "BILLING_URL": [""],
        }
        for name, values in wrong.items():
            for value in values:
                with self.subTest(name=name, value=value):
                    messages = self.found(**{name: value})
                    self.assertTrue(any(name in message.msg for message in messages), messages)
                    self.assertTrue(messages[0].is_serious())

    def test_what_is_optional_may_be_empty_as_an_unset_variable_is(self) -> None:
        for empty in (None, ""):
            found = self.found(WEBHOOK_SECRET=empty, ADMIN_TOKEN=empty, JWT_AUDIENCE=empty)
            self.assertEqual([message.id for message in found], ["tenure.W002"])

    def test_a_misspelt_setting_is_told_the_right_name(self) -> None:
        messages = self.found(WEBHOOK_SECRETS="x")
        self.assertIn("WEBHOOK_SECRET?", messages[0].hint)

    def test_missing_settings_are_all_named_at_once(self) -> None:
        with override_settings(TENURE={"SERVER_URL": "nowhere"}):
            with self.assertRaises(ImproperlyConfigured) as raised:
                get_config()
        for name in ("SERVER_URL", "JWT_SECRET"):
            self.assertIn(name, str(raised.exception))
        with override_settings(TENURE=None):
            self.assertEqual(len(checks.run_checks(tags=["tenure"])), 1)

    def test_no_message_repeats_a_secret(self) -> None:
        messages = self.found(JWT_SECRET="tooshort", WEBHOOK_SECRET="whsec_bad!", ADMIN_TOKEN=7)
        self.assertNotRegex(str(messages), "tooshort|bad!")

    def test_an_attribute_that_users_lack_is_named(self) -> None:
        messages = self.found(USER_EMAIL="mail")
        self.assertIn("USER_EMAIL", messages[0].msg)
        self.assertEqual(messages[0].id, "tenure.E002")

    def test_the_middleware_above_authentication_is_an_error(self) -> None:
        reordered = list(reversed(settings.MIDDLEWARE))
        with override_settings(MIDDLEWARE=reordered):
            self.assertEqual([m.id for m in self.found()], ["tenure.E003"])

    def test_caches_that_keep_nothing_or_are_not_shared_are_warned_of(self) -> None:
        for backend in ("dummy.DummyCache", "locmem.LocMemCache"):
            caches = {"default": {"BACKEND": f"django.core.cache.backends.{backend}"}}
            with override_settings(CACHES=caches):
                self.assertEqual([m.id for m in self.found()], ["tenure.W001"])

    def test_tokens_in_the_clear_and_a_shared_key_are_warned_of_at_deployment(self) -> None:
        changed = {"SERVER_URL": "http://billing.example.com", "JWT_SECRET": settings.SECRET_KEY}
        found = [m.id for m in self.found(deploy=True, **changed)]
        self.assertEqual(found, ["tenure.W003", "tenure.W004"])


class Doctor(OperationsCase):
    def setUp(self) -> None:
        super().setUp()
        self.server.serve_admin("/admin/api/stats", {})
        self.server.recorder.scripts["/api/webhooks/stripe"] = lambda exchange: (
            exchange.read_body(),
            exchange.reply("400 Bad Request", b"{}"),
        )

    def examine(self) -> tuple[bool, list[dict[str, str]]]:
        out, failed = io.StringIO(), False
        try:
            call_command("tenure_doctor", "--json", stdout=out)
        except CommandError:
            failed = True
        return failed, json.loads(out.getvalue())

    def test_a_healthy_project_passes_every_check(self) -> None:
        failed, findings = self.examine()
        self.assertFalse(failed)
        self.assertEqual({finding["level"] for finding in findings}, {"ok"})
        self.assertGreaterEqual(len(findings), 8)

    def test_a_foreign_secret_fails_and_names_the_settings(self) -> None:
        self.server.recorder.scripts["/api/billing/access"] = lambda exchange: (
            exchange.read_body(),
            exchange.reply("401 Unauthorized", b'{"error":{"code":"unauthenticated"}}'),
        )
        failed, findings = self.examine()
        self.assertTrue(failed)
        bad = [finding for finding in findings if finding["level"] == "fail"]
        self.assertEqual(len(bad), 1)
        self.assertIn("AUTH_JWT_SECRET", bad[0]["fix"])

    def test_a_server_that_is_away_or_in_another_time_fails(self) -> None:
        self.server.recorder.scripts["/readyz"] = lambda exchange: (
            exchange.read_body(),
            exchange.reply("200 OK", b"", "Date: Thu, 01 Jan 2026 00:00:00 GMT"),
        )
        self.assertIn("clocks differ", str(self.examine()[1]))
        gone = self.server.settings(SERVER_URL="http://127.0.0.1:9")
        with override_settings(TENURE=gone):
            failed, findings = self.examine()
        self.assertTrue(failed)
        self.assertIn("SERVER_URL", findings[-1]["fix"])

    def test_wrong_settings_are_findings_and_no_traceback(self) -> None:
        with override_settings(TENURE={}):
            failed, findings = self.examine()
        self.assertTrue(failed)
        self.assertEqual({finding["level"] for finding in findings}, {"fail"})


class Admin(OperationsCase):
    def setUp(self) -> None:
        super().setUp()
        self.staff = get_user_model().objects.create_user("staff", is_staff=True)
        self.client.force_login(self.staff)

    def allow(self) -> None:
        codes = ("view_subscription", "view_event")
        self.staff.user_permissions.set(Permission.objects.filter(codename__in=codes))

    def test_without_the_permission_there_is_nothing_to_see(self) -> None:
        self.assertNotContains(self.client.get("/admin/"), "tenure_django")
        for path in ("subscription/", "subscription/sub_1/", "event/"):
            self.assertEqual(self.client.get(f"/admin/tenure_django/{path}").status_code, 403)
        self.assertEqual(self.server.asked, [])

    def test_without_an_admin_token_it_is_hidden_from_everybody(self) -> None:
        self.client.force_login(get_user_model().objects.create_superuser("root"))
        with override_settings(TENURE=self.server.settings(ADMIN_TOKEN=None)):
            self.assertNotContains(self.client.get("/admin/"), "tenure_django")
            answer = self.client.get("/admin/tenure_django/event/")
        self.assertEqual(answer.status_code, 403)

    def test_subscriptions_are_listed_filtered_and_paged(self) -> None:
        self.allow()
        rows = [{"id": "sub_1", "email": "<b>ada</b>", "state": "active", "plan": "pro"}]
        self.server.serve_admin(
            "/admin/api/subscriptions", {"subscriptions": rows, "nextCursor": "c&2"}
        )
        self.assertContains(self.client.get("/admin/"), "/admin/tenure_django/subscription/")
        page = self.client.get("/admin/tenure_django/subscription/?state=active&cursor=c1&evil=1")
        self.assertContains(page, "/admin/tenure_django/subscription/sub_1/")
        self.assertContains(page, "&lt;b&gt;ada&lt;/b&gt;")
        self.assertContains(page, "?state=active&amp;cursor=c%262")
        self.assertEqual(
            self.server.asked[-1], "/admin/api/subscriptions?state=active&cursor=c1"
        )

    def test_one_object_shows_all_that_the_server_tells(self) -> None:
        self.allow()
        self.server.serve_admin(
            "/admin/api/events/evt_1", {"event": {"id": "evt_1"}, "attempts": ["<i>"]}
        )
        page = self.client.get("/admin/tenure_django/event/evt_1/")
        self.assertContains(page, "evt_1")
        self.assertContains(page, "&lt;i&gt;")

    def test_ids_cannot_reach_another_admin_path(self) -> None:
        self.allow()
        self.client.get("/admin/tenure_django/event/..%2Fstats%3Fx/")
        for asked in self.server.asked:
            self.assertNotIn("/admin/api/stats", asked)

    def test_nothing_can_be_added_changed_or_deleted(self) -> None:
        self.client.force_login(get_user_model().objects.create_superuser("root"))
        self.server.serve_admin("/admin/api/events", {"events": []})
        page = self.client.get("/admin/tenure_django/event/")
        self.assertNotContains(page, "event/add/")
        for path in ("event/add/", "event/evt_1/delete/", "event/evt_1/change/"):
            self.client.post(f"/admin/tenure_django/{path}", {})
        self.assertEqual({r.line.split()[0] for r in self.server.recorder.requests}, {"GET"})

    def test_a_server_that_is_away_is_said_on_the_page(self) -> None:
        self.allow()
        self.server.serve_admin("/admin/api/subscriptions", {})
        self.server.down = True
        page = self.client.get("/admin/tenure_django/subscription/")
        self.assertContains(page, "503")
