"""One's own account: roles, what they allow, and a new password."""

from __future__ import annotations

from flask import flash, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from server.context import context
from server.errors import ComeLater, InConflict, Malformed, NotSignedIn
from server.pages.access import begin, needs, person
from server.pages.blueprint import pages
from server.pages.moment import now
from server.pages.sign_in import TRY_LATER, source_of_attempt
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
    here = context()
    try:
        key = sign_ins.change_password(
            here.database, here.config.secret_key, person(), old, new, now(), source_of_attempt()
        )
    except (Malformed, ComeLater, InConflict, NotSignedIn) as error:
        status = 429 if error.code in TRY_LATER else error.status
        return _page(f"Nothing was changed: {error.message}; {error.next_step}.", status)
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
