"""Signing in and out."""

from __future__ import annotations

import re

from flask import flash, make_response, redirect, render_template, request, url_for
from itsdangerous import BadSignature, URLSafeSerializer
from werkzeug.wrappers import Response

from server.context import context
from server.errors import ComeLater, NotSignedIn
from server.pages.access import begin, end, is_signed_in, needs
from server.pages.blueprint import pages
from server.pages.moment import now
from server.people import sign_ins

# Without the prefix `__Host-`, which asks for the path / (RFC 6265bis 4.1.3.2): it is for the page of signing in alone.
_BROWSER = "curfew_browser"
TRY_LATER = ("too_many_failures", "too_many_at_once")
# A path on this server: browsers read "//host", "/\host" and "/<tab>/host" as another one.
_OWN_PATH = re.compile(r"/(?![/\\])[\x21-\x7e]*")


@pages.route("/sign-in", methods=["GET", "POST"])
def sign_in() -> Response:
    """Ask for name and password; after success, show what was asked for before."""
    if is_signed_in():
        return redirect(_wanted())
    # HEAD, too, only asks: counted as an attempt, it could lock an account.
    if request.method != "POST":
        return _form("")
    name, password = request.form.get("name", ""), request.form.get("password", "")
    here = context()
    try:
        begun = sign_ins.sign_in(
            here.database, here.config.secret_key, name, password, now(), source_of_attempt()
        )
    except (NotSignedIn, ComeLater) as error:
        return _form(f"{error.message} {error.next_step}", name, error)
    begin(begun.person, begun.key)
    answer = redirect(_wanted())
    _remember_browser(answer, begun.person.name)
    return answer


@pages.post("/sign-out")
@needs(None)
def sign_out() -> Response:
    """End the session on the server and in the browser."""
    with context().database.writing() as session:
        sign_ins.sign_out(session, end())
    flash("You are signed out.", "good")
    return redirect(url_for("pages.sign_in"))


def source_of_attempt() -> sign_ins.Source:
    """Return where the attempt comes from; a browser is known by a cookie that only this server can make."""
    try:
        known_for = str(_browsers().loads(request.cookies.get(_BROWSER, "")))
    except BadSignature:
        known_for = ""
    # The connection's own address, or whom a trusted proxy names (`server.running.client_address`).
    return sign_ins.Source(request.remote_addr or "", known_for)


def _remember_browser(answer: Response, name: str) -> None:
    # It opens nothing: all it does is that wrong passwords from elsewhere do not lock its owner out.
    answer.set_cookie(
        _BROWSER,
        _browsers().dumps(name),
        max_age=180 * 24 * 3600,
        secure=True,
        httponly=True,
        samesite="Strict",
        path=url_for("pages.sign_in"),
    )


def _browsers() -> URLSafeSerializer:
    return URLSafeSerializer(context().config.secret_key, salt="browser that signed in")


def _form(problem: str, name: str = "", error: NotSignedIn | ComeLater | None = None) -> Response:
    page = render_template("sign_in.html", problem=problem, name=name[:64], next=request.args.get("next"))
    if error is None:
        return make_response(page)
    return make_response(page, 429 if error.code in TRY_LATER else 401)


def _wanted() -> str:
    wanted = request.args.get("next", "")
    return wanted if _OWN_PATH.fullmatch(wanted) else url_for("pages.fleet")
