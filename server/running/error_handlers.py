"""Every error becomes one shape of answer, and no stack trace ever leaves.

``{"error": {"code": …, "message": …, "next": …}, "request_id": …, "server_time": "2023-03-15T11:00:00Z"}`` under
``/api``, ``/trust``, ``/metrics`` and the paths of health; a page with the same words everywhere else.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import structlog
from flask import Flask, Response, g, jsonify, request
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as PlainResponse

from server.clock import written
from server.context import context
from server.errors import RequestRefused, SchemaMismatch, StorageFull, StorageUnavailable
from server.pages import error_page

_MACHINE_PATHS = ("/api/", "/trust/", "/metrics", "/healthz", "/readyz")
RETRY_AFTER_S = 5
_NEXT_STEPS = {
    400: "Check the request against /api/v1/openapi.json.",
    401: "Sign in, or send the Authorization header.",
    404: "Check the address.",
    405: "Check the method against /api/v1/openapi.json.",
    413: "Send at most 1 MiB.",
    415: "Send JSON with Content-Type: application/json.",
    422: "Correct the named fields; /api/v1/openapi.json has the form.",
}
_UNAVAILABLE = {
    StorageFull: "storage_full",
    SchemaMismatch: "other_schema",
    StorageUnavailable: "storage_busy",
}
_log = structlog.get_logger()


def error_form(code: str, message: str, next_step: str, now: datetime, request_id: str) -> dict[str, Any]:
    """Return an error as programs get it; the module's first lines show one."""
    error = {"code": code, "message": message, "next": next_step}
    return {"error": error, "request_id": request_id, "server_time": written(now)}


class ErrorAnswer(NamedTuple):
    """What a request that cannot be served is told."""

    status: int
    code: str
    message: str
    next_step: str

    def form(self, now: datetime, request_id: str) -> dict[str, Any]:
        """Return it as programs get it."""
        return error_form(self.code, self.message, self.next_step, now, request_id)


def answer_errors(app: Flask) -> None:
    """Register the answers to all errors of `app`."""
    app.register_error_handler(RequestRefused, _refused)
    app.register_error_handler(StorageUnavailable, _unavailable)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(Exception, _unforeseen)


def _refused(error: RequestRefused) -> Response:
    return _answer(error.status, error.code, error.message, error.next_step)


def unavailable(error: StorageUnavailable, path: str) -> ErrorAnswer:
    """Return the answer to a request that the database could not serve; written to the log."""
    code = next(code for kind, code in _UNAVAILABLE.items() if isinstance(error, kind))
    # The type and not the text of a cause: a driver's message may hold the values of the statement.
    _log.error(code, path=path, reason=str(error), cause=type(error.__cause__).__name__)
    return ErrorAnswer(503, code, str(error), "Nothing of this request was stored; send it again later.")


def unforeseen(error: Exception, path: str, request_id: str) -> ErrorAnswer:
    """Return the answer where everything not foreseen ends: in the log whole, to the client as one sentence."""
    _log.error("unforeseen", path=path, error=type(error).__name__, exc_info=error)
    return ErrorAnswer(
        500, "internal_error", "the server failed", f"Tell the server's operator: request {request_id}."
    )


def _unavailable(error: StorageUnavailable) -> Response:
    answer = _answer(*unavailable(error, request.path))
    answer.headers["Retry-After"] = str(RETRY_AFTER_S)
    return answer


def _http(error: HTTPException) -> PlainResponse:
    status = error.code or 500
    # The router's redirects are HTTPExceptions, too, and are answers already.
    if error.response is not None or 300 <= status < 400:
        return error.get_response()
    # Where webargs leaves what is wrong with a body.
    details: Any = getattr(error, "data", None)
    message = error.description or error.name
    if details and details.get("messages"):
        message = f"these fields are wrong: {'; '.join(_faults(details['messages']))}"
    code = error.name.lower().replace(" ", "_")
    answer = _answer(status, code, message, _NEXT_STEPS.get(status, "Try again later."))
    # An answer 405 has to say what is allowed (RFC 9110 15.5.6); everything else about it is ours.
    for name, value in error.get_headers():
        if name.lower() in ("allow", "retry-after"):
            answer.headers[name] = value
    return answer


def _faults(messages: Any, path: str = "") -> Iterator[str]:
    """Yield one line per field at fault; webargs and marshmallow nest them by place and field."""
    if isinstance(messages, Mapping):
        for name, below in messages.items():
            yield from _faults(below, f"{path}.{name}" if path else str(name))
    elif isinstance(messages, Sequence) and not isinstance(messages, str):
        yield f"{path}: {' '.join(map(str, messages))}"
    else:
        yield f"{path}: {messages}"


def _unforeseen(error: Exception) -> Response:
    return _answer(*unforeseen(error, request.path, g.get("request_id", "")))


def _answer(status: int, code: str, message: str, next_step: str) -> Response:
    if not request.path.startswith(_MACHINE_PATHS):
        return error_page(status, message, next_step)
    answer = jsonify(error_form(code, message, next_step, context().clock.now(), g.get("request_id", "")))
    answer.status_code = status
    # Of a 404 above all: stations ask for the next root before there is one, and a cache would go on denying it.
    answer.headers["Cache-Control"] = "no-store"
    return answer
