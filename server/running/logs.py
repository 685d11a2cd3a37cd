"""One line of JSON per event on stderr: what happened, never with a key, a token, a holder or a body."""

from __future__ import annotations

import sys
import time

import structlog
from flask import Flask, Response, g, request

from server.running.request_id import ENVIRON_KEY, HEADER, new_request_id

_log = structlog.get_logger()


def configure_logs() -> None:
    """Let this process write its log as lines of JSON on stderr."""
    # JSON escapes control characters, so no text from outside begins a line of its own or paints a terminal.
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
    )


def log_requests(app: Flask) -> None:
    """Write one line for each request of `app`: method, route, status and time, but no address or header.

    What else is logged while the request is served carries its id, and so does the answer.
    """
    app.before_request(_remember_start)
    app.after_request(_write_line)
    app.teardown_request(_forget)


def _remember_start() -> None:
    g.started_at_s = time.perf_counter()
    g.request_id = request.environ.get(ENVIRON_KEY) or new_request_id()
    structlog.contextvars.bind_contextvars(request_id=g.request_id)


def _forget(_error: BaseException | None) -> None:
    # The thread goes on to other work, which is not this request's.
    structlog.contextvars.unbind_contextvars("request_id")


def _write_line(response: Response) -> Response:
    # The route, not the path: a path may carry what somebody typed by mistake.
    route = request.url_rule.rule if request.url_rule else "unknown"
    took_s = time.perf_counter() - g.started_at_s if "started_at_s" in g else None
    log_request(request.method, route, response.status_code, took_s, g.request_id)
    response.headers[HEADER] = g.request_id
    return response


def log_request(method: str, route: str, status: int, took_s: float | None, request_id: str) -> None:
    """Write one line for a request, whichever way it was answered."""
    took_ms = None if took_s is None else round(took_s * 1000, 1)
    _log.info("request", method=method, route=route, status=status, took_ms=took_ms, request_id=request_id)
