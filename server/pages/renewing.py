"""Pages that renew themselves: what their script asks again and again is the page without its frame, 304 if unchanged.

A page does so by ``{% set renews = true %}`` in its template. The asking is done by htmx (``static/htmx.min.js``,
https://htmx.org/docs/), which marks its requests with ``HX-Request: true``; when not to ask is decided by
``static/renewing.js``. A sign-in ends at a fixed time after it began, so asking by itself never prolongs one.
"""

from __future__ import annotations

import hashlib
import json
import re

from flask import Flask, Response, make_response, request

RENEWED_EVERY_S = 30
"""How often a page asks: half the time in which a number of minutes changes."""

RENEWING_CONFIG = json.dumps(
    {
        # The policy for contents allows neither: no text becomes code, and no style stands in a page.
        "allowEval": False,
        "includeIndicatorStyles": False,
        "allowScriptTags": False,
        "historyEnabled": False,
        "timeout": 20_000,
        "responseHandling": [
            {"code": "304", "swap": False},
            {"code": "200", "swap": True},
            {"code": "...", "swap": False, "error": True},
        ],
    }
)
"""What htmx is told (https://htmx.org/reference/#config)."""

# Another one each second, though nothing has changed; one of before stays good as long as its session.
_TOKEN = re.compile(rb'name="csrf_token" value="[^"]*"')


def is_renewal() -> bool:
    """Whether a page asks for what has changed on it."""
    return request.headers.get("HX-Request") == "true"


def lead_whole_page_to(address: str) -> Response:
    """Return the answer by which the page that asked goes to `address` (https://htmx.org/headers/hx-redirect/)."""
    return make_response("", 200, {"HX-Redirect": address})


def mark_renewals(app: Flask) -> None:
    """Let `app` answer 304 where a page that renews itself is as it was."""
    app.after_request(_mark)


def _mark(response: Response) -> Response:
    if is_renewal() and response.status_code == 200 and response.mimetype == "text/html":
        response.set_etag(hashlib.sha256(_TOKEN.sub(b"", response.get_data())).hexdigest(), weak=True)
        response.make_conditional(request)
    return response
