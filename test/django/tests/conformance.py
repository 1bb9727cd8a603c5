"""Replays the recorded requests of ``conformance.json`` and tells what came otherwise."""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import json
import re
import time
from pathlib import Path
from typing import Any, Optional

from tenure_django.identity import mint

from .recorder import ALL_BYTES
from .servers import PROJECT, Browser
from .stack import Stack, pay_checkout

Case = dict[str, Any]
Answer = dict[str, Any]

CASES = json.loads((Path(PROJECT).parent / "adapters" / "conformance.json").read_text("utf-8"))
#: The Python server names itself; what Django's middleware adds has the names of ``serverHeaders``.
IGNORED = {*CASES["ignoredHeaders"], *CASES["serverHeaders"], "server"}
#: Django's SecurityMiddleware adds it to what has none; what we send ourselves is compared.
ADDED = "x-content-type-options"
WAIT_SECONDS = 10
MEBIBYTE = 1024 * 1024


class Replay:
    """One run: ``member`` is logged in, ``nobody`` is not; both hold a CSRF token."""

    def __init__(
        self,
        port: int,
        member: Browser,
        nobody: Browser,
        saved: dict[str, str],
        stack: Optional[Stack] = None,
    ) -> None:
        self._port = port
        self._browsers = {True: member, False: nobody}
        self._saved = saved
        self._stack = stack

    def differences(self, cases: list[Case]) -> list[str]:
        """One line for each case that was answered otherwise than recorded."""
        found = []
        for case in cases:
            actual = self.answer(case)
            if actual != case["expect"]:
                found.append(f"{case['name']}: expected {case['expect']}, got {actual}")
        return found

    def answer(self, case: Case) -> Answer:
        """The answer without what differs from run to run."""
        deadline = time.monotonic() + WAIT_SECONDS
        while True:
            actual, raw = self._exchange(case)
            if not case.get("wait") or actual == case["expect"] or time.monotonic() > deadline:
                break
            time.sleep(0.05)
        if actual["status"] == case["expect"]["status"]:
            for name, path in case.get("save", {}).items():
                self._saved[name] = str(_value_at(json.loads(raw), path))
        if "pay" in case and case["pay"] in self._saved:
            pay_checkout(self._saved[case["pay"]])
        return actual

    def _exchange(self, case: Case) -> tuple[Answer, bytes]:
        body = self._body(case.get("body"))
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
        connection.putrequest(case["method"], self._filled(case["path"]), skip_accept_encoding=True)
        for name, value in self._headers(case, body or b""):
            connection.putheader(name, value)
        if body is None or not case.get("chunked"):
            if body is not None:
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
        else:
            connection.putheader("Transfer-Encoding", "chunked")
            connection.endheaders()
            for at in range(0, len(body), 65536):
                piece = body[at : at + 65536]
                connection.send(b"%x\r\n%b\r\n" % (len(piece), piece))
            connection.send(b"0\r\n\r\n")
        response = connection.getresponse()
        raw = response.read()
        connection.close()
        actual = _normalised(response, raw)
        if ADDED not in case["expect"]["headers"]:
            actual["headers"].pop(ADDED, None)
        return actual, raw

    def _headers(self, case: Case, body: bytes) -> list[tuple[str, str]]:
        who = case.get("as", "nobody")
        browser = self._browsers[who == "user"]
        headers = [("X-Request-Id", "conformance")]
        if browser.cookies:
            headers.append(("Cookie", "; ".join(f"{n}={v}" for n, v in browser.cookies.items())))
        if "csrftoken" in browser.cookies:
            headers.append(("X-CSRFToken", browser.cookies["csrftoken"]))
        if "json" in case.get("body", {}):
            headers.append(("Content-Type", "application/json"))
        if "sign" in case:
            headers.append(("Stripe-Signature", self._signature(body, case["sign"])))
        if who not in ("user", "nobody"):
            headers.append(("Authorization", f"Bearer {self._token(who)}"))
        for name, value in case.get("headers", {}).items():
            for each in [value] if isinstance(value, str) else value:
                headers.append((name, self._filled(each)))
        return headers

    def _token(self, who: str) -> str:
        assert self._stack
        if who == "admin":
            return self._stack.admin_token
        now = int(time.time())
        claims = {"sub": self._saved["user"], "iat": now, "exp": now + 60}
        claims["aud"] = "another-service" if who == "foreign-audience" else self._stack.jwt_audience
        if who == "expired":
            claims.update(iat=now - 3600, exp=now - 3540)
        token = mint(claims, "x" * 32 if who == "wrong-key" else self._stack.jwt_secret)
        if who == "alg-none":
            return f"eyJhbGciOiJub25lIn0.{token.split('.')[1]}."
        return token

    def _signature(self, body: bytes, how: str) -> str:
        assert self._stack
        at = int(time.time()) + {"stale": -3600, "future": 3600}.get(how, 0)
        secret = "whsec_another" if how == "wrong-secret" else self._stack.webhook_secret
        signed = b"another body" if how == "other-body" else body
        mac = hmac.new(secret.encode(), b"%d." % at + signed, hashlib.sha256).hexdigest()
        return f"t={at},v1={mac}"

    def _body(self, body: Optional[dict[str, Any]]) -> Optional[bytes]:
        if body is None:
            return None
        if "everyByte" in body:
            return ALL_BYTES
        if "megabytes" in body:
            return b"x" * body["megabytes"] * MEBIBYTE
        text = body["text"] if "text" in body else _json(body["json"])
        return self._filled(text).encode()

    def _filled(self, text: str) -> str:
        return re.sub(r"\{([a-z]+)\}", lambda m: self._saved.get(m[1], m[0]), text)


def _normalised(response: http.client.HTTPResponse, raw: bytes) -> Answer:
    headers: dict[str, Any] = {}
    for name in {name.lower() for name, _ in response.getheaders()} - IGNORED:
        values = [_clean(value) for value in response.headers.get_all(name) or []]
        if name == "vary":
            # Sessions make every page vary by cookie.
            values = [v for v in (re.sub(r"(, )?Cookie$", "", value) for value in values) if v]
        if values:
            headers[name] = values[0] if len(values) == 1 else values
    answer: Answer = {"status": response.status, "headers": headers}
    if not raw:
        return answer
    try:
        text = _clean(raw.decode())
    except UnicodeDecodeError:
        return {**answer, "base64": base64.b64encode(raw).decode()}
    if not headers.get("content-type", "").startswith("application/json"):
        return {**answer, "text": text}
    value = json.loads(text)
    return {**answer, "json": value} if _json(value) == text else {**answer, "text": text}


def _clean(text: str) -> str:
    for pattern, label in CASES["normalise"]:
        text = re.sub(pattern, f"<{label}>" if label else r"<\1>", text, flags=re.ASCII)
    return text


def _json(value: Any) -> str:
    """As ``JSON.stringify`` writes it."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _value_at(value: Any, path: str) -> Any:
    for key in path.split("."):
        value = value[int(key) if key.isdigit() else key]
    return value
