"""What is refused before any route sees it: by its headers alone, or for text that no field can hold."""

from __future__ import annotations

from flask import Flask, request

from server.config import BODY_LIMIT_BYTES
from server.errors import Malformed, NotAccepted, TooLarge

_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})


def refuse_before_reading(app: Flask) -> None:
    """Refuse bodies over the limit, of unknown length, or compressed (a small one can unfold to gigabytes)."""
    app.before_request(_check_headers)
    app.before_request(_check_text)


def _check_text() -> None:
    # PostgreSQL holds no NUL and fails where it is told one; what is sent as JSON is held by the schemas.
    parts = (request.path, *request.args, *request.args.values(), *request.form, *request.form.values())
    if any("\0" in part for part in parts):
        raise Malformed(
            "nul_in_text", "the request has a character NUL in its text", "Go back and leave it out."
        )


def _check_headers() -> None:
    if request.headers.get("Content-Encoding") is not None:
        raise NotAccepted(
            415,
            "encoded_body",
            f"Content-Encoding is not accepted, found {request.headers['Content-Encoding']!r}",
            "Send the body as it is.",
        )
    # werkzeug tells no length of a chunked body, whatever its header claims besides.
    if request.method in _WITH_BODY and request.content_length is None:
        raise NotAccepted(
            411, "length_required", "the request does not say how long it is", "Send a Content-Length header."
        )
    if (request.content_length or 0) > BODY_LIMIT_BYTES:
        raise TooLarge(
            "body_too_large",
            f"the body has {request.content_length} bytes, at most {BODY_LIMIT_BYTES} are accepted",
            "Send fewer reports at once.",
        )
