"""Who is let in: decorators, mixin, permissions, template tags, and the cache behind them."""

from __future__ import annotations

import unittest
from datetime import datetime, timedelta, timezone
from importlib.util import find_spec
from unittest.mock import patch

import django
from django.contrib.auth import get_user_model
from django.test import RequestFactory, TestCase, override_settings

from tenure_django import cache as tenure_cache
from tenure_django.billing import Billing

from .billing_server import BillingServer, subscription


class GateCase(TestCase):
    def setUp(self) -> None:
        self.server = BillingServer()
        self.server.__enter__()
        self.addCleanup(self.server.__exit__)
        self.user = get_user_model().objects.create_user("ada", "ada@example.com", "x")

    def log_in(self) -> None:
        self.client.force_login(self.user)

    def entitle(self, level: str = "full", **fields: object) -> None:
        self.server.subscriptions["ada"] = subscription(level, **fields)


class Pages(GateCase):
    def test_nobody_is_sent_to_the_login_and_comes_back(self) -> None:
        answer = self.client.get("/members?a=1")
        self.assertRedirects(
            answer, "/accounts/login/?next=/members%3Fa%3D1", fetch_redirect_response=False
        )
        self.assertEqual(self.server.asked, [])

    def test_a_user_without_a_subscription_is_sent_to_billing(self) -> None:
        self.log_in()
        answer = self.client.get("/members")
        self.assertRedirects(answer, "/billing?reason=subscription_required")
        self.assertIn("no-store", answer["Cache-Control"])

    def test_a_subscriber_is_let_in_and_the_server_asked_once(self) -> None:
        self.entitle()
        self.log_in()
        for _ in range(3):
            self.assertEqual(self.client.get("/members").json()["level"], "full")
        self.assertEqual(self.server.asked, ["/api/billing/subscription"])

    def test_grace_lets_in_where_the_view_allows_it(self) -> None:
        self.entitle("grace", state="past_due")
        self.log_in()
        self.assertEqual(self.client.get("/members").json()["level"], "grace")
        answer = self.client.get("/members/full")
        self.assertRedirects(answer, "/billing?from=full&reason=subscription_required")

    def test_no_access_locks_out_every_kind_of_view(self) -> None:
        self.entitle("none", state="unpaid")
        self.log_in()
        for path in ("/members", "/members/full", "/members/async", "/members/class"):
            self.assertEqual(self.client.get(path).status_code, 302, path)

    def test_async_and_class_views_let_a_subscriber_in(self) -> None:
        self.entitle()
        self.log_in()
        answer = self.client.get("/members/async").json()
        self.assertEqual(answer, {"level": "full", "features": ["export", "sso"]})
        self.assertEqual(self.client.get("/members/class").content, b"class")

    def test_a_feature_outside_the_plan_is_named_in_the_redirect(self) -> None:
        self.entitle(plan="starter")
        self.log_in()
        answer = self.client.get("/members/sso")
        self.assertRedirects(answer, "/billing?reason=feature_required&feature=sso")
        self.entitle(plan="pro")
        tenure_cache.forget("ada")
        self.assertEqual(self.client.get("/members/sso").content, b"sso")

    def test_an_api_gets_a_status_and_the_error_format(self) -> None:
        accept = {"HTTP_ACCEPT": "application/json"}
        self.assertEqual(self.client.get("/members", **accept).status_code, 401)
        self.log_in()
        answer = self.client.get("/members", **accept)
        self.assertEqual(answer.status_code, 402)
        self.assertEqual(answer.json()["error"]["code"], "subscription_required")
        self.assertEqual(self.client.post("/members").status_code, 402)

    def test_when_billing_is_away_nobody_new_gets_in_and_nobody_is_told_to_pay(self) -> None:
        self.server.down = True
        self.log_in()
        answer = self.client.get("/members")
        self.assertEqual((answer.status_code, answer["Retry-After"]), (503, "5"))

    def test_an_inactive_user_is_nobody(self) -> None:
        self.entitle()
        self.user.is_active = False
        self.assertIsNone(Billing(self.user).user_id)
        self.assertFalse(Billing(self.user).is_active)


class Tags(GateCase):
    def test_parts_of_a_page_follow_subscription_and_feature(self) -> None:
        self.assertContains(self.client.get("/"), "guest")
        self.entitle(plan="starter", state="trialing")
        self.log_in()
        page = self.client.get("/")
        for text in ("state: trialing", "member", "without sso"):
            self.assertContains(page, text)
        self.entitle(plan="pro")
        tenure_cache.forget("ada")
        page = self.client.get("/")
        self.assertContains(page, "with sso")
        self.assertContains(page, "filter says sso")

    def test_a_page_still_renders_when_billing_is_away(self) -> None:
        self.server.down = True
        self.log_in()
        self.assertContains(self.client.get("/"), "state: unknown")


class Cache(GateCase):
    def test_an_answer_serves_on_while_the_server_is_away_but_not_for_ever(self) -> None:
        self.entitle()
        self.log_in()
        with override_settings(TENURE=self.server.settings(CACHE_SECONDS=0.05, STALE_SECONDS=60)):
            self.assertEqual(self.client.get("/members").status_code, 200)
            self.server.down = True
            import time

            time.sleep(0.1)
            self.assertEqual(self.client.get("/members").status_code, 200)
            tenure_cache.forget("ada")
            self.assertEqual(self.client.get("/members").status_code, 503)

    def test_an_answer_is_not_kept_past_the_end_that_it_names(self) -> None:
        soon = datetime.now(timezone.utc) - timedelta(seconds=1)
        self.entitle("grace", until=soon.isoformat().replace("+00:00", "Z"))
        self.log_in()
        self.client.get("/members")
        self.client.get("/members")
        self.assertEqual(len(self.server.asked), 2)

    def test_an_old_answer_never_covers_a_newer_state(self) -> None:
        def slow() -> tenure_cache.Answer:
            tenure_cache.forget("ada")  # the change is reported while we still hold the old answer
            return "old", None

        self.assertEqual(tenure_cache.remembered("ada", "q", slow), "old")
        self.assertEqual(tenure_cache.remembered("ada", "q", lambda: ("new", None)), "new")
        self.assertEqual(tenure_cache.remembered("ada", "q", lambda: ("newer", None)), "new")

    def test_users_do_not_share_answers(self) -> None:
        for user in ("a", "b", "a b", "a" * 300, "ü\n"):
            answer = tenure_cache.remembered(user, "q", lambda user=user: (user, None))
            self.assertEqual(answer, user)
        self.assertEqual(tenure_cache.remembered("a", "q", lambda: ("x", None)), "a")

    def test_a_lost_generation_means_asking_again(self) -> None:
        tenure_cache.remembered("ada", "q", lambda: ("one", None))
        tenure_cache.get_cache().delete(tenure_cache._key("ada"))
        self.assertEqual(tenure_cache.remembered("ada", "q", lambda: ("two", None)), "two")

    def test_a_command_through_the_proxy_drops_the_users_answers(self) -> None:
        self.log_in()
        self.assertEqual(self.client.get("/members").status_code, 302)
        self.entitle()
        answer = self.client.post("/api/billing/checkout", "{}", content_type="application/json")
        self.assertEqual(answer.status_code, 200)
        self.assertEqual(self.client.get("/members").status_code, 200)


# Optional for a host; the reason is printed where it is missing.
@unittest.skipUnless(find_spec("rest_framework"), "djangorestframework is not installed")
class Rest(GateCase):
    def test_permissions_answer_as_an_api_does(self) -> None:
        self.assertIn(self.client.get("/rest").status_code, (401, 403))
        self.log_in()
        refused = self.client.get("/rest")
        self.assertEqual(refused.status_code, 402)
        self.entitle(plan="starter")
        tenure_cache.forget("ada")
        self.assertEqual(self.client.get("/rest").json(), {"ok": True})
        self.assertEqual(self.client.get("/rest/sso").status_code, 402)
        self.entitle(plan="pro")
        tenure_cache.forget("ada")
        self.assertEqual(self.client.get("/rest/sso").json(), {"ok": True})

    def test_the_users_own_authentication_counts(self) -> None:
        from rest_framework.test import APIClient

        self.entitle()
        client = APIClient()
        client.force_authenticate(self.user)
        self.assertEqual(client.get("/rest").json(), {"ok": True})

    def test_billing_that_is_away_is_a_503(self) -> None:
        self.server.down = True
        self.log_in()
        self.assertEqual(self.client.get("/rest").status_code, 503)


# Runs with the newer of the two versions that CI tests.
@unittest.skipIf(django.VERSION < (4, 1), "async class-based views came with Django 4.1")
class AsyncClassViews(GateCase):
    async def test_the_mixin_gates_them_too(self) -> None:
        from django.http import HttpResponse
        from django.test import RequestFactory
        from django.views import View

        from tenure_django.mixins import FeatureRequiredMixin

        class Page(FeatureRequiredMixin, View):
            required_feature = "sso"

            async def get(self, request: object) -> HttpResponse:
                return HttpResponse("inside")

        request = RequestFactory().get("/", HTTP_ACCEPT="application/json")
        request.user = self.user
        self.assertEqual((await Page.as_view()(request)).status_code, 402)
        self.entitle()
        tenure_cache.forget("ada")
        request = RequestFactory().get("/")
        request.user = self.user
        self.assertEqual((await Page.as_view()(request)).content, b"inside")


class Identity(GateCase):
    def test_id_email_and_name_come_from_the_settings(self) -> None:
        changed = {
            "USER_ID": lambda user: f"org-{user.pk}",
            "USER_EMAIL": None,
            "USER_NAME": "username",
            "JWT_AUDIENCE": "billing",
        }
        from tenure_django.identity import token_for

        from .billing_server import JWT_SECRET
        from .jwt import decode

        with override_settings(TENURE=self.server.settings(**changed)):
            claims = decode(f"Bearer {token_for(self.user)}", JWT_SECRET)
        self.assertEqual(claims["sub"], f"org-{self.user.pk}")
        self.assertEqual((claims["name"], claims["aud"]), ("ada", "billing"))
        self.assertNotIn("email", claims)

    def test_a_user_without_an_id_is_an_error_and_never_somebody_else(self) -> None:
        from django.core.exceptions import ImproperlyConfigured

        with override_settings(TENURE=self.server.settings(USER_ID="first_name")):
            with self.assertRaises(ImproperlyConfigured):
                _ = Billing(self.user).user_id

    def test_a_team_pays_and_its_answers_are_its_own(self) -> None:
        """O-18: the token names account and role, gates and cache go by the account."""
        from .billing_server import JWT_SECRET
        from .jwt import decode

        teams: list = [{"id": 7, "name": "Seven", "role": "member"}]
        request = RequestFactory().get("/members")
        request.user = self.user
        with override_settings(TENURE=self.server.settings(ACCOUNT=lambda _request: teams[-1])):
            with patch("tenure_django.billing.get_json") as ask:
                ask.return_value = {"subscription": subscription("full")}
                billing = Billing(self.user, request)
                self.assertTrue(billing.is_active)
                claims = decode(f"Bearer {ask.call_args.args[1]}", JWT_SECRET)
                teams.append({"id": 8, "role": "owner"})
                ask.return_value = {"subscription": None}
                self.assertFalse(Billing(self.user, request).is_active)
                teams.append(None)
                from tenure_django.gate import Requirement, denial_for

                denial = denial_for(request, Requirement())
                self.assertEqual(ask.call_count, 2)
        named = {name: claims.get(name) for name in ("sub", "account_id", "account_role")}
        self.assertEqual(
            named, {"sub": "ada", "account_id": "7", "account_role": "member"}
        )
        self.assertEqual(claims["account_name"], "Seven")
        self.assertEqual((denial.status, denial.code), (403, "forbidden"))

    def test_a_wrong_account_is_an_error(self) -> None:
        from django.core.exceptions import ImproperlyConfigured

        request = RequestFactory().get("/")
        with override_settings(TENURE=self.server.settings(ACCOUNT=lambda _request: "seven")):
            with self.assertRaises(ImproperlyConfigured):
                _ = Billing(self.user, request).account_id

    def test_no_question_is_asked_until_billing_is_used(self) -> None:
        self.log_in()
        with patch("tenure_django.billing.get_json") as ask:
            self.client.get("/billing")
        ask.assert_not_called()
