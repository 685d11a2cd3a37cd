"""One's own account: roles, what they allow, and a new password."""

from __future__ import annotations

from flask import flash, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from server.context import context
from server.errors import ComeLater, Malformed
from server.pages.access import begin, needs, person
from server.pages.blueprint import pages
from server.pages.moment import now
from server.people import sign_ins
from server.people.people import PASSWORD_MIN_LENGTH, Right


@pages.get("/account")
@needs(None)
def account() -> Response:
    """Show name, roles and the form for a new password."""
    return _page("")


@pages.post("/account/password")
@needs(None)
def change_password() -> Response:
    """Set a new password; every other sign-in and token of this account ends."""
    old, new = request.form.get("old", ""), request.form.get("new", "")
    if new != request.form.get("again", ""):
        return _page("The new password and its repetition differ. Type both again.", 400)
    try:
        key = sign_ins.change_password(context().database, person(), old, new, now())
    except (Malformed, ComeLater) as error:
        return _page(f"Nothing was changed: {error.message}; {error.next_step}.", error.status)
    begin(person(), key)
    flash("Your password is changed. Every other sign-in and API token of this account has ended.", "good")
    return redirect(url_for("pages.account"))


def _page(problem: str, status: int = 200) -> Response:
    page = render_template(
        "account.html",
        tab="pages.account",
        rights=[right for right in Right if person().may(right)],
        problem=problem,
        password_min_length=PASSWORD_MIN_LENGTH,
    )
    return make_response(page, status)
