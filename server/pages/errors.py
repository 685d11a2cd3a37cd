"""A refusal as a page: what happened and what to do next, in the same frame as everything else."""

from __future__ import annotations

from flask import Response, g, make_response, render_template

_HEADINGS = {
    400: "This request was not understood",
    401: "Please sign in",
    403: "Your role does not allow this",
    404: "There is nothing here",
    405: "This address does not take that",
    409: "This contradicts what is stored",
    413: "This is too large",
    503: "The database cannot serve just now",
}


def error_page(status: int, message: str, next_step: str) -> Response:
    """Return a page that says `message` and `next_step` under that HTTP status.

    Above 499 the frame is left away: it asks the database who is signed in, which may be what failed.
    """
    heading = _HEADINGS.get(status, "This did not work")
    page = render_template(
        "problem.html",
        heading=heading,
        message=message,
        next_step=next_step,
        request_id=g.get("request_id", ""),
        bare=status > 499,
    )
    return make_response(page, status)
