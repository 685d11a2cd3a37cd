"""People, for admins: who has an account, as what, and what is done about one."""

from __future__ import annotations

from flask import flash, make_response, redirect, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from policy.counted import counted
from server.context import context
from server.errors import Malformed
from server.pages.access import needs, person
from server.pages.blueprint import pages
from server.pages.lists import Asked, ListPage, from_its_place
from server.pages.moment import now
from server.people import managing
from server.people.managing import HandedOver
from server.people.people import (
    PEOPLE_BY_NAME,
    PEOPLE_NEWEST,
    RIGHTS,
    Person,
    Right,
    Role,
    WantedPeople,
    admins,
    as_person,
    list_people,
    stored_person,
)
from server.storage.keyset import RowPiece

PEOPLE_PER_PAGE = 50
_ORDERS = {
    "name": PEOPLE_BY_NAME,
    "-name": PEOPLE_BY_NAME.turned(),
    "newest": PEOPLE_NEWEST,
    "oldest": PEOPLE_NEWEST.turned(),
}
_STATES = {"on": True, "off": False}
PEOPLE = ListPage(
    "people",
    "pages.people",
    Right.MANAGE_PEOPLE,
    {"search": 64, "role": {role.value for role in Role}, "state": _STATES.keys()},
    tuple(_ORDERS),
)


def read_people(session: Session, asked: Asked, after: str, limit: int) -> RowPiece[Person]:
    """Return a piece of the accounts that were asked for."""
    role, state = asked.get("role"), asked.get("state")
    wanted = WantedPeople(asked.get("search"), Role(role) if role else None, _STATES.get(state))
    return list_people(session, wanted, _ORDERS[asked.sort], after, limit)


@pages.get("/people")
@needs(Right.MANAGE_PEOPLE)
def people() -> str:
    """Show a piece of the accounts, and the form for a new one."""
    with context().database.reading() as session:
        asked, piece = from_its_place(
            wanted := PEOPLE.asked(), lambda after: read_people(session, wanted, after, PEOPLE_PER_PAGE)
        )
        only_admin = len(admins(session)) == 1
    return render_template(
        "people.html",
        tab="pages.people",
        asked=asked,
        people=piece.rows,
        next=piece.next,
        only_admin=only_admin,
        all_roles=_roles_with_rights(),
    )


@pages.post("/people")
@needs(Right.MANAGE_PEOPLE)
def make_person() -> Response:
    """Make an account and show its first password. Only a hash is stored, so it cannot be shown again."""
    name = request.form.get("name", "")
    made = managing.make_person(context().database, person(), name, _roles(), now())
    return _first_password_page(made, f"{made.person.name} has an account")


@pages.get("/people/<name>")
@needs(Right.MANAGE_PEOPLE)
def one_person(name: str) -> str:
    """Show one account and what can be done about it."""
    with context().database.reading() as session:
        found = as_person(stored_person(session, name))
        is_only_admin = [one.person_id for one in admins(session)] == [found.person_id]
    return render_template(
        "person.html",
        tab="pages.people",
        shown=found,
        is_oneself=found.person_id == person().person_id,
        is_only_admin=is_only_admin,
        all_roles=_roles_with_rights(),
    )


@pages.post("/people/<name>/roles")
@needs(Right.MANAGE_PEOPLE)
def set_roles(name: str) -> Response:
    """Give an account the roles that are ticked, and no others."""
    changed = managing.change_roles(context().database, person(), name, _roles(), now())
    roles = ", ".join(sorted(role.value for role in changed.roles))
    flash(f"{changed.name} is {roles} from now on, signed in or not.", "good")
    return redirect(url_for("pages.one_person", name=changed.name))


@pages.post("/people/<name>/first-password")
@needs(Right.MANAGE_PEOPLE)
def renew_password(name: str) -> Response:
    """Replace a password by a first one and show it."""
    made = managing.renew_password(context().database, person(), name, now())
    return _first_password_page(made, f"New first password for {made.person.name}")


@pages.post("/people/<name>/switch")
@needs(Right.MANAGE_PEOPLE)
def switch_person(name: str) -> Response:
    """Switch an account off or on."""
    if request.form.get("state") not in _STATES:
        raise Malformed("state_malformed", "Choose whether the account is to be on.", "Go back and choose.")
    switched = managing.switch(context().database, person(), name, _STATES[request.form["state"]], now())
    if switched.off_since is None:
        flash(f"{switched.name} is on and can sign in; tokens of before stay ended.", "good")
    else:
        flash(f"{switched.name} is off: every sign-in and token has ended for good.", "good")
    return redirect(url_for("pages.one_person", name=switched.name))


@pages.post("/people/<name>/sign-out")
@needs(Right.MANAGE_PEOPLE)
def sign_out_everywhere(name: str) -> Response:
    """End every sign-in of an account."""
    ended = managing.sign_out(context().database, person(), name, now())
    has = counted(ended, f"sign-in of {name} has", f"sign-ins of {name} have")
    flash(f"{has} ended.", "good")
    # One's own may be among them: then the next page asks for it.
    return redirect(url_for("pages.one_person", name=name))


def _first_password_page(made: HandedOver, heading: str) -> Response:
    # The answer is the page itself, without a redirect: what is kept nowhere cannot be fetched a second time.
    page = render_template("first_password.html", tab="pages.people", made=made, heading=heading)
    return make_response(page, 201)


def _roles() -> list[Role]:
    try:
        return [Role(value) for value in request.form.getlist("role")]
    except ValueError as error:
        raise Malformed("role_unknown", "There is no such role.", "Go back and tick those shown.") from error


def _roles_with_rights() -> list[tuple[Role, list[Right]]]:
    # In the order in which they are declared: sets have none.
    return [(role, [right for right in Right if right in RIGHTS[role]]) for role in Role]
