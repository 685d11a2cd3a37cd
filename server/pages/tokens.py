"""API tokens: one's own, made and ended; for admins everybody's. A secret is shown once."""

from __future__ import annotations

from urllib.parse import urlencode

from flask import flash, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from server.context import context
from server.errors import Malformed, NoSuchPlace
from server.pages.access import needs, person
from server.pages.blueprint import pages
from server.pages.moment import now
from server.people.people import Right
from server.people.scopes import MEANINGS, Scope, scopes_for
from server.people.tokens import (
    DAYS,
    NAME_MAX_LENGTH,
    TOKENS_BY_END,
    TOKENS_NEWEST,
    WantedToken,
    WantedTokens,
    end_token,
    list_tokens,
    make_own_token,
)

TOKENS_PER_PAGE = 50
_OFFERED_DAYS = (7, 30, 90, 180, 365)
_ORDERS = {"ends": TOKENS_BY_END, "newest": TOKENS_NEWEST}


@pages.get("/tokens")
@needs(Right.LOOK)
def tokens() -> str:
    """Show one's own tokens and the form for another; ``?everybody=yes`` shows an admin those of all."""
    everybody = person().may(Right.MANAGE_PEOPLE) and request.args.get("everybody") == "yes"
    owner = request.args.get("owner", "").replace("\0", " ").strip()[:64] if everybody else ""
    sort = request.args.get("sort", "")
    sort = sort if sort in _ORDERS else "ends"
    after = request.args.get("after", "")
    wanted = WantedTokens((owner or None) if everybody else person().name)
    with context().database.reading() as session:
        try:
            piece = list_tokens(session, wanted, _ORDERS[sort], after, TOKENS_PER_PAGE)
        except NoSuchPlace:
            # Whatever the address says: the top of the list is a place, too.
            after = ""
            piece = list_tokens(session, wanted, _ORDERS[sort], after, TOKENS_PER_PAGE)
    here = {"everybody": "yes" if everybody else "", "owner": owner, "sort": sort if sort != "ends" else ""}
    return render_template(
        "tokens.html",
        tab="pages.account",
        tokens=piece.rows,
        first=_address(here),
        next=_address({**here, "after": piece.next}) if piece.next else "",
        after=after,
        everybody=everybody,
        owner=owner,
        sort=sort,
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


def _address(told: dict[str, str]) -> str:
    query = urlencode({name: value for name, value in told.items() if value})
    return f"{url_for('pages.tokens')}?{query}" if query else url_for("pages.tokens")
