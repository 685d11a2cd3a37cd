"""``/people``: the accounts, for admins: listed, made, and changed by the rules of `server.people.managing`."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Any

from flask import Response
from sqlalchemy.orm import Session

from server.api.blueprint import PERSON, described
from server.api.fleet_lists import REFUSALS
from server.api.list_schemas import columns_of
from server.api.lists import Listing, Rows, answer_list
from server.api.people_schemas import (
    HandedOverSchema,
    ListedPeopleSchema,
    MakePersonSchema,
    PeoplePieceSchema,
    PersonSchema,
    PersonSort,
    RolesSchema,
    SignedOutSchema,
    SwitchSchema,
    ToldPersonSchema,
)
from server.api.person_access import requesting_person
from server.clock import written
from server.context import context
from server.listed import listed_person
from server.people import managing
from server.people.people import (
    PEOPLE_BY_NAME,
    PEOPLE_NEWEST,
    Person,
    Right,
    WantedPeople,
    as_person,
    list_people,
    stored_person,
)

_ORDERS = {PersonSort.NAME: PEOPLE_BY_NAME, PersonSort.NEWEST: PEOPLE_NEWEST}
_ONE = "/people/<name>"
_REFUSED = {
    401: "no token, or one that is not good",
    403: "right_missing, admin_no_more",
    404: "person_unknown",
}


@described("/people", ListedPeopleSchema, query=PeoplePieceSchema, proof=PERSON, refusals=REFUSALS)
def list_all_people(wanted: dict[str, Any]) -> Response:
    """List the accounts, without anything of their passwords"""
    asked = WantedPeople(wanted["search"], wanted["role"], wanted["on"])
    read = partial(_read_people, asked, wanted["sort"])
    listing = Listing("people", columns_of(PersonSchema), Right.MANAGE_PEOPLE, read)
    return answer_list(listing, wanted)


def _read_people(
    asked: WantedPeople, sort: PersonSort, session: Session, _now: datetime, after: str, limit: int
) -> Rows:
    found = list_people(session, asked, _ORDERS[sort], after, limit)
    return [listed_person(one) for one in found.rows], found.next


@described(
    "/people",
    HandedOverSchema,
    method="POST",
    status=201,
    body=MakePersonSchema,
    proof=PERSON,
    refusals={
        400: "name_malformed, role_missing",
        401: _REFUSED[401],
        403: _REFUSED[403],
        409: "name_taken",
        429: "too_many_at_once",
    },
)
def make_person(body: dict[str, Any]) -> tuple[dict[str, Any], int]:
    """Make an account with a first password, which is told this once and has to be changed at the first sign-in"""
    admin, now = _admin()
    made = managing.make_person(context().database, admin, body["name"], body["roles"], now)
    return _handed_over(made, now), 201


@described(_ONE, ToldPersonSchema, proof=PERSON, refusals=_REFUSED)
def tell_person(name: str) -> dict[str, Any]:
    """Tell one account"""
    here = context()
    now = here.clock.now()
    with here.database.reading() as session:
        requesting_person(session, Right.MANAGE_PEOPLE)
        return _told(as_person(stored_person(session, name)), now)


@described(
    f"{_ONE}/roles",
    ToldPersonSchema,
    method="PUT",
    body=RolesSchema,
    proof=PERSON,
    refusals={
        **_REFUSED,
        400: "role_missing",
        403: f"{_REFUSED[403]}, roles_of_oneself",
        409: "last_admin",
    },
)
def set_roles(body: dict[str, Any], name: str) -> dict[str, Any]:
    """Give an account these roles and no others; nobody gives roles to themselves"""
    admin, now = _admin()
    return _told(managing.change_roles(context().database, admin, name, body["roles"], now), now)


@described(
    f"{_ONE}/first-password",
    HandedOverSchema,
    method="POST",
    status=201,
    proof=PERSON,
    refusals={**_REFUSED, 403: f"{_REFUSED[403]}, password_of_oneself", 429: "too_many_at_once"},
)
def renew_password(name: str) -> tuple[dict[str, Any], int]:
    """Replace a password by a first one, which is told this once; every sign-in and token of the account ends"""
    admin, now = _admin()
    return _handed_over(managing.renew_password(context().database, admin, name, now), now), 201


@described(
    f"{_ONE}/switch",
    ToldPersonSchema,
    method="PUT",
    body=SwitchSchema,
    proof=PERSON,
    refusals={**_REFUSED, 409: "last_admin"},
)
def switch_person(body: dict[str, Any], name: str) -> dict[str, Any]:
    """Switch an account off, which ends every sign-in and token of it for good, or on again"""
    admin, now = _admin()
    return _told(managing.switch(context().database, admin, name, body["on"], now), now)


@described(f"{_ONE}/sign-ins", SignedOutSchema, method="DELETE", proof=PERSON, refusals=_REFUSED)
def sign_out_person(name: str) -> dict[str, Any]:
    """Sign an account out everywhere; its tokens stay good"""
    admin, now = _admin()
    ended = managing.sign_out(context().database, admin, name, now)
    return {"ended": ended, "server_time": written(now)}


def _admin() -> tuple[Person, datetime]:
    here = context()
    with here.database.reading() as session:
        return requesting_person(session, Right.MANAGE_PEOPLE), here.clock.now()


def _told(one: Person, now: datetime) -> dict[str, Any]:
    return {**listed_person(one), "server_time": written(now)}


def _handed_over(made: managing.HandedOver, now: datetime) -> dict[str, Any]:
    return {**_told(made.person, now), "first_password": made.first_password.text}
