"""What owners ask for: those that wait for an answer first, with a form to give it; answered ones below."""

from __future__ import annotations

from flask import flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from server.context import context
from server.fleet.phones import find_phones
from server.owners.requests import (
    REQUESTS_NEWEST,
    REQUESTS_OLDEST,
    TEXT_MAX_LENGTH,
    Answer,
    answer_request,
    list_requests,
)
from server.pages.access import needs, person
from server.pages.blueprint import pages
from server.pages.moment import now
from server.people.people import Right

_SHOWN = 50


@pages.get("/owner-requests")
@needs(Right.ANSWER_OWNERS)
def owner_requests() -> str:
    """Show the requests that wait, the oldest first: whoever asked first is answered first."""
    with context().database.reading() as session:
        waiting = list_requests(session, True, REQUESTS_OLDEST, request.args.get("after", ""), _SHOWN)
        answered = list_requests(session, False, REQUESTS_NEWEST, "", _SHOWN)
        asked = {one.phone_id for one in (*waiting.rows, *answered.rows)}
        phones = {phone.phone_id: phone for phone in find_phones(session, asked)}
    return render_template(
        "owner_requests.html",
        tab="pages.alarms",
        waiting=waiting.rows,
        next=waiting.next,
        answered=answered.rows,
        phones=phones,
        text_max_length=TEXT_MAX_LENGTH,
    )


# The column's bound: a larger number would be an error of PostgreSQL instead of a 404.
@pages.post("/owner-requests/<int(max=2147483647):number>/answer")
@needs(Right.ANSWER_OWNERS)
def answer_owner(number: int) -> Response:
    """Write down what the owner is told on the page of their phone."""
    given = Answer(person().name, now(), request.form.get("answer", ""))
    with context().database.writing() as session:
        answer_request(session, number, given)
    flash("Answered. The owner reads it on the page of their phone.", "good")
    return redirect(url_for("pages.owner_requests"))
