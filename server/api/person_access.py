"""Whose API token came with a request, and whether that person may."""

from __future__ import annotations

from flask import request
from sqlalchemy.orm import Session

from server.errors import NotAllowed, NotSignedIn
from server.people.people import Person, Right, whom_to_ask
from server.people.sign_ins import token_person

_SCHEME = "Bearer "


def requesting_person(session: Session, right: Right) -> Person:
    """Return the person whose token came with the current request; raises `NotSignedIn` or `NotAllowed`."""
    authorization = request.headers.get("Authorization", "")
    known = authorization.startswith(_SCHEME)
    person = token_person(session, authorization.removeprefix(_SCHEME)) if known else None
    if person is None:
        raise NotSignedIn(
            "token_missing",
            "this address needs a person's API token",
            "Make one: curfew-server --config SERVER.env token NAME; send it as `Authorization: Bearer TOKEN`.",
        )
    if not person.may(right):
        raise NotAllowed("right_missing", f"this account may not {right.value}", whom_to_ask(session, right))
    return person
