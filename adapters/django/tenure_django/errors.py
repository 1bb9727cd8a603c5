"""What can go wrong, and the one shape in which it is answered."""

from __future__ import annotations

import uuid

from django.http import JsonResponse


class Refusal(Exception):
    """A request that is not forwarded, or whose answer never came: becomes ``{"error": …}``."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


class BillingUnavailable(Exception):
    """The billing server could not be asked (down, too slow, or answering 5xx)."""


class BillingError(Exception):
    """The billing server answered a question with an error: ``status`` and ``code`` say which."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status = status
        self.code = code


def error_response(status: int, code: str, message: str) -> JsonResponse:
    """The server's own error format, with an id that is also in the ``X-Request-Id`` header."""
    request_id = uuid.uuid4().hex
    error = {"code": code, "message": message, "requestId": request_id}
    response = JsonResponse({"error": error}, status=status)
    response["X-Request-Id"] = request_id
    response["Cache-Control"] = "no-store"
    return response
