"""The expectations that the Node adapters meet, met through Django: same handler, same answers."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import unittest
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from .recorder import ALL_BYTES
from .servers import AT_ONCE, Answer, Browser, DjangoServer, missing, raw_exchange

ECHO_URL = os.environ.get("TENURE_TEST_ECHO_URL")


class Conformance(unittest.TestCase):
    kind = ""

    @classmethod
    def setUpClass(cls) -> None:
        reason = missing(cls.kind)
        if reason or not ECHO_URL:
            raise unittest.SkipTest(reason or "the echo handler is not running")
        cls.django = DjangoServer(cls.kind, {"TENURE_SERVER_URL": ECHO_URL}).__enter__()
        cls.addClassCleanup(cls.django.__exit__)
        cls.port = cls.django.port

    def ask(self, method: str, path: str, body: bytes = b"", **headers: str) -> Answer:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return Browser(self.port).request(method, path, body, sent)

    def test_keeps_every_byte_value_of_a_body(self) -> None:
        body = ALL_BYTES + os.urandom(4096)
        path = "/api/webhooks/stripe?x=1"
        told = json.loads(self.ask("POST", path, body, Stripe_Signature="t=1,v1=ab").body)
        expected = {
            "method": "POST",
            "path": "/api/webhooks/stripe",
            "query": "?x=1",
            "length": len(body),
            "sha256": hashlib.sha256(body).hexdigest(),
            "signature": "t=1,v1=ab",
            "consumed": None,
        }
        self.assertEqual({name: told[name] for name in expected}, expected)

    def test_keeps_a_chunked_body_of_one_mebibyte(self) -> None:
        body = os.urandom(1_048_576)
        pieces = [body[at : at + 65536] for at in range(0, len(body), 65536)]
        coded = b"".join(b"%x\r\n%b\r\n" % (len(p), p) for p in pieces) + b"0\r\n\r\n"
        head = (
            b"POST /api/webhooks/stripe HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n"
            b"transfer-encoding: chunked\r\n\r\n"
        )
        told = _json_in(raw_exchange(self.port, head + coded))
        digest = hashlib.sha256(body).hexdigest()
        self.assertEqual((told["length"], told["sha256"]), (len(body), digest))

    def test_joins_repeated_headers_and_keeps_repeated_cookies_apart(self) -> None:
        head = (
            b"GET /api/billing/x HTTP/1.1\r\nhost: localhost\r\nx-mark: 1\r\nx-mark: 2\r\n"
            b"connection: close\r\n\r\n"
        )
        marks = _json_in(raw_exchange(self.port, head))["marks"]
        self.assertEqual(marks.replace(" ", ""), "1,2")
        cookies = self.ask("GET", "/api/billing/cookies").headers.get_all("Set-Cookie")
        self.assertEqual(cookies, ["a=1", "b=2"])

    def test_passes_statuses_redirects_empty_and_binary_answers(self) -> None:
        empty = self.ask("GET", "/api/billing/empty")
        self.assertEqual((empty.status, empty.body), (204, b""))
        away = self.ask("GET", "/api/billing/away")
        self.assertEqual((away.status, away.headers["Location"]), (302, "https://example.com/x"))
        binary = self.ask("GET", "/api/billing/binary")
        self.assertEqual((binary.status, binary.body), (201, ALL_BYTES))
        self.assertEqual(binary.headers["Content-Type"], "application/octet-stream")

    def test_answers_head_without_a_body(self) -> None:
        answer = self.ask("HEAD", "/api/billing/binary")
        self.assertEqual((answer.status, answer.body), (201, b""))

    def test_leaves_other_paths_alone(self) -> None:
        for path in ("/api/billings", "/api/other", "/nothing"):
            self.assertEqual(self.ask("GET", path).status, 404, path)

    def test_serves_a_hundred_requests_at_once(self) -> None:
        bodies = [os.urandom(1000) for _ in range(100)]
        with ThreadPoolExecutor(AT_ONCE[self.kind]) as pool:
            answers = pool.map(lambda body: self.ask("POST", "/api/webhooks/stripe", body), bodies)
            sums = [json.loads(answer.body)["sha256"] for answer in answers]
        self.assertEqual(sums, [hashlib.sha256(body).hexdigest() for body in bodies])

    def test_survives_a_client_that_hangs_up_in_the_middle_of_a_body(self) -> None:
        with socket.create_connection(("127.0.0.1", self.port), 10) as sock:
            sock.sendall(
                b"POST /api/webhooks/stripe HTTP/1.1\r\nhost: localhost\r\n"
                b"content-length: 1000\r\n\r\nabc"
            )
        self.assertEqual(self.ask("GET", "/api/billing/empty").status, 204)


def _json_in(raw: bytes) -> dict[str, Any]:
    text = raw.split(b"\r\n\r\n", 1)[1].decode()
    told: dict[str, Any] = json.loads(text[text.index("{") : text.rindex("}") + 1])
    return told


class RunserverConformance(Conformance):
    kind = "runserver"


class GunicornConformance(Conformance):
    kind = "gunicorn"


class UvicornConformance(Conformance):
    kind = "uvicorn"


def load_tests(loader: unittest.TestLoader, *_: Any) -> unittest.TestSuite:
    """The base class is not a test of its own."""
    kinds = (RunserverConformance, GunicornConformance, UvicornConformance)
    return unittest.TestSuite(loader.loadTestsFromTestCase(kind) for kind in kinds)
