"""``GET /blocks``: what the mail side has to do."""

from __future__ import annotations

from typing import Any

from flask import request

from server.api.blueprint import PERSON, described
from server.api.schemas import BlocksSchema
from server.context import context
from server.errors import NotAllowed, NotSignedIn
from server.fleet.blocks import blocks
from server.people.people import Right, roles_with
from server.people.sign_ins import token_person
from server.running.error_handlers import written

_SCHEME = "Bearer "


@described(
    "/blocks",
    BlocksSchema,
    proof=PERSON,
    refusals={401: "no token, or one that is not good", 403: "right_missing"},
)
def list_blocks() -> dict[str, Any]:
    """List every holder: to block or not, why, and since when"""
    here = context()
    now = here.clock.now()
    with here.database.reading() as session:
        authorization = request.headers.get("Authorization", "")
        known = authorization.startswith(_SCHEME)
        person = token_person(session, authorization.removeprefix(_SCHEME)) if known else None
        if person is None:
            raise NotSignedIn(
                "token_missing",
                "this address needs a person's API token",
                "Make one with `curfew-server --config SERVER.env token NAME`; send it as"
                " `Authorization: Bearer TOKEN`.",
            )
        if not person.may(Right.SEE_HOLDERS):
            roles = " or ".join(role.value for role in roles_with(Right.SEE_HOLDERS))
            raise NotAllowed(
                "right_missing",
                f"this account may not {Right.SEE_HOLDERS.value}",
                f"Use a token of a {roles}.",
            )
        found = blocks(session, now, here.config.holder_key)
    return {
        "blocks": [
            {
                "holder": entry.holder,
                "block": entry.block,
                "cause": entry.cause.value,
                "since": written(entry.since),
                "phone_id": entry.phone_id,
            }
            for entry in found
        ],
        "server_time": written(now),
    }
