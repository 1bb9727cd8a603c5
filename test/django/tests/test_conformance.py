"""What every Node adapter answers, answered through Django: the same requests, the same answers.

Both are in ``test/adapters/conformance.json``, which the Node side records and replays.
"""

from __future__ import annotations

import hashlib
import json
import os
import socket
import unittest
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from .conformance import CASES, Replay
from .servers import AT_ONCE, PASSWORD, Browser, DjangoServer, missing
from .stack import given

ECHO_URL = os.environ.get("TENURE_TEST_ECHO_URL")
STACK = given()
KINDS = ("runserver", "gunicorn", "uvicorn")


class Transport(unittest.TestCase):
    """The echo handler behind Django."""

    kind = ""

    @classmethod
    def setUpClass(cls) -> None:
        reason = missing(cls.kind)
        if reason or not ECHO_URL:
            raise unittest.SkipTest(reason or "the echo handler is not running")
        cls.django = DjangoServer(cls.kind, {"TENURE_SERVER_URL": ECHO_URL}).__enter__()
        cls.addClassCleanup(cls.django.__exit__)
        cls.port = cls.django.port

    def test_passes_requests_and_answers_on_as_they_are(self) -> None:
        replay = Replay(self.port, Browser(self.port), Browser(self.port), {})
        self.assertEqual(replay.differences(CASES["transport"]), [])

    def test_leaves_other_paths_alone(self) -> None:
        for path in ("/api/billings", "/api/other", "/nothing"):
            self.assertEqual(Browser(self.port).get(path).status, 404, path)

    def test_serves_a_hundred_requests_at_once(self) -> None:
        bodies = [os.urandom(1000) for _ in range(100)]

        def ask(body: bytes) -> Any:
            answer = Browser(self.port).request("POST", "/api/webhooks/stripe", body)
            return json.loads(answer.body)["sha256"]

        with ThreadPoolExecutor(AT_ONCE[self.kind]) as pool:
            sums = list(pool.map(ask, bodies))
        self.assertEqual(sums, [hashlib.sha256(body).hexdigest() for body in bodies])

    def test_survives_a_client_that_hangs_up_in_the_middle_of_a_body(self) -> None:
        with socket.create_connection(("127.0.0.1", self.port), 10) as sock:
            sock.sendall(
                b"POST /api/webhooks/stripe HTTP/1.1\r\nhost: localhost\r\n"
                b"content-length: 1000\r\n\r\nabc"
            )
        self.assertEqual(Browser(self.port).get("/api/billing/empty").status, 204)


class Api(unittest.TestCase):
    """The real server, its database and the local Stripe behind Django."""

    kind = ""

    @classmethod
    def setUpClass(cls) -> None:
        reason = missing(cls.kind)
        if reason or not STACK:
            raise unittest.SkipTest(reason or "no billing server was started")
        cls.user = f"conformance-{os.urandom(6).hex()}@example.com"
        cls.django = DjangoServer(cls.kind, STACK.env).__enter__()
        cls.addClassCleanup(cls.django.__exit__)
        make = "from django.contrib.auth import get_user_model as m;"
        cls.django.manage(
            "shell", "-c", f"{make} m().objects.create_user('{cls.user}', '{cls.user}', '{PASSWORD}')"
        )
        endpoint = STACK.stripe("GET", "/v1/webhook_endpoints")["data"][0]
        url = f"http://127.0.0.1:{cls.django.port}/api/webhooks/stripe"
        STACK.stripe("POST", f"/v1/webhook_endpoints/{endpoint['id']}", url=url)

    def test_answers_every_route_refusal_and_error_of_the_api_alike(self) -> None:
        port = self.django.port
        member, nobody = Browser(port), Browser(port)
        member.log_in(self.user)
        for browser in (member, nobody):
            browser.get("/accounts/login/")  # for the CSRF token
        assert STACK
        saved = {"user": self.user, "run": os.urandom(6).hex()}
        replay = Replay(port, member, nobody, saved, STACK)
        # The admin's token is no Django user's, and stays outside.
        admins = [case for case in CASES["refusals"] + CASES["api"] if case.get("as") == "admin"]
        others = [case for case in CASES["refusals"] + CASES["api"] if case.get("as") != "admin"]
        self.assertEqual(replay.differences(others), [])
        for case in admins:
            self.assertEqual(replay.answer(case)["status"], 401, case["name"])


def _of_each_kind(base: type[unittest.TestCase]) -> list[type[unittest.TestCase]]:
    return [type(f"{kind.title()}{base.__name__}", (base,), {"kind": kind}) for kind in KINDS]


def load_tests(loader: unittest.TestLoader, *_: Any) -> unittest.TestSuite:
    """The base classes are no tests of their own."""
    kinds = [*_of_each_kind(Transport), *_of_each_kind(Api)]
    return unittest.TestSuite(loader.loadTestsFromTestCase(kind) for kind in kinds)
