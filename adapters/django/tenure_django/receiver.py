"""Where the server's outgoing webhook arrives: verified, once each, then sent on as signals."""

from __future__ import annotations

import hashlib
import json
import logging
from typing import Any

from django.db import transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from .cache import forget, get_cache
from .conf import get_config
from .errors import error_response
from .signals import BY_TYPE, billing_event
from .signatures import InvalidSignature, verify

logger = logging.getLogger("tenure_django")

#: One delivery at a time; if its process dies, the next may begin after this long.
CLAIM_SECONDS = 60
#: How long a handled message is remembered: longer than any sender keeps retrying.
HANDLED_SECONDS = 7 * 24 * 3600
_HEADERS = ("webhook-id", "webhook-timestamp", "webhook-signature")


@csrf_exempt
@transaction.non_atomic_requests
def tenure_webhook(request: HttpRequest) -> HttpResponse:
    """200 once handled (again for a repeat), 400 for a bad message, 500 and 503 to be retried."""
    if request.method != "POST":
        response = error_response(405, "method_not_allowed", "Send a POST.")
        response["Allow"] = "POST"
        return response
    secrets = get_config().webhook_secrets
    if not secrets:
        return error_response(503, "not_configured", "TENURE['WEBHOOK_SECRET'] is not set.")
    headers = {name: request.headers.get(name, "") for name in _HEADERS}
    try:
        message_id = verify(headers, request.body, secrets)
        message = _parsed(request.body)
    except InvalidSignature as error:
        return error_response(400, "invalid_signature", str(error))
    except ValueError as error:
        return error_response(400, "invalid_message", str(error))
    return _once(message_id, message)


def _once(message_id: str, message: dict[str, Any]) -> HttpResponse:
    """Handled is written after the receivers ran, so a failure or a crash leaves it to a retry."""
    cache, key = get_cache(), _key(message_id)
    if not cache.add(key, "running", CLAIM_SECONDS):
        if cache.get(key) == "handled":
            return JsonResponse({"received": True, "skipped": True})
        return error_response(503, "in_progress", "This message is being handled; try again.")
    try:
        failed = _dispatch(message_id, message)
    except BaseException:
        cache.delete(key)
        raise
    if failed:
        cache.delete(key)
        return error_response(500, "receiver_failed", f"{failed} signal receiver(s) failed.")
    cache.set(key, "handled", HANDLED_SECONDS)
    return JsonResponse({"received": True})


def _dispatch(message_id: str, message: dict[str, Any]) -> int:
    """Drop what is cached, then tell every receiver; returns how many of them failed."""
    data = message["data"]
    user_id = str(data["userId"]) if data.get("userId") is not None else None
    if user_id is not None:
        forget(user_id)
    event = {
        "user_id": user_id,
        "data": data,
        "event_id": message_id,
        "event_type": message["type"],
        "timestamp": message.get("timestamp"),
    }
    signals = [BY_TYPE[message["type"]]] if message["type"] in BY_TYPE else []
    failed = 0
    for signal in (*signals, billing_event):
        for receiver, outcome in signal.send_robust(sender="tenure_django", **event):
            if isinstance(outcome, Exception):
                failed += 1
                logger.error("Receiver %r failed for %s", receiver, message_id, exc_info=outcome)
    return failed


def _parsed(body: bytes) -> dict[str, Any]:
    message = json.loads(body)
    if not isinstance(message, dict) or not isinstance(message.get("type"), str):
        raise ValueError("The message has no type.")
    if not isinstance(message.setdefault("data", {}), dict):
        raise ValueError("The message's data is not an object.")
    return message


def _key(message_id: str) -> str:
    return "tenure:message:" + hashlib.sha256(message_id.encode()).hexdigest()[:40]
