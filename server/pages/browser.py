"""What we owe the browser of an administrator: headers and cookie flags that leave an intruder nothing to use."""

from __future__ import annotations

from flask import Flask, Response, request

from server.people.sign_ins import SIGN_IN_LENGTH

CONTENT_SECURITY_POLICY = "; ".join(
    (
        # Scripts are two files of this server, and none stands in a page: whatever is injected does not run, and no
        # text becomes code.
        "default-src 'none'",
        "script-src 'self'",
        "connect-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)

_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Forms check that they come from here; other sites learn nothing.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Strict-Transport-Security": "max-age=31536000",
}


def protect_browsers(app: Flask) -> None:
    """Set the flags of the session cookie, and the headers of every page and static file."""
    app.config.update(
        # The prefix makes browsers refuse the cookie from anybody but this host over TLS (RFC 6265bis 4.1.3.2).
        SESSION_COOKIE_NAME="__Host-curfew",
        SESSION_COOKIE_SECURE=True,
        SESSION_COOKIE_HTTPONLY=True,
        # Lax, not Strict: a link in a mail to a phone's page must find its reader signed in.
        SESSION_COOKIE_SAMESITE="Lax",
        PERMANENT_SESSION_LIFETIME=SIGN_IN_LENGTH,
    )
    app.after_request(_add_headers)


def _add_headers(response: Response) -> Response:
    # By what is sent: an address that is not there gets a page, too, and has no endpoint.
    if response.mimetype == "text/html":
        # The browser must not show a page again after its reader has signed out.
        response.headers["Cache-Control"] = "no-store"
    elif request.endpoint != "static":
        return response
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    return response
