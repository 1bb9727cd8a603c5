"""What crosses the proxy, seen on the wire, through each kind of server that Django runs under."""

from __future__ import annotations

import hashlib
import json
import random
import socket
import threading
import time
import unittest
from typing import Any

from .jwt import decode
from .recorder import ALL_BYTES, Exchange, Recorder, pause
from .servers import AT_ONCE, Browser, DjangoServer, missing, raw_exchange

MEBIBYTE = 1024 * 1024
SECRET = "a-test-secret-of-thirty-two-bytes-or-more"


class Wire(unittest.TestCase):
    kind = ""

    @classmethod
    def setUpClass(cls) -> None:
        if not cls.kind:
            raise unittest.SkipTest("a base class")
        reason = missing(cls.kind)
        if reason:
            raise unittest.SkipTest(reason)
        cls.recorder = Recorder(scripts=SCRIPTS).__enter__()
        cls.addClassCleanup(cls.recorder.__exit__)
        cls.django = DjangoServer(
            cls.kind,
            {
                "TENURE_SERVER_URL": cls.recorder.url,
                "AUTH_JWT_SECRET": SECRET,
                "TENURE_READ_TIMEOUT": "1",
            },
        ).__enter__()
        cls.addClassCleanup(cls.django.__exit__)
        cls.ada = Browser(cls.django.port)
        cls.ada.log_in()
        cls.ada.get("/")

    def setUp(self) -> None:
        self.recorder.reset()

    def raw(self, head: str, body: bytes = b"", **options: Any) -> bytes:
        return raw_exchange(self.django.port, head.encode("latin-1") + body, **options)

    # The webhook path

    def test_every_byte_value_reaches_the_handlers_unchanged(self) -> None:
        self.ada.request("POST", "/api/webhooks/stripe", ALL_BYTES * 3, {"Stripe-Signature": "t=1"})
        self.assertEqual(self.recorder.last.body, ALL_BYTES * 3)
        self.assertEqual(self.recorder.last.header("stripe-signature"), "t=1")
        self.assertEqual(self.recorder.last.header("content-length"), "768")

    def test_a_body_of_one_mebibyte_passes(self) -> None:
        seed = random.randrange(2**32)
        body = random.Random(seed).randbytes(MEBIBYTE)
        answer = self.ada.request("POST", "/api/webhooks/stripe", body)
        self.assertEqual(answer.status, 200)
        sums = [hashlib.sha256(b).hexdigest() for b in (self.recorder.last.body, body)]
        self.assertEqual(*sums, f"seed {seed}")

    def test_a_chunked_body_passes(self) -> None:
        body = ALL_BYTES * 300
        pieces = [body[at : at + 7000] for at in range(0, len(body), 7000)]
        coded = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
        head = (
            "POST /api/webhooks/stripe HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
            "Stripe-Signature: t=2\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        answer = self.raw(head, coded)
        self.assertTrue(answer.startswith(b"HTTP/1.1 200"), answer[:300])
        self.assertEqual(self.recorder.last.body, body)

    def test_a_webhook_carries_nobodys_identity(self) -> None:
        self.ada.request("POST", "/api/webhooks/stripe", b"{}", {"Authorization": "Bearer x"})
        self.assertIsNone(self.recorder.last.header("authorization"))
        self.assertIsNone(self.recorder.last.header("cookie"))

    def test_a_form_body_to_the_webhook_passes_untouched(self) -> None:
        kind = {"Content-Type": "multipart/form-data; boundary=x"}
        self.ada.request("POST", "/api/webhooks/stripe", b"--x\r\nbroken", kind)
        self.assertEqual(self.recorder.last.body, b"--x\r\nbroken")

    # Identity

    def test_the_logged_in_user_travels_as_a_60_second_token(self) -> None:
        self.ada.get("/api/billing/subscription")
        claims = decode(str(self.recorder.last.header("authorization")), SECRET)
        self.assertEqual(claims["sub"], "ada@example.com")
        self.assertEqual(claims["email"], "ada@example.com")
        self.assertEqual(claims["name"], "Ada Lovelace")
        self.assertEqual(claims["exp"] - claims["iat"], 60)
        self.assertLess(abs(claims["iat"] - time.time()), 5)
        self.assertNotIn("aud", claims)

    def test_nobody_travels_without_a_token(self) -> None:
        Browser(self.django.port).get("/api/billing/plans")
        self.assertIsNone(self.recorder.last.header("authorization"))

    def test_no_header_of_a_client_can_claim_an_identity(self) -> None:
        claims = {
            "Authorization": "Bearer forged",
            "Proxy-Authorization": "Bearer forged",
            "X-Tenure-User": "root",
            "X-User": "root",
            "X-User-Id": "1",
            "X-Remote-User": "root",
            "Remote-User": "root",
            "X-Auth-Request-Email": "root@example.com",
            "X-Forwarded-User": "root",
            "X-Forwarded-For": "10.0.0.1",
            "X-Real-IP": "10.0.0.1",
            "Forwarded": "for=10.0.0.1",
            "X-Admin-Token": "guess",
            "X-HTTP-Method-Override": "DELETE",
            "X_Tenure_User": "root",
        }
        Browser(self.django.port).request("GET", "/api/billing/plans", headers=claims)
        sent = str(self.recorder.last.head.lower())
        for word in ("forged", "root", "10.0.0.1", "guess", "override"):
            self.assertNotIn(word, sent)
        self.assertEqual(self.recorder.last.header("x-forwarded-for"), "127.0.0.1")

    def test_cookies_stay_with_django(self) -> None:
        self.ada.get("/api/billing/plans")
        self.assertIn("sessionid", self.ada.cookies)
        self.assertNotIn(self.ada.cookies["sessionid"], self.recorder.last.head.decode("latin-1"))

    def test_headers_that_a_connection_header_names_are_dropped(self) -> None:
        head = (
            "GET /api/billing/plans HTTP/1.1\r\nHost: localhost\r\nConnection: close, X-Secret\r\n"
            "X-Secret: 1\r\nX-Kept: 2\r\nTE: trailers\r\nKeep-Alive: 5\r\n\r\n"
        )
        self.raw(head)
        names = [name for name, _ in self.recorder.last.headers]
        self.assertIn("x-kept", names)
        for name in ("x-secret", "te", "keep-alive", "connection", "transfer-encoding"):
            self.assertNotIn(name, names)

    # CSRF

    def test_a_billing_command_without_a_csrf_token_is_refused(self) -> None:
        answer = self.ada.request("POST", "/api/billing/checkout", b"{}")
        self.assertEqual((answer.status, self.recorder.requests), (403, []))

    def test_a_billing_command_with_a_csrf_token_passes_unread(self) -> None:
        body = b'{ "plan" : "pro" }  \n'
        answer = self.ada.post_json("/api/billing/checkout", body, Idempotency_Key="k1")
        self.assertEqual(answer.status, 200)
        self.assertEqual(self.recorder.last.body, body)
        self.assertEqual(self.recorder.last.header("idempotency-key"), "k1")
        self.assertIsNone(self.recorder.last.header("x-csrftoken"))

    def test_a_form_keeps_its_bytes_though_django_looked_for_a_token_in_it(self) -> None:
        for kind in ("application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
            self.ada.post_json("/api/billing/checkout", b"a=1&b=%FF\x00", Content_Type=kind)
            self.assertEqual(self.recorder.last.body, b"a=1&b=%FF\x00", kind)

    # Paths

    def test_paths_and_queries_arrive_as_they_were_meant(self) -> None:
        cases = {
            "/api/billing": "/api/billing",
            "/api/billing/invoices/in_1/pdf?a=1&b=%20c&d=%2F": "",
            "/api/billing/invoices/a%20b%3F%23": "",
            "/api/billing/caf%C3%A9": "",
            "/api/billing//double": "",
            "/api/billing/x;y=1/@:!$&'()*+,=-._~": "",
        }
        for path, expected in cases.items():
            self.ada.get(path)
            self.assertEqual(self.recorder.last.line, f"GET {expected or path} HTTP/1.1")

    def test_no_path_leads_out_of_the_billing_paths(self) -> None:
        for path in (
            "/api/billing/../../admin/api/stats",
            "/api/billing/%2e%2e/%2e%2e/admin",
            "/api/billing/x/..%2f..%2f..%2fadmin",
            "/api/billing/..%5c..%5cadmin",
            "/api/billing/./plans",
        ):
            head = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
            self.assertRegex(self.raw(head), rb"^HTTP/1.[01] (404|400)", path)
        self.assertEqual(self.recorder.requests, [])

    # Answers

    def test_status_headers_and_body_come_back_as_sent(self) -> None:
        answer = self.ada.get("/api/billing/binary")
        self.assertEqual(answer.status, 418)
        self.assertEqual(answer.body, ALL_BYTES)
        self.assertEqual(answer.headers["Content-Type"], "application/octet-stream")
        self.assertEqual(answer.headers["Content-Length"], "256")
        self.assertEqual(answer.headers["X-Request-Id"], "r1")
        self.assertEqual(answer.headers["X-Twice"], "a, b")
        self.assertEqual(answer.headers.get_all("Set-Cookie"), ["a=1; Path=/", "b=2; HttpOnly"])
        self.assertIsNone(answer.headers["X-Hop"])

    def test_an_empty_answer_and_head_and_a_refused_method_pass(self) -> None:
        empty = self.ada.get("/api/billing/empty")
        self.assertEqual((empty.status, empty.body, empty.headers["Content-Type"]), (204, b"", None))
        head = self.ada.request("HEAD", "/api/billing/plans")
        self.assertEqual((head.status, head.body), (200, b""))
        self.assertEqual(self.recorder.last.line, "HEAD /api/billing/plans HTTP/1.1")
        refused = self.ada.get("/api/billing/refused")
        self.assertEqual((refused.status, refused.headers["Allow"]), (405, "POST"))

    def test_a_redirect_is_handed_on_and_not_followed(self) -> None:
        answer = self.ada.get("/api/billing/redirect")
        self.assertEqual(answer.status, 302)
        self.assertEqual(answer.headers["Location"], "https://example.com/x?a=%20b")
        self.assertEqual(len(self.recorder.requests), 1)

    def test_a_stream_arrives_piece_by_piece(self) -> None:
        with socket.create_connection(("127.0.0.1", self.django.port), 10) as sock:
            sock.sendall(
                b"GET /api/billing/stream HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
            )
            received, arrivals = b"", []
            while b"piece 2" not in received:
                received += sock.recv(65536)
                if len(arrivals) < received.count(b"piece"):
                    arrivals.append(time.monotonic())
        self.assertGreater(arrivals[-1] - arrivals[0], 0.3, "the pieces came all at once")

    def test_an_answer_cut_short_is_not_passed_off_as_whole(self) -> None:
        for path in ("/api/billing/cut", "/api/billing/cut-chunked"):
            head = f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n"
            answer = self.raw(head, timeout=3)
            if b"Content-Length: 100" in answer or b"content-length: 100" in answer:
                self.assertLess(len(answer.split(b"\r\n\r\n", 1)[1]), 100)
            else:
                self.assertNotRegex(answer, rb"0\r\n\r\n\Z")

    # Trouble

    def test_a_server_that_says_nothing_is_a_504(self) -> None:
        started = time.monotonic()
        answer = self.ada.get("/api/billing/silent")
        self.assertEqual(answer.status, 504)
        self.assertEqual(json.loads(answer.body)["error"]["code"], "billing_timeout")
        self.assertLess(time.monotonic() - started, 3)

    def test_a_server_that_talks_nonsense_or_hangs_up_is_a_502(self) -> None:
        for path in ("/api/billing/nonsense", "/api/billing/hangup"):
            answer = self.ada.get(path)
            self.assertEqual(answer.status, 502, path)
            error = json.loads(answer.body)["error"]
            self.assertEqual(error["code"], "billing_unavailable")
            self.assertEqual(answer.headers["X-Request-Id"], error["requestId"])

    def test_a_refusal_before_the_end_of_the_body_is_handed_on(self) -> None:
        body = b"x" * 4 * MEBIBYTE
        try:
            answer = self.ada.request("POST", "/api/webhooks/stripe?early", body)
        except ConnectionError:
            pass  # gunicorn closes on a client that is still sending
        else:
            self.assertIn(answer.status, (413, 502))
        self.assertEqual(self.ada.get("/api/billing/plans").status, 200)

    def test_a_client_that_hangs_up_leaves_no_half_request(self) -> None:
        head = (
            "POST /api/webhooks/stripe HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
            "Content-Length: 1000\r\n\r\n"
        )
        self.raw(head, b"x" * 10, timeout=3, half_close=True)
        time.sleep(0.2)
        self.assertEqual(self.recorder.requests, [])
        self.assertEqual(self.ada.get("/api/billing/plans").status, 200)

    # Smuggling

    def test_two_ways_to_read_a_length_are_refused(self) -> None:
        smuggled = b"0\r\n\r\nGET /api/billing/smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
        lengths = (
            f"Content-Length: {len(smuggled)}\r\nTransfer-Encoding: chunked",
            f"Transfer-Encoding: chunked\r\nContent-Length: {len(smuggled)}",
            "Transfer-Encoding: chunked\r\nContent-Length: 4",
            f"Content-Length: 4\r\nContent-Length: {len(smuggled)}",
            f"Content-Length: {len(smuggled)}\r\nContent-Length: 4",
            f"Content-Length: 4, {len(smuggled)}",
            f"Content-Length: +{len(smuggled)}",
            "Content-Length: 0x4",
            "Content-Length: -1",
            "Content-Length: 1_0",
            "Transfer-Encoding: xchunked",
            "Transfer-Encoding: chunked, identity",
            "Transfer-Encoding: identity",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
            f"Transfer_Encoding: chunked\r\nContent-Length: {len(smuggled)}",
        )
        for length in lengths:
            self.recorder.reset()
            head = (
                "POST /api/webhooks/stripe HTTP/1.1\r\nHost: localhost\r\n"
                f"Connection: close\r\n{length}\r\n\r\n"
            )
            self.raw(head, smuggled, timeout=2, half_close=True)
            for request in self.recorder.requests:
                with self.subTest(length):
                    self.assertTrue(request.line.startswith("POST /api/webhooks/stripe "))
                    framed = [n for n, _ in request.headers if n in FRAMING]
                    self.assertEqual(len(framed), 1, request.head)

    def test_malformed_chunks_never_become_a_request(self) -> None:
        for coded in (
            b"5\r\nhello\r\n",  # no end
            b"5\r\nhelloX\r\n0\r\n\r\n",
            b"-5\r\nhello\r\n0\r\n\r\n",
            b"zz\r\nhello\r\n0\r\n\r\n",
            b"ffffffffffffffff\r\nhello\r\n0\r\n\r\n",
        ):
            head = (
                "POST /api/webhooks/stripe HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
                "Transfer-Encoding: chunked\r\n\r\n"
            )
            self.raw(head, coded, timeout=2, half_close=True)
        time.sleep(0.1)
        self.assertEqual(self.recorder.requests, [])

    def test_a_header_cannot_bring_a_second_line(self) -> None:
        head = (
            "GET /api/billing/plans HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
            "X-Folded: a\r\n Authorization: Bearer forged\r\n\r\n"
        )
        self.raw(head, timeout=2)
        for request in self.recorder.requests:
            self.assertNotIn(("authorization", "Bearer forged"), request.headers)
            self.assertNotIn(b"\r\n ", request.head)

    # Connections

    def test_connections_are_reused(self) -> None:
        self.ada.get("/api/billing/plans")
        before = self.recorder.connections
        for _ in range(20):
            self.assertEqual(self.ada.get("/api/billing/plans").status, 200)
        self.assertEqual(self.recorder.connections, before)

    def test_a_connection_that_the_server_closed_meanwhile_is_not_used(self) -> None:
        for _ in range(5):
            self.assertEqual(self.ada.get("/api/billing/closes-after").status, 200)
            answer = self.ada.post_json("/api/billing/checkout", b"{}")
            self.assertEqual(answer.status, 200)

    def test_100_requests_at_once_each_get_their_own_answer(self) -> None:
        wrong: list[Any] = []
        turn = threading.Semaphore(AT_ONCE[self.kind])

        def one(number: int) -> None:
            with turn:
                ask(number)

        def ask(number: int) -> None:
            body = f'{{"number":{number}}}'.encode() * 50
            answer = Browser(self.django.port).request("POST", "/api/webhooks/stripe?echo", body)
            if answer.status != 200 or answer.body != body:
                wrong.append((number, answer.status, answer.body[:100]))

        threads = [threading.Thread(target=one, args=(number,)) for number in range(100)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(wrong, [])


FRAMING = ("content-length", "transfer-encoding")


def _binary(exchange: Exchange) -> None:
    exchange.read_body()
    exchange.reply(
        "418 I'm a teapot",
        ALL_BYTES,
        "Content-Type: application/octet-stream",
        "X-Request-Id: r1",
        "X-Twice: a",
        "X-Twice: b",
        "Set-Cookie: a=1; Path=/",
        "Set-Cookie: b=2; HttpOnly",
        "Connection: keep-alive, X-Hop",
        "X-Hop: 1",
    )


def _empty(exchange: Exchange) -> None:
    exchange.read_body()
    exchange.send(b"HTTP/1.1 204 No Content\r\n\r\n")


def _refused(exchange: Exchange) -> None:
    exchange.read_body()
    exchange.reply("405 Method Not Allowed", b"{}", "Allow: POST")


def _redirect(exchange: Exchange) -> None:
    exchange.read_body()
    exchange.reply("302 Found", b"", "Location: https://example.com/x?a=%20b")


def _stream(exchange: Exchange) -> None:
    exchange.read_body()
    exchange.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    for number in range(3):
        exchange.send(b"7\r\npiece %d\r\n" % number)
        pause(0.3)
    exchange.send(b"0\r\n\r\n")


def _cut(exchange: Exchange) -> None:
    exchange.read_body()
    exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
    exchange.close = True


def _cut_chunked(exchange: Exchange) -> None:
    exchange.read_body()
    exchange.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n")
    exchange.close = True


def _silent(exchange: Exchange) -> None:
    exchange.read_body()
    pause(2)
    exchange.close = True


def _nonsense(exchange: Exchange) -> None:
    exchange.read_body()
    exchange.send(b"SSH-2.0-OpenSSH\r\n\r\n")
    exchange.close = True


def _hangup(exchange: Exchange) -> None:
    exchange.read_body()
    exchange.close = True


def _closes_after(exchange: Exchange) -> None:
    exchange.read_body()
    exchange.reply("200 OK", b"{}")  # no "Connection: close": the client cannot know
    exchange.close = True


def _webhook(exchange: Exchange) -> None:
    first = exchange.head.split(b"\r\n", 1)[0]
    if b"?early" in first:
        exchange.reply("413 Payload Too Large", b"{}", "Connection: close")
        exchange.close = True
        return
    body = exchange.read_body()
    exchange.reply("200 OK", body if b"?echo" in first else b"{}")


SCRIPTS = {
    "/api/billing/binary": _binary,
    "/api/billing/empty": _empty,
    "/api/billing/refused": _refused,
    "/api/billing/redirect": _redirect,
    "/api/billing/stream": _stream,
    "/api/billing/cut": _cut,
    "/api/billing/cut-chunked": _cut_chunked,
    "/api/billing/silent": _silent,
    "/api/billing/nonsense": _nonsense,
    "/api/billing/hangup": _hangup,
    "/api/billing/closes-after": _closes_after,
    "/api/webhooks/stripe": _webhook,
}


class RunserverWire(Wire):
    kind = "runserver"


class GunicornWire(Wire):
    kind = "gunicorn"


class UvicornWire(Wire):
    kind = "uvicorn"


def load_tests(loader: unittest.TestLoader, *_: Any) -> unittest.TestSuite:
    """The base class is not a test of its own."""
    kinds = (RunserverWire, GunicornWire, UvicornWire)
    return unittest.TestSuite(loader.loadTestsFromTestCase(kind) for kind in kinds)
