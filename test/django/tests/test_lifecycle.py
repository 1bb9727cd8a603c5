"""A customer's life through a real Django project, the real server and the local Stripe.

Stripe's events go to Django's webhook path, the server's own events to Django's receiver.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
import unittest
from typing import Any

from .servers import USER, Browser, DjangoServer, missing
from .stack import call, given, pay_checkout, until

HOUR, DAY = 3600, 86400
STACK = given()


# It needs the real server; npm run test:django always starts one.
@unittest.skipUnless(STACK, "no billing server was started (npm run test:django does)")
class Lifecycle(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        assert STACK
        kind = "runserver" if missing("gunicorn") else "gunicorn"
        cls.django = DjangoServer(kind, STACK.env, STACK.django_port).__enter__()
        cls.addClassCleanup(cls.django.__exit__)
        endpoint = STACK.stripe("GET", "/v1/webhook_endpoints")["data"][0]
        url = f"http://127.0.0.1:{STACK.django_port}/api/webhooks/stripe"
        STACK.stripe("POST", f"/v1/webhook_endpoints/{endpoint['id']}", url=url)
        STACK.when_retries_end("unpaid")
        cls.ada = Browser(STACK.django_port)
        cls.ada.log_in()
        cls.ada.get("/")

    def page(self, path: str = "/members") -> tuple[int, str]:
        answer = self.ada.get(path)
        return answer.status, answer.headers["Location"] or answer.body.decode()

    def wait_for(self, **expected: str) -> None:
        """Until the members' page shows this state and level."""

        def shows() -> bool:
            status, body = self.page()
            return status == 200 and expected.items() <= json.loads(body).items()

        until(shows, f"the members' page shows {expected}")

    def signals(self, name: str) -> list[dict[str, Any]]:
        heard = json.loads(self.ada.get("/signals").body)["signals"]
        return [e for e in heard if e["signal"] == name and e["user_id"] == USER]

    def use_card(self, customer: str, subscription: str, card: str) -> str:
        """Attach a test card and make it the one that is charged."""
        assert STACK
        method = STACK.stripe("POST", f"/v1/payment_methods/{card}/attach", customer=customer)["id"]
        STACK.stripe(
            "POST", f"/v1/customers/{customer}", invoice_settings__default_payment_method=method
        )
        STACK.stripe("POST", f"/v1/subscriptions/{subscription}", default_payment_method=method)
        return str(method)

    def test_trial_gate_failed_payment_grace_lock_out_recovery(self) -> None:
        assert STACK
        # Nobody pays yet: the gate is closed, and the server agrees.
        self.assertEqual(self.page(), (302, "/billing?reason=subscription_required"))
        self.assertIn(b"state: none", self.ada.get("/").body)

        # A trial, by Checkout, with the CSRF token of the page.
        answer = self.ada.post_json(
            "/api/billing/checkout", b'{"plan":"pro","interval":"monthly"}', Idempotency_Key="life-1"
        )
        self.assertEqual(answer.status, 200, answer.body)
        pay_checkout(json.loads(answer.body)["url"], USER)
        self.wait_for(state="trialing", level="full")
        changed = until(lambda: self.signals("subscription_changed"), "a change is signalled")
        self.assertEqual((changed[-1]["user_id"], changed[-1]["data"]["to"]), (USER, "trialing"))
        self.assertIn(b"member", self.ada.get("/").body)

        # The trial ends and the card fails: grace.
        view = json.loads(self.ada.get("/api/billing/subscription").body)["subscription"]
        customer = STACK.stripe("GET", f"/v1/subscriptions/{view['id']}")["customer"]
        self.use_card(customer, view["id"], "pm_card_chargeCustomerFail")
        STACK.advance(14 * DAY + 2 * HOUR)
        self.wait_for(state="past_due", level="grace")
        self.assertEqual(self.page("/members/full")[0], 302)
        failed = until(lambda: self.signals("payment_failed"), "a failed payment is signalled")
        self.assertEqual(failed[0]["user_id"], USER)
        self.assertIs(failed[0]["data"]["final"], False)

        # It goes on failing: locked out.
        for _ in range(30):
            if self.page()[0] == 302:
                break
            STACK.advance(DAY)
            time.sleep(0.3)
        until(lambda: self.page()[0] == 302, "the members' page is closed")
        view = json.loads(self.ada.get("/api/billing/subscription").body)["subscription"]
        self.assertEqual((view["state"], view["access"]["level"]), ("unpaid", "none"))
        until(
            lambda: any(event["data"]["final"] for event in self.signals("payment_failed")),
            "the last failure is signalled as final",
        )

        # A good card, and the open invoice is paid: back in.
        method = self.use_card(customer, view["id"], "pm_card_visa")
        invoices = STACK.stripe("GET", "/v1/invoices", subscription=view["id"], limit=20)["data"]
        due = [invoice for invoice in invoices if invoice["status"] == "open"]
        self.assertTrue(due, [invoice["status"] for invoice in invoices])
        for invoice in due:
            STACK.stripe("POST", f"/v1/invoices/{invoice['id']}/pay", payment_method=method)
        self.wait_for(state="active", level="full")
        self.assertEqual(self.page("/members/full"), (200, "in full"))
        states = [event["data"]["to"] for event in self.signals("subscription_changed")]
        self.assertEqual(states[0], "trialing")
        until(
            lambda: self.signals("subscription_changed")[-1]["data"]["to"] == "active",
            "the recovery is signalled",
        )

    def test_each_user_reaches_their_own_account_only(self) -> None:
        assert STACK
        bob = Browser(STACK.django_port)
        bob.log_in("bob")
        answer = bob.get("/api/billing/subscription", X_Tenure_User=USER, X_User_Id=USER)
        self.assertEqual((answer.status, json.loads(answer.body)), (200, {"subscription": None}))
        nobody = Browser(STACK.django_port)
        self.assertEqual(nobody.get("/api/billing/subscription").status, 401)
        self.assertEqual(nobody.get("/api/billing/plans").status, 200)

    def test_a_webhook_with_a_bad_signature_is_turned_away_through_django(self) -> None:
        answer = self.ada.request(
            "POST", "/api/webhooks/stripe", b'{"id":"evt_1"}', {"Stripe-Signature": "t=1,v1=ab"}
        )
        self.assertEqual(answer.status, 400)
        self.assertEqual(json.loads(answer.body)["error"]["code"], "invalid_signature")

    def test_the_servers_errors_arrive_in_its_own_format(self) -> None:
        for path, status in (("/api/billing/nothing", 404), ("/api/billing/access?x=1", 400)):
            answer = self.ada.get(path)
            self.assertEqual(answer.status, status, answer.body)
            error = json.loads(answer.body)["error"]
            self.assertEqual(answer.headers["X-Request-Id"], error["requestId"])
        refused = self.ada.get("/api/billing/checkout")
        self.assertEqual((refused.status, refused.headers["Allow"]), (405, "POST"))
        broken = self.ada.post_json("/api/billing/checkout", b"{")
        self.assertEqual(json.loads(broken.body)["error"]["code"], "invalid_json")
        head = self.ada.request("HEAD", "/api/billing/plans")
        self.assertEqual((head.status, head.body), (200, b""))

    def test_only_this_projects_fresh_tokens_count_at_the_server(self) -> None:
        assert STACK
        now = int(time.time())
        good = {"sub": USER, "iat": now, "exp": now + 60, "aud": STACK.jwt_audience}
        cases: list[tuple[str, dict[str, Any], str, str, int]] = [
            ("a good one", good, "HS256", STACK.jwt_secret, 200),
            ("expired", {**good, "iat": now - 200, "exp": now - 100}, "HS256", STACK.jwt_secret, 401),
            ("for somebody else", {**good, "aud": "other"}, "HS256", STACK.jwt_secret, 401),
            ("for nobody", {k: v for k, v in good.items() if k != "aud"}, "HS256", STACK.jwt_secret, 401),
            ("of another secret", good, "HS256", "x" * 40, 401),
            ("unsigned", good, "none", "", 401),
        ]
        for name, claims, algorithm, secret, expected in cases:
            with self.subTest(name):
                headers = {"Authorization": f"Bearer {_token(claims, algorithm, secret)}"}
                status, _ = call(f"{STACK.server_url}/api/billing/access", "GET", "", headers)
                self.assertEqual(status, expected)

    def test_the_doctor_finds_this_deployment_healthy(self) -> None:
        ran = self.django.manage("tenure_doctor", "--json", check=False)
        findings = json.loads(ran.stdout)
        self.assertEqual([f for f in findings if f["level"] != "ok"], [], ran.stderr)
        self.assertEqual(ran.returncode, 0)

    def test_the_admin_shows_the_servers_subscriptions_and_events(self) -> None:
        assert STACK
        root = Browser(STACK.django_port)
        root.log_in("root")
        for name in ("subscription", "event"):
            page = root.get(f"/admin/tenure_django/{name}/")
            self.assertEqual(page.status, 200)
            self.assertNotIn(b"errornote", page.body)


def _token(claims: dict[str, Any], algorithm: str, secret: str) -> str:
    def part(raw: bytes) -> str:
        return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()

    head = part(json.dumps({"alg": algorithm, "typ": "JWT"}).encode())
    signed = f"{head}.{part(json.dumps(claims).encode())}"
    if algorithm == "none":
        return signed + "."
    return f"{signed}.{part(hmac.new(secret.encode(), signed.encode(), hashlib.sha256).digest())}"
