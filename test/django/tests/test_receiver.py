"""The server's outgoing webhook: only what it signed, once each, and lost by no failure."""

from __future__ import annotations

import json
import time
from typing import Any, Optional

from django.db import transaction
from django.test import Client, TestCase, override_settings

from tenure_django import cache as tenure_cache
from tenure_django.signals import billing_event, payment_failed, subscription_changed
from tenure_django.signatures import sign

from .billing_server import WEBHOOK_SECRET, BillingServer

OTHER = "whsec_YW5vdGhlci1zZWNyZXQtb2YtdGhlLXRlc3Rz"
CHANGED = {
    "type": "subscription.changed",
    "timestamp": "2026-11-24T00:00:00.000Z",
    "data": {"userId": "ada", "from": "trialing", "to": "active", "unexpected": False},
}


class Receiver(TestCase):
    def setUp(self) -> None:
        self.server = BillingServer()
        self.server.__enter__()
        self.addCleanup(self.server.__exit__)
        self.heard: list[dict[str, Any]] = []
        self.failing = False
        for signal in (subscription_changed, payment_failed, billing_event):
            signal.connect(self.hear)
            self.addCleanup(signal.disconnect, self.hear)

    def hear(self, signal: Any, **event: Any) -> None:
        if self.failing:
            raise RuntimeError("the receiver is broken")
        self.heard.append({"signal": signal, **event})

    def deliver(
        self,
        message: Any = CHANGED,
        *,
        message_id: str = "msg_1",
        at: Optional[int] = None,
        secret: str = WEBHOOK_SECRET,
        **headers: str,
    ) -> Any:
        body = message if isinstance(message, bytes) else json.dumps(message).encode()
        at = int(time.time()) if at is None else at
        sent = {
            "HTTP_WEBHOOK_ID": message_id,
            "HTTP_WEBHOOK_TIMESTAMP": str(at),
            "HTTP_WEBHOOK_SIGNATURE": sign(message_id, at, body, secret),
            **headers,
        }
        client = Client(enforce_csrf_checks=True)
        return client.post("/api/webhooks/tenure", body, content_type="application/json", **sent)

    def test_a_change_becomes_a_signal_with_its_data(self) -> None:
        answer = self.deliver()
        self.assertEqual((answer.status_code, answer.json()), (200, {"received": True}))
        first = self.heard[0]
        self.assertIs(first["signal"], subscription_changed)
        self.assertEqual((first["user_id"], first["event_id"]), ("ada", "msg_1"))
        self.assertEqual(first["data"]["to"], "active")
        self.assertIs(self.heard[1]["signal"], billing_event)

    def test_a_failed_payment_and_an_unknown_type_are_told_too(self) -> None:
        self.deliver({"type": "payment.failed", "data": {"userId": "ada", "final": True}})
        self.deliver({"type": "something.new", "data": {}}, message_id="msg_2")
        self.deliver({"type": "something.bare"}, message_id="msg_3")
        signals = [event["signal"] for event in self.heard]
        self.assertEqual(signals, [payment_failed, billing_event, billing_event, billing_event])

    def test_what_was_cached_of_the_user_is_dropped_before_the_signal(self) -> None:
        tenure_cache.remembered("ada", "q", lambda: ("old", None))
        tenure_cache.remembered("bob", "q", lambda: ("old", None))
        self.deliver()
        self.assertEqual(tenure_cache.remembered("ada", "q", lambda: ("new", None)), "new")
        self.assertEqual(tenure_cache.remembered("bob", "q", lambda: ("new", None)), "old")

    def test_a_repeated_message_is_acknowledged_and_told_once(self) -> None:
        self.deliver()
        again = self.deliver(at=int(time.time()) + 1)
        self.assertEqual(again.json(), {"received": True, "skipped": True})
        self.assertEqual(len(self.heard), 2)

    def test_a_failed_receiver_is_a_500_and_the_retry_is_handled(self) -> None:
        self.failing = True
        self.assertEqual(self.deliver().status_code, 500)
        self.failing = False
        self.assertEqual(self.deliver().json(), {"received": True})
        self.assertEqual(len(self.heard), 2)

    def test_one_failing_receiver_does_not_silence_the_others(self) -> None:
        def broken(**_: Any) -> None:
            raise RuntimeError

        subscription_changed.connect(broken)
        self.addCleanup(subscription_changed.disconnect, broken)
        self.assertEqual(self.deliver().status_code, 500)
        self.assertEqual(len(self.heard), 2)

    def test_a_delivery_during_another_waits_for_its_turn(self) -> None:
        answers: list[int] = []

        def meanwhile(**_: Any) -> None:
            answers.append(self.deliver().status_code)

        payment_failed.connect(meanwhile)
        self.addCleanup(payment_failed.disconnect, meanwhile)
        message = {"type": "payment.failed", "data": {"userId": "ada"}}
        self.assertEqual(self.deliver(message).status_code, 200)
        self.assertEqual(answers, [503])

    def test_a_receivers_own_transaction_is_its_own(self) -> None:
        self.deliver()
        self.assertTrue(transaction.get_connection().in_atomic_block)  # the test's, not a view's
        from tenure_django.receiver import tenure_webhook

        self.assertIn("default", tenure_webhook._non_atomic_requests)

    def test_anything_but_a_true_signature_from_now_is_refused(self) -> None:
        now = int(time.time())
        good = sign("msg_1", now, json.dumps(CHANGED).encode(), WEBHOOK_SECRET)
        flipped = good[:-2] + ("A" if good[-2] != "A" else "B") + good[-1]
        cases: dict[str, dict[str, Any]] = {
            "another secret": {"secret": OTHER},
            "too old": {"at": now - 301},
            "from the future": {"at": now + 400},
            "another id": {"HTTP_WEBHOOK_SIGNATURE": good, "message_id": "msg_2"},
            "another time": {"HTTP_WEBHOOK_SIGNATURE": good, "at": now - 1},
            "another body": {"HTTP_WEBHOOK_SIGNATURE": good, "message": {**CHANGED, "x": 1}},
            "a flipped character": {"HTTP_WEBHOOK_SIGNATURE": flipped},
            "a truncated one": {"HTTP_WEBHOOK_SIGNATURE": good[:-4]},
            "none": {"HTTP_WEBHOOK_SIGNATURE": ""},
            "another version": {"HTTP_WEBHOOK_SIGNATURE": "v2" + good[2:]},
            "bytes beyond ASCII": {"HTTP_WEBHOOK_SIGNATURE": "v1,é"},
            "no id": {"HTTP_WEBHOOK_ID": ""},
            "an id with a dot": {"HTTP_WEBHOOK_ID": "msg.1"},
            "a time in words": {"HTTP_WEBHOOK_TIMESTAMP": "now"},
            "a negative time": {"HTTP_WEBHOOK_TIMESTAMP": "-1"},
            "a time in other digits": {"HTTP_WEBHOOK_TIMESTAMP": "١٢٣"},
        }
        for name, changed in cases.items():
            with self.subTest(name):
                answer = self.deliver(**{"at": now, **changed})
                self.assertEqual(answer.status_code, 400)
                self.assertEqual(answer.json()["error"]["code"], "invalid_signature")
        self.assertEqual(self.heard, [])

    def test_several_signatures_and_several_secrets_serve_a_rotation(self) -> None:
        now = int(time.time())
        good = sign("msg_1", now, json.dumps(CHANGED).encode(), WEBHOOK_SECRET)
        self.assertEqual(
            self.deliver(at=now, HTTP_WEBHOOK_SIGNATURE=f"v1a,xx v1,yy {good}").status_code, 200
        )
        for secrets in (f"{OTHER},{WEBHOOK_SECRET}", [OTHER, WEBHOOK_SECRET]):
            with override_settings(TENURE=self.server.settings(WEBHOOK_SECRET=secrets)):
                self.assertEqual(self.deliver(message_id=f"m{len(secrets)}").status_code, 200)

    def test_without_a_secret_nothing_is_accepted(self) -> None:
        with override_settings(TENURE=self.server.settings(WEBHOOK_SECRET="")):
            self.assertEqual(self.deliver().status_code, 503)
        self.assertEqual(self.heard, [])

    def test_signed_nonsense_is_a_400(self) -> None:
        for body in (b"", b"[]", b"{", b'{"type":1}', b'{"type":"a","data":[]}', b"\xff"):
            answer = self.deliver(body)
            self.assertEqual((answer.status_code, answer.json()["error"]["code"]), (400, "invalid_message"))

    def test_only_post_is_spoken_here(self) -> None:
        answer = self.client.get("/api/webhooks/tenure")
        self.assertEqual((answer.status_code, answer["Allow"]), (405, "POST"))

    def test_the_published_example_of_the_format_verifies(self) -> None:
        """From the Standard Webhooks documentation: an independent signature."""
        signature = sign(
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1614265330,
            b'{"test": 2432232314}',
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        )
        self.assertEqual(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")
