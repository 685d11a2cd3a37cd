"""What stands behind the ``?`` of an address: refused where nobody would read it, so that a slip is never ignored."""

from __future__ import annotations

from flask import Flask, request

from policy.plain_text import said_by_others
from server.errors import Malformed

_PREFIX = "/api/"
_NAMES_SHOWN = 5


def refuse_unknown_parameters(app: Flask) -> None:
    """Refuse requests to the API with parameters in their address: no address of it takes any."""
    app.before_request(_check_parameters)


def _check_parameters() -> None:
    # An address that is not there is a 404 first, whatever stands behind it.
    if not request.query_string or not request.path.startswith(_PREFIX) or request.routing_exception:
        return
    found = [said_by_others(name, 50) for name in request.args][:_NAMES_SHOWN] or ["none that has a name"]
    raise Malformed(
        "parameter_unknown",
        f"this address takes no parameters behind a question mark, found {', '.join(found)}",
        "Leave them out; /api/v1/openapi.json names what each address takes.",
    )
