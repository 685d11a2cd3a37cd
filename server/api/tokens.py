"""``/tokens``: one's own API tokens, or as an admin everybody's: listed, made, ended."""

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
from server.api.person_access import requesting_token
from server.api.token_schemas import (
    ListedTokensSchema,
    MakeTokenSchema,
    NewTokenSchema,
    TokenPieceSchema,
    TokenSchema,
    TokenSort,
    ToldTokenSchema,
)
from server.clock import written
from server.context import context
from server.listed import listed_token
from server.people.people import Right
from server.people.tokens import (
    TOKENS_BY_END,
    TOKENS_NEWEST,
    Presented,
    WantedToken,
    WantedTokens,
    end_token,
    list_tokens,
    make_own_token,
)

_ORDERS = {TokenSort.ENDS_AT: TOKENS_BY_END, TokenSort.NEWEST: TOKENS_NEWEST}


@described("/tokens", ListedTokensSchema, query=TokenPieceSchema, proof=PERSON, refusals=REFUSALS)
def list_all_tokens(wanted: dict[str, Any]) -> Response:
    """List one's own tokens, or with `everybody` those of all; never a secret"""
    right = Right.MANAGE_PEOPLE if wanted["everybody"] else Right.LOOK
    owner = wanted["owner"] if wanted["everybody"] else _asking(right).person.name
    read = partial(_read_tokens, owner, wanted["good"], wanted["sort"])
    return answer_list(Listing("tokens", columns_of(TokenSchema), right, read), wanted)


def _read_tokens(
    owner: str | None,
    good: bool | None,
    sort: TokenSort,
    session: Session,
    now: datetime,
    after: str,
    limit: int,
) -> Rows:
    asked = WantedTokens(owner, now if good else None)
    found = list_tokens(session, asked, _ORDERS[sort], after, limit)
    return [listed_token(one, now) for one in found.rows], found.next


@described(
    "/tokens",
    NewTokenSchema,
    method="POST",
    status=201,
    body=MakeTokenSchema,
    proof=PERSON,
    refusals={
        400: "token_name_malformed, scopes_missing, days_malformed",
        401: REFUSALS[401],
        403: "right_missing, scope_missing, scope_beyond_roles, scope_beyond_token, end_beyond_token",
        409: "too_many_tokens",
    },
)
def make_token(body: dict[str, Any]) -> tuple[dict[str, Any], int]:
    """Make a token for oneself, which is told this once

    It has at most the scopes of the token that asks, and ends no later: what was stolen cannot outlive its end.
    """
    here = context()
    now, asking = here.clock.now(), _asking(Right.LOOK)
    wanted = WantedToken(body["name"], body["scopes"], body["days"], here.config.token_days, asking.token)
    made = make_own_token(here.database, asking.person, wanted, now)
    return {**listed_token(made.token, now), "secret": made.secret, "server_time": written(now)}, 201


@described(
    "/tokens/<token_id>",
    ToldTokenSchema,
    method="DELETE",
    proof=PERSON,
    refusals={401: REFUSALS[401], 403: "right_missing, scope_missing", 404: "token_unknown"},
)
def end_one_token(token_id: str) -> dict[str, Any]:
    """End a token of one's own, or as an admin anybody's; the id is the beginning of its SHA-256"""
    here = context()
    now, asking = here.clock.now(), _asking(Right.LOOK)
    ended = end_token(here.database, asking.person, token_id, now)
    return {**listed_token(ended, now), "good": False, "server_time": written(now)}


def _asking(right: Right) -> Presented:
    with context().database.reading() as session:
        return requesting_token(session, right)
