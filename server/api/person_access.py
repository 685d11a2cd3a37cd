"""Whose API token came with a request, and whether that person, and that token, may."""

from __future__ import annotations

import structlog
from flask import Flask, Response, g, request
from sqlalchemy.orm import Session

from server.context import context
from server.errors import NotAllowed, NotSignedIn, StorageUnavailable
from server.people.people import Person, Right, whom_to_ask
from server.people.scopes import SCOPE_OF, Scope
from server.people.tokens import Presented, Token, mark_used, presented
from server.refused_people import note_refused

_SCHEME = "Bearer "
_log = structlog.get_logger()


def requesting_person(session: Session, right: Right, scope: Scope | None = None) -> Person:
    """Return the person whose token came with the current request; raises `NotSignedIn` or `NotAllowed`.

    The token needs `scope`; the one of the right unless given.
    """
    return requesting_token(session, right, scope).person


def requesting_token(session: Session, right: Right, scope: Scope | None = None) -> Presented:
    """Return the token of the current request, with its owner, as `requesting_person` does."""
    authorization = request.headers.get("Authorization", "")
    known = authorization.startswith(_SCHEME)
    found = presented(session, authorization.removeprefix(_SCHEME)) if known else None
    if found is None:
        raise NotSignedIn(
            "token_missing",
            "this address needs a person's API token",
            "Make one on the page Tokens, or: curfew-server --config SERVER.env token NAME; send it as"
            " `Authorization: Bearer TOKEN`.",
        )
    _require_good(found.token)
    if not found.person.may(right):
        note_refused(found.person.name, right.value)
        raise NotAllowed("right_missing", f"this account may not {right.value}", whom_to_ask(session, right))
    needed = scope or SCOPE_OF[right]
    if needed not in found.token.scopes:
        note_refused(found.person.name, f"a token with the scope {needed.value}")
        has = ", ".join(one.value for one in Scope if one in found.token.scopes)
        raise NotAllowed(
            "scope_missing",
            f"this token has the scopes {has}; the scope {needed.value} is missing",
            f"Make one with the scope {needed.value} on the page Tokens.",
        )
    return found


def _require_good(token: Token) -> None:
    now = context().clock.now()
    if not token.is_good(now):
        raise NotSignedIn(
            "token_over",
            f"the end of this token, {token.name!r}, was {token.ends_at:%Y-%m-%d %H:%M} UTC",
            "Make another one on the page Tokens.",
        )
    if token.last_used_on != now.date():
        g.used_token = (token.token_id, now.date())


def keep_uses(app: Flask) -> None:
    """Let `app` keep on which day each token was last used: a write a day, behind the request that it tells of."""
    app.after_request(_keep_use)


def _keep_use(answer: Response) -> Response:
    used = g.pop("used_token", None)
    if used is not None:
        try:
            with context().database.writing() as session:
                mark_used(session, *used)
        except StorageUnavailable as error:
            # The answer is good all the same; the token's next use tells it.
            _log.warning("use_not_kept", token=used[0], reason=str(error))
    return answer
