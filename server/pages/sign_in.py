"""Signing in and out."""

from __future__ import annotations

import re

from flask import flash, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from server.context import context
from server.errors import NotSignedIn
from server.pages.access import begin, end, is_signed_in, needs
from server.pages.blueprint import pages
from server.pages.moment import now
from server.people import sign_ins

# A path on this server: browsers read "//host", "/\host" and "/<tab>/host" as another one.
_OWN_PATH = re.compile(r"/(?![/\\])[\x21-\x7e]*")


@pages.route("/sign-in", methods=["GET", "POST"])
def sign_in() -> Response:
    """Ask for name and password; after success, show what was asked for before."""
    if is_signed_in():
        return redirect(_wanted())
    if request.method == "GET":
        return _form("")
    name, password = request.form.get("name", ""), request.form.get("password", "")
    here = context()
    try:
        begun = sign_ins.sign_in(here.database, here.config.secret_key, name, password, now())
    except NotSignedIn as error:
        return _form(f"{error.message} {error.next_step}", name, error)
    begin(begun.person, begun.key)
    return redirect(_wanted())


@pages.post("/sign-out")
@needs(None)
def sign_out() -> Response:
    """End the session on the server and in the browser."""
    with context().database.writing() as session:
        sign_ins.sign_out(session, end())
    flash("You are signed out.", "good")
    return redirect(url_for("pages.sign_in"))


def _form(problem: str, name: str = "", error: NotSignedIn | None = None) -> Response:
    page = render_template("sign_in.html", problem=problem, name=name[:64], next=request.args.get("next"))
    if error is None:
        return make_response(page)
    return make_response(page, 429 if error.code == "too_many_failures" else 401)


def _wanted() -> str:
    wanted = request.args.get("next", "")
    return wanted if _OWN_PATH.fullmatch(wanted) else url_for("pages.fleet")
