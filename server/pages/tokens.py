"""API tokens: one's own, made and ended; for admins everybody's. A secret is shown once."""

from __future__ import annotations

from flask import flash, make_response, redirect, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from server.context import context
from server.errors import Malformed
from server.pages.access import needs, person
from server.pages.blueprint import pages
from server.pages.lists import Asked, ListPage, from_its_place
from server.pages.moment import now
from server.people.people import Right
from server.people.scopes import MEANINGS, Scope, scopes_for
from server.people.tokens import (
    DAYS,
    NAME_MAX_LENGTH,
    TOKENS_BY_END,
    TOKENS_NEWEST,
    Token,
    WantedToken,
    WantedTokens,
    end_token,
    list_tokens,
    make_own_token,
)
from server.storage.keyset import RowPiece

TOKENS_PER_PAGE = 50
_OFFERED_DAYS = (7, 30, 90, 180, 365)
_ORDERS = {
    "ends": TOKENS_BY_END,
    "-ends": TOKENS_BY_END.turned(),
    "newest": TOKENS_NEWEST,
    "oldest": TOKENS_NEWEST.turned(),
}
TOKENS = ListPage(
    "tokens",
    "pages.tokens",
    Right.LOOK,
    {"everybody": {"yes"}, "owner": 64, "good": {"yes"}},
    tuple(_ORDERS),
)


def read_tokens(session: Session, asked: Asked, after: str, limit: int) -> RowPiece[Token]:
    """Return a piece of one's own tokens, or as an admin of everybody's."""
    owner = (asked.get("owner") or None) if is_of_everybody(asked) else person().name
    wanted = WantedTokens(owner, now() if asked.get("good") else None)
    return list_tokens(session, wanted, _ORDERS[asked.sort], after, limit)


def is_of_everybody(asked: Asked) -> bool:
    """Whether everybody's tokens are asked for, by somebody who may see them."""
    return bool(asked.get("everybody")) and person().may(Right.MANAGE_PEOPLE)


@pages.get("/tokens")
@needs(Right.LOOK)
def tokens() -> str:
    """Show one's own tokens and the form for another; ``?everybody=yes`` shows an admin those of all."""
    with context().database.reading() as session:
        asked, piece = from_its_place(
            wanted := TOKENS.asked(), lambda after: read_tokens(session, wanted, after, TOKENS_PER_PAGE)
        )
    return render_template(
        "tokens.html",
        tab="pages.account",
        asked=asked,
        tokens=piece.rows,
        next=piece.next,
        everybody=is_of_everybody(asked),
        may_see_all=person().may(Right.MANAGE_PEOPLE),
        scopes=[(scope, MEANINGS[scope]) for scope in scopes_for(person())],
        days=_days(),
        days_default=DAYS,
        name_max_length=NAME_MAX_LENGTH,
    )


@pages.post("/tokens")
@needs(Right.LOOK)
def make_token() -> Response:
    """Make a token for oneself and show its secret. Only a hash is stored, so it cannot be shown again."""
    here = context()
    wanted = WantedToken(
        request.form.get("name", ""),
        _scopes(),
        request.form.get("days", default=0, type=int),
        here.config.token_days,
    )
    made = make_own_token(here.database, person(), wanted, now())
    page = render_template("new_token.html", tab="pages.account", made=made, meanings=MEANINGS)
    return make_response(page, 201)


@pages.post("/tokens/<token_id>/end")
@needs(Right.LOOK)
def end_one_token(token_id: str) -> Response:
    """End a token of one's own, or as an admin anybody's."""
    ended = end_token(context().database, person(), token_id, now())
    flash(f"The token “{ended.name}” has ended: what uses it is refused from now on.", "good")
    mine = ended.owner == person().name
    return redirect(url_for("pages.tokens", everybody=None if mine else "yes"))


def _days() -> list[int]:
    longest = context().config.token_days
    return [*(days for days in _OFFERED_DAYS if days < longest), longest]


def _scopes() -> list[Scope]:
    try:
        return [Scope(value) for value in request.form.getlist("scope")]
    except ValueError as error:
        raise Malformed(
            "scope_unknown", "There is no such scope.", "Go back and tick those shown."
        ) from error
