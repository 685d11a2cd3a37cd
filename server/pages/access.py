"""Who may open a page: sign-ins that live on the server, a right for every view, and forms that come from here.

The only module that knows flask_login and flask_wtf.
"""
# mypy: allow-untyped-calls
# Neither library has types.

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, cast

from flask import Flask, Response, flash, redirect, request, session, url_for
from flask_login import LoginManager, UserMixin, current_user, login_user, logout_user
from flask_wtf.csrf import CSRFError, CSRFProtect
from werkzeug.wrappers import Response as PlainResponse

from server.context import context
from server.errors import NotAllowed
from server.pages.blueprint import pages
from server.pages.errors import error_page
from server.pages.moment import now
from server.pages.renewing import is_renewal, lead_whole_page_to
from server.people.people import Person, Right, whom_to_ask
from server.people.sign_ins import signed_in_person
from server.refused_people import note_refused

View = Callable[..., Any]

# A sign-in, and what is opened by the code on a receipt (docs/decisions/0031).
_PUBLIC = frozenset({"pages.sign_in", "pages.my_phone", "pages.ask_for_my_phone"})
# By endpoint, which Flask names after the function: `wraps` keeps the view's name for the guarded one.
_guarded: set[str] = set()


class SignedIn(UserMixin):
    """The person behind the current request and the key of their session."""

    def __init__(self, person: Person, key: str) -> None:
        self.person = person
        self.key = key

    @property
    def name(self) -> str:
        """Return the name shown beside the sign-out button."""
        return self.person.name

    def get_id(self) -> str:
        """Return what the cookie carries: the key of this one session, not the person's number."""
        return self.key


def guard_pages(app: Flask) -> None:
    """Let `app` find the signed-in person, and refuse forms that another site has made."""
    # Only pages have cookies to abuse; stations sign their requests themselves.
    app.config["WTF_CSRF_CHECK_DEFAULT"] = False
    # A form stays good as long as its session: a page left open over lunch must still work.
    app.config["WTF_CSRF_TIME_LIMIT"] = None
    csrf = CSRFProtect(app)
    manager = LoginManager()
    # Its context processor would ask the database who is signed in even for the page that says the database fails.
    manager.init_app(app, add_context_processor=False)
    manager.user_loader(_load)

    def refuse_foreign_forms() -> None:
        if request.blueprint == pages.name:
            csrf.protect()

    app.before_request(refuse_foreign_forms)
    app.register_error_handler(CSRFError, _foreign_form)


def needs(right: Right | None) -> Callable[[View], View]:
    """Open a view only to people signed in who have `right` (None: any account)."""

    def guard(view: View) -> View:
        _guarded.add(f"{pages.name}.{view.__name__}")

        @wraps(view)
        def guarded(*args: Any, **kwargs: Any) -> Any:
            if not is_signed_in():
                return _ask_to_sign_in()
            if right is not None and person().first_password_until is not None:
                return _ask_for_own_password()
            if right is not None:
                require(right)
            return view(*args, **kwargs)

        return guarded

    return guard


def require(right: Right) -> None:
    """Raise `NotAllowed` unless the person signed in has `right`; for guarded views that ask for more."""
    if not person().may(right):
        note_refused(person().name, right.value)
        raise _refusal(right)


def is_signed_in() -> bool:
    """Whether somebody is signed in on this request."""
    return isinstance(_user(), SignedIn)


def person() -> Person:
    """Return the person signed in; only for guarded views."""
    return cast(SignedIn, _user()).person


def begin(signed_in: Person, key: str) -> None:
    """Put the session `key` into the browser's cookie, after whatever was there."""
    # Nothing of the cookie before may outlive this moment: somebody else may have set it.
    session.clear()
    login_user(SignedIn(signed_in, key))


def end() -> str:
    """Take the session out of the browser's cookie and return its key, which the server still has to forget."""
    key = cast(SignedIn, _user()).key
    logout_user()
    session.clear()
    return key


def unguarded_views(app: Flask) -> set[str]:
    """Return the pages that anybody can open though they should not; empty, or a view lacks its `needs`."""
    return {name for name in app.view_functions if name.startswith("pages.")} - _guarded - _PUBLIC


def _user() -> object:
    return cast(Any, current_user)._get_current_object()


def _load(key: str) -> SignedIn | None:
    with context().database.reading() as database_session:
        found = signed_in_person(database_session, key, now())
    return SignedIn(found, key) if found else None


def _ask_to_sign_in() -> PlainResponse:
    # flask_login's own key. That it is there means that this browser's sign-in is not known to the server any more.
    if session.pop("_user_id", None):
        flash("Your sign-in has ended. Sign in again to go on.", "")
    # Only what was asked for without a form can be asked for again after signing in.
    wanted = request.full_path.rstrip("?") if request.method in ("GET", "HEAD") else "/"
    return _lead_to(url_for("pages.sign_in", next=None if wanted == "/" else wanted))


def _ask_for_own_password() -> PlainResponse:
    # Somebody else knows it, and would be taken for this person as long as it is good.
    flash("Set a password of your own first: whoever made this account knows the present one.", "unsure")
    return _lead_to(url_for("pages.account"))


def _lead_to(address: str) -> PlainResponse:
    # A renewal would follow a redirect by itself and put that page into this one.
    return lead_whole_page_to(address) if is_renewal() else redirect(address)


def _refusal(right: Right) -> NotAllowed:
    with context().database.reading() as database_session:
        next_step = whom_to_ask(database_session, right)
    return NotAllowed("right_missing", f"Your account may not {right.value}.", next_step)


def _foreign_form(_error: CSRFError) -> Response:
    return error_page(
        400,
        "The form was older than your sign-in, or was not made by this server. Nothing was changed.",
        "Go back, reload the page and send the form again.",
    )
