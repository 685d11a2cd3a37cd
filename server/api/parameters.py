"""What stands behind the ``?`` of an address: refused where nobody would read it, so that a slip is never ignored."""

from __future__ import annotations

from flask import Flask, request

from policy.plain_text import said_by_others
from server.api.blueprint import taken
from server.errors import Malformed

_PREFIX = "/api/"
_NAMES_SHOWN = 5


def refuse_unknown_parameters(app: Flask) -> None:
    """Refuse requests to the API with parameters in their address that it does not take."""
    app.before_request(_check_parameters)


def _check_parameters() -> None:
    # An address that is not there is a 404 first, whatever stands behind it.
    if not request.query_string or not request.path.startswith(_PREFIX) or request.url_rule is None:
        return
    # HEAD is answered as GET is.
    known = taken.get(
        (request.url_rule.rule, "GET" if request.method == "HEAD" else request.method), frozenset()
    )
    unknown = [name for name in request.args if name not in known]
    if not unknown and request.args:
        return
    found = [said_by_others(name, 50) for name in unknown][:_NAMES_SHOWN] or ["none that has a name"]
    takes = f"takes only {', '.join(sorted(known))}" if known else "takes no parameters"
    raise Malformed(
        "parameter_unknown",
        f"this address {takes} behind a question mark, found {', '.join(found)}",
        "Leave the others out; /api/v1/openapi.json names what each address takes.",
    )
